package deeds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxHeld is how many approved messages to one peer wait for a number.
const maxHeld = 1000

// heldCounts are the approved messages that wait for a number, by peer.
type heldCounts struct {
	mu   sync.Mutex
	by   map[string]int
	bell chan struct{} // holds something when one was added
}

// add counts messages, if there is room for all.
func (h *heldCounts) add(messages []*drafts.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	more := map[string]int{}
	for _, m := range messages {
		to := m.Out.GetTo()
		if more[to]++; h.by[to]+more[to] > maxHeld {
			return fmt.Errorf("keeping a message to %s: %w", to, post.ErrOutboxFull)
		}
	}
	if h.by == nil {
		h.by = map[string]int{}
	}
	for to, n := range more {
		h.by[to] += n
	}
	return nil
}

func (h *heldCounts) set(by map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.by = by
}

// hold keeps what may be sent but cannot yet be numbered, because the peers have not confirmed our head, or the recipient has not: an approved draft
// without a number. Release sends it.
func (a *deed) hold(ctx context.Context, messages []*drafts.Message, tokens []string, frozen []*drafts.Draft) (*nodev1.CommitResponse, error) {
	if err := a.d.held.add(messages); err != nil {
		return nil, err
	}
	// What was confirmed in the meantime is released at once, and what was counted is counted anew.
	defer func() {
		select {
		case a.d.held.bell <- struct{}{}:
		default:
		}
	}()
	_, err := a.d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return a.each(tx, messages, tokens, func(i int, c *casefile.File) error {
			if frozen == nil {
				return a.wait(tx, c, messages[i])
			}
			e := a.event(tx, exchange.EventApprove)
			e.Draft = frozen[i].Name()
			if err := a.step(tx, c, e); err != nil {
				return err
			}
			return frozen[i].Judge(tx, drafts.Approved, a.assertion)
		})
	})
	if err != nil {
		return nil, err
	}
	return a.d.cfg.Reading.Rows(tokens)
}

// wait keeps a message that one person may send. Its case stands at a draft until the message leaves.
func (a *deed) wait(tx *store.Tx, c *casefile.File, m *drafts.Message) error {
	alone, err := a.d.cfg.House.Alone(&tx.Reader, c, a.officer, a.unit, m.Docket)
	if err != nil {
		return err
	}
	urgency := cmp.Or(m.Docket.GetUrgency(), c.Urgency)
	switch glass := m.Docket.GetBreakGlass(); {
	case glass && (a.officer.GetAgency() || urgency != rogatoryv1.Urgency_URGENCY_THREAT_LIFE):
		return &exchange.TransitionError{State: c.State, Step: "sent", Who: WhoOf(a.officer), Code: exchange.CodeBreakGlassUrgency}
	case !glass && !alone:
		return &exchange.TransitionError{State: c.State, Step: "sent", Who: WhoOf(a.officer), Code: exchange.CodeNotApproved}
	}
	if err := a.mayFollow(tx, c, m); err != nil {
		return err
	}
	if err := drafts.DropDeclined(tx, c.Token); err != nil {
		return err
	}
	e := a.event(tx, exchange.EventDraft)
	e.Draft, e.From, e.To, e.Docket = exchange.Name(m.Commit()), a.d.cfg.Node.Country, m.Out.GetTo(), m.Docket
	why := casefile.Why{Assertion: a.assertion, Commit: m.Commit(), Kept: m.Salted()}
	if err := c.Step(tx, e, a.d.cfg.House.Rules(true), why); err != nil {
		return err
	}
	return drafts.Keep(tx, m, a.unit, drafts.Approved, a.assertion)
}

// Waiting returns how many approved messages wait to be sent, by recipient.
func Waiting(r *store.Reader) (map[string]int, error) {
	by := map[string]int{}
	err := drafts.EachApproved(r, func(_, to string) { by[to]++ })
	return by, err
}

// Release sends what was approved while the node was not cleared, while the recipient was not confirmed, or while the outbox was full. What cannot be
// sent stays and is tried again; an officer can decline it.
func (d *Registry) Release(ctx context.Context) error {
	var ids []string
	left := map[string]int{}
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		return drafts.EachApproved(r, func(id, to string) {
			if left[to]++; d.office.Open(to) {
				ids = append(ids, id)
			}
		})
	}); err != nil {
		return err
	}
	d.held.set(left)
	var errs []error
	for _, id := range ids {
		if err := d.release(ctx, id); err != nil && !errors.Is(err, refusal.ErrNoDraft) {
			errs = append(errs, fmt.Errorf("sending an approved draft: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (d *Registry) release(ctx context.Context, id string) error {
	var p *drafts.Draft
	if err := d.cfg.Store.View(func(r *store.Reader) (err error) {
		p, err = drafts.Load(r, id)
		return err
	}); err != nil {
		return err
	}
	m, err := p.Message()
	if err != nil {
		return err
	}
	act, err := federation.ParseAct(p.Assertion().GetAct())
	if err != nil {
		return err
	}
	// The act was verified and used up when the draft was kept.
	officer, err := d.cfg.Officers.Now().Officer(act.GetActor())
	if err != nil {
		return err
	}
	a := &deed{d: d, assertion: p.Assertion(), act: act, officer: officer, unit: p.Unit()}
	_, err = d.office.Submit(ctx, []post.Outgoing{m.Outgoing(a.unit)}, func(tx *store.Tx, sent []post.Sent) error {
		if _, err := tx.Draft(id); err != nil {
			return refusal.ErrNoDraft
		}
		c, err := casefile.Load(&tx.Reader, m.Docket.GetCaseToken())
		if err != nil {
			return err
		}
		if err := a.sent(tx, c, m, sent[0], true); err != nil {
			return err
		}
		if err := tx.DeleteDraft(id); err != nil {
			return err
		}
		return c.Save(tx, d.cfg.Node.UndeliveredAfter)
	})
	return err
}
