package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/batch"
	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/leaves"
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
		edge, err = s.openNext(b, &r, out)
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
