// Package disk is how a store comes to its files: bbolt files that are locked and say whose they are, names that a crash does not take, and bytes that
// are gone when they have to be.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

var (
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("store is in use by another process")
	// ErrForeign says that a file is not this node's, or not a store's at all.
	ErrForeign = errors.New("not the store of this node")
	// ErrSchema says that a file was written by a later version of this program.
	ErrSchema = errors.New("store has a newer format than this program knows")
	// ErrWrite says that a file could not be written.
	ErrWrite = errors.New("disk refused a write")
)

const lockWait = 300 * time.Millisecond

// Open opens a bbolt file, or makes an empty one, that grows by so many bytes at a time. Errors wrap [ErrLocked], [ErrForeign], or are those of the file.
func Open(path string, grow int) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockWait,
		FreelistType:    bbolt.FreelistMapType,
		NoFreelistSync:  true,
		InitialMmapSize: 1 << 30, // address space only: a reader never waits for the file to be mapped anew
		NoStatistics:    true,
	})
	var pathErr *fs.PathError
	switch {
	case err == nil:
		db.AllocSize = grow
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrLocked)
	case errors.As(err, &pathErr):
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w: %w", path, ErrForeign, err)
}

// Missing reports whether there is nothing by that name.
func Missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// SyncDir makes the names in a folder durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Overwrite writes zeros over a file, which has lost its name or is going to. What the disk below makes of it is beyond a program.
func Overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at := int64(0); at < info.Size(); at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), info.Size()-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// OverwriteFree writes zeros over the pages of a file that nothing uses. A crash in the midst of it leaves some that are half overwritten: nothing
// refers to them. Nobody may read, and two transactions must have been committed since the pages became free: until then one of bbolt's two roots
// refers to them.
func OverwriteFree(db *bbolt.DB) error {
	f, err := os.OpenFile(db.Path(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	tx, err := db.Begin(true) // a writer's: it knows what is free, and nothing becomes used meanwhile
	if err != nil {
		return errors.Join(err, f.Close())
	}
	size := db.Info().PageSize
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
	return errors.Join(err, tx.Rollback(), f.Sync(), f.Close())
}
