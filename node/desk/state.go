package desk

import (
	"bytes"
	"context"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
)

const (
	// stateEvery is after how many leaves the next `state` leaf is due.
	stateEvery = 1000
	// maxSnapshot is the largest snapshot that is kept beside a `state` leaf, in bytes: a reader of the log takes no larger record. The leaf
	// stands without one otherwise.
	maxSnapshot = 4 << 20
)

// states is what is known of the last `state` leaf.
type states struct {
	known bool
	next  int64 // the leaf after it; 0 before the first
	state translog.Hash
}

// noteState writes a `state` leaf when enough leaves stand since the last one: the cases that have changed, by their hashes, and beside it those
// cases themselves, so that a reader of the log whose dockets are gone can go on from there.
func (d *Desk) noteState(ctx context.Context) error {
	if err := d.findState(); err != nil {
		return err
	}
	if d.cfg.Store.Head().Size-d.states.next < stateEvery {
		return nil
	}
	var now states
	_, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		size := tx.Size()
		changed, err := changedCases(tx, d.states.next, size)
		if err != nil {
			return err
		}
		leaf := &translog.State{
			Size: size, State: exchange.FoldState(d.states.state, changed), Snapshot: exchange.SnapshotDigest(changed),
		}
		snapshot := exchange.EncodeSnapshot(changed)
		if len(snapshot) > maxSnapshot {
			leaf.Snapshot = translog.Hash{}
		}
		index, err := tx.Append(leaf)
		if err != nil {
			return err
		}
		now = states{known: true, next: index + 1, state: leaf.State}
		if leaf.Snapshot.IsZero() {
			return nil
		}
		return tx.PutSide(index, "snapshot", snapshot)
	})
	if err != nil {
		return fmt.Errorf("noting the state of the cases: %w", err)
	}
	d.states = now
	return nil
}

// findState finds the last `state` leaf, once.
func (d *Desk) findState() error {
	if d.states.known {
		return nil
	}
	return d.cfg.Store.View(func(r *store.Reader) error {
		for i := r.Size() - 1; i >= 0; i-- {
			raw, err := r.Leaf(i)
			if err != nil {
				return err
			}
			if !bytes.Contains(raw, []byte(`"k":"state"`)) {
				continue
			}
			leaf, err := translog.ParseLeaf(raw)
			if err != nil {
				return err
			}
			if e, ok := leaf.Entry.(*translog.State); ok {
				d.states = states{known: true, next: i + 1, state: e.State}
				return nil
			}
		}
		d.states = states{known: true}
		return nil
	})
}

// changedCases returns the cases that leaves from one index up to another have moved, in order.
func changedCases(tx *store.Tx, from, to int64) ([]exchange.Changed, error) {
	seen := map[string]bool{}
	var bad error
	tx.Leaves(from, func(index int64, raw []byte) bool {
		if index >= to {
			return false
		}
		if !bytes.Contains(raw, []byte(`"k":"case"`)) {
			return true
		}
		var leaf translog.Leaf
		if leaf, bad = translog.ParseLeaf(raw); bad != nil {
			return false
		}
		if e, ok := leaf.Entry.(*translog.Case); ok {
			seen[e.Case] = true
		}
		return true
	})
	if bad != nil {
		return nil, bad
	}
	var list []exchange.Changed
	for token := range seen {
		summary, body, err := tx.Case(token)
		if err != nil {
			return nil, err
		}
		c := exchange.Changed{Token: token, Body: body}
		if summary.GetDocketExpiredMs() != 0 {
			c.Body, c.Hash = nil, [32]byte(summary.GetCaseHash())
		} else {
			c.Hash = exchange.HashEncoded(body)
		}
		list = append(list, c)
	}
	exchange.SortChanged(list)
	return list, nil
}
