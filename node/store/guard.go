package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/rogatory/rogatory/crypto/translog"
)

// A guard is the file that remembers how far the log has come. It has two slots of 4 KiB, written in turn, so that a
// write which a crash tears leaves the other slot whole.
//
// A slot is written while its transaction is committed, neither waiting for the other: it is open, and says which head was there
// before. A database that has just that head is one whose last transaction a crash has cut off, before anybody was told of it. A
// slot that is not open is written over it when the store has a moment: from then on an older database is a rollback.
type guard struct {
	f    *os.File
	log  string // the origin of the log that is written
	slot        // the newest
}

// A slot is what one write of the guard says:
//
//	magic(16) || u64be counter || u64be size || root(32) || u16be length || origin || u8 open || u64be size || root(32) before ||
//	zeros || SHA-256 of all before it (32)
type slot struct {
	counter uint64
	head    Head
	origin  string // of the log that head is of
	open    bool   // head may not have been committed
	before  Head   // what was committed, when open
}

// lost reports whether a database of the same log with this head has lost something that the guard has seen.
func (s slot) lost(head Head) bool {
	return s.head.Size > head.Size && !(s.open && s.before == head)
}

const (
	slotSize   = 4096
	maxOrigin  = 1024
	guardMagic = "rogatory guard 1"
)

// openGuard opens the guard at path, or makes one. It reports whether there was none.
func openGuard(path, origin string) (g *guard, missing bool, err error) {
	if len(origin) > maxOrigin {
		return nil, false, fmt.Errorf("origin of %d bytes: %w", len(origin), ErrInvalid)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, false, fmt.Errorf("making head guard: %w", err)
		}
		missing = true
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, false, fmt.Errorf("opening head guard: %w", err)
	}
	g = &guard{f: f, log: origin}
	if missing {
		err = syncDir(filepath.Dir(path))
	} else {
		missing, err = g.read()
	}
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("reading head guard: %w", err), f.Close())
	}
	return g, missing, nil
}

// read fills in what the file says.
func (g *guard) read() (missing bool, err error) {
	b := make([]byte, 2*slotSize)
	if _, err := g.f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	g.slot, err = parseGuard(b, g.log)
	return g.counter == 0, err
}

// parseGuard takes the newer of the two slots that are whole. Counter 0 means a missing guard: the file is empty, or
// nothing but its first slot has ever been written and that one is torn, which a crash can leave before anything has been
// signed. The guard of another log of the same country is no error.
func parseGuard(b []byte, origin string) (newest slot, err error) {
	for n := range 2 {
		s, ok := parseSlot(b[n*slotSize : (n+1)*slotSize])
		if !ok || s.counter < newest.counter {
			continue
		}
		if !sameCountry(s.origin, origin) {
			return slot{}, fmt.Errorf("guard belongs to log %q: %w", s.origin, ErrForeign)
		}
		newest = s
	}
	if newest.counter == 0 && len(bytes.Trim(b[slotSize:], "\x00")) > 0 {
		return slot{}, ErrGuard
	}
	return newest, nil
}

func parseSlot(b []byte) (s slot, ok bool) {
	sum := sha256.Sum256(b[:slotSize-sha256.Size])
	if !bytes.Equal(sum[:], b[slotSize-sha256.Size:]) || string(b[:16]) != guardMagic {
		return slot{}, false
	}
	s.counter = binary.BigEndian.Uint64(b[16:])
	s.head = Head{Size: int64(binary.BigEndian.Uint64(b[24:])), Root: translog.Hash(b[32:64])}
	n := int(binary.BigEndian.Uint16(b[64:]))
	if s.counter == 0 || s.head.Size < 0 || n > maxOrigin {
		return slot{}, false
	}
	s.origin, b = string(b[66:66+n]), b[66+n:]
	s.open = b[0] == 1
	s.before = Head{Size: int64(binary.BigEndian.Uint64(b[1:])), Root: translog.Hash(b[9:41])}
	return s, true
}

// write puts a head into the older slot and flushes it, with the head before it when that may be all that is committed. torn, if any,
// is called when half of the slot is written.
func (g *guard) write(head Head, before *Head, torn func()) error {
	next := slot{counter: g.counter + 1, head: head, origin: g.log}
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

func (s slot) append(b []byte) []byte {
	b = append(b, guardMagic...)
	b = binary.BigEndian.AppendUint64(b, s.counter)
	b = binary.BigEndian.AppendUint64(b, uint64(s.head.Size))
	b = append(b, s.head.Root[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.origin)))
	b = append(b, s.origin...)
	if s.open {
		b = append(b, 1)
		b = binary.BigEndian.AppendUint64(b, uint64(s.before.Size))
		b = append(b, s.before.Root[:]...)
	}
	b = b[:slotSize-sha256.Size]
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func (g *guard) close() error { return g.f.Close() }

// syncDir makes the names in a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
