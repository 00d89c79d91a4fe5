package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Want is what a person wants to do.
type Want struct {
	// Verb of the act; unspecified sends the file where one officer may and drafts it where two must, as the node's rules say.
	Verb rogatoryv1.Verb
	// File for acts that send; its attachments are sealed already (Attach) and listed in its content.
	File *rogatoryv1.RequestFile
	// CaseToken for acts in a case without a file.
	CaseToken string
	// Reason is the coded reason, for reading and erasing; whom or which unit a case goes to, for assigning and handing over.
	Reason string
	// Subject is the other object of the act, 32 bytes or empty.
	Subject []byte
}

// Coded reasons of the readings that come before an act in a case.
const (
	ReasonApproval = "approval" // to approve, decline or ratify
	ReasonDrafting = "drafting" // to write a message in it
)

// Prepared is an act that was checked and waits for the signature.
type Prepared struct {
	// Act that will be signed.
	Act *rogatoryv1.Act
	// Messages it sends or releases, each with its docket and content.
	Messages []Message
	// Findings are the linter's warnings.
	Findings []*nodev1.Finding

	bytes    []byte
	outgoing []*nodev1.Outgoing
	echo     bool
}

// Message is an outgoing message as the officer is to see it.
type Message struct {
	// To is the recipient's country.
	To string
	// Docket and Content, parsed from the very bytes that the act commits to.
	Docket  *rogatoryv1.Docket
	Content *rogatoryv1.Content
}

// Prepare asks the node to compose an act and checks the answer. The error is a *FindingsError when the linter stops it, and
// ErrNotAsked when the node composed something else.
func (c *Client) Prepare(ctx context.Context, w Want) (*Prepared, error) {
	if err := c.Identify(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(checkToken(w.CaseToken), checkToken(w.File.GetCaseToken()), checkCode(w.Reason)); err != nil {
		return nil, err
	}
	req := &nodev1.PrepareRequest{
		Verb: w.Verb, Actor: c.officer.Pseudonym, File: w.File, CaseToken: w.CaseToken,
		Reason: w.Reason, Subject: w.Subject, Language: c.language,
	}
	// What is composed in a case says something of it, so it is read first.
	token, reason := w.File.GetCaseToken(), ReasonDrafting
	if decides(w.Verb) {
		token, reason = w.CaseToken, ReasonApproval
	}
	if token != "" {
		var err error
		req.Reading, err = c.Assert(ctx, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: reason})
		if err != nil {
			return nil, err
		}
	}
	resp, err := c.Desk.Prepare(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(resp.GetAct()) == 0 {
		return nil, &FindingsError{resp.GetFindings()}
	}
	p := &Prepared{
		Findings: resp.GetFindings(),
		bytes:    resp.GetAct(),
		outgoing: resp.GetMessages(),
		// What the node holds frozen it need not be sent again.
		echo: w.File != nil,
	}
	if err := p.verify(w, c.officer.Pseudonym, time.Now()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAsked, err)
	}
	return p, nil
}

// Commit signs a prepared act and has the node do it. Calling it again with the same Prepared after a lost answer is safe: an act counts once.
func (c *Client) Commit(ctx context.Context, p *Prepared) (*nodev1.CommitResponse, error) {
	if c.officer == nil {
		return nil, ErrNoOfficer
	}
	a, err := federation.SignAct(p.bytes, c.officer.Key)
	if err != nil {
		return nil, err
	}
	req := &nodev1.CommitRequest{Assertion: a}
	if p.echo {
		req.Messages = p.outgoing
	}
	return c.Desk.Commit(ctx, req)
}

// Do prepares, checks, signs and commits.
func (c *Client) Do(ctx context.Context, w Want) (*nodev1.CommitResponse, error) {
	p, err := c.Prepare(ctx, w)
	if err != nil {
		return nil, err
	}
	return c.Commit(ctx, p)
}

// Send sends a file where one officer may, and puts it before an approver where two must. draft tells which it was.
func (c *Client) Send(ctx context.Context, file *rogatoryv1.RequestFile) (resp *nodev1.CommitResponse, draft bool, err error) {
	p, err := c.Prepare(ctx, Want{File: file})
	if err != nil {
		return nil, false, err
	}
	resp, err = c.Commit(ctx, p)
	return resp, p.Draft(), err
}

// Draft reports whether the act puts messages before an approver instead of sending them.
func (p *Prepared) Draft() bool { return p.Act.GetVerb() == rogatoryv1.Verb_VERB_DRAFT }

// List returns the cases of the officer's units.
func (c *Client) List(ctx context.Context, req *nodev1.ListRequest) (*nodev1.ListResponse, error) {
	a, err := c.Assert(ctx, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST})
	if err != nil {
		return nil, err
	}
	req = proto.CloneOf(req)
	req.Assertion = a
	return c.Desk.List(ctx, req)
}

// Show opens a case. The reading and its coded reason are in the node's log before the content comes.
func (c *Client) Show(ctx context.Context, caseToken, reason string) (*nodev1.ShowResponse, error) {
	a, err := c.Assert(ctx, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: caseToken, Reason: reason})
	if err != nil {
		return nil, err
	}
	return c.Desk.Show(ctx, &nodev1.ShowRequest{Assertion: a})
}

// Watch calls f for each change in the officer's units until the context or f ends it.
func (c *Client) Watch(ctx context.Context, f func(*nodev1.CaseRow) error) error {
	a, err := c.Assert(ctx, &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST})
	if err != nil {
		return err
	}
	stream, err := c.Desk.Watch(ctx, &nodev1.WatchRequest{Assertion: a})
	if err != nil {
		return err
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := f(resp.GetCase()); err != nil {
			return err
		}
	}
}
