package desk

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/proofreading"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Prepare composes what an act would send and the act to sign.
func (d *Desk) Prepare(ctx context.Context, r *nodev1.PrepareRequest) (*nodev1.PrepareResponse, error) {
	out, err := d.prepare(ctx, r)
	return out, refusal.Tell(err)
}

func (d *Desk) prepare(ctx context.Context, r *nodev1.PrepareRequest) (*nodev1.PrepareResponse, error) {
	officer, err := d.officers.Now().Officer(r.GetActor())
	if err != nil {
		return nil, err
	}
	switch r.GetVerb() {
	case rogatoryv1.Verb_VERB_UNSPECIFIED, rogatoryv1.Verb_VERB_DRAFT, rogatoryv1.Verb_VERB_SEND:
		if r.GetFile().GetContent() == nil {
			return nil, fmt.Errorf("nothing to send: the file has no content: %w", refusal.ErrRequest)
		}
		// A message in a case that is there is composed of what the case says.
		if token := r.GetFile().GetCaseToken(); token != "" {
			if err := d.mayCompose(ctx, r, token); err != nil {
				return nil, err
			}
		}
		return d.prepareSend(ctx, r, officer)
	case rogatoryv1.Verb_VERB_APPROVE, rogatoryv1.Verb_VERB_DECLINE:
		return d.prepareDecision(ctx, r, officer)
	case rogatoryv1.Verb_VERB_RATIFY:
		return d.prepareRatify(ctx, r, officer)
	}
	act := &rogatoryv1.Act{
		Verb: r.GetVerb(), CaseToken: r.GetCaseToken(), Actor: r.GetActor(), Subject: r.GetSubject(), Reason: r.GetReason(),
	}
	return compose(act, nil, nil)
}

// mayCompose has the reading proven and logged that composing an act in a case is: the connection alone opens nothing.
func (d *Desk) mayCompose(ctx context.Context, r *nodev1.PrepareRequest, token string) error {
	if r.GetReading() == nil {
		return fmt.Errorf("preparing an act in case %s without a reading of it: %w", token, refusal.ErrRequest)
	}
	reading, err := federation.ParseAct(r.GetReading().GetAct())
	if err != nil {
		return err
	}
	if reading.GetActor() != r.GetActor() || reading.GetCaseToken() != token {
		return fmt.Errorf("reading of another case or by somebody else than who acts: %w", refusal.ErrRequest)
	}
	_, err = d.reading.Consult(ctx, r.GetReading())
	return err
}

// compose puts an act together, ready to be signed.
func compose(act *rogatoryv1.Act, messages []*nodev1.Outgoing, findings []*nodev1.Finding) (*nodev1.PrepareResponse, error) {
	for _, m := range messages {
		target, err := drafts.TargetOf(m)
		if err != nil {
			return nil, err
		}
		act.Targets = append(act.Targets, target)
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand stops the program instead
	b, err := federation.NewAct(act, nonce, time.Now())
	if err != nil {
		return nil, err
	}
	return &nodev1.PrepareResponse{Messages: messages, Act: b, Findings: findings}, nil
}

// prepareSend derives dockets from a file, one for each recipient, under one content salt.
func (d *Desk) prepareSend(ctx context.Context, r *nodev1.PrepareRequest, officer *rogatoryv1.Officer) (*nodev1.PrepareResponse, error) {
	f := r.GetFile()
	to, cover, err := d.cover(f, officer)
	if err != nil {
		return nil, err
	}
	known := d.proof.Context(&rogatoryv1.RequestFile{To: to})
	if known.Quoted, err = d.proof.Quoted(cover.CaseToken, cover.FromUnit, f.GetContent()); err != nil {
		return nil, err
	}
	findings := lint.File(f, known)
	wrong, err := d.proof.Unfitting(cover.CaseToken, cover.FromUnit, f.GetContent(), r.GetLanguage())
	if err != nil {
		return nil, err
	}
	wrong = append(wrong, d.proof.UnknownUnits(to, r.GetLanguage())...)
	rendered := append(proofreading.Render(findings, r.GetLanguage()), wrong...)
	if !lint.Sendable(findings) || len(wrong) > 0 {
		return &nodev1.PrepareResponse{Findings: rendered}, nil
	}
	tokens := []string{cover.CaseToken}
	if cover.CaseToken == "" {
		n := len(to)
		if lint.KindOf(f.GetContent()) == rogatoryv1.Kind_KIND_JOINT {
			n = 1 // one case for all parties
		}
		if tokens, err = d.tokens.Take(ctx, n); err != nil {
			return nil, err
		}
	}
	content, err := envelope.Marshal(f.GetContent())
	if err != nil {
		return nil, err
	}
	salt := envelope.NewSalt()
	var messages []*nodev1.Outgoing
	for i, address := range to {
		c := cover
		c.CaseToken = tokens[min(i, len(tokens)-1)]
		country, unit, _ := strings.Cut(address, "/")
		c.ToUnit = unit
		docket, err := envelope.Marshal(lint.DocketOf(f.GetContent(), c))
		if err != nil {
			return nil, err
		}
		docketSalt := envelope.NewSalt()
		messages = append(messages, &nodev1.Outgoing{
			To: country, Docket: docket, DocketSalt: docketSalt[:], Content: content, ContentSalt: salt[:],
		})
	}
	verb := r.GetVerb()
	if verb == rogatoryv1.Verb_VERB_UNSPECIFIED {
		verb = rogatoryv1.Verb_VERB_DRAFT
		alone := cover.BreakGlass
		if err := d.cfg.Store.View(func(tx *store.Reader) error {
			c, err := casefile.Load(tx, tokens[0])
			if err == nil && !alone {
				alone, err = d.house.Alone(tx, c, officer, cover.FromUnit, lint.DocketOf(f.GetContent(), cover))
			}
			return err
		}); err != nil {
			return nil, err
		}
		if alone {
			verb = rogatoryv1.Verb_VERB_SEND
		}
	}
	return compose(&rogatoryv1.Act{Verb: verb, CaseToken: tokens[0], Actor: r.GetActor()}, messages, rendered)
}

// cover completes what a file leaves open: unit, case, predecessor, recipients.
func (d *Desk) cover(f *rogatoryv1.RequestFile, officer *rogatoryv1.Officer) (to []string, cover lint.Cover, err error) {
	cover = lint.CoverOf(f)
	cover.Actor, cover.ActorKind = officer.GetPseudonym(), rogatoryv1.ActorKind_ACTOR_KIND_OFFICER
	if officer.GetAgency() {
		cover.ActorKind = rogatoryv1.ActorKind_ACTOR_KIND_AGENCY
	}
	to = f.GetTo()
	if cover.CaseToken != "" {
		c, err := casefile.Of(d.cfg.Store, cover.CaseToken, officer)
		if err != nil {
			return nil, cover, err
		}
		if cover.FromUnit == "" {
			cover.FromUnit = c.Unit
		}
		if cover.Regime == 0 {
			cover.Regime = c.Regime
		}
		if len(to) == 0 {
			to = c.Others()
		}
		if kind := lint.KindOf(f.GetContent()); len(cover.Of) == 0 {
			of := implied(c.Case, kind)
			switch docket := lint.DocketOf(f.GetContent(), cover); {
			case of != (exchange.Name{}):
				cover.Of = of[:]
			case exchange.Opens(docket) || c.Notice() || c.Kind == exchange.KindJoint:
			case c.Unsent():
				return nil, cover, fmt.Errorf("case %s: %w", c.Token, refusal.ErrUnsent)
			default:
				return nil, cover, fmt.Errorf("%s in case %s: %w", codes.Enum(codes.English, kind), c.Token, refusal.ErrFollows)
			}
		}
	}
	if cover.FromUnit == "" {
		if len(officer.GetUnits()) != 1 {
			return nil, cover, fmt.Errorf("officer %s belongs to units %v: say from which in fromUnit: %w", officer.GetPseudonym(), officer.GetUnits(), refusal.ErrRequest)
		}
		cover.FromUnit = officer.GetUnits()[0]
	}
	if err := officers.KnownUnit(d.cfg.Node, cover.FromUnit); err != nil {
		return nil, cover, err
	}
	if len(to) == 0 {
		return nil, cover, fmt.Errorf("no recipient in \"to\": %w", refusal.ErrRequest)
	}
	if slices.ContainsFunc(to, func(address string) bool {
		country, _, _ := strings.Cut(address, "/")
		return country == d.cfg.Node.Country
	}) {
		return nil, cover, fmt.Errorf("to %s: %w", strings.Join(to, ", "), refusal.ErrOwnCountry)
	}
	return to, cover, nil
}

// implied returns the message that a message of this kind follows when its file names none.
func implied(c exchange.Case, kind rogatoryv1.Kind) exchange.Name {
	last := func(fits func(m exchange.Message) bool) exchange.Name {
		for _, m := range slices.Backward(c.Messages) {
			if !m.Rejected && fits(m) {
				return m.Name
			}
		}
		return exchange.Name{}
	}
	of := func(out bool, kinds ...rogatoryv1.Kind) exchange.Name {
		return last(func(m exchange.Message) bool { return m.Out == out && slices.Contains(kinds, m.Kind) })
	}
	reply := []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY, rogatoryv1.Kind_KIND_SPONTANEOUS}
	switch kind {
	case rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER:
		return of(false, rogatoryv1.Kind_KIND_CLARIFICATION)
	case rogatoryv1.Kind_KIND_REOPENING, rogatoryv1.Kind_KIND_OBJECTION:
		return last(func(m exchange.Message) bool { return !m.Out && m.Final })
	case rogatoryv1.Kind_KIND_OBJECTION_DECISION:
		return of(false, rogatoryv1.Kind_KIND_OBJECTION)
	case rogatoryv1.Kind_KIND_CONSENT_REQUEST, rogatoryv1.Kind_KIND_FEEDBACK:
		return of(false, reply...)
	case rogatoryv1.Kind_KIND_CONSENT_DECISION:
		return of(false, rogatoryv1.Kind_KIND_CONSENT_REQUEST)
	case rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL:
		return of(true, rogatoryv1.Kind_KIND_CONSENT_DECISION)
	case rogatoryv1.Kind_KIND_CORRECTION:
		return of(true, append(reply, rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST)...)
	case rogatoryv1.Kind_KIND_CORRECTION_RECEIPT:
		return of(false, rogatoryv1.Kind_KIND_CORRECTION)
	}
	return c.Round
}
