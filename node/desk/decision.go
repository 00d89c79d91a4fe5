package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/deeds"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// prepareDecision composes the approval, or the declining, of the drafts of a case that wait for it, with those of the same act in
// other cases.
func (d *Desk) prepareDecision(ctx context.Context, r *nodev1.PrepareRequest, officer *rogatoryv1.Officer) (*nodev1.PrepareResponse, error) {
	if err := d.mayCompose(ctx, r, r.GetCaseToken()); err != nil {
		return nil, err
	}
	states := []string{drafts.Pending}
	if r.GetVerb() == rogatoryv1.Verb_VERB_DECLINE {
		states = append(states, drafts.Approved)
	}
	var frozen []*drafts.Draft
	drafters := map[exchange.Name][]string{}
	if err := d.cfg.Store.View(func(tx *store.Reader) (err error) {
		c, err := casefile.Load(tx, r.GetCaseToken())
		if err != nil {
			return err
		}
		for _, record := range c.Drafts {
			drafters[record.Name] = record.Drafters
		}
		frozen, err = drafts.OfAct(tx, r.GetCaseToken(), states...)
		if errors.Is(err, refusal.ErrNoDraft) && r.GetVerb() == rogatoryv1.Verb_VERB_DECLINE {
			frozen, err = drafts.OfAct(tx, r.GetCaseToken(), drafts.Declined) // once more discards it
		}
		return err
	}); err != nil {
		return nil, err
	}
	var messages []*nodev1.Outgoing
	for _, p := range frozen {
		if !slices.Contains(officer.GetUnits(), p.Unit()) {
			return nil, fmt.Errorf("case %s: %w", r.GetCaseToken(), refusal.ErrCase)
		}
		// Nobody is asked to sign what Commit would refuse.
		drafter := p.Drafter()
		if slices.Contains(drafters[p.Name()], r.GetActor()) { // of an earlier version of it
			drafter = r.GetActor()
		}
		if err := federation.Allowed(officer, federation.ActWant{Verb: r.GetVerb(), Unit: p.Unit(), Drafter: drafter}); err != nil {
			return nil, err
		}
		if err := d.mayDecide(r.GetVerb(), officer, p); err != nil {
			return nil, err
		}
		messages = append(messages, p.Out)
	}
	return compose(&rogatoryv1.Act{Verb: r.GetVerb(), CaseToken: r.GetCaseToken(), Actor: r.GetActor()}, messages, nil)
}

// mayDecide refuses to approve or decline a draft that its case, as it stands now, does not let go or take back.
func (d *Desk) mayDecide(verb rogatoryv1.Verb, officer *rogatoryv1.Officer, p *drafts.Draft) error {
	m, err := p.Message()
	if err != nil {
		return err
	}
	return d.cfg.Store.View(func(tx *store.Reader) error {
		c, err := casefile.Load(tx, p.CaseToken())
		if err != nil {
			return err
		}
		e := stepNow(tx, c, officer)
		e.Draft = p.Name()
		if verb == rogatoryv1.Verb_VERB_DECLINE {
			if e.Kind = deeds.Declining(c, e.Draft); c.State == exchange.Discarded {
				return nil
			}
			_, err = c.Try(e, d.house.Rules(false))
			return err
		}
		if err := c.MayClaim(m.Docket); err != nil {
			return fmt.Errorf("case %s: %w", c.Token, err)
		}
		e.Kind = exchange.EventApprove
		if c, err = c.Try(e, d.house.Rules(false)); err != nil {
			return err
		}
		e.Kind, e.Msg, e.Sent = exchange.EventSent, e.Draft, e.At
		e.From, e.To, e.Docket = d.cfg.Node.Country, m.Out.GetTo(), m.Docket
		alone, err := d.house.Alone(tx, c, officer, p.Unit(), m.Docket)
		if err != nil {
			return err
		}
		_, err = c.Try(e, d.house.Rules(alone))
		return err
	})
}

// stepNow is a step that an officer would make now.
func stepNow(r *store.Reader, c *casefile.File, officer *rogatoryv1.Officer) exchange.Event {
	return exchange.Event{At: max(time.Now().UnixMilli(), c.Changed), Index: uint64(r.Size()), Actor: officer.GetPseudonym(), Who: deeds.WhoOf(officer)}
}

// prepareRatify composes the ratification of what one officer sent alone.
func (d *Desk) prepareRatify(ctx context.Context, r *nodev1.PrepareRequest, officer *rogatoryv1.Officer) (*nodev1.PrepareResponse, error) {
	if err := d.mayCompose(ctx, r, r.GetCaseToken()); err != nil {
		return nil, err
	}
	act := &rogatoryv1.Act{Verb: r.GetVerb(), CaseToken: r.GetCaseToken(), Actor: r.GetActor()}
	err := d.cfg.Store.View(func(tx *store.Reader) error {
		c, err := casefile.Load(tx, r.GetCaseToken())
		if err != nil {
			return err
		}
		if !c.BelongsTo(officer) {
			return fmt.Errorf("case %s: %w", r.GetCaseToken(), refusal.ErrCase)
		}
		alone := c.Unratified()
		if alone == nil {
			return fmt.Errorf("ratifying in case %s: %w", r.GetCaseToken(), refusal.ErrNoDraft)
		}
		if err := federation.Allowed(officer, federation.ActWant{Verb: r.GetVerb(), Unit: c.Unit, Drafter: alone.By}); err != nil {
			return err
		}
		e := stepNow(tx, c, officer)
		e.Kind, e.Of = exchange.EventRatify, alone.Msg
		if _, err := c.Try(e, d.house.Rules(false)); err != nil {
			return err
		}
		act.Subject = alone.Msg[:]
		target, err := deeds.SentTarget(tx, c.Case, alone.Msg)
		act.Targets = []*rogatoryv1.ActTarget{target}
		return err
	})
	if err != nil {
		return nil, err
	}
	return compose(act, nil, nil)
}
