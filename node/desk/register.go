package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
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

// loadRegister applies the enrolments that were kept, each at the time of its leaf.
func (d *Desk) loadRegister(r *federation.Register) (*federation.Register, error) {
	var bad error
	err := d.cfg.Store.View(func(tx *store.Reader) error {
		return tx.EachOfficer(func(_ string, row *storev1.OfficerRow) bool {
			raw, err := tx.Leaf(int64(row.GetLeafIndex()))
			if err == nil {
				var leaf translog.Leaf
				if leaf, err = translog.ParseLeaf(raw); err == nil {
					r, err = r.Enrol(row.GetEnrolment(), time.UnixMilli(leaf.At))
				}
			}
			bad = err
			return bad == nil
		})
	})
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading the register of officers: %w", err)
	}
	return r, nil
}

// Follow takes over the founders of a new directory.
func (d *Desk) Follow(dir *federation.Directory) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.register.Follow(dir)
	if err == nil {
		d.register = next
	}
	return err
}

// Officers lists the register.
func (d *Desk) Officers(context.Context, *nodev1.OfficersRequest) (*nodev1.OfficersResponse, error) {
	return &nodev1.OfficersResponse{Officers: d.officers().Officers()}, nil
}

// Enrol adds an enrolment or a revocation that two people have signed. The same one again changes nothing.
func (d *Desk) Enrol(ctx context.Context, r *nodev1.EnrolRequest) (*nodev1.EnrolResponse, error) {
	return &nodev1.EnrolResponse{}, Tell(d.enrol(ctx, r))
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
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.register.Enrol(b, time.Now())
	if err != nil {
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
	if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
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
	d.register = next
	return nil
}
