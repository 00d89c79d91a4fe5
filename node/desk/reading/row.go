package reading

import (
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// flags of a case row.
const (
	FlagOverdue     = "overdue"
	FlagUndelivered = "undelivered"
	FlagHold        = "legal-hold"
	FlagUnratified  = "break-glass-unratified"
	// FlagLate stays: nobody ratified in time what one officer sent alone.
	FlagLate = "break-glass-late"
	// FlagRejected says that the peer's node refused a message of ours for good.
	FlagRejected = "message-rejected"
	// FlagWaits says that something is approved and leaves as soon as the peers have confirmed the head of our log.
	FlagWaits = "waits-for-clearing"
	// FlagDeclined says that an approver sent a draft back; it is kept until it is replaced or discarded.
	FlagDeclined = "declined"
	// FlagEraseProposed says that somebody has proposed to erase the case or a message of it; another approves.
	FlagEraseProposed = "erasure-proposed"
	// FlagEraseAsked says that a provider asks to erase what it sent.
	FlagEraseAsked = "erasure-asked"
	// FlagExpired says that its dockets were destroyed at the end of their term.
	FlagExpired = "docket-term-ended"
)

// rowOf is a case as a listing shows it; for one that the peer's node refused, the outcome is the refusal's code, as "rule:no-minors".
func rowOf(r *store.Reader, c *casefile.File, now int64) (*nodev1.CaseRow, error) {
	row := row(c, now)
	if len(c.Drafts) > 0 || c.Notice() {
		states, err := drafts.StatesOf(r, c.Token)
		if err != nil {
			return nil, err
		}
		if states[drafts.Approved] {
			row.Flags = append(row.Flags, FlagWaits)
		}
		if states[drafts.Declined] {
			row.Flags = append(row.Flags, FlagDeclined)
		}
	}
	for _, m := range c.Messages {
		if !m.Rejected || c.State != exchange.Rejected {
			continue
		}
		kept, err := r.Message(int64(m.Index))
		if err != nil {
			return nil, err
		}
		if leaf, err := translog.ParseLeaf(kept.GetReceiptLeaf()); err == nil {
			if rej, ok := leaf.Entry.(*translog.Rej); ok {
				row.Outcome = rej.Code
			}
		}
	}
	return row, nil
}

// row is what a case says of itself.
func row(c *casefile.File, now int64) *nodev1.CaseRow {
	r := &nodev1.CaseRow{
		CaseToken: c.Token, State: c.State.Code(), Kind: string(c.Kind), Peer: c.Peer, Unit: c.Unit, PeerUnit: c.PeerUnit,
		Ours: c.Side == exchange.Opening, DeadlineMs: uint64(c.Due()), UpdatedMs: uint64(c.Changed), Assignee: c.Assignee,
		Urgent: c.Urgency > rogatoryv1.Urgency_URGENCY_NORMAL,
	}
	r.EraseProposedBy = c.EraseProposedBy
	r.ClockStopped = c.State == exchange.Clarifying
	for _, m := range c.Messages {
		if m.Outcome != rogatoryv1.Outcome_OUTCOME_UNSPECIFIED {
			r.Outcome = m.Outcome.String()
		}
	}
	if r.Assignee == "" {
		for _, p := range c.Drafts {
			r.Assignee = strings.Join(p.Drafters, ",")
		}
	}
	flag := func(on bool, name string) {
		if on {
			r.Flags = append(r.Flags, name)
		}
	}
	flag(c.Overdue(now), FlagOverdue)
	flag(c.Undelivered() || c.Notice() && c.State == exchange.Undelivered, FlagUndelivered)
	flag(c.LegalHold, FlagHold)
	flag(c.EraseProposedBy != "" || slices.ContainsFunc(c.Erasures, func(e exchange.Erasure) bool { return !e.Done }), FlagEraseProposed)
	flag(slices.ContainsFunc(c.Corrections, func(x exchange.Correction) bool {
		_, asked := c.EraseAsked(x.Target)
		return asked
	}), FlagEraseAsked)
	flag(c.Expired, FlagExpired)
	flag(c.Unratified() != nil, FlagUnratified)
	flag(slices.ContainsFunc(c.Alone, func(b exchange.BreakGlass) bool { return b.Flagged(now) }), FlagLate)
	flag(slices.ContainsFunc(c.Messages, func(m exchange.Message) bool { return m.Rejected }), FlagRejected)
	return r
}

// RowsOf answers an act with its cases, each once.
func RowsOf(r *store.Reader, tokens []string) (*nodev1.CommitResponse, error) {
	out := &nodev1.CommitResponse{}
	now := time.Now().UnixMilli()
	for i, token := range tokens {
		if slices.Contains(tokens[:i], token) {
			continue
		}
		c, err := casefile.Load(r, token)
		if err != nil {
			return nil, err
		}
		if !c.Told {
			continue
		}
		row, err := rowOf(r, c, now)
		if err != nil {
			return nil, err
		}
		out.Cases = append(out.Cases, row)
	}
	return out, nil
}

// Rows returns how the cases of an act stand, each once.
func (in *Room) Rows(tokens []string) (out *nodev1.CommitResponse, err error) {
	err = in.store.View(func(r *store.Reader) error {
		out, err = RowsOf(r, tokens)
		return err
	})
	return out, err
}
