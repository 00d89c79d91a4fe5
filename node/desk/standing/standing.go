// Package standing says in the log how the cases stand: `state` leaves over the hashes of those that have changed, each behind the one before, and beside
// them the cases themselves, so that a reader of a log whose dockets are gone can go on from there.
package standing

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// stateEvery is after how many leaves the next `state` leaf is due.
	stateEvery = 1000
	// stateAfter is how long a case may have changed before the next `state` leaf is due, however few leaves there are: long before the term of its
	// dockets ends.
	stateAfter = 30 * 24 * time.Hour
	// maxSnapshot is the largest snapshot that is kept beside a `state` leaf, in bytes. The leaf stands without one otherwise.
	maxSnapshot = store.MaxSide
	// maxOpening is how much of a snapshot stands beside each of the `state` leaves that open a log after a rollback, unless one case is larger: 256 of
	// them fit into what a reader of the log takes of one tile.
	maxOpening = 192 << 10
)

// states is what is known of the last `state` leaf.
type states struct {
	known bool
	next  int64 // the leaf after it; 0 before the first
	state translog.Hash
}

// A Noter writes `state` leaves. Its methods are called by one goroutine.
type Noter struct {
	store *store.Store
	last  states
}

// New returns the noter of a store.
func New(s *store.Store) *Noter { return &Noter{store: s} }

// Note writes a `state` leaf when enough leaves stand since the last one: the cases that have changed, by their hashes, and beside it those
// cases themselves, so that a reader of the log whose dockets are gone can go on from there.
func (n *Noter) Note(ctx context.Context) error {
	if err := n.find(); err != nil {
		return err
	}
	size := n.store.Size()
	many := size-n.last.next >= stateEvery
	if !many {
		old, err := n.unnoted(size)
		if err != nil || !old {
			return err
		}
	}
	var now states
	_, err := n.store.Update(ctx, func(tx *store.Tx) error {
		size := tx.Size()
		changed, err := changedCases(tx, n.last.next, size)
		if err != nil {
			return err
		}
		if len(changed) == 0 && !many {
			now = states{known: true, next: size, state: n.last.state}
			return nil
		}
		leaf, snapshot := stateOf(n.last.state, changed)
		leaf.Size = tx.LogSize()
		index, err := tx.Append(leaf)
		if err != nil {
			return err
		}
		now = states{known: true, next: index + 1, state: leaf.State}
		if snapshot == nil {
			return nil
		}
		return tx.PutSide(index, store.SideSnapshot, snapshot)
	})
	if err != nil {
		return fmt.Errorf("noting the state of the cases: %w", err)
	}
	n.last = now
	return nil
}

// stateOf returns the `state` leaf behind a state over the cases that have changed since, without its size, and its snapshot; nil when that is too large.
func stateOf(before translog.Hash, changed []exchange.Changed) (*translog.State, []byte) {
	leaf := &translog.State{State: exchange.FoldState(before, changed)}
	snapshot := exchange.EncodeSnapshot(changed)
	if len(snapshot) > maxSnapshot {
		return leaf, nil
	}
	leaf.Snapshot = exchange.SnapshotDigest(changed)
	return leaf, snapshot
}

// Opening puts the leaves that say in a log which is opened after a rollback how all cases stand, in the order of their tokens, in as many `state` leaves
// as it takes, at least one: each is folded behind the one before as any other.
func Opening(r *store.Reader, before translog.Hash, put func(e translog.Entry, name string, record []byte) error) error {
	var tokens []string
	if err := r.EachCase(func(summary *storev1.CaseSummary, _ []byte) bool {
		if rogatoryv1.Kind(summary.GetKind()) != rogatoryv1.Kind_KIND_GOVERNANCE { // notices are no cases
			tokens = append(tokens, summary.GetToken())
		}
		return true
	}); err != nil {
		return err
	}
	slices.Sort(tokens)
	var list []exchange.Changed
	size := 0
	piece := func() error {
		leaf, snapshot := stateOf(before, list)
		before, list, size = leaf.State, nil, 0
		return put(leaf, store.SideSnapshot, snapshot)
	}
	for _, token := range tokens {
		c, err := changedCase(r, token)
		if err != nil {
			return err
		}
		if len(list) > 0 && size+len(c.Body)+len(token)+64 > maxOpening {
			if err := piece(); err != nil {
				return err
			}
		}
		list, size = append(list, c), size+len(c.Body)+len(token)+64
	}
	return piece()
}

// Moved returns a `state` leaf that moves into a log opened after a rollback, and its snapshot: of the cases in the old one those that leaves of the
// new log have moved.
func Moved(snapshot []byte, before translog.Hash, tokens map[string]bool) (*translog.State, []byte, error) {
	var list []exchange.Changed
	if snapshot != nil {
		var err error
		if list, err = exchange.ParseSnapshot(snapshot); err != nil {
			return nil, nil, err
		}
	}
	leaf, snapshot := stateOf(before, slices.DeleteFunc(list, func(c exchange.Changed) bool { return !tokens[c.Token] }))
	return leaf, snapshot, nil
}

// changedCase returns a case as a `state` leaf has it.
func changedCase(r *store.Reader, token string) (exchange.Changed, error) {
	summary, body, err := r.Case(token)
	if err != nil {
		return exchange.Changed{}, err
	}
	if summary.GetDocketExpiredMs() != 0 {
		return exchange.Changed{Token: token, Hash: [32]byte(summary.GetCaseHash())}, nil
	}
	return exchange.Changed{Token: token, Body: body, Hash: exchange.HashEncoded(body)}, nil
}

// unnoted reports whether the first leaf after the last `state` leaf is old.
func (n *Noter) unnoted(size int64) (old bool, err error) {
	if size <= n.last.next {
		return false, nil
	}
	err = n.store.View(func(r *store.Reader) error {
		leaf, err := casefile.LeafAt(r, n.last.next)
		old = time.Since(time.UnixMilli(leaf.At)) >= stateAfter
		return err
	})
	return old, err
}

// find finds the last `state` leaf, once.
func (n *Noter) find() error {
	if n.last.known {
		return nil
	}
	return n.store.View(func(r *store.Reader) error {
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
				n.last = states{known: true, next: i + 1, state: e.State}
				return nil
			}
		}
		n.last = states{known: true}
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
		c, err := changedCase(&tx.Reader, token)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	exchange.SortChanged(list)
	return list, nil
}
