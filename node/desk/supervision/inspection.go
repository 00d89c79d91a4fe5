// Package supervision answers a supervisor: who consulted what, and what is held on somebody. A supervisor is an officer with a right of its own, in the
// units that it supervises. A person is searched for where the contents are and nowhere else; what was found stands in the log, by message, before anybody
// is told.
package supervision

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// basisSupervision is the basis of a supervisor's line in the statutory log.
const basisSupervision = "supervision"

// Records are what a node keeps that can be inspected.
type Records struct {
	Store    *store.Store
	Officers *officers.Register
	Logger   *slog.Logger
}

// An Inspection is what a supervisor asked for, and what was found.
type Inspection struct {
	// Found is what is held: messages, in the order of the log.
	Found []*nodev1.Holding
	// Closed counts the messages that could not be searched, since what they said is gone.
	Closed uint32

	of      Records
	a       *rogatoryv1.Assertion
	act     *rogatoryv1.Act
	officer *rogatoryv1.Officer
	quest   *quest // nil: a case

	recipients map[string][]string       // of our own messages, by the commitment to the content
	units      map[string]*casefile.File // by case token
}

// Inspect verifies who asks, searches, and logs what was found. Nothing that it returns was told to anybody before.
func (r Records) Inspect(ctx context.Context, a *rogatoryv1.Assertion, identifiers []string, salt []byte) (*Inspection, error) {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return nil, err
	}
	in := &Inspection{of: r, a: a, act: act, recipients: map[string][]string{}, units: map[string]*casefile.File{}}
	if in.officer, err = r.Officers.Now().Officer(act.GetActor()); err != nil {
		return nil, err
	}
	want := federation.ActWant{Verb: rogatoryv1.Verb_VERB_SUPERVISE, CaseToken: act.GetCaseToken()}
	if len(in.officer.GetUnits()) > 0 {
		want.Unit = in.officer.GetUnits()[0]
	}
	if act.GetCaseToken() == "" {
		if len(salt) != 32 {
			return nil, fmt.Errorf("search with a salt of %d bytes: %w", len(salt), refusal.ErrRequest)
		}
		subject, err := federation.SearchSubject([32]byte(salt), identifiers)
		if err != nil {
			return nil, err
		}
		want.Subject = subject[:]
		if in.quest, err = newQuest(identifiers); err != nil {
			return nil, err
		}
	} else if len(identifiers) > 0 {
		return nil, fmt.Errorf("a case and a person in one search: %w", refusal.ErrRequest)
	}
	if _, err := r.Officers.Now().VerifyAssertion(a, time.Now(), want); err != nil {
		return nil, err
	}
	if in.quest == nil {
		if _, err := casefile.Of(r.Store, act.GetCaseToken(), in.officer); err != nil {
			return nil, err
		}
	}
	// One assertion opens one search, however many come with it at once.
	if err := r.Officers.Once(ctx, a); err != nil {
		return nil, err
	}
	if err := in.search(ctx); err != nil {
		return nil, err
	}
	return in, in.note(ctx)
}

// search looks through all messages, a few at a time.
func (in *Inspection) search(ctx context.Context) error {
	var own []translog.Hash // commitments of what was found and is ours, in the order of found
	if err := casefile.EachMessage(ctx, in.of.Store, 0, func(r *store.Reader, index int64, row *storev1.LoggedMessage) error {
		commit, err := in.look(r, index, row)
		for len(own) < len(in.Found) {
			own = append(own, commit)
		}
		return err
	}); err != nil {
		return err
	}
	for i, h := range in.Found {
		if !own[i].IsZero() {
			h.To = in.recipients[string(own[i][:])]
		}
	}
	return nil
}

// look judges one message. It returns the commitment to its content when it is ours.
func (in *Inspection) look(r *store.Reader, index int64, row *storev1.LoggedMessage) (commit translog.Hash, err error) {
	msg, err := envelope.ParseMessage(row.GetMessage())
	if err != nil {
		return commit, err
	}
	to := msg.GetTo()
	docket := (*rogatoryv1.Docket)(nil)
	if len(row.GetDocket()) > 0 {
		if docket, err = casefile.ParseDocket(row.GetDocket()); err != nil {
			return commit, err
		}
		to = casefile.Address(to, docket.GetToUnit())
	}
	if row.GetOutgoing() {
		commit = translog.Hash(msg.GetContentCommit())
		if all := in.recipients[string(commit[:])]; !slices.Contains(all, to) {
			in.recipients[string(commit[:])] = append(all, to)
		}
	}
	if in.quest == nil && row.GetCaseToken() != in.act.GetCaseToken() {
		return commit, nil
	}
	c := in.units[row.GetCaseToken()]
	if c == nil {
		if c, err = casefile.Load(r, row.GetCaseToken()); err != nil {
			return commit, err
		}
		in.units[row.GetCaseToken()] = c
	}
	if !c.BelongsTo(in.officer) {
		return commit, nil
	}
	m, err := c.Read(r, index, in.of.Logger)
	if err != nil {
		return commit, err
	}
	h := &nodev1.Holding{
		CaseToken: c.Token, Msg: row.GetMsg(), Index: uint64(index), AtMs: m.GetAtMs(), Unit: c.Unit,
		From: casefile.Address(msg.GetFrom(), docket.GetFromUnit()), To: []string{to}, Docket: docket, Status: m.GetStatus(), Tombstone: m.GetTombstone(),
	}
	if in.quest == nil {
		in.Found = append(in.Found, h)
		return commit, nil
	}
	if m.GetContent() == nil {
		in.Closed++
		return commit, nil
	}
	if h.Records = in.quest.records(m.GetContent()); len(h.Records) > 0 {
		in.Found = append(in.Found, h)
	}
	return commit, nil
}

// names are the messages that were found.
func (in *Inspection) names() (names []translog.Hash) {
	for _, h := range in.Found {
		names = append(names, translog.Hash(h.GetMsg()))
	}
	slices.SortFunc(names, func(a, b translog.Hash) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(names)
}

// note logs the search and what it found.
func (in *Inspection) note(ctx context.Context) error {
	names := in.names()
	_, err := in.of.Store.Update(ctx, func(tx *store.Tx) error {
		return casefile.AppendOp(tx, &translog.Op{
			Verb: translog.Consult, Who: in.act.GetActor(), Why: in.act.GetReason(), Basis: basisSupervision, Case: in.act.GetCaseToken(), Of: names,
		}, in.a)
	})
	return err
}

// Consultations returns the lines of the statutory log about what was found, this search among them.
func (in *Inspection) Consultations(ctx context.Context) (lines []*nodev1.Consultation, err error) {
	names := in.names()
	err = casefile.EachLeaf(ctx, in.of.Store, 0, func(r *store.Reader, place int64, leaf translog.Leaf) (bool, error) {
		op, ok := leaf.Entry.(*translog.Op)
		if !ok {
			return true, nil
		}
		line, err := in.line(r, place, leaf.At, op, names)
		if line != nil {
			lines = append(lines, line)
		}
		return true, err
	})
	return lines, err
}

// line is an `op` leaf as a supervisor reads it; nil when it is about something else.
func (in *Inspection) line(r *store.Reader, index, at int64, op *translog.Op, names []translog.Hash) (*nodev1.Consultation, error) {
	of, err := casefile.OpNames(r, index, op)
	if err != nil {
		return nil, err
	}
	line := &nodev1.Consultation{
		Index: uint64(index), AtMs: uint64(at), Verb: op.Verb, Who: op.Who, Why: op.Why, Basis: op.Basis, CaseToken: op.Case, Recipient: op.Recipient,
	}
	for _, name := range of {
		if _, ok := slices.BinarySearchFunc(names, name, func(a, b translog.Hash) int { return slices.Compare(a[:], b[:]) }); ok {
			line.Messages = append(line.Messages, name[:])
		}
	}
	if len(line.Messages) == 0 && (in.quest != nil || op.Case != in.act.GetCaseToken()) {
		return nil, nil
	}
	return line, nil
}
