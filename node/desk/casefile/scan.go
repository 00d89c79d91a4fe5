package casefile

import (
	"context"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	// leavesAtOnce is how many leaves one View looks through, so that none stays open for long; messagesAtOnce how many messages.
	leavesAtOnce   = 20_000
	messagesAtOnce = 200
)

// EachLeaf calls f with every leaf from a place on, a few in each View, until f wants no more.
func EachLeaf(ctx context.Context, s *store.Store, from int64, f func(r *store.Reader, place int64, leaf translog.Leaf) (more bool, err error)) error {
	for over := false; !over; from += leavesAtOnce {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.View(func(r *store.Reader) (err error) {
			over = true
			r.Leaves(from, func(place int64, raw []byte) bool {
				if place >= from+leavesAtOnce {
					over = false
					return false
				}
				var leaf translog.Leaf
				if leaf, err = translog.ParseLeaf(raw); err != nil {
					return false
				}
				var more bool
				more, err = f(r, place, leaf)
				return more && err == nil
			})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// EachMessage calls f with every message from a place on, a few in each View.
func EachMessage(ctx context.Context, s *store.Store, from int64, f func(r *store.Reader, index int64, row *storev1.LoggedMessage) error) error {
	for next, over := from, false; !over; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.View(func(r *store.Reader) error {
			var failed error
			n := 0
			over = true
			if err := r.EachMessage(next, func(index int64, row *storev1.LoggedMessage) bool {
				if n++; n > messagesAtOnce {
					over = false
					return false
				}
				next = index + 1
				failed = f(r, index, row)
				return failed == nil
			}); err != nil {
				return err
			}
			return failed
		}); err != nil {
			return err
		}
	}
	return nil
}
