package deeds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// onCase makes a step that sends nothing.
func (a *deed) onCase(ctx context.Context, kind exchange.EventKind, fill func(*rogatoryv1.Docket)) (*nodev1.CommitResponse, error) {
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	return a.move(ctx, kind, exchange.Name{}, fill)
}

// verifyOnCase verifies an act in a case of one of the officer's units.
func (a *deed) verifyOnCase() error {
	officer, err := a.d.cfg.Officers.Now().Officer(a.act.GetActor())
	if err != nil {
		return err
	}
	c, err := casefile.Of(a.d.cfg.Store, a.act.GetCaseToken(), officer)
	if err != nil {
		return err
	}
	return a.verify(federation.ActWant{CaseToken: c.Token, Unit: c.Unit, Subject: a.act.GetSubject()})
}

// change uses the act up and makes a step in its case, in one transaction, unless it was done before.
func (a *deed) change(ctx context.Context, step func(tx *store.Tx, c *casefile.File) error) (*nodev1.CommitResponse, error) {
	if done, err := a.before(); done != nil || err != nil {
		return done, err
	}
	tokens := []string{a.act.GetCaseToken()}
	_, err := a.d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if err := a.note(tx, tokens); err != nil {
			return err
		}
		c, err := casefile.Load(&tx.Reader, tokens[0])
		if err != nil {
			return err
		}
		if c.Unit != a.unit {
			return fmt.Errorf("case %s: %w", c.Token, refusal.ErrCase) // handed over in the meantime
		}
		if err := step(tx, c); err != nil {
			return err
		}
		return c.Save(tx, a.d.cfg.Node.UndeliveredAfter)
	})
	if err != nil {
		return nil, err
	}
	return a.d.cfg.Reading.Rows(tokens)
}

// move makes one local step.
func (a *deed) move(ctx context.Context, kind exchange.EventKind, of exchange.Name, fill func(*rogatoryv1.Docket)) (*nodev1.CommitResponse, error) {
	return a.change(ctx, func(tx *store.Tx, c *casefile.File) error {
		local := a.local(c.Token)
		e := a.event(tx, kind)
		e.Of = of
		if fill != nil {
			fill(local)
			e.Docket = local
		}
		return c.Step(tx, e, a.d.cfg.House.Rules(false), casefile.Why{Assertion: a.assertion, Local: local})
	})
}

// assign gives a case to an officer of its unit.
func (a *deed) assign(ctx context.Context) (*nodev1.CommitResponse, error) {
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	to, err := a.d.cfg.Officers.Now().Officer(a.act.GetReason())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(to.GetUnits(), a.unit) {
		return nil, fmt.Errorf("assigning to %s, who is not in %s: %w", to.GetPseudonym(), a.unit, federation.ErrUnit)
	}
	return a.move(ctx, exchange.EventAssign, exchange.Name{}, func(l *rogatoryv1.Docket) { l.Actor = to.GetPseudonym() })
}

// transfer hands a case to another unit: the keys of its contents are wrapped anew, and the log says so before that unit can read.
func (a *deed) transfer(ctx context.Context) (*nodev1.CommitResponse, error) {
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	to := a.act.GetReason()
	if err := officers.KnownUnit(a.d.cfg.Node, to); err != nil {
		return nil, err
	}
	return a.change(ctx, func(tx *store.Tx, c *casefile.File) error {
		if waits, err := drafts.Waits(&tx.Reader, c.Token); err != nil || waits {
			return errors.Join(err, fmt.Errorf("handing over case %s: %w", c.Token, refusal.ErrPending))
		}
		if err := drafts.DropDeclined(tx, c.Token); err != nil {
			return err
		}
		local := a.local(c.Token)
		local.ToUnit = to
		e := a.event(tx, exchange.EventForward)
		e.Docket = local
		if err := c.Step(tx, e, a.d.cfg.House.Rules(false), casefile.Why{Assertion: a.assertion, Local: local}); err != nil {
			return err
		}
		op, err := c.Op(tx, translog.Transfer, a.act)
		if err != nil {
			return err
		}
		op.Recipient = a.d.cfg.Node.Country + "/" + to
		if err := casefile.AppendOp(tx, op, a.assertion); err != nil {
			return err
		}
		return c.HandTo(tx, to)
	})
}

// keepOn keeps a reviewed case, or gives up the proposal to erase one message.
func (a *deed) keepOn(ctx context.Context) (*nodev1.CommitResponse, error) {
	if len(a.act.GetSubject()) == 0 {
		return a.onCase(ctx, exchange.EventKeep, nil)
	}
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	return a.move(ctx, exchange.EventKeepItem, exchange.Name(a.act.GetSubject()), nil)
}
