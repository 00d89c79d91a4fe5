package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Append appends entry to the log and returns its place, which is its index in the country's first log. The time of the leaf is now, or that of the leaf before it when
// the clock has gone back. Both change when the function given to Update runs again.
func (t *Tx) Append(entry translog.Entry) (index int64, err error) {
	own := t.edge.Size() + int64(len(t.leaves))
	index = t.s.current.Base + own
	at := t.At()
	leaf, err := translog.Marshal(at, own, entry)
	if err != nil {
		return 0, fmt.Errorf("appending leaf: %w", err)
	}
	if err := t.putLeaf(index, leaf); err != nil {
		return 0, fmt.Errorf("appending leaf: %w", err)
	}
	t.lastAt = at
	t.leaves = append(t.leaves, translog.LeafHash(leaf))
	switch entry.Kind() {
	case "rcpt", "cos":
	default:
		t.guardNeeded = t.guardNeeded || !t.call.later
		t.guardLater = t.guardLater || t.call.later
	}
	if t.call.first < 0 {
		t.call.first = index
	}
	return index, nil
}

// GuardLater says of the leaves that this Update appends from here on that nobody outside is told of them before the next checkpoint is
// signed: their guard may come with that, or with another batch, or a moment after the batch.
func (t *Tx) GuardLater() { t.call.later = true }

// Foretell asks for told to be called with the head that this batch leads to, before it is committed, so that a signature can be made
// meanwhile. Nothing that told makes may be used before [Store.Head] is that head. told must not wait for anything.
func (t *Tx) Foretell(told func(Head)) { t.foretold = told }

// At returns the time in ms that leaves have which are appended now: one for all of a transaction, never before that of the
// leaf before.
func (t *Tx) At() int64 { return max(t.lastAt, t.now) }

// putLeaf puts a leaf at a place; closeLeaves puts it into the tree.
func (t *Tx) putLeaf(place int64, leaf []byte) error {
	if len(leaf) > MaxValue {
		return fmt.Errorf("value of %d bytes: %w", len(leaf), ErrTooLarge)
	}
	t.call.wrote = true
	return t.row().Put(place, leaf)
}

// closeLeaves puts what the batch has appended into the tree.
func (t *Tx) closeLeaves() error {
	appended := t.leaves
	t.leaves = nil
	return t.row().Grow(t.s.current.Base, &t.edge, appended...)
}

// Size returns the number of leaves of all logs, which is the place of the next one; in the middle of an Update those count that it has appended.
func (r *Reader) Size() int64 { return r.row().Size() }

// Leaf returns the bytes of the leaf at a place, or [ErrNotFound].
func (r *Reader) Leaf(place int64) ([]byte, error) {
	leaf, err := r.row().Leaf(place)
	return bytes.Clone(leaf), err
}

// Leaves calls each with the leaves from a place on, in order, until it returns false. The bytes are its own for the time
// of the call only.
func (r *Reader) Leaves(from int64, each func(place int64, leaf []byte) bool) {
	r.row().Each(from, each)
}

// PutSide keeps a side record of the leaf at index: what the leaf only has the digest of, under a name such as "docket",
// "assertion", "list" or "checkpoint". At most [MaxSide] bytes.
func (t *Tx) PutSide(index int64, name string, record []byte) error {
	if err := checkName("name of side record", name); err != nil {
		return err
	}
	if len(record) > MaxSide {
		return fmt.Errorf("keeping %s of leaf %d, %d bytes: %w", name, index, len(record), ErrTooLarge)
	}
	key := append(u64(index), name...)
	var err error
	if len(record) <= MaxValue {
		err = errors.Join(t.deletePieces(bucketSides, key, 0), t.put(bucketSides, key, bytes.Clone(record)))
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
	key := append(u64(index), name...)
	return errors.Join(t.delete(bucketSides, key), t.deletePieces(bucketSides, key, 0))
}

// Side returns a side record of the leaf at index, or [ErrNotFound].
func (r *Reader) Side(index int64, name string) ([]byte, error) {
	b, key := r.b.Bucket(bucketSides), append(u64(index), name...)
	if v := b.Get(key); v != nil {
		return bytes.Clone(v), nil
	}
	// The bytes of a name are none that a piece's number begins with.
	if v := readPieces(b, key); v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("reading %s of leaf %d: %w", name, index, ErrNotFound)
}

// PutCheckpoint keeps the newest checkpoint that this node has signed. One that is smaller than the one kept is ignored.
func (t *Tx) PutCheckpoint(size int64, note []byte) error {
	var old storev1.OwnCheckpoint
	if _, err := read(t.b.Bucket(bucketCheckpoint), rowNewest, &old); err != nil {
		return err
	}
	if uint64(size) < old.Size {
		return nil
	}
	return t.putRow(bucketCheckpoint, rowNewest, &storev1.OwnCheckpoint{Size: uint64(size), Checkpoint: note})
}

// Checkpoint returns the newest checkpoint that this node has kept, and its size; nil when there is none.
func (r *Reader) Checkpoint() (size int64, note []byte, err error) {
	var c storev1.OwnCheckpoint
	if _, err := read(r.b.Bucket(bucketCheckpoint), rowNewest, &c); err != nil {
		return 0, nil, err
	}
	return int64(c.Size), c.Checkpoint, nil
}
