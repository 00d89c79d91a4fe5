package desk

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// States of a kept draft.
const (
	draftPending  = "pending"  // waits for an approver
	draftApproved = "approved" // waits until the node is cleared
	draftDeclined = "declined" // stays for its drafter, until it is replaced or discarded, or time has passed
)

// A draft is a message whose bytes and salts are frozen and that was not sent yet. It is kept under its docket's commitment, which is
// also its name in its case.
type draft struct {
	row *storev1.Draft
	// body is the act that put it here or approved it, and the message without its content.
	body *nodev1.CommitRequest
	out  *nodev1.Outgoing // with its content
}

func draftID(docketCommit []byte) string { return base64.RawURLEncoding.EncodeToString(docketCommit) }

// keepDraft freezes a message.
func keepDraft(tx *store.Tx, m *sending, unit, state string, a *rogatoryv1.Assertion) error {
	salted := append(append([]byte{}, m.out.GetContentSalt()...), m.out.GetContent()...)
	id, err := tx.PutContent(unit, salted)
	if err != nil {
		return err
	}
	d := &draft{
		row: &storev1.Draft{
			Id: draftID(m.target.GetDocketCommit()), Unit: unit, Actor: m.docket.GetActor(), State: state,
			UpdatedMs: uint64(tx.At()), ContentId: id, CaseToken: m.docket.GetCaseToken(),
		},
		body: &nodev1.CommitRequest{Assertion: a, Messages: []*nodev1.Outgoing{{
			To: m.out.GetTo(), Docket: m.out.GetDocket(), DocketSalt: m.out.GetDocketSalt(),
		}}},
	}
	return d.put(tx)
}

func (d *draft) put(tx *store.Tx) error {
	var err error
	if d.row.Body, err = proto.Marshal(d.body); err != nil {
		return err
	}
	return tx.PutDraft(d.row)
}

// loadDraft returns a kept draft with its content.
func loadDraft(r *store.Reader, id string) (*draft, error) {
	row, err := r.Draft(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.ErrNoDraft
	}
	if err != nil {
		return nil, err
	}
	d := &draft{row: row, body: &nodev1.CommitRequest{}}
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
	d.out = proto.CloneOf(d.body.GetMessages()[0])
	d.out.Content, d.out.ContentSalt = content.Bytes, content.Salt[:]
	return d, nil
}

// drafted reports whether something of the case waits for an approver, or to be sent.
func drafted(r *store.Reader, caseToken string) (waits bool, err error) {
	err = r.EachDraft(func(row *storev1.Draft) bool {
		waits = row.GetCaseToken() == caseToken && row.GetState() != draftDeclined
		return !waits
	})
	return waits, err
}

// drop forgets what was declined in a case, with its content: a new draft replaces it, another unit does not inherit it.
func drop(tx *store.Tx, caseToken string) error {
	return dropDeclined(tx, func(row *storev1.Draft) bool { return row.GetCaseToken() == caseToken })
}

func dropDeclined(tx *store.Tx, fits func(*storev1.Draft) bool) error {
	return dropDrafts(tx, func(row *storev1.Draft) bool { return row.GetState() == draftDeclined && fits(row) })
}

// dropDrafts forgets drafts with their contents.
func dropDrafts(tx *store.Tx, fits func(*storev1.Draft) bool) error {
	var rows []*storev1.Draft
	if err := tx.EachDraft(func(row *storev1.Draft) bool {
		if fits(row) {
			rows = append(rows, row)
		}
		return true
	}); err != nil {
		return err
	}
	for _, row := range rows {
		if err := errors.Join(tx.DeleteDraft(row.GetId()), tx.EraseContent(row.GetContentId())); err != nil {
			return err
		}
	}
	return nil
}

// pending returns the drafts that one act put before an approver, among them the ones of this case.
func pending(r *store.Reader, caseToken string, states ...string) ([]*draft, error) {
	var ids []string
	var act []byte
	collect := func(fits func(d *storev1.Draft, b *nodev1.CommitRequest) bool) error {
		ids = ids[:0]
		return r.EachDraft(func(row *storev1.Draft) bool {
			body := &nodev1.CommitRequest{}
			if slices.Contains(states, row.GetState()) && proto.Unmarshal(row.GetBody(), body) == nil && fits(row, body) {
				ids = append(ids, row.GetId())
				act = body.GetAssertion().GetAct()
			}
			return true
		})
	}
	if err := collect(func(row *storev1.Draft, _ *nodev1.CommitRequest) bool { return row.GetCaseToken() == caseToken }); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("case %s: %w", caseToken, refusal.ErrNoDraft)
	}
	of := act
	if err := collect(func(_ *storev1.Draft, b *nodev1.CommitRequest) bool {
		return string(b.GetAssertion().GetAct()) == string(of)
	}); err != nil {
		return nil, err
	}
	var drafts []*draft
	for _, id := range ids {
		d, err := loadDraft(r, id)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// sendingOf is a draft as something to be sent; its content is kept already.
func (d *draft) sending() (*sending, error) {
	m, err := parseOutgoing(d.out)
	if err != nil {
		return nil, err
	}
	m.contentID = d.row.GetContentId()
	return m, nil
}

// sending is a message that is about to be sent, parsed and checked.
type sending struct {
	out       *nodev1.Outgoing
	docket    *rogatoryv1.Docket
	content   *rogatoryv1.Content
	target    *rogatoryv1.ActTarget
	contentID uint64 // of the content, when the store has it already
}

func parseOutgoing(out *nodev1.Outgoing) (*sending, error) {
	m := &sending{out: out}
	var err error
	if m.target, err = targetOf(out); err != nil {
		return nil, err
	}
	if m.docket, err = casefile.ParseDocket(out.GetDocket()); err != nil {
		return nil, err
	}
	m.content, err = casefile.ParseContent(out.GetContent())
	return m, err
}

// outgoing is what the office carries.
func (m *sending) outgoing(unit string) post.Outgoing {
	return post.Outgoing{
		To: m.out.GetTo(), CaseToken: m.docket.GetCaseToken(), Unit: unit, ContentID: m.contentID,
		Docket:  envelope.Part{Bytes: m.out.GetDocket(), Salt: envelope.Salt(m.out.GetDocketSalt())},
		Content: envelope.Part{Bytes: m.out.GetContent(), Salt: envelope.Salt(m.out.GetContentSalt())},
	}
}

// salted is the docket with its salt, as it stands beside a leaf.
func (m *sending) salted() []byte { return slices.Concat(m.out.GetDocketSalt(), m.out.GetDocket()) }
