package store

import (
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// PutDraft keeps or replaces a draft.
func (t *Tx) PutDraft(d *storev1.Draft) error {
	if err := errors.Join(checkName("draft", d.Id), checkName("unit", d.Unit)); err != nil {
		return err
	}
	return t.putRow(bucketDrafts, []byte(d.Id), d)
}

// DeleteDraft forgets a draft. Its content, if nothing else names it, is erased with [Tx.EraseContent].
func (t *Tx) DeleteDraft(id string) error { return t.delete(bucketDrafts, []byte(id)) }

// Draft returns a draft, or [ErrNotFound].
func (r *Reader) Draft(id string) (*storev1.Draft, error) {
	d, err := rows.Find[storev1.Draft](r.b.Bucket(bucketDrafts), []byte(id))
	if err != nil {
		return nil, fmt.Errorf("reading draft %s: %w", id, err)
	}
	return d, nil
}

// EachDraft calls each with every draft until it returns false.
func (r *Reader) EachDraft(each func(*storev1.Draft) bool) error {
	return rows.Each(r.b.Bucket(bucketDrafts), nil, nil, func(_ []byte, d *storev1.Draft) bool { return each(d) })
}

// PutSubmission notes what an idempotency key of a unit led to. It returns [ErrExists] when there is something already.
func (t *Tx) PutSubmission(unit, key string, sub *storev1.Submission) error {
	if err := errors.Join(checkName("unit", unit), checkName("idempotency key", key)); err != nil {
		return err
	}
	if t.b.Bucket(bucketSubmissions).Get(rows.Named(unit, []byte(key))) != nil {
		return fmt.Errorf("noting submission: %w", ErrExists)
	}
	return t.putRow(bucketSubmissions, rows.Named(unit, []byte(key)), sub)
}

// Submission returns what an idempotency key of a unit led to; ok is false when it is new.
func (r *Reader) Submission(unit, key string) (sub *storev1.Submission, ok bool, err error) {
	return rows.Get[storev1.Submission](r.b.Bucket(bucketSubmissions), rows.Named(unit, []byte(key)))
}

// ForgetSubmissions deletes at most limit submissions from before a time (milliseconds since 1970), and returns how many.
func (t *Tx) ForgetSubmissions(before uint64, limit int) (int, error) {
	var old [][]byte
	c := t.b.Bucket(bucketSubmissions).Cursor()
	for k, v := c.First(); k != nil && len(old) < limit; k, v = c.Next() {
		var sub storev1.Submission
		if err := rows.Parse(v, &sub); err != nil {
			return 0, err
		}
		if sub.AtMs < before {
			old = append(old, k)
		}
	}
	return len(old), t.deleteAll(bucketSubmissions, old)
}
