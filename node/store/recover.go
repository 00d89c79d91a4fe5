package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/batch"
	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/leaves"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A Recovery says how the next log is opened after a rollback. Its functions may be called more than once.
type Recovery struct {
	// Number is the new log's. It is larger than that of any log of the country that anybody has heard of; its epoch is the same number.
	Number uint64
	// Close returns the signed checkpoint with which the old log is closed.
	Close func(origin string, head Head) ([]byte, error)
	// Genesis returns leaf 0 of the new log.
	Genesis func(closed string, head Head) (*translog.Genesis, error)
	// Endorse returns what stands beside leaf 0: the signature of the identity key over it.
	Endorse func(leaf []byte) ([]byte, error)
	// Note returns the `node` leaf that says so, and what stands beside it.
	Note func(r *Recovered) (*translog.Node, []byte, error)
	// Opening puts the leaves that stand behind it, each with a side record and its name: who is on the register, and how all cases stand. The first `state`
	// leaf is folded behind a state. The size of such leaves need not be set.
	Opening func(r *Reader, before translog.Hash, put func(e translog.Entry, name string, record []byte) error) error
	// Moved returns a `state` leaf that moves, and its snapshot, folded behind a state over those of its cases that leaves in the new log have moved.
	Moved func(snapshot []byte, before translog.Hash, tokens map[string]bool) (*translog.State, []byte, error)
	// Peers are those that may have something to give back.
	Peers []string
}

// Recovered is what a recovery found and did.
type Recovered struct {
	// Log is the new one, Origin and Closed the old one and the head with which it is closed.
	Log    Log
	Origin string
	Closed Head
	// Guard is what the head guard had seen, of the log GuardLog; zero without a guard.
	Guard    Head
	GuardLog string
	// Moved is the number of leaves that were written since by starts which no peer has confirmed. They stand in the new log.
	Moved int64
	// Erased is the number of contents that the journal of erasures names.
	Erased int
}

// SideEndorsement is the name of the side record of a genesis behind the first.
const SideEndorsement = "endorsement"

// SideLeaf is the name of the side record of a `rcpt` leaf that holds the peer's leaf, where no message keeps it.
const SideLeaf = "leaf"

// SideSnapshot is the name of the side record of a `state` leaf: the cases that it is of.
const SideSnapshot = "snapshot"

// SideReport is the name of the side record of a `node` leaf: what its digest is of.
const SideReport = "report"

// Recover closes the log of a store that is older than what was signed, at its last head that peers can have confirmed, and opens the
// next one, in one transaction. What starts that nobody has confirmed have written since has never been signed: it moves into the new log, in its
// place, where the genesis takes that of the first of these starts. Before that everything is erased again that the journal beside
// opts.GuardPath names. The store must not be open. A crash leaves the old log or the new one. [ErrInvalid] means that there is no log to close.
func Recover(ctx context.Context, opts Options, r Recovery) (_ *Recovered, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("recovering: %w", err)
		}
	}()
	if err := filesAreThere(opts.Dir); err != nil {
		return nil, err
	}
	s := &Store{opts: opts, queue: batch.New[*call]()}
	defer func() { err = errors.Join(err, s.closeFiles()) }()
	if err := s.openFiles(); err != nil {
		return nil, err
	}
	if err := s.loadLog(); err != nil {
		return nil, err
	}
	if s.guard, err = guard.Open(opts.GuardPath, s.current.Origin); err != nil {
		return nil, err
	}
	journal, err := s.journal().Contents()
	if err != nil {
		return nil, err
	}
	if err := s.eraseAgain(ctx, journal); err != nil {
		return nil, err
	}
	out := &Recovered{Origin: s.current.Origin, Erased: len(journal)}
	out.GuardLog, out.Guard = s.guard.Head()
	if highest := max(s.current.Number, leaves.Number(out.GuardLog)); r.Number <= highest {
		return nil, fmt.Errorf("log %d after log %d: %w", r.Number, highest, ErrInvalid)
	}
	var edge translog.Edge
	if err := s.main.Update(func(b *bbolt.Tx) error {
		edge, err = s.nextLog(b, &r, out)
		return err
	}); err != nil {
		return nil, err
	}
	s.step(StepCommitted)
	if err := s.guard.Write(out.Log.Origin, leaves.HeadOf(&edge), nil, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnguarded, err)
	}
	return out, nil
}

// nextLog closes the log that is written and opens the next one.
func (s *Store) nextLog(b *bbolt.Tx, r *Recovery, out *Recovered) (edge translog.Edge, err error) {
	t := &Tx{Reader: Reader{s: s, b: b}, call: new(call), now: time.Now().UnixMilli()}
	old, size := s.current, t.Size()
	cut, uncleared := t.Uncleared()
	if !uncleared {
		cut = size
	}
	if cut <= old.Base {
		return edge, fmt.Errorf("no leaf of %s was ever confirmed: %w", old.Origin, ErrInvalid)
	}
	if out.Closed, err = t.HeadAt(cut - old.Base); err != nil {
		return edge, err
	}
	moved, err := t.cutLeaves(cut, size)
	if err != nil {
		return edge, err
	}
	out.Moved = int64(len(moved))
	stem, _ := leaves.SplitOrigin(s.opts.Origin)
	out.Log = Log{Number: r.Number, Origin: fmt.Sprintf("%s%d", stem, r.Number), Epoch: uint32(r.Number), Base: cut}
	row := &storev1.LogRow{
		Number: r.Number, Origin: out.Log.Origin, Epoch: out.Log.Epoch, Base: uint64(cut), OpenedMs: uint64(t.now),
		ClosedOrigin: old.Origin, GuardOrigin: out.GuardLog, GuardSize: uint64(out.Guard.Size), GuardRoot: out.Guard.Root[:],
	}
	if row.Closed, err = r.Close(old.Origin, out.Closed); err != nil {
		return edge, err
	}
	last, err := t.leafAt(cut - 1)
	if err != nil {
		return edge, err
	}
	genesis, err := r.Genesis(old.Origin, out.Closed)
	if err != nil {
		return edge, err
	}
	note, beside, err := r.Note(out)
	if err != nil {
		return edge, err
	}
	// The genesis takes the place and the time of the first start that moves, so that what follows it keeps both.
	entries := append(moved, translog.Leaf{Entry: note})
	if len(moved) > 0 {
		entries[0].Entry = genesis
	} else {
		entries = append([]translog.Leaf{{Entry: genesis}}, entries...)
	}
	at := last.At
	add := func(e translog.Leaf) (leaf []byte, err error) {
		if e.At == 0 {
			e.At = t.now
		}
		at = max(at, e.At)
		if leaf, err = translog.Marshal(at, edge.Size(), e.Entry); err != nil {
			return nil, err
		}
		if err := t.putLeaf(cut+edge.Size(), leaf); err != nil {
			return nil, err
		}
		return leaf, t.row().Grow(cut, &edge, translog.LeafHash(leaf))
	}
	var state translog.Hash
	tokens := map[string]bool{} // of the cases that moved leaves have moved since the last `state` leaf
	for i, e := range entries {
		switch k := e.Entry.(type) {
		case *translog.Case:
			tokens[k.Case] = true
		case *translog.State:
			if e.Entry, err = t.movedState(r, cut, cut+int64(i), state, tokens); err != nil {
				return edge, err
			}
			state = e.Entry.(*translog.State).State
			clear(tokens)
		}
		leaf, err := add(e)
		if err != nil {
			return edge, err
		}
		if i == 0 {
			endorsement, err := r.Endorse(leaf)
			if err != nil {
				return edge, err
			}
			if err := t.PutSide(cut, SideEndorsement, endorsement); err != nil {
				return edge, err
			}
		}
	}
	if err := t.PutSide(cut+edge.Size()-1, SideReport, beside); err != nil {
		return edge, err
	}
	if err := r.Opening(&t.Reader, state, func(e translog.Entry, name string, record []byte) error {
		if st, ok := e.(*translog.State); ok {
			st.Size = edge.Size()
		}
		if record != nil {
			if err := t.PutSide(cut+edge.Size(), name, record); err != nil {
				return err
			}
		}
		_, err := add(translog.Leaf{Entry: e})
		return err
	}); err != nil {
		return edge, err
	}
	out.Log.Size = edge.Size()
	if err := errors.Join(
		deleteWhere(b.Bucket(bucketCheckpoint), func(_, _ []byte) (bool, error) { return true, nil }),
		t.putRow(bucketLogs, u64(r.Number), row),
	); err != nil {
		return edge, err
	}
	for _, rest := range [][]byte{bucketRecoveries, bucketReturned, bucketLost, bucketExpected} { // of a recovery before
		if err := deleteWhere(b.Bucket(rest), func(_, _ []byte) (bool, error) { return true, nil }); err != nil {
			return edge, err
		}
	}
	for _, peer := range r.Peers {
		epoch, seq, _, err := t.NextOutgoing(peer)
		if err != nil {
			return edge, err
		}
		if seq == 1 {
			epoch = 0
		}
		if err := t.PutRecovery(&storev1.Recovery{Peer: peer, Log: r.Number, GivenEpoch: epoch, GivenSeq: seq - 1}); err != nil {
			return edge, err
		}
	}
	return edge, nil
}

// movedState returns the `state` leaf of a place that moves, as it has to be in the new log.
func (t *Tx) movedState(r *Recovery, cut, place int64, before translog.Hash, tokens map[string]bool) (*translog.State, error) {
	old, err := t.Side(place, SideSnapshot)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	leaf, snapshot, err := r.Moved(old, before, tokens)
	if err != nil {
		return nil, err
	}
	leaf.Size = place - cut
	if snapshot == nil {
		return leaf, t.DeleteSide(place, SideSnapshot)
	}
	return leaf, t.PutSide(place, SideSnapshot, snapshot)
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

// cutLeaves takes the leaves from one place on out of their log and returns them. The first is that of a start.
func (t *Tx) cutLeaves(from, size int64) ([]translog.Leaf, error) {
	var cut []translog.Leaf
	for place := from; place < size; place++ {
		leaf, err := t.leafAt(place)
		if err != nil {
			return nil, err
		}
		start, ok := leaf.Entry.(*translog.Node)
		if place == from && (!ok || start.Event != translog.NodeStart) {
			return nil, fmt.Errorf("leaf %d, at which a start that was not confirmed begins, is %s: %w", place, leaf.Entry.Kind(), ErrInconsistent)
		}
		switch leaf.Entry.(type) {
		case *translog.Msg, *translog.Rcpt, *translog.Rej, *translog.Reseal, *translog.Genesis:
			return nil, fmt.Errorf("leaf %d is %s though no start since leaf %d was confirmed: %w", place, leaf.Entry.Kind(), from, ErrInconsistent)
		}
		cut = append(cut, leaf)
		if err := t.row().Cut(place); err != nil {
			return nil, err
		}
	}
	return cut, nil
}

// Look reads a store that is not open, whether or not the head guard has seen more; nothing is made and nothing changes. The [RollbackError], if any,
// says what the guard has seen.
func Look(opts Options, read func(*Reader, Log) error) (lost *RollbackError, err error) {
	s, err := openFolder(opts)
	if err != nil {
		return nil, fmt.Errorf("looking into the store: %w", err)
	}
	defer func() { err = errors.Join(err, s.closeFiles()) }()
	err = s.View(func(r *Reader) error {
		logs, err := r.Logs()
		if err != nil {
			return err
		}
		log := logs[len(logs)-1]
		head, err := r.HeadAt(log.Size)
		if err != nil {
			return err
		}
		if err := guard.Look(opts.GuardPath, log.Origin, head, r.HeadAt); err != nil && !errors.As(err, &lost) {
			return err
		}
		return read(r, log)
	})
	return lost, err
}
