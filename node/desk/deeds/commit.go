package deeds

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/reading"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Commit does what an assertion says, once for each idempotency key.
func (d *Registry) Commit(ctx context.Context, r *nodev1.CommitRequest) (*nodev1.CommitResponse, error) {
	act, err := federation.ParseAct(r.GetAssertion().GetAct())
	if err != nil {
		return nil, err
	}
	a := &deed{d: d, assertion: r.GetAssertion(), act: act, digest: sha256.Sum256(r.GetAssertion().GetAct())}
	if a.key, err = idempotencyKey(r, act); err != nil {
		return nil, err
	}
	out, err := a.do(ctx, r)
	if errors.Is(err, store.ErrExists) && a.officer != nil {
		// The same act came twice at the same moment and the other was first.
		if done, lookup := a.before(); done != nil || errors.Is(lookup, refusal.ErrReused) {
			return done, lookup
		}
	}
	return out, err
}

func (a *deed) do(ctx context.Context, r *nodev1.CommitRequest) (*nodev1.CommitResponse, error) {
	act := a.act
	switch act.GetVerb() {
	case rogatoryv1.Verb_VERB_DRAFT, rogatoryv1.Verb_VERB_SEND:
		return a.send(ctx, r.GetMessages())
	}
	if err := a.signed(); err != nil {
		return nil, err
	}
	switch act.GetVerb() {
	case rogatoryv1.Verb_VERB_APPROVE:
		return a.approve(ctx)
	case rogatoryv1.Verb_VERB_DECLINE:
		return a.decline(ctx)
	case rogatoryv1.Verb_VERB_RATIFY:
		return a.ratify(ctx)
	case rogatoryv1.Verb_VERB_REGISTER:
		return a.onCase(ctx, exchange.EventRegister, nil)
	case rogatoryv1.Verb_VERB_ASSIGN:
		return a.assign(ctx)
	case rogatoryv1.Verb_VERB_TRANSFER:
		return a.transfer(ctx)
	case rogatoryv1.Verb_VERB_ERASE:
		return a.erase(ctx)
	case rogatoryv1.Verb_VERB_HOLD:
		return a.onCase(ctx, exchange.EventHold, nil)
	case rogatoryv1.Verb_VERB_RELEASE:
		return a.onCase(ctx, exchange.EventRelease, nil)
	case rogatoryv1.Verb_VERB_KEEP:
		return a.keepOn(ctx)
	}
	return nil, fmt.Errorf("committing %s: %w", act.GetVerb(), refusal.ErrRequest)
}

func idempotencyKey(r *nodev1.CommitRequest, act *rogatoryv1.Act) (string, error) {
	key := r.GetIdempotencyKey()
	if len(key) == 0 {
		key = act.GetNonce()
	}
	if len(key) < 16 || len(key) > 64 {
		return "", fmt.Errorf("idempotency key of %d bytes, from 16 to 64: %w", len(key), refusal.ErrRequest)
	}
	return hex.EncodeToString(key[:min(len(key), 60)]), nil
}

// A deed is an act on its way.
type deed struct {
	d         *Registry
	assertion *rogatoryv1.Assertion
	act       *rogatoryv1.Act
	digest    [32]byte
	key       string // idempotency key
	unit      string
	officer   *rogatoryv1.Officer
}

// verify checks the assertion against the register.
func (a *deed) verify(want federation.ActWant) error {
	want.Verb = a.act.GetVerb()
	v, err := a.d.cfg.Officers.Now().VerifyAssertion(a.assertion, time.Now(), want)
	if err != nil {
		return err
	}
	a.officer, a.unit = v.Officer, want.Unit
	return nil
}

// signed checks that the actor has signed, before the case is looked at: who has no key does not even learn whose it is, or how it stands. What the
// act says is judged with its case.
func (a *deed) signed() error {
	officer, err := a.d.cfg.Officers.Now().Officer(a.act.GetActor())
	if err != nil {
		return err
	}
	want := federation.ActWant{CaseToken: a.act.GetCaseToken(), Targets: a.act.GetTargets(), Subject: a.act.GetSubject(), Drafter: "-"}
	if len(officer.GetUnits()) > 0 {
		want.Unit = officer.GetUnits()[0]
	}
	return a.verify(want)
}

// before returns the result of the same act if it was done already. Who asks has been verified.
func (a *deed) before() (*nodev1.CommitResponse, error) {
	var out *nodev1.CommitResponse
	err := a.d.cfg.Store.View(func(r *store.Reader) error {
		sub, ok, err := r.Submission(a.unit, a.key)
		if err != nil || !ok {
			return err
		}
		if !bytes.Equal(sub.GetDigest(), a.digest[:]) {
			return refusal.ErrReused
		}
		out, err = reading.RowsOf(r, sub.GetCaseTokens())
		return err
	})
	return out, err
}

// note uses the act up, in the transaction that does it.
func (a *deed) note(tx *store.Tx, tokens []string) error {
	if err := officers.UseUp(tx, a.act); err != nil {
		return err
	}
	return tx.PutSubmission(a.unit, a.key, &storev1.Submission{CaseTokens: tokens, AtMs: uint64(tx.At()), Digest: a.digest[:]})
}

// WhoOf is an officer as exchange knows him.
func WhoOf(officer *rogatoryv1.Officer) exchange.Who {
	if officer.GetAgency() {
		return exchange.Agency
	}
	return exchange.Officer
}

// event is a step that the actor makes now.
func (a *deed) event(tx *store.Tx, kind exchange.EventKind) exchange.Event {
	return exchange.Event{Kind: kind, At: tx.At(), Index: uint64(tx.Size()), Actor: a.act.GetActor(), Who: WhoOf(a.officer)}
}

// step makes a step that sends nothing and whose docket says no more than who makes it.
func (a *deed) step(tx *store.Tx, c *casefile.File, e exchange.Event) error {
	return c.Step(tx, e, a.d.cfg.House.Rules(false), casefile.Why{Assertion: a.assertion, Local: a.local(c.Token)})
}

// local is the docket of a step that sends nothing.
func (a *deed) local(token string) *rogatoryv1.Docket {
	d := &rogatoryv1.Docket{
		CaseToken: token, FromUnit: a.unit, Actor: a.act.GetActor(), ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER,
	}
	if a.officer.GetAgency() {
		d.ActorKind = rogatoryv1.ActorKind_ACTOR_KIND_AGENCY
	}
	return d
}
