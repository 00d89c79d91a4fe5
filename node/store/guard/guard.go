// Package guard is what lies outside a node's data folder and outside its backups, so that an older copy of the folder undoes nothing: the head guard, which
// knows how far the log had come, and beside it the journals of what was erased.
package guard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/leaves"
)

var (
	// ErrDamaged says that the head guard is there and cannot be read.
	ErrDamaged = errors.New("head guard is damaged")
	// ErrRollback says that the head guard has seen more of the log than the database holds.
	ErrRollback = errors.New("database is older than the head guard")

	errOrigin = fmt.Errorf("origin of more than %d bytes", maxOrigin)
)

// A Guard is the file that remembers how far the log has come. It has two slots of 4 KiB, written in turn, so that a
// write which a crash tears leaves the other slot whole.
//
// A slot is written while its transaction is committed, neither waiting for the other: it is open, and says which head was there
// before. A database that has just that head is one whose last transaction a crash has cut off, before anybody was told of it. A
// slot that is not open is written over it when the store has a moment: from then on an older database is a rollback.
type Guard struct {
	f    *os.File
	slot // the newest
}

// Open opens the guard at path, or makes one; origin is that of the database's log. Errors wrap [ErrDamaged], or
// [disk.ErrForeign] for a guard of another country.
func Open(path, origin string) (*Guard, error) {
	if len(origin) > maxOrigin {
		return nil, errOrigin
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening head guard: %w", err)
	}
	s, err := read(f, origin)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading head guard: %w", err), f.Close())
	}
	return &Guard{f, s}, nil
}

func create(path string) (*Guard, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making head guard: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making head guard: %w", err)
	}
	if err := disk.SyncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("making head guard: %w", err), f.Close())
	}
	return &Guard{f: f}, nil
}

func read(f *os.File, origin string) (slot, error) {
	b := make([]byte, 2*slotSize)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return slot{}, err
	}
	return parse(b, origin)
}

// Look holds the log of a database against the guard at path, as [Guard.Judge] does, and makes and changes nothing. A missing guard has seen nothing.
func Look(path, origin string, head leaves.Head, at func(size int64) (leaves.Head, error)) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading head guard: %w", err)
	}
	s, err := read(f, origin)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading head guard: %w", err)
	}
	return s.Judge(origin, head, at)
}

// Write puts a head of the log of that origin into the older slot and flushes it, with the head before it when that may be all that is committed. torn, if any,
// is called when half of the slot is written.
func (g *Guard) Write(origin string, head leaves.Head, before *leaves.Head, torn func()) error {
	if len(origin) > maxOrigin {
		return errOrigin
	}
	next := slot{counter: g.counter + 1, head: head, origin: origin}
	if before != nil {
		next.open, next.before = true, *before
	}
	b := next.append(make([]byte, 0, slotSize))
	at := int64(g.counter%2) * slotSize
	if torn != nil {
		if _, err := g.f.WriteAt(b[:slotSize/2], at); err != nil {
			return err
		}
		torn()
	}
	if _, err := g.f.WriteAt(b, at); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(g.f.Fd())); err != nil {
		return err
	}
	g.slot = next
	return nil
}

// Head returns the newest head that the guard knows, and the origin of its log; nothing for a guard that was never written.
func (g *Guard) Head() (origin string, head leaves.Head) { return g.origin, g.head }

// Open reports whether the guard's newest head may not have been committed.
func (g *Guard) Open() bool { return g.open }

// Close closes the file.
func (g *Guard) Close() error { return g.f.Close() }
