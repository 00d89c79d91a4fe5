package receipt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Config is what a Notary works with.
type Config struct {
	Store *store.Store
	Log   *translog.LogSigner
	// Ready returns why nothing may be signed now, or nil.
	Ready func() error
	// Step is called when a checkpoint is signed and nothing of it has left yet.
	Step func()
}

// A Notary signs checkpoints of our log, and proves to peers by them what stands in it. The newest checkpoint is kept: one stands behind all receipts
// of a commit batch. Its methods may be called by several goroutines.
type Notary struct {
	cfg Config

	mu   sync.Mutex
	size int64
	note []byte

	early atomic.Pointer[earlyCheckpoint]
}

// NewNotary returns a Notary.
func NewNotary(cfg Config) *Notary { return &Notary{cfg: cfg} }

// earlyCheckpoint is signed while its head is committed, so that a message that comes alone does not wait for both.
type earlyCheckpoint struct {
	head store.Head
	note chan []byte // one, nil when it could not be signed
}

// Foresee begins to sign a head that is being committed. The signature stays here until [Notary.Checkpoint] finds that head in the store.
func (n *Notary) Foresee(head store.Head) {
	if n.cfg.Ready() != nil {
		return
	}
	e := &earlyCheckpoint{head, make(chan []byte, 1)}
	n.early.Store(e)
	go func() {
		note, err := n.signHead(head)
		if err != nil {
			note = nil
		}
		e.note <- note
	}()
}

func (n *Notary) signHead(head store.Head) ([]byte, error) {
	return translog.SignCheckpoint(translog.Checkpoint{Origin: n.cfg.Log.Verifier().Origin(), Size: head.Size, Root: head.Root}, n.cfg.Log)
}

// Checkpoint returns a signed checkpoint of at least size leaves and its size, signing the newest head if it must. The error is
// Ready's as long as no checkpoint may be signed.
func (n *Notary) Checkpoint(size int64) ([]byte, int64, error) {
	if err := n.cfg.Ready(); err != nil {
		return nil, 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.note != nil && n.size >= size {
		return n.note, n.size, nil
	}
	head := n.cfg.Store.Head()
	if head.Size < size {
		// Only leaves that say "we hold a receipt" leave the guard behind.
		var err error
		if head, err = n.cfg.Store.Guard(context.Background()); err != nil {
			return nil, 0, fmt.Errorf("signing checkpoint: %w", err)
		}
	}
	var note []byte
	if e := n.early.Swap(nil); e != nil && e.head == head {
		note = <-e.note
	}
	if note == nil {
		var err error
		if note, err = n.signHead(head); err != nil {
			return nil, 0, err
		}
	}
	n.cfg.Step()
	n.note, n.size = note, head.Size
	return note, head.Size, nil
}

// Prove returns the receipts that the leaves at these places, in order, are: behind one checkpoint those of one log. The checkpoint of a log that
// was closed is the one that closed it.
func (n *Notary) Prove(places []int64) (list []*rogatoryv1.Receipts, err error) {
	var logs []store.Log
	if err := n.cfg.Store.View(func(r *store.Reader) (err error) {
		logs, err = r.Logs()
		return err
	}); err != nil {
		return nil, err
	}
	for i, log := range logs {
		var in []int64
		for _, place := range places {
			if _, ok := log.Holds(place); ok {
				in = append(in, place)
			}
		}
		if len(in) == 0 {
			continue
		}
		note, size := log.Closed, log.Size
		if i == len(logs)-1 {
			if note, size, err = n.Checkpoint(slices.Max(in) - log.Base + 1); err != nil {
				return nil, err
			}
		}
		rs, err := n.proveIn(log, note, size, in)
		if err != nil {
			return nil, err
		}
		list = append(list, rs)
	}
	return list, nil
}

// Receipt returns the receipt that one of our leaves is.
func (n *Notary) Receipt(place int64) (*rogatoryv1.Receipts, error) {
	list, err := n.Prove([]int64{place})
	if err != nil || len(list) != 1 {
		return nil, errors.Join(err, store.ErrNotFound)
	}
	return list[0], nil
}

// proveIn returns the receipts that leaves of one log are, in its tree of a size.
func (n *Notary) proveIn(log store.Log, note []byte, size int64, places []int64) (*rogatoryv1.Receipts, error) {
	out := &rogatoryv1.Receipts{Checkpoint: note}
	err := n.cfg.Store.View(func(r *store.Reader) error {
		for _, place := range places {
			index := place - log.Base
			leaf, err := r.Leaf(place)
			if err != nil {
				return err
			}
			proof, err := r.In(log).Inclusion(index, size)
			if err != nil {
				return err
			}
			one := &rogatoryv1.Receipt{Leaf: leaf, Index: uint64(index), Hashes: make([][]byte, len(proof))}
			for i := range proof {
				one.Hashes[i] = proof[i][:]
			}
			out.Receipts = append(out.Receipts, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("proving receipts: %w", err)
	}
	return out, nil
}
