package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Dial connects to the member's node as one of its people; nil for nobody.
func (m *Member) Dial(who *client.Officer) (*client.Client, error) {
	return client.Dial(client.Options{Socket: m.Config.Socket, Officer: who})
}

// settle is how often a node is asked how it is.
const settle = 20 * time.Millisecond

// Await waits until the node says of itself what fits wants.
func (m *Member) Await(ctx context.Context, fits func(*nodev1.StatusResponse) bool) error {
	cl, err := m.Dial(nil)
	if err != nil {
		return err
	}
	defer cl.Close()
	last := "no answer"
	for {
		s, err := cl.Operator.Status(ctx, &nodev1.StatusRequest{})
		if err == nil {
			if fits(s) {
				return nil
			}
			last = fmt.Sprintf("connected %t, cleared %t %q, outbox %d, parked %d", s.Connected, s.Cleared, s.UnclearedReason, s.Outbox, s.Parked)
		}
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s (%s): %w", m.Country, last, ctx.Err())
		}
	}
}

// AwaitCleared waits until the peers have cleared the node.
func (m *Member) AwaitCleared(ctx context.Context) error {
	return m.Await(ctx, func(s *nodev1.StatusResponse) bool { return s.GetCleared() && s.GetConnected() })
}

// EnrolAgency puts the agency on the register, by both founders.
func (m *Member) EnrolAgency(ctx context.Context) error {
	key := m.Agency.Key.Public()
	o := &rogatoryv1.Officer{
		Pseudonym: m.Agency.Pseudonym, PublicKey: key[:], Units: []string{Unit}, Agency: true,
		Rights: []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_SEND},
	}
	subject, err := federation.EnrolmentSubject(o)
	if err != nil {
		return err
	}
	e := &rogatoryv1.Enrolment{Officer: o}
	for i, verb := range []rogatoryv1.Verb{rogatoryv1.Verb_VERB_ENROL, rogatoryv1.Verb_VERB_ENROL_CONFIRM} {
		a, err := m.Founders[i].Assert(&rogatoryv1.Act{Verb: verb, Subject: subject[:]}, time.Now())
		if err != nil {
			return err
		}
		e.Assertions = append(e.Assertions, a)
	}
	cl, err := m.Dial(nil)
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := cl.Desk.Enrol(ctx, &nodev1.EnrolRequest{Enrolment: e}); err != nil {
		return fmt.Errorf("enrolling %s: %w", o.Pseudonym, err)
	}
	return nil
}

// Submission is a message that an agency has composed and signed: one call commits it.
type Submission struct {
	From, To, CaseToken string
	Docket, Content     []byte
	DocketCommit        string // hexadecimal
	Request             *nodev1.CommitRequest
}

// Compose makes a request under a token that was reserved. The content's bytes are taken as they are.
func (m *Member) Compose(token, to string, content *rogatoryv1.Content, at time.Time) (*Submission, error) {
	s := &Submission{From: m.Country, To: to, CaseToken: token}
	var err error
	if s.Content, err = envelope.Marshal(content); err != nil {
		return nil, err
	}
	docket := lint.DocketOf(content, lint.Cover{
		CaseToken: token, FromUnit: Unit, ToUnit: Unit, Regime: rogatoryv1.Regime_REGIME_EU_2023_977,
		Actor: m.Agency.Pseudonym, ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_AGENCY,
	})
	if s.Docket, err = envelope.Marshal(docket); err != nil {
		return nil, err
	}
	docketSalt, contentSalt := envelope.NewSalt(), envelope.NewSalt()
	dc := envelope.Commit(docketSalt, envelope.Docket, s.Docket)
	cc := envelope.Commit(contentSalt, envelope.Content, s.Content)
	s.DocketCommit = hex.EncodeToString(dc[:])
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand stops the program instead
	act, err := federation.NewAct(&rogatoryv1.Act{
		Verb: rogatoryv1.Verb_VERB_SEND, CaseToken: token, Actor: m.Agency.Pseudonym,
		Targets: []*rogatoryv1.ActTarget{{To: to, Unit: Unit, DocketCommit: dc[:], ContentCommit: cc[:]}},
	}, nonce, at)
	if err != nil {
		return nil, err
	}
	a, err := federation.SignAct(act, m.Agency.Key)
	if err != nil {
		return nil, err
	}
	s.Request = &nodev1.CommitRequest{
		IdempotencyKey: bytes.Clone(nonce[:]), Assertion: a,
		Messages: []*nodev1.Outgoing{{
			To: to, Docket: s.Docket, DocketSalt: docketSalt[:], Content: s.Content, ContentSalt: contentSalt[:],
		}},
	}
	return s, nil
}
