package store

import (
	"bytes"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// PutMessage keeps the side record of the `msg` leaf at index: docket, salt, statement and signature, and where the content
// is. A message with a case token is listed with that case, which must be there.
func (t *Tx) PutMessage(index int64, m *storev1.LoggedMessage) error {
	if m.CaseToken != "" {
		number, err := t.caseNumber(m.CaseToken)
		if err != nil {
			return fmt.Errorf("keeping message at leaf %d: %w", index, err)
		}
		direction := []byte{0}
		if m.Outgoing {
			direction[0] = 1
		}
		if err := t.put(bucketCases, append(rows.U64(number), rows.U64(index)...), direction); err != nil {
			return err
		}
	}
	t.bucket(bucketSides).FillPercent = 0.9 // they come at the end; a receipt makes a message longer
	return t.putSigned(index, &m.Signature, &m.SignatureAt, func() error { return t.putRow(bucketSides, indexed(index, endMessage), m) })
}

// messageRow returns the side record of the `msg` leaf at index as it is kept.
func (r *Reader) messageRow(index int64) (*storev1.LoggedMessage, error) {
	m, err := rows.Find[storev1.LoggedMessage](r.b.Bucket(bucketSides), indexed(index, endMessage))
	if err != nil {
		return nil, fmt.Errorf("reading message at leaf %d: %w", index, err)
	}
	return m, nil
}

// Message returns the side record of the `msg` leaf at index, or [ErrNotFound].
func (r *Reader) Message(index int64) (*storev1.LoggedMessage, error) {
	m, err := r.messageRow(index)
	if err != nil {
		return nil, err
	}
	return m, r.joinSignature(&m.Signature, &m.SignatureAt)
}

// EachMessage calls each with the messages from leaf index on, in order of their leaves, until it returns false.
func (r *Reader) EachMessage(from int64, each func(index int64, m *storev1.LoggedMessage) bool) error {
	c := r.b.Bucket(bucketSides).Cursor()
	for k, v := c.Seek(rows.U64(from)); k != nil; k, v = c.Next() {
		if !isIndexed(k, endMessage) {
			continue
		}
		m := new(storev1.LoggedMessage)
		if err := rows.Parse(v, m); err != nil {
			return err
		}
		if err := r.joinSignature(&m.Signature, &m.SignatureAt); err != nil {
			return err
		}
		if !each(int64(rows.Number(k)), m) {
			break
		}
	}
	return nil
}

// ExpireDocket destroys a docket and its salt when their 3 or 5 years have ended.
func (t *Tx) ExpireDocket(index int64) error {
	m, err := t.messageRow(index)
	if err != nil {
		return err
	}
	m.Docket, m.DocketSalt = nil, nil
	return t.putRow(bucketSides, indexed(index, endMessage), m)
}

// Entomb notes under which `erase` leaf the content of the message at index was destroyed, in the transaction that erases it. The first stays.
func (t *Tx) Entomb(index, tombstone int64) error {
	m, err := t.messageRow(index)
	if err != nil || m.ErasedPlusOne != 0 {
		return err
	}
	var chore storev1.Chore
	if ok, err := rows.Read(t.b.Bucket(bucketChores), rows.U64(m.ContentId), &chore); err != nil {
		return err
	} else if ok && chore.Erase {
		chore.Msg = m.Msg
		if err := t.putRow(bucketChores, rows.U64(m.ContentId), &chore); err != nil {
			return err
		}
	}
	m.ErasedPlusOne = uint64(tombstone) + 1
	return t.putRow(bucketSides, indexed(index, endMessage), m)
}

// CaseMessages returns the leaf indices of the messages of a case, ascending.
func (r *Reader) CaseMessages(token string) ([]int64, error) {
	n, err := r.caseNumber(token)
	if err != nil {
		return nil, err
	}
	var indices []int64
	prefix := rows.U64(n)
	c := r.b.Bucket(bucketCases).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if len(k) == 16 {
			indices = append(indices, int64(rows.Number(k[8:])))
		}
	}
	return indices, nil
}

// PutStatement keeps the side record of the `reseal` or `rej` leaf at index: one attempt to carry a message.
func (t *Tx) PutStatement(index int64, st *storev1.LoggedStatement) error {
	return t.putSigned(index, &st.Signature, &st.SignatureAt, func() error { return t.putRow(bucketSides, indexed(index, endStatement), st) })
}

// Statement returns the side record of the `reseal` or `rej` leaf at index, or [ErrNotFound].
func (r *Reader) Statement(index int64) (*storev1.LoggedStatement, error) {
	st, err := rows.Find[storev1.LoggedStatement](r.b.Bucket(bucketSides), indexed(index, endStatement))
	if err != nil {
		return nil, fmt.Errorf("reading statement at leaf %d: %w", index, err)
	}
	return st, r.joinSignature(&st.Signature, &st.SignatureAt)
}
