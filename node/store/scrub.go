package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
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
	if err := s.overwriteFree(); err != nil {
		return err
	}
	return s.main.Update(func(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Delete(rowScrub) })
}

func (s *Store) overwriteFree() error {
	f, err := os.OpenFile(filepath.Join(s.opts.Dir, mainName), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	tx, err := s.main.Begin(true) // a writer's: it knows what is free, and nothing becomes used meanwhile
	if err != nil {
		return errors.Join(err, f.Close())
	}
	size := s.main.Info().PageSize
	zeros := make([]byte, size)
	for id := 2; err == nil; id++ { // behind the two roots
		info, bad := tx.Page(id)
		if bad != nil || info == nil {
			err = bad
			break
		}
		if info.Type != "free" {
			id += info.OverflowCount
			continue
		}
		_, err = f.WriteAt(zeros, int64(id)*int64(size))
	}
	if err = errors.Join(err, tx.Rollback(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("overwriting what is free in %s: %w", mainName, err)
	}
	return nil
}
