package deeds

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// frozen returns the drafts that the act's targets name, and verifies the act against them.
func (a *deed) frozen() (frozen []*drafts.Draft, messages []*drafts.Message, tokens []string, err error) {
	err = a.d.cfg.Store.View(func(r *store.Reader) error {
		for _, t := range a.act.GetTargets() {
			p, err := drafts.Load(r, drafts.IDOf(t.GetDocketCommit()))
			if err != nil {
				return err
			}
			// What was approved and waits for the node to be cleared can still be stopped.
			if p.State() != drafts.Pending && a.act.GetVerb() != rogatoryv1.Verb_VERB_DECLINE {
				return refusal.ErrNoDraft
			}
			frozen = append(frozen, p)
		}
		return nil
	})
	if err == nil && len(frozen) == 0 {
		err = refusal.ErrNoDraft
	}
	if err != nil {
		return nil, nil, nil, err
	}
	var targets []*rogatoryv1.ActTarget
	for _, p := range frozen {
		switch {
		case p.Unit() != frozen[0].Unit():
			return nil, nil, nil, fmt.Errorf("drafts of %s and %s in one act: %w", frozen[0].Unit(), p.Unit(), federation.ErrUnit)
		case a.act.GetVerb() == rogatoryv1.Verb_VERB_APPROVE && p.Drafter() == a.act.GetActor():
			return nil, nil, nil, fmt.Errorf("approval by %s: %w", a.act.GetActor(), federation.ErrFourEyes)
		}
		m, err := p.Message()
		if err != nil {
			return nil, nil, nil, err
		}
		messages = append(messages, m)
		targets = append(targets, m.Target)
		tokens = append(tokens, m.Docket.GetCaseToken())
	}
	want := federation.ActWant{
		CaseToken: a.act.GetCaseToken(), Unit: frozen[0].Unit(), Targets: targets, Drafter: frozen[0].Drafter(),
	}
	return frozen, messages, tokens, a.verify(want)
}

// again answers an approval that was committed before: its drafts are gone, its submission is there.
func (a *deed) again(err error) (*nodev1.CommitResponse, error) {
	if !errors.Is(err, refusal.ErrNoDraft) {
		return nil, err
	}
	officer, lookup := a.d.cfg.Officers.Now().Officer(a.act.GetActor())
	if lookup != nil {
		return nil, err
	}
	for _, unit := range officer.GetUnits() {
		if a.verify(federation.ActWant{CaseToken: a.act.GetCaseToken(), Unit: unit, Targets: a.act.GetTargets(), Drafter: "-"}) != nil {
			continue
		}
		if done, _ := a.before(); done != nil {
			return done, nil
		}
	}
	return nil, err
}

// approve sends what was drafted. The approver signs the very commitments that leave.
func (a *deed) approve(ctx context.Context) (*nodev1.CommitResponse, error) {
	frozen, messages, tokens, err := a.frozen()
	if err != nil {
		return a.again(err)
	}
	if err := a.d.cfg.Files.Room(0); err != nil {
		return nil, err
	}
	return a.submit(ctx, messages, tokens, frozen)
}

// decline sends drafts back: their unit still sees them and who declined them. What was sent back already, or what one person wanted to send
// alone, is discarded, its content with it.
func (a *deed) decline(ctx context.Context) (*nodev1.CommitResponse, error) {
	frozen, _, tokens, err := a.frozen()
	if err != nil {
		return a.again(err)
	}
	_, err = a.d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if err := a.note(tx, tokens); err != nil {
			return err
		}
		for _, p := range frozen {
			c, err := casefile.Load(&tx.Reader, p.CaseToken())
			if err != nil {
				return err
			}
			if _, err := tx.Draft(p.ID()); err != nil {
				return refusal.ErrNoDraft
			}
			if err := a.sendBack(tx, c, p); err != nil {
				return err
			}
			if err := c.Save(tx, a.d.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.d.cfg.Reading.Rows(tokens)
}

// Declining is the step by which a draft is declined: what nobody but its drafter has is discarded.
func Declining(c *casefile.File, name exchange.Name) exchange.EventKind {
	if c.WithDrafter(name) {
		return exchange.EventDiscard
	}
	return exchange.EventDecline
}

// sendBack declines a draft, or discards it when nobody else has it.
func (a *deed) sendBack(tx *store.Tx, c *casefile.File, p *drafts.Draft) error {
	e := a.event(tx, Declining(c, p.Name()))
	e.Draft = p.Name()
	// The first draft of a joint case that is discarded takes the case with it.
	if c.State != exchange.Discarded {
		if err := a.step(tx, c, e); err != nil {
			return err
		}
	}
	if e.Kind == exchange.EventDiscard {
		return p.Discard(tx)
	}
	return p.Judge(tx, drafts.Declined, a.assertion)
}

// ratify confirms what one officer sent alone.
func (a *deed) ratify(ctx context.Context) (*nodev1.CommitResponse, error) {
	token := a.act.GetCaseToken()
	var want federation.ActWant
	var of exchange.Name
	err := a.d.cfg.Store.View(func(r *store.Reader) error {
		c, err := casefile.Load(r, token)
		if err != nil {
			return err
		}
		alone := c.Unratified()
		if alone == nil {
			return fmt.Errorf("ratifying in case %s: %w", token, refusal.ErrNoDraft)
		}
		target, err := SentTarget(r, c.Case, alone.Msg)
		of = alone.Msg
		want = federation.ActWant{
			CaseToken: token, Unit: c.Unit, Targets: []*rogatoryv1.ActTarget{target}, Subject: bytes.Clone(of[:]), Drafter: alone.By,
		}
		return err
	})
	if err == nil {
		err = a.verify(want)
	}
	if err != nil {
		return nil, err
	}
	return a.move(ctx, exchange.EventRatify, of, nil)
}

// SentTarget is the target of a message that was sent.
func SentTarget(r *store.Reader, c exchange.Case, name exchange.Name) (*rogatoryv1.ActTarget, error) {
	m, ok := c.Message(name)
	if !ok {
		return nil, errors.New("message is not in its case")
	}
	row, err := r.Message(int64(m.Index))
	if err != nil {
		return nil, err
	}
	msg, err := envelope.ParseMessage(row.GetMessage())
	if err != nil {
		return nil, err
	}
	docket, err := casefile.ParseDocket(row.GetDocket())
	if err != nil {
		return nil, err
	}
	return &rogatoryv1.ActTarget{To: msg.GetTo(), Unit: docket.GetToUnit(), DocketCommit: msg.GetDocketCommit(), ContentCommit: msg.GetContentCommit()}, nil
}
