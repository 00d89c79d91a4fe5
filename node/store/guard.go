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
// write which a crash tears leaves the other slot whole:
//
//	magic(16) || u64be counter || u64be size || root(32) || u16be length || origin || zeros || SHA-256 of all before it (32)
type guard struct {
	f       *os.File
	origin  string // of the log that is written
	seen    string // of the log that head is of
	counter uint64
	head    Head
}

const (
	slotSize   = 4096
	guardMagic = "rogatory guard 1"
)

// openGuard opens the guard at path, or makes one. It reports whether there was none.
func openGuard(path, origin string) (g *guard, missing bool, err error) {
	if len(origin) > 1024 {
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
	g = &guard{f: f, origin: origin}
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
	g.counter, g.head, g.seen, err = parseGuard(b, g.origin)
	return g.counter == 0, err
}

// parseGuard takes the newer of the two slots that are whole. Counter 0 means a missing guard: the file is empty, or
// nothing but its first slot has ever been written and that one is torn, which a crash can leave before anything has been
// signed. The guard of another log of the same country is no error.
func parseGuard(b []byte, origin string) (counter uint64, head Head, seen string, err error) {
	for slot := range 2 {
		c, h, of, ok := parseSlot(b[slot*slotSize : (slot+1)*slotSize])
		if !ok || c < counter {
			continue
		}
		if !sameCountry(of, origin) {
			return 0, Head{}, "", fmt.Errorf("guard belongs to log %q: %w", of, ErrForeign)
		}
		counter, head, seen = c, h, of
	}
	if counter == 0 && len(bytes.Trim(b[slotSize:], "\x00")) > 0 {
		return 0, Head{}, "", ErrGuard
	}
	return counter, head, seen, nil
}

func parseSlot(b []byte) (counter uint64, head Head, origin string, ok bool) {
	sum := sha256.Sum256(b[:slotSize-sha256.Size])
	if !bytes.Equal(sum[:], b[slotSize-sha256.Size:]) || string(b[:16]) != guardMagic {
		return 0, Head{}, "", false
	}
	counter = binary.BigEndian.Uint64(b[16:])
	head.Size = int64(binary.BigEndian.Uint64(b[24:]))
	head.Root = translog.Hash(b[32:64])
	n := int(binary.BigEndian.Uint16(b[64:]))
	if counter == 0 || head.Size < 0 || n > 1024 {
		return 0, Head{}, "", false
	}
	return counter, head, string(b[66 : 66+n]), true
}

// write puts head into the older slot and flushes it. torn, if any, is called when half of the slot is written.
func (g *guard) write(head Head, torn func()) error {
	b := make([]byte, 0, slotSize)
	b = append(b, guardMagic...)
	b = binary.BigEndian.AppendUint64(b, g.counter+1)
	b = binary.BigEndian.AppendUint64(b, uint64(head.Size))
	b = append(b, head.Root[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(g.origin)))
	b = append(b, g.origin...)
	b = b[:slotSize-sha256.Size]
	sum := sha256.Sum256(b)
	b = append(b, sum[:]...)
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
	g.counter++
	g.head, g.seen = head, g.origin
	return nil
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
