package client

import (
	"context"
	"crypto/rand"

	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Search is what a supervisor asks about: a case, or a person.
type Search struct {
	// CaseToken, or
	CaseToken string
	// Identifiers of the person, each in full: names, numbers, addresses.
	Identifiers []string
	// Ground is the coded reason; it is logged.
	Ground string
}

// assert signs a search. What is searched for is committed to under a salt that nobody keeps.
func (c *Client) assert(ctx context.Context, s Search) (*rogatoryv1.Assertion, []byte, error) {
	act := &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_SUPERVISE, CaseToken: s.CaseToken, Reason: s.Ground}
	if s.CaseToken != "" {
		a, err := c.Assert(ctx, act)
		return a, nil, err
	}
	var salt [32]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand stops the program instead
	subject, err := federation.SearchSubject(salt, s.Identifiers)
	if err != nil {
		return nil, nil, err
	}
	act.Subject = subject[:]
	a, err := c.Assert(ctx, act)
	return a, salt[:], err
}

// Consultations asks who consulted a case or a person. The question is in the node's log before the answer comes.
func (c *Client) Consultations(ctx context.Context, s Search) (*nodev1.ConsultationsResponse, error) {
	a, salt, err := c.assert(ctx, s)
	if err != nil {
		return nil, err
	}
	return c.Desk.Consultations(ctx, &nodev1.ConsultationsRequest{Assertion: a, Identifiers: s.Identifiers, Salt: salt})
}

// Holdings asks what is held on a case or a person, and who consulted it. The question is in the node's log before the answer comes.
func (c *Client) Holdings(ctx context.Context, s Search) (*nodev1.HoldingsResponse, error) {
	a, salt, err := c.assert(ctx, s)
	if err != nil {
		return nil, err
	}
	return c.Desk.Holdings(ctx, &nodev1.HoldingsRequest{Assertion: a, Identifiers: s.Identifiers, Salt: salt})
}
