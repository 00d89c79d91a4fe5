package store

import (
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// MaxParked is the largest envelope in bytes that is parked.
const MaxParked = 4 << 20

// Park keeps an envelope that is authentic but not understood, until an operator decides, and returns its number.
func (t *Tx) Park(p *storev1.Parked) (id uint64, err error) {
	if len(p.Envelope) > MaxParked {
		return 0, fmt.Errorf("parking envelope of %d bytes: %w", len(p.Envelope), ErrTooLarge)
	}
	if id, err = t.sequence(bucketParked); err != nil {
		return 0, err
	}
	p.Id = id
	row, err := rows.Marshal(p)
	if err != nil {
		return 0, err
	}
	_, err = t.putPieces(bucketParked, rows.U64(id), row)
	return id, err
}

// Unpark takes a parked envelope away, released or dropped. It returns [ErrNotFound] when it is not there.
func (t *Tx) Unpark(id uint64) error {
	if _, err := t.ParkedEnvelope(id); err != nil {
		return err
	}
	return t.deletePieces(bucketParked, rows.U64(id))
}

// ParkedEnvelope returns one parked envelope, or [ErrNotFound].
func (r *Reader) ParkedEnvelope(id uint64) (*storev1.Parked, error) {
	row := rows.ReadPieces(r.b.Bucket(bucketParked), rows.U64(id))
	if row == nil {
		return nil, fmt.Errorf("parked envelope %d: %w", id, ErrNotFound)
	}
	p := new(storev1.Parked)
	return p, rows.Parse(row, p)
}

// EachParked calls each with the parked envelopes in order of arrival until it returns false.
func (r *Reader) EachParked(each func(*storev1.Parked) bool) error {
	c := r.b.Bucket(bucketParked).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if piece, ok := rows.IsPiece(k); !ok || piece != 0 {
			continue
		}
		p, err := r.ParkedEnvelope(rows.Number(k))
		if err != nil {
			return err
		}
		if !each(p) {
			break
		}
	}
	return nil
}
