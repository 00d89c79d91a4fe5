package desk

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Times by which a case moves on by itself.
const (
	// closeAfter is how long an ended case stays open for feedback, reopening and objection.
	closeAfter = 90 * 24 * time.Hour
	// reviewAfter is when a closed or kept case is reviewed: six months (Regulation (EU) 2024/982 speaks of regular review).
	reviewAfter = 183 * 24 * time.Hour
)

// held is a case in a transaction, with the unit that it belongs to.
type held struct {
	exchange.Case
	unit   string
	opened uint64
	kind   rogatoryv1.Kind
	told   bool // loaded from the store

	// acts are the leaves by which people held, released, kept or erased something of it: the last maxActs.
	acts []uint64
	// expired: the term of its dockets has ended; the summary is all that is left, and nothing moves it.
	expired bool
}

const maxActs = 64

// acted are the steps of which a case remembers the leaves.
var acted = []exchange.Step{
	exchange.Step(exchange.EventHold), exchange.Step(exchange.EventRelease), exchange.Step(exchange.EventKeep),
	exchange.Step(exchange.EventProposeErase), exchange.Step(exchange.EventErase), exchange.Step(exchange.EventProposeEraseItem),
	exchange.Step(exchange.EventEraseItem), exchange.Step(exchange.EventKeepItem),
}

// load returns a case, or an empty one with told false.
func load(r *store.Reader, token string) (*held, error) {
	summary, body, err := r.Case(token)
	if errors.Is(err, store.ErrNotFound) {
		return &held{}, nil
	}
	if err != nil {
		return nil, err
	}
	if rogatoryv1.Kind(summary.GetKind()) == rogatoryv1.Kind_KIND_GOVERNANCE {
		return loadNotice(summary), nil
	}
	if summary.GetDocketExpiredMs() != 0 {
		return loadExpired(summary), nil
	}
	c, err := exchange.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("reading case %s: %w", token, err)
	}
	return &held{
		Case: c, unit: summary.GetUnit(), opened: summary.GetOpenedMs(), kind: rogatoryv1.Kind(summary.GetKind()), told: true,
		acts: summary.GetActs(),
	}, nil
}

// because says what stands behind a step, for its leaf.
type because struct {
	// assertion is the actor's; nil for peers, timers and the node.
	assertion *rogatoryv1.Assertion
	// commit is the commitment to the message's docket. Zero: the step has a local docket, which this makes of local.
	commit translog.Hash
	local  *rogatoryv1.Docket
	// decision is what a rule said; zero when none was asked.
	decision federation.Decision
	policy   translog.Hash
	manifest int64 // version of ours that the decision went by; 0 when we have none
	// unit of ours that an arrived message goes to.
	unit string
	// kept is the message's docket with its salt where no message keeps it yet: that of a draft.
	kept []byte
}

// step applies e to the case and writes a leaf for each change. save writes the case when all its steps are made.
func (c *held) step(tx *store.Tx, e exchange.Event, rules exchange.Rules, why because) error {
	switch {
	case c.notice():
		return c.stepNotice(tx, e, why, len(rules.Alone) > 0)
	case c.expired:
		return fmt.Errorf("case %s: %w", c.Token, refusal.ErrExpired)
	}
	next, changes, err := exchange.Apply(c.Case, e, rules)
	if err != nil {
		return refusal.InCase(c.Case, err)
	}
	c.Case = next
	due := next.Due()
	for i, ch := range changes {
		w := because{}
		if i == 0 {
			w = why
		} else if w.commit, err = docketCommit(tx, next, envelope.Name(ch.Msg)); err != nil {
			return err
		}
		if err := c.leaf(tx, ch, e.Draft, due, w); err != nil {
			return err
		}
	}
	return nil
}

// docketCommit returns the commitment of a message that waited in the case.
func docketCommit(tx *store.Tx, c exchange.Case, name envelope.Name) (translog.Hash, error) {
	m, ok := c.Message(exchange.Name(name))
	if !ok {
		// It was refused when its turn came; its leaf stands earlier in the log, where the case waited for it.
		return translog.Hash{}, nil
	}
	row, err := tx.Message(int64(m.Index))
	if err != nil {
		return translog.Hash{}, err
	}
	msg, err := envelope.ParseMessage(row.GetMessage())
	if err != nil {
		return translog.Hash{}, err
	}
	return translog.Hash(msg.GetDocketCommit()), nil
}

// leaf appends the case leaf of one change, with docket and assertion beside it. draft is what a step of a draft is about; due is the next limit
// when all is done that the event has set off.
func (c *held) leaf(tx *store.Tx, ch exchange.Change, draft exchange.Name, due int64, why because) error {
	leaf := &translog.Case{
		Case: c.Token, Event: string(ch.Step), FromState: string(ch.From), ToState: stateCode(ch.To),
		Of: translog.Hash(ch.Msg), Docket: why.commit, Due: due, Unit: why.unit,
	}
	switch {
	case !leaf.Of.IsZero():
	case draft != exchange.Name{}:
		leaf.Of = translog.Hash(draft)
	default:
		leaf.Of = translog.Hash(ch.Of)
	}
	if why.decision.Rule != "" {
		leaf.Rule, leaf.Decision, leaf.Policy, leaf.Manifest = why.decision.Rule, decisionCode(why.decision), why.policy, why.manifest
	}
	docket := why.kept
	var assertion []byte
	var err error
	if leaf.Docket.IsZero() {
		local := why.local
		if local == nil {
			local = &rogatoryv1.Docket{CaseToken: c.Token}
		}
		bytes, err := envelope.Marshal(local)
		if err != nil {
			return err
		}
		salt := envelope.NewSalt()
		leaf.Docket = envelope.Commit(salt, envelope.Docket, bytes)
		docket = append(salt[:], bytes...)
	}
	if why.assertion != nil {
		if leaf.Assertion, err = federation.AssertionDigest(why.assertion); err != nil {
			return err
		}
		if assertion, err = envelope.Marshal(why.assertion); err != nil {
			return err
		}
	}
	index, err := tx.Append(leaf)
	if err != nil {
		return err
	}
	if slices.Contains(acted, ch.Step) {
		c.acts = append(slices.Clone(c.acts), uint64(index))
		c.acts = c.acts[max(0, len(c.acts)-maxActs):]
	}
	if docket != nil {
		if err := tx.PutSide(index, "docket", docket); err != nil {
			return err
		}
	}
	if assertion != nil {
		return tx.PutSide(index, "assertion", assertion)
	}
	return nil
}

// stateCode is a state as leaves and listings spell it.
func stateCode(s exchange.State) string {
	if s == exchange.None {
		return "new"
	}
	return string(s)
}

func decisionCode(d federation.Decision) string {
	switch d.Verdict {
	case rogatoryv1.Verdict_VERDICT_ANSWER:
		return "answer"
	case rogatoryv1.Verdict_VERDICT_REFUSE:
		return "refuse"
	}
	return "ask-officer"
}

// save writes the case and what a listing shows of it.
func (c *held) save(tx *store.Tx, undelivered time.Duration) error {
	if c.OwnUnit != "" {
		c.unit = c.OwnUnit
	}
	if c.opened == 0 {
		c.opened = uint64(max(tx.At(), 1))
	}
	side := "answering"
	if c.Side == exchange.Opening {
		side = "asking"
	}
	var body []byte
	if !c.notice() {
		body = c.Encode()
	}
	return tx.PutCase(&storev1.CaseSummary{
		Token: c.Token, Number: c.Token, Unit: c.unit, State: stateCode(c.State), Peer: c.Peer, Side: side,
		UpdatedMs: uint64(c.Changed), DeadlineMs: uint64(c.Due()), OpenedMs: c.opened, WakeMs: c.wake(undelivered),
		Kind: uint32(c.kind), Urgency: uint32(c.Urgency), Assignee: c.Assignee, Acts: c.acts,
	}, body)
}

// wake returns when the node looks at the case again by itself, 0 for never.
func (c *held) wake(undelivered time.Duration) uint64 {
	var next int64
	sooner := func(ms int64) {
		if next == 0 || ms < next {
			next = ms
		}
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.Out && m.Received == 0 && !m.Rejected && !m.Undelivered {
			sooner(m.Sent + undelivered.Milliseconds())
		}
	}
	if c.notice() {
		if c.State == exchange.Sent {
			sooner(c.Changed + undelivered.Milliseconds())
		}
		return uint64(max(next, 0))
	}
	switch c.State {
	case exchange.Answered, exchange.NoInformation, exchange.Refused, exchange.Withdrawn, exchange.Rejected,
		exchange.Acknowledged, exchange.Useful, exchange.NotUseful:
		sooner(c.Changed + closeAfter.Milliseconds())
	case exchange.Closed, exchange.Kept, exchange.Evaluated:
		sooner(c.Changed + reviewAfter.Milliseconds())
	}
	if until := c.DocketsUntil(); until != 0 {
		sooner(until)
	}
	return uint64(max(next, 0))
}
