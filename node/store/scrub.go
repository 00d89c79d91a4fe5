package store

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/disk"
)

// rowScrub is there while pages of main.db that nothing uses any more may hold what was to be destroyed.
var rowScrub = []byte("scrub")

// ScrubLater has the pages that this transaction frees overwritten at the next start, when nobody reads. Contents need it not: their keys are gone at
// once. Dockets lie in main.db as they are.
func (t *Tx) ScrubLater() error { return t.put(bucketIdentity, rowScrub, []byte{1}) }

// scrub overwrites what is free in main.db, if something was destroyed there. It is called before anybody else has the file. A crash in the midst of it
// leaves the row, and free pages that are half overwritten: nothing refers to them.
func (s *Store) scrub() (err error) {
	owed := false
	if err := s.main.View(func(b *bbolt.Tx) error {
		owed = b.Bucket(bucketIdentity).Get(rowScrub) != nil
		return nil
	}); err != nil || !owed {
		return err
	}
	// After two commits neither of bbolt's two roots refers to a page that is free now.
	for range 2 {
		if err := s.main.Update(func(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Put(rowScrub, []byte{1}) }); err != nil {
			return err
		}
	}
	if err := disk.OverwriteFree(s.main); err != nil {
		return fmt.Errorf("overwriting what is free in %s: %w", mainName, err)
	}
	return s.main.Update(func(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Delete(rowScrub) })
}
