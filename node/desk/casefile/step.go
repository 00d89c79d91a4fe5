package casefile

import (
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Why says what stands behind a step, for its leaf.
type Why struct {
	// Assertion is the actor's; nil for peers, timers and the node.
	Assertion *rogatoryv1.Assertion
	// Commit is the commitment to the message's docket. Zero: the step has a local docket, which Step makes of Local.
	Commit translog.Hash
	Local  *rogatoryv1.Docket
	// Decision is what a rule said; zero when none was asked.
	Decision federation.Decision
	Policy   translog.Hash
	Manifest int64 // version of ours that the decision went by; 0 when we have none
	// Unit of ours that an arrived message goes to.
	Unit string
	// Kept is the message's docket with its salt where no message keeps it yet: that of a draft.
	Kept []byte
}

// Step applies e to the case and writes a leaf for each change. Save writes the case when all its steps are made.
func (c *File) Step(tx *store.Tx, e exchange.Event, rules rules.Rules, why Why) error {
	switch {
	case c.Notice():
		return c.stepNotice(tx, e, why, len(rules.Alone) > 0)
	case c.Expired:
		return fmt.Errorf("case %s: %w", c.Token, refusal.ErrExpired)
	}
	next, changes, err := exchange.Apply(c.Case, e, rules)
	if err != nil {
		return refusal.InCase(c.Case, err)
	}
	c.Case = next
	due := next.Due()
	for i, ch := range changes {
		w := Why{}
		if i == 0 {
			w = why
		} else if w.Commit, err = docketCommit(tx, next, envelope.Name(ch.Msg)); err != nil {
			return err
		}
		if err := c.leaf(tx, ch, e.Draft, due, w); err != nil {
			return err
		}
	}
	return nil
}

// Try returns the case as Step would leave it, or what Step would refuse it with. Nothing is written, and c stays as it is.
func (c *File) Try(e exchange.Event, rules rules.Rules) (*File, error) {
	next := *c
	var err error
	switch {
	case c.Notice():
		err = next.moveNotice(e, len(rules.Alone) > 0)
	case c.Expired:
		err = fmt.Errorf("case %s: %w", c.Token, refusal.ErrExpired)
	default:
		if next.Case, _, err = exchange.Apply(c.Case, e, rules); err != nil {
			err = refusal.InCase(c.Case, err)
		}
	}
	return &next, err
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
func (c *File) leaf(tx *store.Tx, ch exchange.Change, draft exchange.Name, due int64, why Why) error {
	leaf := &translog.Case{
		Case: c.Token, Event: string(ch.Step), FromState: string(ch.From), ToState: ch.To.Code(),
		Of: translog.Hash(ch.Msg), Docket: why.Commit, Due: due, Unit: why.Unit,
	}
	switch {
	case !leaf.Of.IsZero():
	case draft != exchange.Name{}:
		leaf.Of = translog.Hash(draft)
	default:
		leaf.Of = translog.Hash(ch.Of)
	}
	if why.Decision.Rule != "" {
		leaf.Rule, leaf.Decision, leaf.Policy, leaf.Manifest = why.Decision.Rule, why.Decision.Code(), why.Policy, why.Manifest
	}
	docket := why.Kept
	var assertion []byte
	var err error
	if leaf.Docket.IsZero() {
		local := why.Local
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
	if why.Assertion != nil {
		if leaf.Assertion, err = federation.AssertionDigest(why.Assertion); err != nil {
			return err
		}
		if assertion, err = envelope.Marshal(why.Assertion); err != nil {
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
