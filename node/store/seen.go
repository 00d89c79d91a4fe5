package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Seen returns what is known of the message (from, epoch, seq); ok is false when it has not arrived.
func (r *Reader) Seen(from string, epoch uint32, seq uint64) (seen *storev1.Seen, ok bool, err error) {
	return rows.Get[storev1.Seen](r.b.Bucket(bucketSeen), place(from, epoch, seq))
}

// PutSeen notes for ever that the message (from, epoch, seq) has arrived. It returns [ErrExists] when something has
// already arrived there.
func (t *Tx) PutSeen(from string, epoch uint32, seq uint64, seen *storev1.Seen) error {
	if err := checkName("sender", from); err != nil {
		return err
	}
	if epoch == 0 || seq == 0 || len(seen.Msg) != 32 {
		return fmt.Errorf("noting message %d.%d from %s: %w", epoch, seq, from, ErrInvalid)
	}
	key := place(from, epoch, seq)
	if t.b.Bucket(bucketSeen).Get(key) != nil {
		return fmt.Errorf("noting message %d.%d from %s: %w", epoch, seq, from, ErrExists)
	}
	if err := t.putRow(bucketSeen, key, seen); err != nil {
		return err
	}
	in, err := t.Incoming(from, epoch)
	if err != nil {
		return err
	}
	in.Largest = max(in.Largest, seq)
	if seq == in.Through+1 {
		in.Through++
		for in.Through < in.Largest && t.b.Bucket(bucketSeen).Get(place(from, epoch, in.Through+1)) != nil {
			in.Through++
		}
	}
	return t.putRow(bucketIncoming, incomingKey(from, epoch), in)
}

// EachSeen calls each with what has arrived from a sender behind (afterEpoch, afterSeq), in the order of the numbers, until it returns false.
func (r *Reader) EachSeen(from string, afterEpoch uint32, afterSeq uint64, each func(epoch uint32, seq uint64, seen *storev1.Seen) bool) error {
	after := place(from, afterEpoch, afterSeq)
	return rows.Each(r.b.Bucket(bucketSeen), rows.Named(from), after, func(k []byte, seen *storev1.Seen) bool {
		epoch, seq := sequenceOf(from, k)
		return bytes.Equal(k, after) || each(epoch, seq, seen)
	})
}

// Came returns the Statement with which a message came that was seen, and the BatchSignature over it: the sender's proof that it has given out
// that number. [ErrNotFound] means that neither was kept.
func (r *Reader) Came(seen *storev1.Seen) (statement, signature []byte, err error) {
	m, err := r.Message(int64(seen.LeafIndex))
	if err == nil {
		return m.Statement, m.Signature, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return nil, nil, err
	}
	st, err := r.Statement(int64(seen.LeafIndex)) // it was refused
	if err != nil {
		return nil, nil, err
	}
	return st.Statement, st.Signature, nil
}

func incomingKey(from string, epoch uint32) []byte {
	return rows.Named(from, binary.BigEndian.AppendUint32(nil, epoch))
}

// Incoming returns where the sequence of a sender in one epoch stands; zeros when nothing has arrived.
func (r *Reader) Incoming(from string, epoch uint32) (*storev1.Incoming, error) {
	in := new(storev1.Incoming)
	_, err := rows.Read(r.b.Bucket(bucketIncoming), incomingKey(from, epoch), in)
	return in, err
}

// LatestEpoch returns the largest epoch in which something from a sender has arrived, or 0.
func (r *Reader) LatestEpoch(from string) uint32 {
	var epoch uint32
	c := r.b.Bucket(bucketIncoming).Cursor()
	prefix := rows.Named(from)
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		epoch = binary.BigEndian.Uint32(k[len(prefix):])
	}
	return epoch
}

// Gaps returns the sequence numbers below the largest that have not arrived, ascending, at most limit.
func (r *Reader) Gaps(from string, epoch uint32, limit int) ([]uint64, error) {
	in, err := r.Incoming(from, epoch)
	if err != nil {
		return nil, err
	}
	var gaps []uint64
	next := in.Through + 1
	c := r.b.Bucket(bucketSeen).Cursor()
	prefix := incomingKey(from, epoch)
	for k, _ := c.Seek(place(from, epoch, next)); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		for seq := rows.Number(k[len(prefix):]); next < seq; next++ {
			if len(gaps) == limit {
				return gaps, nil
			}
			gaps = append(gaps, next)
		}
		next++
	}
	return gaps, nil
}
