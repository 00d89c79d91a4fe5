package store

import (
	"bytes"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
	"github.com/rogatory/rogatory/node/store/rows"
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

// putLeaf puts a leaf at a place. It is in no tree yet.
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

// PutCheckpoint keeps the newest checkpoint that this node has signed. One that is smaller than the one kept is ignored.
func (t *Tx) PutCheckpoint(size int64, note []byte) error {
	var old storev1.OwnCheckpoint
	if _, err := rows.Read(t.b.Bucket(bucketCheckpoint), rowNewest, &old); err != nil {
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
	if _, err := rows.Read(r.b.Bucket(bucketCheckpoint), rowNewest, &c); err != nil {
		return 0, nil, err
	}
	return int64(c.Size), c.Checkpoint, nil
}

// A Head is a size of the log and the root of its RFC 6962 tree at that size.
type Head = leaves.Head

func (r *Reader) row() leaves.Row { return leaves.In(r.b.Bucket(bucketLeaves)) }

// tree is that of the log whose heads and proofs the Reader gives.
func (r *Reader) tree() leaves.Tree { return r.row().Tree(r.base()) }

// HeadAt returns the head that the log had at size.
func (r *Reader) HeadAt(size int64) (Head, error) {
	return r.tree().Head(size)
}

// Inclusion returns the RFC 6962 inclusion proof of the leaf at index in the tree of size, from the leaf up.
func (r *Reader) Inclusion(index, size int64) ([]translog.Hash, error) {
	return translog.ProveInclusion(size, index, r.tree())
}

// Consistency returns the RFC 6962 proof that the tree of size older is a prefix of the tree of size newer.
func (r *Reader) Consistency(older, newer int64) ([]translog.Hash, error) {
	return translog.ProveConsistency(older, newer, r.tree())
}

// Consistency is [Reader.Consistency] in a View of its own.
func (s *Store) Consistency(older, newer int64) (proof []translog.Hash, err error) {
	err = s.View(func(r *Reader) error {
		proof, err = r.Consistency(older, newer)
		return err
	})
	return proof, err
}
