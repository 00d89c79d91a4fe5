package erasure

import (
	"context"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// restoredBy is who erased what a restored backup still had, and the basis: the people's leaves are not in its log.
const restoredBy = "restore"

// EntombRestored writes tombstones for what was erased again when a backup was restored.
func (s *Shredder) EntombRestored(ctx context.Context) error {
	owed := false
	if err := s.store.View(func(r *store.Reader) error {
		owed = r.TombsOwed()
		return nil
	}); err != nil || !owed {
		return err
	}
	var gone []int64
	if err := casefile.EachMessage(ctx, s.store, 0, func(r *store.Reader, index int64, row *storev1.LoggedMessage) error {
		if row.GetErasedPlusOne() != 0 || row.GetContentId() == 0 {
			return nil
		}
		head, err := r.ContentHead(row.GetContentId())
		if err == nil && head.GetErasedMs() != 0 {
			gone = append(gone, index)
		}
		return err
	}); err != nil {
		return err
	}
	_, err := s.store.Update(ctx, func(tx *store.Tx) error {
		// Their files went when the backup was restored.
		if _, err := Bury(tx, gone, translog.Erase{Basis: restoredBy, By: restoredBy}, nil); err != nil {
			return err
		}
		return tx.TombsPaid()
	})
	return err
}

// StayErased erases again what peers have given back, or sent again, to a node that had lost it after it was erased: its names stand in the journal beside
// the guard. There is nothing to do in a log that was never recovered.
func (s *Shredder) StayErased(ctx context.Context) error {
	if s.store.Log().Number <= 1 {
		return nil
	}
	size := s.store.Size()
	if size == s.looked {
		return nil
	}
	names, err := s.store.ErasedMessages()
	if err != nil {
		return err
	}
	var back []int64
	if len(names) > 0 {
		if err := casefile.EachMessage(ctx, s.store, s.looked, func(_ *store.Reader, index int64, row *storev1.LoggedMessage) error {
			if row.GetErasedPlusOne() == 0 && len(row.GetMsg()) == translog.HashSize && names[[32]byte(row.GetMsg())] {
				back = append(back, index)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if len(back) > 0 {
		var blobs [][]byte
		if _, err := s.store.Update(ctx, func(tx *store.Tx) (err error) {
			blobs, err = Bury(tx, back, translog.Erase{Basis: restoredBy, By: restoredBy}, nil)
			return err
		}); err != nil {
			return err
		}
		if err := Remove(s.store, blobs); err != nil {
			return err
		}
		s.log.Info("what was erased before the recovery and came back is erased again", "messages", len(back))
	}
	s.looked = size
	return nil
}
