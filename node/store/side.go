package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
)

// PutSide keeps a side record of the leaf at index: what the leaf only has the digest of, under a name such as "docket",
// "assertion", "list" or "checkpoint". At most [MaxSide] bytes.
func (t *Tx) PutSide(index int64, name string, record []byte) error {
	if err := checkName("name of side record", name); err != nil {
		return err
	}
	if len(record) > MaxSide {
		return fmt.Errorf("keeping %s of leaf %d, %d bytes: %w", name, index, len(record), ErrTooLarge)
	}
	key := append(rows.U64(index), name...)
	var err error
	if len(record) <= MaxValue {
		err = errors.Join(t.deletePieces(bucketSides, key), t.put(bucketSides, key, bytes.Clone(record)))
	} else if _, err = t.putPieces(bucketSides, key, record); err == nil {
		err = t.delete(bucketSides, key)
	}
	if err != nil {
		return fmt.Errorf("keeping %s of leaf %d: %w", name, index, err)
	}
	return nil
}

// MaxSide is the size in bytes that no side record exceeds: that of the longest cosigned checkpoint, rounded.
const MaxSide = 1 << 20

// DeleteSide destroys a side record, if there is one.
func (t *Tx) DeleteSide(index int64, name string) error {
	key := append(rows.U64(index), name...)
	return errors.Join(t.delete(bucketSides, key), t.deletePieces(bucketSides, key))
}

// Side returns a side record of the leaf at index, or [ErrNotFound].
func (r *Reader) Side(index int64, name string) ([]byte, error) {
	b, key := r.b.Bucket(bucketSides), append(rows.U64(index), name...)
	if v := b.Get(key); v != nil {
		return bytes.Clone(v), nil
	}
	// The bytes of a name are none that a piece's number begins with.
	if v := rows.ReadPieces(b, key); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("reading %s of leaf %d: %w", name, index, ErrNotFound)
}

// Sides calls each with the side records that were kept by name beside the leaves of the places from from up to, and without,
// until, in order of place, until it returns false. The bytes are its own for the time of the call only.
func (r *Reader) Sides(from, until int64, each func(index int64, name string, record []byte) bool) {
	bucket, end := r.b.Bucket(bucketSides), rows.U64(until)
	c := bucket.Cursor()
	for k, v := c.Seek(rows.U64(from)); k != nil && bytes.Compare(k, end) < 0; k, v = c.Next() {
		if k[8] < 0x21 {
			continue // a message, a statement or a signature
		}
		if last := len(k) - 2; last > 8 && k[last] < 0x21 { // a piece: no name has such a byte
			if k[last] != 0 || k[last+1] != 0 {
				continue
			}
			k = bytes.Clone(k[:last])
			v = rows.ReadPieces(bucket, k)
		}
		if !each(int64(rows.Number(k)), string(k[8:]), v) {
			return
		}
	}
}
