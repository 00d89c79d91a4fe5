package desk

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
)

const (
	// stateEvery is after how many leaves the next `state` leaf is due.
	stateEvery = 1000
	// stateAfter is how long a case may have changed before the next `state` leaf is due, however few leaves there are: long before the term of its
	// dockets ends.
	stateAfter = 30 * 24 * time.Hour
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
	size := d.cfg.Store.Head().Size
	many := size-d.states.next >= stateEvery
	if !many {
		old, err := d.unnoted(size)
		if err != nil || !old {
			return err
		}
	}
	var now states
	_, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		size := tx.Size()
		changed, err := changedCases(tx, d.states.next, size)
		if err != nil {
			return err
		}
		if len(changed) == 0 && !many {
			now = states{known: true, next: size, state: d.states.state}
			return nil
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

// unnoted reports whether the first leaf after the last `state` leaf is old.
func (d *Desk) unnoted(size int64) (old bool, err error) {
	if size <= d.states.next {
		return false, nil
	}
	err = d.cfg.Store.View(func(r *store.Reader) error {
		raw, err := r.Leaf(d.states.next)
		if err != nil {
			return err
		}
		leaf, err := translog.ParseLeaf(raw)
		old = time.Since(time.UnixMilli(leaf.At)) >= stateAfter
		return err
	})
	return old, err
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
