package deeds

import (
	"context"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxMessages bounds what one act sends.
const maxMessages = 64

// send takes messages that were composed by the client or by Prepare: to be approved, or to be sent at once.
func (a *deed) send(ctx context.Context, out []*nodev1.Outgoing) (*nodev1.CommitResponse, error) {
	if len(out) == 0 || len(out) > maxMessages {
		return nil, fmt.Errorf("%d messages in one act, from 1 to %d: %w", len(out), maxMessages, refusal.ErrRequest)
	}
	messages := make([]*drafts.Message, len(out))
	var targets []*rogatoryv1.ActTarget
	var tokens []string
	for i, o := range out {
		m, err := drafts.Parse(o)
		if err != nil {
			return nil, err
		}
		messages[i] = m
		targets = append(targets, m.Target)
		tokens = append(tokens, m.Docket.GetCaseToken())
	}
	if err := a.verify(federation.ActWant{CaseToken: tokens[0], Unit: messages[0].Docket.GetFromUnit(), Targets: targets}); err != nil {
		return nil, err
	}
	if done, err := a.before(); done != nil || err != nil {
		return done, err
	}
	size := 0
	for _, m := range messages {
		if err := a.mayStand(m); err != nil {
			return nil, err
		}
		size += len(m.Out.GetContent())
	}
	if err := a.d.cfg.Files.Room(int64(size)); err != nil {
		return nil, err
	}
	if a.act.GetVerb() == rogatoryv1.Verb_VERB_DRAFT {
		return a.keep(ctx, messages, tokens)
	}
	return a.submit(ctx, messages, tokens, nil)
}

// mayStand checks what a message says of itself, and lints it.
func (a *deed) mayStand(m *drafts.Message) error {
	local := a.local("")
	switch {
	case m.Docket.GetFromUnit() != a.unit, m.Docket.GetActor() != local.Actor, m.Docket.GetActorKind() != local.ActorKind:
		return fmt.Errorf("docket to %s names another unit or actor: %w", m.Out.GetTo(), refusal.ErrCommitment)
	case len(m.Out.GetContent()) > int(a.d.cfg.Node.Limits.MaxContent):
		return fmt.Errorf("content of %d bytes, at most %d: %w", len(m.Out.GetContent()), a.d.cfg.Node.Limits.MaxContent, envelope.ErrTooLarge)
	case m.Out.GetTo() == a.d.cfg.Node.Country:
		return fmt.Errorf("%s: %w", m.Out.GetTo(), refusal.ErrOwnCountry)
	}
	if err := officers.KnownUnit(a.d.cfg.Node, a.unit); err != nil {
		return err
	}
	ctx := a.d.cfg.Proof.Context(&rogatoryv1.RequestFile{To: []string{m.Out.GetTo()}})
	var err error
	if ctx.Quoted, err = a.d.cfg.Proof.Quoted(m.Docket.GetCaseToken(), a.unit, m.Content); err != nil {
		return err
	}
	if findings := lint.Content(m.Content, m.Docket, ctx); !lint.Sendable(findings) {
		return fmt.Errorf("%s at %s: %w", findings[0].Code, findings[0].Path, refusal.ErrFindings)
	}
	wrong, err := a.d.cfg.Proof.Unfitting(m.Docket.GetCaseToken(), a.unit, m.Content, "")
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%s at %s: %w", wrong[0].GetCode(), wrong[0].GetPath(), refusal.ErrFindings)
	}
	return err
}

// open returns the case of a message, new if the message opens one.
func (a *deed) open(tx *store.Tx, m *drafts.Message) (*casefile.File, error) {
	c, err := casefile.Load(&tx.Reader, m.Docket.GetCaseToken())
	if err != nil {
		return nil, err
	}
	if !c.Told {
		begins := exchange.Opens(m.Docket) || m.Docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE
		if token := m.Docket.GetCaseToken(); !begins || !casefile.WellFormed(token) || token[:2] != a.d.cfg.Node.Country {
			return nil, fmt.Errorf("case %s: %w", m.Docket.GetCaseToken(), refusal.ErrToken)
		}
		c.Unit = a.unit
		c.Begin(m.Docket.GetKind())
		return c, nil
	}
	if c.Notice() != (m.Docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE) {
		return nil, fmt.Errorf("case %s: %w", m.Docket.GetCaseToken(), refusal.ErrToken)
	}
	if c.Unit != a.unit {
		return nil, fmt.Errorf("case %s: %w", m.Docket.GetCaseToken(), refusal.ErrCase)
	}
	if err := c.MayClaim(m.Docket); err != nil {
		return nil, fmt.Errorf("case %s: %w", m.Docket.GetCaseToken(), err)
	}
	// Whoever answers a request has taken it up.
	if c.Kind == exchange.KindRequest && c.Side == exchange.Answering && c.State == exchange.Received {
		e := a.event(tx, exchange.EventRegister)
		if err := a.step(tx, c, e); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// each uses the act up and calls step with each message's case, in one transaction. Several messages of one act find a case where the one before has put it.
func (a *deed) each(tx *store.Tx, messages []*drafts.Message, tokens []string, step func(i int, c *casefile.File) error) error {
	if err := a.note(tx, tokens); err != nil {
		return err
	}
	cases := map[string]*casefile.File{}
	for i, m := range messages {
		token := m.Docket.GetCaseToken()
		if cases[token] == nil {
			c, err := a.open(tx, m)
			if err != nil {
				return err
			}
			cases[token] = c
		}
		if err := step(i, cases[token]); err != nil {
			return err
		}
	}
	for _, c := range cases {
		if err := c.Save(tx, a.d.cfg.Node.UndeliveredAfter); err != nil {
			return err
		}
	}
	return nil
}

// keep freezes messages as drafts that wait for an approver.
func (a *deed) keep(ctx context.Context, messages []*drafts.Message, tokens []string) (*nodev1.CommitResponse, error) {
	_, err := a.d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return a.each(tx, messages, tokens, func(i int, c *casefile.File) error {
			if err := a.freeze(tx, c, messages[i]); err != nil {
				return err
			}
			return drafts.Keep(tx, messages[i], a.unit, drafts.Pending, a.assertion)
		})
	})
	if err != nil {
		return nil, err
	}
	return a.d.cfg.Reading.Rows(tokens)
}

// freeze records that a message was drafted and put before an approver.
func (a *deed) freeze(tx *store.Tx, c *casefile.File, m *drafts.Message) error {
	rules := a.d.cfg.House.Rules(false)
	name := exchange.Name(m.Commit())
	if err := a.mayFollow(tx, c, m); err != nil {
		return err
	}
	if err := drafts.DropDeclined(tx, c.Token); err != nil {
		return err
	}
	for _, kind := range []exchange.EventKind{exchange.EventDraft, exchange.EventSubmit} {
		e := a.event(tx, kind)
		e.Draft, e.From, e.To = name, a.d.cfg.Node.Country, m.Out.GetTo()
		if kind == exchange.EventDraft {
			e.Docket = m.Docket
		}
		why := casefile.Why{Assertion: a.assertion, Commit: m.Commit()}
		if kind == exchange.EventDraft {
			why.Kept = m.Salted()
		}
		if err := c.Step(tx, e, rules, why); err != nil {
			return err
		}
	}
	return nil
}

// mayFollow refuses a draft of what could not be sent as the case stands, so that its approver does not find out.
func (a *deed) mayFollow(tx *store.Tx, c *casefile.File, m *drafts.Message) error {
	if c.Notice() {
		return nil
	}
	e := a.event(tx, exchange.EventSent)
	e.Msg, e.Sent, e.From, e.To, e.Docket = exchange.Name(m.Commit()), e.At, a.d.cfg.Node.Country, m.Out.GetTo(), m.Docket
	_, err := c.Try(e, a.d.cfg.House.Rules(true))
	return err
}

// submit gives messages to the office, together with the steps of their cases. frozen, if any, are what they were approved as, in the same order.
func (a *deed) submit(ctx context.Context, messages []*drafts.Message, tokens []string, frozen []*drafts.Draft) (*nodev1.CommitResponse, error) {
	out := make([]post.Outgoing, len(messages))
	for i, m := range messages {
		out[i] = m.Outgoing(a.unit)
	}
	_, err := a.d.office.Submit(ctx, out, func(tx *store.Tx, sent []post.Sent) error {
		return a.each(tx, messages, tokens, func(i int, c *casefile.File) error {
			if frozen != nil {
				if err := a.approveDraft(tx, c, frozen[i]); err != nil {
					return err
				}
			}
			return a.sent(tx, c, messages[i], sent[i], frozen != nil)
		})
	})
	if errors.Is(err, post.ErrUncleared) || errors.Is(err, post.ErrUnconfirmed) {
		return a.hold(ctx, messages, tokens, frozen)
	}
	if err != nil {
		return nil, err
	}
	return a.d.cfg.Reading.Rows(tokens)
}

// sent records that a message has left.
func (a *deed) sent(tx *store.Tx, c *casefile.File, m *drafts.Message, s post.Sent, approved bool) error {
	e := a.event(tx, exchange.EventSent)
	e.Index, e.At, e.Msg, e.Sent = uint64(s.Index), s.At, exchange.Name(s.Name), s.Submitted
	e.From, e.To, e.Docket = a.d.cfg.Node.Country, m.Out.GetTo(), m.Docket
	// What the case has as a draft under this name is this message, however it came to be sent.
	if name := exchange.Name(m.Commit()); approved || c.Drafted(name) {
		e.Draft = name
	}
	why := casefile.Why{Assertion: a.assertion, Commit: m.Commit()}
	alone, err := a.d.cfg.House.Alone(&tx.Reader, c, a.officer, a.unit, m.Docket)
	if err != nil {
		return err
	}
	if err := c.Step(tx, e, a.d.cfg.House.Rules(alone), why); err != nil {
		return err
	}
	return attachments.List(tx, m.Content.GetAttachments(), &storev1.AttachmentCopy{
		Peer: m.Out.GetTo(), Msg: s.Name[:], CaseToken: m.Docket.GetCaseToken(), LeafIndex: uint64(s.Index),
	})
}

// approveDraft records the approval of a draft and takes it away.
func (a *deed) approveDraft(tx *store.Tx, c *casefile.File, p *drafts.Draft) error {
	if _, err := tx.Draft(p.ID()); err != nil {
		return refusal.ErrNoDraft // somebody else was faster
	}
	e := a.event(tx, exchange.EventApprove)
	e.Draft = p.Name()
	if err := a.step(tx, c, e); err != nil {
		return err
	}
	return tx.DeleteDraft(p.ID())
}
