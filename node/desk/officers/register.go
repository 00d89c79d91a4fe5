// Package officers is the register of a node's officers as its log tells it: who may do what, from which units.
//
// It begins with the founders of the first directory and follows each enrolment that two people have signed, at the time of its leaf, and each later
// directory at its place between them, so that whoever reads the log finds the same register.
package officers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A Register is the register of a node. Its methods may be called by several goroutines.
type Register struct {
	node  *configs.Node
	store *store.Store

	// changing is held while the register changes, across the transaction that logs it. Transactions take mu and never changing: they run one
	// after another, and would wait for themselves.
	changing sync.Mutex

	mu  sync.RWMutex
	now *federation.Register
}

// Open returns the register that the store holds; dir is where it begins when the store tells of no directory.
func Open(node *configs.Node, s *store.Store, dir *federation.Directory) (*Register, error) {
	first, err := federation.NewRegister(dir, node.Country)
	if err != nil {
		return nil, fmt.Errorf("opening the register of officers: %w", err)
	}
	r := &Register{node: node, store: s}
	r.now, err = r.load(first)
	return r, err
}

// Now returns the register as it is now.
func (r *Register) Now() *federation.Register {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.now
}

func (r *Register) set(next *federation.Register) {
	r.mu.Lock()
	r.now = next
	r.mu.Unlock()
}

// enrolmentKey orders enrolments by their leaves: each chains from those before it.
func enrolmentKey(leaf int64) string { return fmt.Sprintf("%020d", leaf) }

// load returns the register as the log tells it.
func (r *Register) load(now *federation.Register) (*federation.Register, error) {
	var bad error
	begun := false
	err := r.store.View(func(tx *store.Reader) error {
		return tx.EachOfficer(func(_ string, row *storev1.OfficerRow) bool {
			var leaf translog.Leaf
			leaf, bad = casefile.LeafAt(tx, int64(row.GetLeafIndex()))
			if bad != nil {
				return false
			}
			switch e := leaf.Entry.(type) {
			case *translog.Dir:
				var dir *federation.Directory
				if dir, bad = keptDirectory(tx, e); bad != nil {
					return false
				}
				if begun {
					now, bad = now.Follow(dir)
				} else {
					now, bad = federation.NewRegister(dir, r.node.Country)
				}
				begun = true
			default:
				now, bad = now.Enrol(row.GetEnrolment(), time.UnixMilli(leaf.At))
			}
			return bad == nil
		})
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading the register of officers: %w", err)
	}
	return now, nil
}

func keptDirectory(tx *store.Reader, e *translog.Dir) (*federation.Directory, error) {
	_, signed, err := tx.Directory(uint64(e.Version))
	if err != nil {
		return nil, err
	}
	return federation.ParseDirectory(signed, e.Digest)
}

// NoteDirectory notes, beside the `dir` leaf at index, that the register follows a directory from here on.
func NoteDirectory(tx *store.Tx, index int64) error {
	return tx.PutOfficer(enrolmentKey(index), &storev1.OfficerRow{LeafIndex: uint64(index)})
}

// Follow takes over the founders of a new directory, which commit logs and notes with NoteDirectory. Nobody is enrolled in between, so that whoever
// reads the log finds the same register.
func (r *Register) Follow(dir *federation.Directory, commit func() error) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	next, err := r.Now().Follow(dir)
	if err != nil {
		return err
	}
	if err := commit(); err != nil {
		return err
	}
	r.set(next)
	return nil
}

// Enrol adds an enrolment, into units that there are, or a revocation that two people have signed. The same one again changes nothing.
func (r *Register) Enrol(ctx context.Context, enrolment *rogatoryv1.Enrolment) error {
	b, err := envelope.Marshal(enrolment)
	if err != nil {
		return err
	}
	e, err := federation.ParseEnrolment(b)
	if err != nil {
		return err
	}
	if done, err := r.enrolled(b); done || err != nil {
		return err
	}
	if !e.GetRevoked() {
		for _, unit := range e.GetOfficer().GetUnits() {
			if err := KnownUnit(r.node, unit); err != nil {
				return err
			}
		}
	}
	leaf := &translog.Actor{Who: e.GetOfficer().GetPseudonym(), Event: "enrol"}
	if e.GetRevoked() {
		leaf.Event = "revoke"
	}
	if leaf.Digest, err = federation.EnrolmentSubject(e.GetOfficer()); err != nil {
		return err
	}
	for _, a := range e.GetAssertions() {
		act, err := federation.ParseAct(a.GetAct())
		if err != nil {
			return err
		}
		leaf.By = append(leaf.By, act.GetActor())
	}
	slices.Sort(leaf.By)
	r.changing.Lock()
	defer r.changing.Unlock()
	before := r.Now()
	var next *federation.Register
	if _, err := r.store.Update(ctx, func(tx *store.Tx) error {
		// At the time of the leaf, as it is judged whenever the log is read.
		if next, err = before.Enrol(b, time.UnixMilli(tx.At())); err != nil {
			return err
		}
		index, err := tx.Append(leaf)
		if err != nil {
			return err
		}
		if err := tx.PutSide(index, "enrolment", b); err != nil {
			return err
		}
		return tx.PutOfficer(enrolmentKey(index), &storev1.OfficerRow{Enrolment: b, LeafIndex: uint64(index)})
	}); err != nil {
		return err
	}
	r.set(next)
	return nil
}

// enrolled reports whether this very enrolment is on the register already.
func (r *Register) enrolled(b []byte) (done bool, err error) {
	err = r.store.View(func(tx *store.Reader) error {
		return tx.EachOfficer(func(_ string, row *storev1.OfficerRow) bool {
			done = bytes.Equal(row.GetEnrolment(), b)
			return !done
		})
	})
	return done, err
}

// Opening puts the enrolments of the logs before, each as it was, into a log that is opened after a rollback.
func Opening(r *store.Reader, put func(e translog.Entry, name string, record []byte) error) (err error) {
	if bad := r.EachOfficer(func(_ string, row *storev1.OfficerRow) bool {
		if len(row.GetEnrolment()) == 0 {
			return true // a directory
		}
		var leaf translog.Leaf
		if leaf, err = casefile.LeafAt(r, int64(row.GetLeafIndex())); err == nil {
			err = put(leaf.Entry, "enrolment", row.GetEnrolment())
		}
		return err == nil
	}); bad != nil {
		return bad
	}
	return err
}
