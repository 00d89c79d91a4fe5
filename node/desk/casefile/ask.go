package casefile

import (
	"errors"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// WellFormed reports whether s is a case token as RS-2026-000123, so that acts can name it.
func WellFormed(s string) bool {
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	country, rest, _ := strings.Cut(s, "-")
	year, number, _ := strings.Cut(rest, "-")
	return len(country) == 2 && strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" &&
		len(year) == 4 && digits(year) && len(number) >= 6 && len(number) <= 12 && digits(number)
}

// Address names a unit of a country as people write it; an empty unit is the country as a whole.
func Address(country, unit string) string {
	if unit == "" {
		return country
	}
	return country + "/" + unit
}

// Unsent reports whether the case is ours and stands at its first draft.
func (c *File) Unsent() bool { return len(c.Messages) == 0 && c.Side == exchange.Opening }

// Others returns the addresses of a case's other side.
func (c *File) Others() []string {
	if c.Kind != exchange.KindJoint {
		return []string{Address(c.Peer, c.PeerUnit)}
	}
	var to []string
	for _, p := range c.Parties {
		if p.Country != c.Own && (p.State == exchange.PartyJoined || p.State == exchange.PartyInvited) {
			to = append(to, p.Country)
		}
	}
	return to
}

// Drafted reports whether the case has a draft of this name.
func (c *File) Drafted(name exchange.Name) bool {
	return slices.ContainsFunc(c.Drafts, func(d exchange.DraftRecord) bool { return d.Name == name })
}

// WithDrafter reports whether a draft is with its drafter: declined, or never before an approver.
func (c *File) WithDrafter(name exchange.Name) bool {
	if c.Notice() {
		return c.State == exchange.Draft
	}
	return slices.ContainsFunc(c.Drafts, func(d exchange.DraftRecord) bool { return d.Name == name && d.State == exchange.Draft })
}

// Unratified returns what one officer sent alone and nobody has ratified.
func (c *File) Unratified() *exchange.BreakGlass {
	for i := range c.Alone {
		if c.Alone[i].RatifiedBy == "" {
			return &c.Alone[i]
		}
	}
	return nil
}

// AnswersItself reports whether the rules let the case's request be answered without an officer. The decision was made when the request came,
// and stands in the leaf that followed its own.
func (c *File) AnswersItself(r *store.Reader) (bool, error) {
	if len(c.Messages) == 0 || c.Messages[0].Out {
		return false, nil
	}
	leaf, err := LeafAt(r, int64(c.Messages[0].Index)+1)
	if err != nil {
		return false, err
	}
	e, ok := leaf.Entry.(*translog.Case)
	return ok && e.Of == translog.Hash(c.Messages[0].Name) && e.Decision == federation.Decision{Verdict: rogatoryv1.Verdict_VERDICT_ANSWER}.Code(), nil
}

// MayClaim refuses to say that something was erased which is still here.
func (c *File) MayClaim(docket *rogatoryv1.Docket) error {
	if docket.GetKind() != rogatoryv1.Kind_KIND_CORRECTION_RECEIPT || docket.GetCorrection() != rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE {
		return nil
	}
	for _, x := range c.Corrections {
		if string(x.Notice[:]) == string(docket.GetOf()) && x.What == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE && !c.Erased(x.Target) {
			return refusal.ErrNotErased
		}
	}
	return nil
}

// reasonRestricted opens what its provider has restricted.
const reasonRestricted = "restricted"

// Withholds reports whether a reading for this reason is not shown what the message says: its provider has asked to restrict it, and somebody here
// has agreed. Who must see it all the same says so, and that stands in the log.
func (c *File) Withholds(msg []byte, reason string) bool {
	return len(msg) == len(exchange.Name{}) && reason != reasonRestricted && c.Restricted(exchange.Name(msg))
}

// Management lists the acts of data management of a case, as its leaves and the assertions beside them have them.
func (c *File) Management(r *store.Reader) (out []*nodev1.CaseAct, err error) {
	for _, index := range c.acts {
		leaf, err := LeafAt(r, int64(index))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e, ok := leaf.Entry.(*translog.Case)
		if !ok || e.Case != c.Token {
			continue // a recovery has put another leaf there
		}
		act := &nodev1.CaseAct{Index: index, AtMs: uint64(leaf.At), Event: e.Event}
		if !e.Of.IsZero() {
			act.Msg = e.Of[:]
		}
		if act.By, act.Reason, err = actor(r, int64(index)); err != nil {
			return nil, err
		}
		out = append(out, act)
	}
	return out, nil
}
