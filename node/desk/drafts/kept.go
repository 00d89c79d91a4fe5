package drafts

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// EachApproved calls each with every approved draft that waits to be sent, and its recipient.
func EachApproved(r *store.Reader, each func(id, to string)) error {
	var bad error
	err := r.EachDraft(func(row *storev1.Draft) bool {
		if row.GetState() != Approved {
			return true
		}
		body := &nodev1.CommitRequest{}
		if err := proto.Unmarshal(row.GetBody(), body); err != nil || len(body.GetMessages()) != 1 {
			bad = fmt.Errorf("reading draft: %w", errors.Join(err, store.ErrInconsistent))
			return false
		}
		each(row.GetId(), body.GetMessages()[0].GetTo())
		return true
	})
	return errors.Join(err, bad)
}

// Waits reports whether something of the case waits for an approver, or to be sent.
func Waits(r *store.Reader, caseToken string) (waits bool, err error) {
	err = r.EachDraft(func(row *storev1.Draft) bool {
		waits = row.GetCaseToken() == caseToken && row.GetState() != Declined
		return !waits
	})
	return waits, err
}

// DropDeclined forgets what was declined in a case, with its content: a new draft replaces it, another unit does not inherit it.
func DropDeclined(tx *store.Tx, caseToken string) error {
	return dropDeclinedOf(tx, func(row *storev1.Draft) bool { return row.GetCaseToken() == caseToken })
}

func dropDeclinedOf(tx *store.Tx, fits func(*storev1.Draft) bool) error {
	return dropFitting(tx, func(row *storev1.Draft) bool { return row.GetState() == Declined && fits(row) })
}

// dropFitting forgets drafts with their contents.
func dropFitting(tx *store.Tx, fits func(*storev1.Draft) bool) error {
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

// DropSent forgets the draft of a message that was sent, so that nobody approves it once more.
func DropSent(tx *store.Tx, token string, commit translog.Hash) error {
	return dropFitting(tx, func(row *storev1.Draft) bool { return row.GetCaseToken() == token && row.GetId() == IDOf(commit[:]) })
}

// OfAct returns the drafts that one act put before an approver, the newest act that did so in this case.
func OfAct(r *store.Reader, caseToken string, states ...string) ([]*Draft, error) {
	var ids []string
	var of []byte
	newest := uint64(0)
	collect := func(fits func(d *storev1.Draft, b *nodev1.CommitRequest) bool) error {
		ids = ids[:0]
		return r.EachDraft(func(row *storev1.Draft) bool {
			body := &nodev1.CommitRequest{}
			if slices.Contains(states, row.GetState()) && proto.Unmarshal(row.GetBody(), body) == nil && fits(row, body) {
				ids = append(ids, row.GetId())
			}
			return true
		})
	}
	if err := collect(func(row *storev1.Draft, b *nodev1.CommitRequest) bool {
		if row.GetCaseToken() != caseToken {
			return false
		}
		if row.GetUpdatedMs() >= newest {
			newest, of = row.GetUpdatedMs(), b.GetAssertion().GetAct()
		}
		return true
	}); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("case %s: %w", caseToken, refusal.ErrNoDraft)
	}
	if err := collect(func(_ *storev1.Draft, b *nodev1.CommitRequest) bool {
		return string(b.GetAssertion().GetAct()) == string(of)
	}); err != nil {
		return nil, err
	}
	return loadAll(r, ids)
}

// StatesOf returns the states in which drafts of a case are.
func StatesOf(r *store.Reader, caseToken string) (map[string]bool, error) {
	states := map[string]bool{}
	return states, r.EachDraft(func(row *storev1.Draft) bool {
		if row.GetCaseToken() == caseToken {
			states[row.GetState()] = true
		}
		return true
	})
}

// OfCase returns the drafts of a case, whatever their state.
func OfCase(r *store.Reader, caseToken string) ([]*Draft, error) {
	var ids []string
	if err := r.EachDraft(func(row *storev1.Draft) bool {
		if row.GetCaseToken() == caseToken {
			ids = append(ids, row.GetId())
		}
		return true
	}); err != nil {
		return nil, err
	}
	return loadAll(r, ids)
}

func loadAll(r *store.Reader, ids []string) (list []*Draft, err error) {
	for _, id := range ids {
		d, err := Load(r, id)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// DropOld forgets what was declined before a time, milliseconds since 1970.
func DropOld(tx *store.Tx, until uint64) error {
	return dropDeclinedOf(tx, func(row *storev1.Draft) bool { return row.GetUpdatedMs() < until })
}

// DropAll forgets all drafts of a case.
func DropAll(tx *store.Tx, caseToken string) error {
	return dropFitting(tx, func(row *storev1.Draft) bool { return row.GetCaseToken() == caseToken })
}
