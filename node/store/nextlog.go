package store

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A nextLog is the transaction that closes the log that is written and opens the next one. Its edge is that of the next log.
type nextLog struct {
	*Tx
	r    *Recovery
	out  *Recovered
	base int64 // the place at which the next log begins
}

// openNext closes the log that is written and opens the next one, whose edge it returns.
func (s *Store) openNext(b *bbolt.Tx, r *Recovery, out *Recovered) (translog.Edge, error) {
	n := &nextLog{Tx: &Tx{Reader: Reader{s: s, b: b}, call: new(call), now: time.Now().UnixMilli()}, r: r, out: out}
	row, moved, err := n.closeLast()
	if err != nil {
		return n.edge, err
	}
	state, err := n.begin(moved)
	if err != nil {
		return n.edge, err
	}
	if err := n.stand(state); err != nil {
		return n.edge, err
	}
	out.Log.Size = n.edge.Size()
	return n.edge, errors.Join(n.forget(), n.putRow(bucketLogs, rows.U64(r.Number), row), n.askPeers())
}

// closeLast closes the log that is written at its last head that peers can have confirmed, and takes out what starts have written since.
func (n *nextLog) closeLast() (row *storev1.LogRow, moved []translog.Leaf, err error) {
	last, size := n.s.current, n.Size()
	cut, uncleared := n.uncleared()
	if !uncleared {
		cut = size
	}
	if cut <= last.Base {
		return nil, nil, fmt.Errorf("no leaf of %s was ever confirmed: %w", last.Origin, ErrInvalid)
	}
	n.base = cut
	if n.out.Closed, err = n.HeadAt(cut - last.Base); err != nil {
		return nil, nil, err
	}
	if moved, err = n.cutLeaves(cut, size); err != nil {
		return nil, nil, err
	}
	n.out.Moved = int64(len(moved))
	stem, _ := leaves.SplitOrigin(n.s.opts.Origin)
	n.out.Log = Log{Number: n.r.Number, Origin: fmt.Sprintf("%s%d", stem, n.r.Number), Epoch: uint32(n.r.Number), Base: cut}
	row = &storev1.LogRow{
		Number: n.r.Number, Origin: n.out.Log.Origin, Epoch: n.out.Log.Epoch, Base: uint64(cut), OpenedMs: uint64(n.now),
		ClosedOrigin: last.Origin, GuardOrigin: n.out.GuardLog, GuardSize: uint64(n.out.Guard.Size), GuardRoot: n.out.Guard.Root[:],
	}
	if row.Closed, err = n.r.Close(last.Origin, n.out.Closed); err != nil {
		return nil, nil, err
	}
	leaf, err := n.leafAt(cut - 1)
	n.lastAt = leaf.At
	return row, moved, err
}

// add appends a leaf to the next log, at its time or, if it has none, now.
func (n *nextLog) add(e translog.Leaf) (leaf []byte, err error) {
	if e.At == 0 {
		e.At = n.now
	}
	n.lastAt = max(n.lastAt, e.At)
	if leaf, err = translog.Marshal(n.lastAt, n.edge.Size(), e.Entry); err != nil {
		return nil, err
	}
	if err := n.putLeaf(n.base+n.edge.Size(), leaf); err != nil {
		return nil, err
	}
	return leaf, n.row().Grow(n.base, &n.edge, translog.LeafHash(leaf))
}

// begin puts the genesis, what moves, and the leaf that says so. It returns the state that the last of their `state` leaves has.
func (n *nextLog) begin(moved []translog.Leaf) (state translog.Hash, err error) {
	genesis, err := n.r.Genesis(n.out.Origin, n.out.Closed)
	if err != nil {
		return state, err
	}
	note, report, err := n.r.Note(n.out)
	if err != nil {
		return state, err
	}
	// The genesis takes the place and the time of the first start that moves, so that what follows it keeps both.
	if len(moved) == 0 {
		moved = make([]translog.Leaf, 1)
	}
	moved[0].Entry = genesis
	tokens := map[string]bool{} // of the cases that moved leaves have moved since the last `state` leaf
	for i, e := range append(moved, translog.Leaf{Entry: note}) {
		switch k := e.Entry.(type) {
		case *translog.Case:
			tokens[k.Case] = true
		case *translog.State:
			next, err := n.movedState(n.base+int64(i), state, tokens)
			if err != nil {
				return state, err
			}
			e.Entry, state = next, next.State
			clear(tokens)
		}
		leaf, err := n.add(e)
		if err != nil {
			return state, err
		}
		if i == 0 {
			endorsement, err := n.r.Endorse(leaf)
			if err != nil {
				return state, err
			}
			if err := n.PutSide(n.base, SideEndorsement, endorsement); err != nil {
				return state, err
			}
		}
	}
	return state, n.PutSide(n.base+n.edge.Size()-1, SideReport, report)
}

// stand puts the opening: how everything stands.
func (n *nextLog) stand(state translog.Hash) error {
	return n.r.Opening(&n.Reader, state, func(e translog.Entry, name string, record []byte) error {
		if st, ok := e.(*translog.State); ok {
			st.Size = n.edge.Size()
		}
		if record != nil {
			if err := n.PutSide(n.base+n.edge.Size(), name, record); err != nil {
				return err
			}
		}
		_, err := n.add(translog.Leaf{Entry: e})
		return err
	})
}

// forget takes away what is of the log before, and of a recovery before.
func (n *nextLog) forget() error {
	for _, name := range [][]byte{bucketCheckpoint, bucketRecoveries, bucketReturned, bucketLost, bucketExpected} {
		if err := rows.DeleteWhere(n.b.Bucket(name), rows.All); err != nil {
			return err
		}
	}
	return nil
}

// askPeers notes whom to ask for what they have, and up to where their messages are here.
func (n *nextLog) askPeers() error {
	for _, peer := range n.r.Peers {
		epoch, seq, _, err := n.NextOutgoing(peer)
		if err != nil {
			return err
		}
		if seq == 1 {
			epoch = 0
		}
		if err := n.PutRecovery(&storev1.Recovery{Peer: peer, Log: n.r.Number, GivenEpoch: epoch, GivenSeq: seq - 1}); err != nil {
			return err
		}
	}
	return nil
}

// movedState returns the `state` leaf of a place that moves, as it has to be in the new log.
func (n *nextLog) movedState(place int64, before translog.Hash, tokens map[string]bool) (*translog.State, error) {
	old, err := n.Side(place, SideSnapshot)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	leaf, snapshot, err := n.r.Moved(old, before, tokens)
	if err != nil {
		return nil, err
	}
	leaf.Size = place - n.base
	if snapshot == nil {
		return leaf, n.DeleteSide(place, SideSnapshot)
	}
	return leaf, n.PutSide(place, SideSnapshot, snapshot)
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
