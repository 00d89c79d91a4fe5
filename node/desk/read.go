package desk

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// watchPause is how often a watched unit is looked at.
const watchPause = 500 * time.Millisecond

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

func row(c *casefile.File, now int64) *nodev1.CaseRow {
	r := &nodev1.CaseRow{
		CaseToken: c.Token, State: casefile.StateCode(c.State), Kind: string(c.Kind), Peer: c.Peer, Unit: c.Unit, PeerUnit: c.PeerUnit,
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

func rows(r *store.Reader, tokens []string) (*nodev1.CommitResponse, error) {
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

func (d *Desk) rows(tokens []string) (out *nodev1.CommitResponse, err error) {
	err = d.cfg.Store.View(func(r *store.Reader) error {
		out, err = rows(r, tokens)
		return err
	})
	return out, err
}

// reader verifies an assertion that only looks, and returns who it is.
func (d *Desk) reader(a *rogatoryv1.Assertion, verb rogatoryv1.Verb, unit string) (*rogatoryv1.Officer, error) {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return nil, err
	}
	if unit == "" {
		o, err := d.officers.Now().Officer(act.GetActor())
		if err != nil {
			return nil, err
		}
		if len(o.GetUnits()) > 0 {
			unit = o.GetUnits()[0]
		}
	}
	v, err := d.officers.Now().VerifyAssertion(a, time.Now(), federation.ActWant{Verb: verb, CaseToken: act.GetCaseToken(), Unit: unit})
	if err != nil {
		return nil, err
	}
	return v.Officer, nil
}

// List returns the cases of the actor's units, newest first.
func (d *Desk) List(ctx context.Context, r *nodev1.ListRequest) (*nodev1.ListResponse, error) {
	out, err := d.list(ctx, r)
	return out, refusal.Tell(err)
}

func (d *Desk) list(ctx context.Context, r *nodev1.ListRequest) (*nodev1.ListResponse, error) {
	officer, err := d.reader(r.GetAssertion(), rogatoryv1.Verb_VERB_LIST, r.GetUnit())
	if err != nil {
		return nil, err
	}
	if err := d.officers.Once(ctx, r.GetAssertion()); err != nil {
		return nil, err
	}
	limit := int(r.GetLimit())
	if limit == 0 {
		limit = 100
	}
	if limit > 1000 {
		return nil, fmt.Errorf("listing %d cases, at most 1000: %w", limit, refusal.ErrRequest)
	}
	// A page is named by its unit and the place within it.
	units := officer.GetUnits()
	if r.GetUnit() != "" {
		units = []string{r.GetUnit()}
	}
	filter := store.CaseFilter{States: r.GetStates(), Peer: r.GetPeer()}
	if r.GetPage() != "" {
		unit, place, ok := strings.Cut(r.GetPage(), ".")
		before, err := base64.RawURLEncoding.DecodeString(place)
		i := slices.Index(units, unit)
		if !ok || err != nil || i < 0 {
			return nil, fmt.Errorf("page token: %w", refusal.ErrRequest)
		}
		units = units[i:]
		if len(before) > 0 {
			filter.Before = before
		}
	}
	out := &nodev1.ListResponse{}
	now := time.Now().UnixMilli()
	err = d.cfg.Store.View(func(tx *store.Reader) error {
		for i, unit := range units {
			filter.Limit = limit - len(out.Cases)
			page, err := tx.Cases(unit, filter)
			if err != nil {
				return err
			}
			for _, s := range page.Cases {
				c, err := casefile.Load(tx, s.GetToken())
				if err != nil {
					return err
				}
				row, err := rowOf(tx, c, now)
				if err != nil {
					return err
				}
				out.Cases = append(out.Cases, row)
			}
			filter.Before = nil
			if page.Next != nil {
				out.NextPage = unit + "." + base64.RawURLEncoding.EncodeToString(page.Next)
				return nil
			}
			if len(out.Cases) == limit && i+1 < len(units) {
				out.NextPage = units[i+1] + "."
				return nil
			}
		}
		return nil
	})
	return out, err
}

// Show returns a case with its messages. That it is read, by whom and why, is in the log before any content is released.
func (d *Desk) Show(ctx context.Context, r *nodev1.ShowRequest) (*nodev1.ShowResponse, error) {
	out, err := d.show(ctx, r)
	return out, refusal.Tell(err)
}

func (d *Desk) show(ctx context.Context, r *nodev1.ShowRequest) (*nodev1.ShowResponse, error) {
	token, err := d.consult(ctx, r.GetAssertion())
	if err != nil {
		return nil, err
	}
	out, reason := &nodev1.ShowResponse{}, reasonOf(r.GetAssertion())
	err = d.cfg.Store.View(func(tx *store.Reader) error {
		c, err := casefile.Load(tx, token)
		if err != nil {
			return err
		}
		if out.Case, err = rowOf(tx, c, time.Now().UnixMilli()); err != nil {
			return err
		}
		indices, err := tx.CaseMessages(token)
		if err != nil {
			return err
		}
		for _, index := range indices {
			m, err := c.Read(tx, index, d.log)
			if err != nil {
				return err
			}
			if m.GetStatus() == casefile.Present && c.Withholds(m.GetMsg(), reason) {
				m.Status, m.Content, m.AttachmentsHere = casefile.Withheld, nil, nil
			}
			out.Messages = append(out.Messages, m)
		}
		if out.Acts, err = c.Management(tx); err != nil {
			return err
		}
		return showDrafts(tx, token, out)
	})
	return out, err
}

// consult verifies a reading and logs it. It returns the case that may be read now.
func (d *Desk) consult(ctx context.Context, a *rogatoryv1.Assertion) (string, error) {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return "", err
	}
	officer, err := d.officers.Now().Officer(act.GetActor())
	if err != nil {
		return "", err
	}
	// Who has no key does not even learn whose case it is.
	if _, err := d.reader(a, rogatoryv1.Verb_VERB_READ, ""); err != nil {
		return "", err
	}
	token := act.GetCaseToken()
	if _, err := casefile.Of(d.cfg.Store, token, officer); err != nil {
		return "", err
	}
	_, err = d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if err := officers.UseUp(tx, act); err != nil {
			return err
		}
		c, err := casefile.Load(&tx.Reader, token)
		if err != nil {
			return err
		}
		if !c.BelongsTo(officer) {
			return fmt.Errorf("case %s: %w", token, refusal.ErrCase) // handed over in the meantime
		}
		op, err := c.Op(tx, translog.Consult, act)
		if err != nil {
			return err
		}
		return casefile.AppendOp(tx, op, a)
	})
	return token, err
}

func showDrafts(tx *store.Reader, token string, out *nodev1.ShowResponse) error {
	list, err := drafts.OfCase(tx, token)
	if err != nil {
		return err
	}
	for _, p := range list {
		s, err := p.Message()
		if err != nil {
			return err
		}
		m := &nodev1.CaseMessage{
			Ours: true, AtMs: p.UpdatedMs(), Docket: s.Docket, Content: s.Content, Status: "draft", Outgoing: p.Out,
		}
		if p.State() == drafts.Declined {
			act, err := federation.ParseAct(p.Assertion().GetAct())
			if err != nil {
				return err
			}
			m.Status = "declined:" + act.GetActor() // nothing to sign
			m.Outgoing = nil
		}
		out.Messages = append(out.Messages, m)
	}
	return nil
}

// Watch tells of changes in the actor's units until the call ends: first the cases as they are, newest last.
func (d *Desk) Watch(r *nodev1.WatchRequest, stream grpc.ServerStreamingServer[nodev1.WatchResponse]) error {
	officer, err := d.reader(r.GetAssertion(), rogatoryv1.Verb_VERB_LIST, "")
	if err != nil {
		return refusal.Tell(err)
	}
	if err := d.officers.Once(stream.Context(), r.GetAssertion()); err != nil {
		return refusal.Tell(err)
	}
	seen := map[string]*storev1.CaseSummary{}
	ticker := time.NewTicker(watchPause)
	defer ticker.Stop()
	for {
		// Who is taken off the register, or out of a unit, while watching sees no more of it.
		if officer, err = d.officers.Now().Officer(officer.GetPseudonym()); err != nil {
			return refusal.Tell(err)
		}
		changed, err := d.changedSince(officer.GetUnits(), seen)
		if err != nil {
			return refusal.Tell(err)
		}
		for _, row := range changed {
			if err := stream.Send(&nodev1.WatchResponse{Case: row}); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			return refusal.Tell(stream.Context().Err())
		}
	}
}

// changedSince returns the newest hundred cases of each unit that are not as they were seen: two changes may have one time.
func (d *Desk) changedSince(units []string, seen map[string]*storev1.CaseSummary) (changed []*nodev1.CaseRow, err error) {
	now := time.Now().UnixMilli()
	err = d.cfg.Store.View(func(r *store.Reader) error {
		for _, unit := range units {
			page, err := r.Cases(unit, store.CaseFilter{Limit: 100})
			if err != nil {
				return err
			}
			for _, s := range slices.Backward(page.Cases) {
				if proto.Equal(seen[s.GetToken()], s) {
					continue
				}
				seen[s.GetToken()] = s
				c, err := casefile.Load(r, s.GetToken())
				if err != nil {
					return err
				}
				row, err := rowOf(r, c, now)
				if err != nil {
					return err
				}
				changed = append(changed, row)
			}
		}
		return nil
	})
	return changed, err
}
