// Package drafts keeps messages that are not sent yet, with their bytes and salts frozen: what waits for an approver, what is approved and waits for a
// number, what was declined and lies with its drafter. An approver signs the very commitments that leave.
package drafts

import (
	"encoding/base64"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// States of a kept draft.
const (
	Pending  = "pending"  // waits for an approver
	Approved = "approved" // waits until the node is cleared
	Declined = "declined" // stays for its drafter, until it is replaced or discarded, or time has passed
)

// A Draft is a message whose bytes and salts are frozen and that was not sent yet. It is kept under its docket's commitment, which is
// also its name in its case.
type Draft struct {
	Out *nodev1.Outgoing // with its content

	row *storev1.Draft
	// body is the act that put it here or judged it, and the message without its content.
	body *nodev1.CommitRequest
}

// IDOf is the name under which a draft is kept, by its docket's commitment.
func IDOf(docketCommit []byte) string { return base64.RawURLEncoding.EncodeToString(docketCommit) }

// Keep freezes a message.
func Keep(tx *store.Tx, m *Message, unit, state string, a *rogatoryv1.Assertion) error {
	salted := append(append([]byte{}, m.Out.GetContentSalt()...), m.Out.GetContent()...)
	id, err := tx.PutContent(unit, salted)
	if err != nil {
		return err
	}
	d := &Draft{
		row: &storev1.Draft{
			Id: IDOf(m.Target.GetDocketCommit()), Unit: unit, Actor: m.Docket.GetActor(), State: state,
			UpdatedMs: uint64(tx.At()), ContentId: id, CaseToken: m.Docket.GetCaseToken(),
		},
		body: &nodev1.CommitRequest{Assertion: a, Messages: []*nodev1.Outgoing{{
			To: m.Out.GetTo(), Docket: m.Out.GetDocket(), DocketSalt: m.Out.GetDocketSalt(),
		}}},
	}
	return d.put(tx)
}

func (d *Draft) put(tx *store.Tx) error {
	var err error
	if d.row.Body, err = proto.Marshal(d.body); err != nil {
		return err
	}
	return tx.PutDraft(d.row)
}

// Load returns a kept draft with its content.
func Load(r *store.Reader, id string) (*Draft, error) {
	row, err := r.Draft(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.ErrNoDraft
	}
	if err != nil {
		return nil, err
	}
	d := &Draft{row: row, body: &nodev1.CommitRequest{}}
	if err := proto.Unmarshal(row.GetBody(), d.body); err != nil || len(d.body.GetMessages()) != 1 {
		return nil, fmt.Errorf("reading draft: %w", errors.Join(err, store.ErrInconsistent))
	}
	kept, err := r.Content(row.GetContentId())
	if err != nil {
		return nil, err
	}
	content, err := post.SplitContent(kept)
	if err != nil {
		return nil, err
	}
	d.Out = proto.CloneOf(d.body.GetMessages()[0])
	d.Out.Content, d.Out.ContentSalt = content.Bytes, content.Salt[:]
	return d, nil
}

// Name is the draft's in its case: its docket's commitment.
func (d *Draft) Name() exchange.Name {
	t, err := TargetOf(d.Out)
	if err != nil {
		return exchange.Name{}
	}
	return exchange.Name(t.GetDocketCommit())
}

// ID is the name under which it is kept.
func (d *Draft) ID() string { return d.row.GetId() }

// Unit is the unit that it belongs to.
func (d *Draft) Unit() string { return d.row.GetUnit() }

// CaseToken names its case.
func (d *Draft) CaseToken() string { return d.row.GetCaseToken() }

// Drafter is the pseudonym of who put it here last.
func (d *Draft) Drafter() string { return d.row.GetActor() }

// State is one of the three.
func (d *Draft) State() string { return d.row.GetState() }

// UpdatedMs is when it was put here or judged, milliseconds since 1970.
func (d *Draft) UpdatedMs() uint64 { return d.row.GetUpdatedMs() }

// Assertion is of who put it here, or approved or declined it.
func (d *Draft) Assertion() *rogatoryv1.Assertion { return d.body.GetAssertion() }

// Judge notes that somebody approved or declined it.
func (d *Draft) Judge(tx *store.Tx, state string, a *rogatoryv1.Assertion) error {
	d.row.State, d.row.UpdatedMs, d.body.Assertion = state, uint64(tx.At()), a
	return d.put(tx)
}

// Discard forgets it, with its content.
func (d *Draft) Discard(tx *store.Tx) error {
	return errors.Join(tx.DeleteDraft(d.row.GetId()), tx.EraseContent(d.row.GetContentId()))
}
