package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// officers returns the register as it is now.
func (d *Desk) officers() *federation.Register {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.register
}

// enrolmentKey orders enrolments by their leaves: each chains from those before it.
func enrolmentKey(leaf int64) string { return fmt.Sprintf("%020d", leaf) }

// loadRegister returns the register as the log tells it: it begins with the founders of the first directory, and follows each enrolment at the
// time of its leaf and each later directory at its place between them. r is where it begins when the store tells of no directory.
func (d *Desk) loadRegister(r *federation.Register) (*federation.Register, error) {
	var bad error
	begun := false
	err := d.cfg.Store.View(func(tx *store.Reader) error {
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
					r, bad = r.Follow(dir)
				} else {
					r, bad = federation.NewRegister(dir, d.cfg.Node.Country)
				}
				begun = true
			default:
				r, bad = r.Enrol(row.GetEnrolment(), time.UnixMilli(leaf.At))
			}
			return bad == nil
		})
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading the register of officers: %w", err)
	}
	return r, nil
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

// Follow takes over founders and rules of a new directory, which commit logs and notes with NoteDirectory. Nobody is enrolled in between, so that whoever
// reads the log finds the same register.
func (d *Desk) Follow(dir *federation.Directory, commit func() error) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	next, err := d.officers().Follow(dir)
	if err != nil {
		return err
	}
	rules, err := d.rulesUnder(dir)
	if err != nil {
		return err
	}
	if err := commit(); err != nil {
		return err
	}
	d.mu.Lock()
	d.register, d.rules = next, rules
	d.mu.Unlock()
	return nil
}

func (d *Desk) setOfficers(r *federation.Register) {
	d.mu.Lock()
	d.register = r
	d.mu.Unlock()
}

// Officers lists the register.
func (d *Desk) Officers(context.Context, *nodev1.OfficersRequest) (*nodev1.OfficersResponse, error) {
	return &nodev1.OfficersResponse{Officers: d.officers().Officers()}, nil
}

// Enrol adds an enrolment or a revocation that two people have signed. The same one again changes nothing.
func (d *Desk) Enrol(ctx context.Context, r *nodev1.EnrolRequest) (*nodev1.EnrolResponse, error) {
	return &nodev1.EnrolResponse{}, refusal.Tell(d.enrol(ctx, r))
}

func (d *Desk) enrol(ctx context.Context, r *nodev1.EnrolRequest) error {
	b, err := envelope.Marshal(r.GetEnrolment())
	if err != nil {
		return err
	}
	e, err := federation.ParseEnrolment(b)
	if err != nil {
		return err
	}
	if done, err := d.enrolled(b); done || err != nil {
		return err
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
	d.changing.Lock()
	defer d.changing.Unlock()
	before := d.officers()
	var next *federation.Register
	if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
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
	d.setOfficers(next)
	return nil
}

// enrolled reports whether this very enrolment is on the register already.
func (d *Desk) enrolled(b []byte) (done bool, err error) {
	err = d.cfg.Store.View(func(r *store.Reader) error {
		return r.EachOfficer(func(_ string, row *storev1.OfficerRow) bool {
			done = bytes.Equal(row.GetEnrolment(), b)
			return !done
		})
	})
	return done, err
}
