package store

import (
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/keys"
	"github.com/rogatory/rogatory/node/store/rows"
)

// MaxValue is the size in bytes that no value exceeds which is not documented as kept in pieces.
const MaxValue = 64 << 10

// A Reader reads one state of the store. It is valid only within the function that it was given to.
type Reader struct {
	s   *Store
	b   *bbolt.Tx
	log *Log // whose heads and proofs it gives; nil for the one that is written
}

// A Tx reads and writes within one Update. It is valid only within the function that it was given to.
type Tx struct {
	Reader
	edge        translog.Edge
	leaves      []translog.Hash // appended in this batch, not yet in edge
	lastAt      int64
	now         int64             // when the functions began to run, ms
	guardNeeded bool              // a leaf that may be acted upon was appended
	guardLater  bool              // one was appended whose guard may come a moment later
	keys        *keys.Taker       // that the batch has taken
	signatures  map[string]uint64 // root signatures that the batch has kept, and where, plus one
	foretold    func(Head)        // is told the head before it is committed

	call *call // whose function runs
}

// View calls read with the newest committed state. It must be short: pages that a View holds cannot be used again.
func (s *Store) View(read func(*Reader) error) error {
	if s.queue.Closed() {
		return ErrClosed
	}
	return s.main.View(func(b *bbolt.Tx) error { return read(&Reader{s: s, b: b}) })
}

// bucket returns a bucket that is going to be written.
func (t *Tx) bucket(name []byte) *bbolt.Bucket { return t.b.Bucket(name) }

func (t *Tx) putIn(b *bbolt.Bucket, key, value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("value of %d bytes: %w", len(value), ErrTooLarge)
	}
	t.call.wrote = true
	return b.Put(key, value)
}

func (t *Tx) put(bucket, key, value []byte) error { return t.putIn(t.b.Bucket(bucket), key, value) }

func (t *Tx) putRow(bucket, key []byte, row proto.Message) error {
	v, err := rows.Marshal(row)
	if err != nil {
		return err
	}
	if err := t.put(bucket, key, v); err != nil {
		return fmt.Errorf("writing %s: %w", row.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}

func (t *Tx) delete(bucket, key []byte) error {
	t.call.wrote = true
	return t.b.Bucket(bucket).Delete(key)
}

func (t *Tx) deleteAll(bucket []byte, keys [][]byte) error {
	for _, key := range keys {
		if err := t.delete(bucket, key); err != nil {
			return err
		}
	}
	return nil
}

// putPieces keeps a long value in pieces and returns how many they are.
func (t *Tx) putPieces(bucket, key, value []byte) (int, error) {
	t.call.wrote = true
	return rows.PutPieces(t.b.Bucket(bucket), key, value)
}

// deletePieces deletes a value in pieces, if it is there.
func (t *Tx) deletePieces(bucket, key []byte) error {
	t.call.wrote = true
	return rows.DeletePieces(t.b.Bucket(bucket), key, 0)
}

// sequence returns the next number of a bucket, from 1.
func (t *Tx) sequence(bucket []byte) (uint64, error) {
	t.call.wrote = true
	return t.b.Bucket(bucket).NextSequence()
}
