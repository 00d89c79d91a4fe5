package store

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A country writes one log, until it loses a part of it: then that log is closed at the last head that can be proven, and the next one goes on
// from there. The store keeps the leaves of all of them behind one another. A leaf's place is its number in that row, and what all
// other rows name: places never change. Its index, which the leaf itself says, is its number in its own log; the two are one in the first.

// A Log is one of the country's logs.
type Log struct {
	// Number counts them from 1; it is the last part of the origin.
	Number uint64
	// Origin is its name.
	Origin string
	// Epoch is that of the sequence numbers which were given out in it.
	Epoch uint32
	// Base is the place of its leaf 0.
	Base int64
	// Size is the number of its leaves.
	Size int64
	// Closed is the signed checkpoint with which it was closed, over all of it; nil for the log that is written.
	Closed []byte
}

// Holds reports whether the leaf at a place is one of the log's, and its index there.
func (l Log) Holds(place int64) (index int64, ok bool) {
	return place - l.Base, place >= l.Base && place < l.Base+l.Size
}

// readLogs returns the country's logs, the one that is written last; its size counts what the transaction has committed.
func (s *Store) readLogs(b *bbolt.Tx) ([]Log, error) {
	logs := []Log{{Number: leaves.Number(s.opts.Origin), Origin: s.opts.Origin, Epoch: s.opts.Epoch}}
	bucket := b.Bucket(bucketLogs)
	if bucket == nil { // these are files of an earlier program that nobody has opened for writing yet
		return logs, nil
	}
	err := bucket.ForEach(func(_, v []byte) error {
		var row storev1.LogRow
		if err := rows.Parse(v, &row); err != nil {
			return err
		}
		last := &logs[len(logs)-1]
		last.Size, last.Closed = int64(row.Base)-last.Base, row.Closed
		logs = append(logs, Log{Number: row.Number, Origin: row.Origin, Epoch: row.Epoch, Base: int64(row.Base)})
		return nil
	})
	last := &logs[len(logs)-1]
	last.Size = (&Reader{s: s, b: b}).Size() - last.Base
	return logs, err
}

// Logs returns the country's logs, the one that is written last.
func (r *Reader) Logs() ([]Log, error) { return r.s.readLogs(r.b) }

// In returns a Reader whose heads and proofs are those of one of the country's logs. That of a Reader by itself is the log that is written.
func (r *Reader) In(l Log) *Reader { return &Reader{s: r.s, b: r.b, log: &l} }

// base is the place of leaf 0 of the log that the Reader proves of.
func (r *Reader) base() int64 {
	if r.log != nil {
		return r.log.Base
	}
	return r.s.current.Base
}

// LogSize returns the number of leaves of the log that is written; in the middle of an Update those count that it has appended.
func (r *Reader) LogSize() int64 { return r.Size() - r.s.current.Base }

// Log returns the log that is written, as it stood when the store was opened.
func (s *Store) Log() Log { return s.current }

// Size returns the number of committed leaves of all logs: the place of the next one.
func (s *Store) Size() int64 { return s.head().Size + s.current.Base }

// Ref returns the index of a leaf in the log that is written, by its place; 0, where no message stands, for one of an earlier log.
func (r *Reader) Ref(place int64) int64 { return max(place-r.s.current.Base, 0) }

// LogRow returns what the recovery noted that opened a log, or [ErrNotFound].
func (r *Reader) LogRow(number uint64) (*storev1.LogRow, error) {
	row, err := rows.Find[storev1.LogRow](r.b.Bucket(bucketLogs), rows.U64(number))
	if err != nil {
		return nil, fmt.Errorf("reading log %d: %w", number, err)
	}
	return row, nil
}

// uncleared returns the place from which on the peers have confirmed nothing of the log since: that of the first leaf of the first start that
// was not cleared; ok is false when the last start was.
func (r *Reader) uncleared() (place int64, ok bool) {
	if v := r.b.Bucket(bucketCheckpoint).Get(rowUncleared); v != nil {
		return int64(rows.Number(v)), true
	}
	return 0, false
}

// NoteStart notes that a start begins at the next leaf, unless an earlier one has not been cleared yet.
func (t *Tx) NoteStart() error {
	if _, ok := t.uncleared(); ok {
		return nil
	}
	return t.put(bucketCheckpoint, rowUncleared, rows.U64(t.Size()))
}

// NoteCleared notes that the peers have confirmed the head: what follows may be signed.
func (t *Tx) NoteCleared() error { return t.delete(bucketCheckpoint, rowUncleared) }

// NoteRollback notes why others hold this store for older than what was signed: for the recovery, which forgets it.
func (t *Tx) NoteRollback(why string) error {
	return t.put(bucketCheckpoint, rowRollback, []byte(why[:min(len(why), 4096)]))
}

// RollbackNoted returns the note of [Tx.NoteRollback]; empty without one.
func (r *Reader) RollbackNoted() string { return string(r.b.Bucket(bucketCheckpoint).Get(rowRollback)) }

// leafAt parses the leaf at a place.
func (r *Reader) leafAt(place int64) (translog.Leaf, error) {
	raw, err := r.Leaf(place)
	if err != nil {
		return translog.Leaf{}, err
	}
	return translog.ParseLeaf(raw)
}

// Opening returns the places of the leaves that stand behind the `node` leaf which opened a log, from one up to another: what [Recovery.Opening] has put.
// The country's first log has none.
func (r *Reader) Opening(l Log) (from, to int64, err error) {
	if l.Base == 0 {
		return 0, 0, nil
	}
	r.Leaves(l.Base, func(place int64, raw []byte) bool {
		var leaf translog.Leaf
		if leaf, err = translog.ParseLeaf(raw); err != nil || place >= l.Base+l.Size {
			return false
		}
		switch e := leaf.Entry.(type) {
		case *translog.Node:
			if from != 0 {
				return false
			}
			if e.Event == translog.NodeRecover {
				from, to = place+1, place+1
			}
			return true
		case *translog.Actor, *translog.State:
			if from != 0 {
				to = place + 1
			}
			return true
		}
		return from == 0
	})
	return from, to, err
}
