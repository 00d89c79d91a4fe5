package store

import (
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
)

func TestProofsLeadToTheHeadsThatTheyAreFor(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	var heads []Head
	for i := range 40 {
		update(t, s, func(tx *Tx) error {
			for j := range i % 4 {
				if _, err := tx.Append(opEntry(10*i + j)); err != nil {
					return err
				}
			}
			return nil
		})
		heads = append(heads, s.Head())
	}
	view(t, s, func(r *Reader) error {
		for _, newer := range heads {
			if at, err := r.HeadAt(newer.Size); err != nil || at != newer {
				t.Errorf("head at %d is %+v, %v", newer.Size, at, err)
			}
			for _, older := range heads {
				if older.Size > newer.Size {
					continue
				}
				proof, err := r.Consistency(older.Size, newer.Size)
				if err == nil {
					err = translog.CheckConsistency(proof, older.Size, older.Root, newer.Size, newer.Root)
				}
				if err != nil {
					t.Errorf("%d in %d: %v", older.Size, newer.Size, err)
				}
			}
			for index := range newer.Size {
				leaf, err := r.Leaf(index)
				if err != nil {
					return err
				}
				proof, err := r.Inclusion(index, newer.Size)
				if err == nil {
					err = translog.CheckInclusion(proof, newer.Size, newer.Root, index, translog.LeafHash(leaf))
				}
				if err != nil {
					t.Errorf("leaf %d in %d: %v", index, newer.Size, err)
				}
			}
		}
		return nil
	})
}

func TestTimeInTheLogNeverGoesBack(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	ahead := time.Now().Add(time.Hour).UnixMilli()
	update(t, s, func(tx *Tx) error {
		tx.now = ahead // a clock that is set back afterwards
		_, err := tx.Append(opEntry(1))
		return err
	})
	update(t, s, func(tx *Tx) error {
		if tx.At() != ahead {
			t.Errorf("time is %d, want %d", tx.At(), ahead)
		}
		_, err := tx.Append(opEntry(2))
		return err
	})
}
