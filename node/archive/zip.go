package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
)

// A zip of an archive has one form only, of what PKWARE's APPNOTE 6.3.3 allows: files are stored, in any order but without a
// byte between them; no extra field but the 64-bit offset where it is needed, no comment, no folder, no encryption; all
// files are of 1 January 1980. So a bit cannot be flipped anywhere without a reader noticing it, and every zip program
// opens it.

const (
	localSize   = 30
	centralSize = 46
	endSize     = 22
	end64Size   = 56
	locatorSize = 20
	date1980    = 1<<5 | 1
	maxFiles    = 4 << 20
	noValue32   = math.MaxUint32
	noValue16   = math.MaxUint16
	unixFile    = 0o100644 << 16
)

// A member is one file of a zip.
type member struct {
	path   string
	offset int64 // of its local header
	size   uint32
	crc    uint32
}

func (m *member) appendLocal(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, "PK\x03\x04"...)
	b = le.AppendUint16(b, 20) // needs version 2.0
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0) // stored
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, date1980)
	b = le.AppendUint32(b, m.crc)
	b = le.AppendUint32(b, m.size)
	b = le.AppendUint32(b, m.size)
	b = le.AppendUint16(b, uint16(len(m.path)))
	b = le.AppendUint16(b, 0)
	return append(b, m.path...)
}

func (m *member) appendCentral(b []byte) []byte {
	le := binary.LittleEndian
	offset, needs, extra := uint32(noValue32), uint16(45), uint16(12)
	if m.offset < noValue32 {
		offset, needs, extra = uint32(m.offset), 20, 0
	}
	b = append(b, "PK\x01\x02"...)
	b = le.AppendUint16(b, 3<<8|45) // made on a Unix
	b = le.AppendUint16(b, needs)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, date1980)
	b = le.AppendUint32(b, m.crc)
	b = le.AppendUint32(b, m.size)
	b = le.AppendUint32(b, m.size)
	b = le.AppendUint16(b, uint16(len(m.path)))
	b = le.AppendUint16(b, extra)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, unixFile)
	b = le.AppendUint32(b, offset)
	b = append(b, m.path...)
	if extra > 0 {
		b = le.AppendUint16(b, 1)
		b = le.AppendUint16(b, 8)
		b = le.AppendUint64(b, uint64(m.offset))
	}
	return b
}

// appendEnd writes what stands behind the central directory of count files, which lies at offset.
func appendEnd(b []byte, count, offset, size int64) []byte {
	le := binary.LittleEndian
	count16, size32, offset32 := uint16(noValue16), uint32(noValue32), uint32(noValue32)
	if count < noValue16 && size < noValue32 && offset < noValue32 {
		count16, size32, offset32 = uint16(count), uint32(size), uint32(offset)
	} else {
		b = append(b, "PK\x06\x06"...)
		b = le.AppendUint64(b, end64Size-12)
		b = le.AppendUint16(b, 3<<8|45)
		b = le.AppendUint16(b, 45)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(count))
		b = le.AppendUint64(b, uint64(count))
		b = le.AppendUint64(b, uint64(size))
		b = le.AppendUint64(b, uint64(offset))
		b = append(b, "PK\x06\x07"...)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(offset+size))
		b = le.AppendUint32(b, 1)
	}
	b = append(b, "PK\x05\x06"...)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, count16)
	b = le.AppendUint16(b, count16)
	b = le.AppendUint32(b, size32)
	b = le.AppendUint32(b, offset32)
	return le.AppendUint16(b, 0)
}

// A zipFile is a tree in a zip.
type zipFile struct {
	r       io.ReaderAt
	closer  io.Closer
	members map[string]member
	double  []string
}

func openZip(path string) (*zipFile, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, joinClose(f, err)
	}
	if !info.Mode().IsRegular() {
		return nil, joinClose(f, fmt.Errorf("neither a folder nor a file: %w", ErrNoArchive))
	}
	z, err := readZip(f, info.Size())
	if err != nil {
		return nil, joinClose(f, &FormatError{Code: CodeCanon, Index: -1, Err: fmt.Errorf("reading zip: %w", err)})
	}
	z.closer = f
	return z, nil
}

func joinClose(c io.Closer, err error) error {
	if e := c.Close(); e != nil {
		return fmt.Errorf("%w (and closing: %w)", err, e)
	}
	return err
}

// readZip reads the central directory and compares everything in the file that is not a file's content with what
// the one form of this zip has there.
func readZip(r io.ReaderAt, size int64) (*zipFile, error) {
	count, offset, length, err := readEnd(r, size)
	if err != nil {
		return nil, err
	}
	central := make([]byte, length)
	if _, err := r.ReadAt(central, offset); err != nil {
		return nil, err
	}
	z := &zipFile{r: r, members: make(map[string]member, count)}
	at, header, local := int64(0), []byte(nil), []byte(nil)
	for range count {
		if len(central) < centralSize {
			return nil, ErrForm
		}
		m := member{offset: at, crc: binary.LittleEndian.Uint32(central[16:]), size: binary.LittleEndian.Uint32(central[20:])}
		n := int(binary.LittleEndian.Uint16(central[28:]))
		if len(central) < centralSize+n || n == 0 || n > 256 || m.size > MaxSides {
			return nil, ErrForm
		}
		m.path = string(central[centralSize : centralSize+n])
		header = m.appendCentral(header[:0])
		if !bytes.HasPrefix(central, header) {
			return nil, fmt.Errorf("entry of byte %d: %w", at, ErrForm)
		}
		central = central[len(header):]
		header = m.appendLocal(header[:0])
		if at+int64(len(header))+int64(m.size) > offset {
			return nil, ErrForm
		}
		local = append(local[:0], header...)
		if _, err := r.ReadAt(local, at); err != nil {
			return nil, err
		}
		if !bytes.Equal(local, header) {
			return nil, fmt.Errorf("header at byte %d: %w", at, ErrForm)
		}
		at += int64(len(header)) + int64(m.size)
		if _, ok := z.members[m.path]; ok && len(z.double) < maxExtra {
			z.double = append(z.double, m.path)
			continue
		}
		z.members[m.path] = m
	}
	if len(central) != 0 || at != offset {
		return nil, fmt.Errorf("bytes that belong to no file: %w", ErrForm)
	}
	return z, nil
}

// readEnd finds the central directory and compares all behind it.
func readEnd(r io.ReaderAt, size int64) (count, offset, length int64, err error) {
	le := binary.LittleEndian
	tail := make([]byte, min(size, end64Size+locatorSize+endSize))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, 0, 0, err
	}
	if len(tail) < endSize {
		return 0, 0, 0, ErrForm
	}
	end := tail[len(tail)-endSize:]
	count, length, offset = int64(le.Uint16(end[10:])), int64(le.Uint32(end[12:])), int64(le.Uint32(end[16:]))
	if count == noValue16 && len(tail) == end64Size+locatorSize+endSize {
		count, length, offset = int64(le.Uint64(tail[32:])), int64(le.Uint64(tail[40:])), int64(le.Uint64(tail[48:]))
	}
	if count < 0 || count > maxFiles || length < count*centralSize || length > count*(centralSize+256+12) || offset < 0 {
		return 0, 0, 0, ErrForm
	}
	want := appendEnd(nil, count, offset, length)
	if !bytes.HasSuffix(tail, want) || offset > size || size-int64(len(want))-length != offset {
		return 0, 0, 0, ErrForm
	}
	return count, offset, length, nil
}

func (z *zipFile) close() error { return z.closer.Close() }

func (z *zipFile) list(each func(path string, wrong error) bool) error {
	for path := range z.members {
		if !each(path, nil) {
			return nil
		}
	}
	for _, path := range z.double {
		if !each(path, fmt.Errorf("a name that is there twice: %w", ErrNoPlace)) {
			return nil
		}
	}
	return nil
}

func (z *zipFile) read(path string, limit int64, into []byte) ([]byte, error) {
	m, ok := z.members[path]
	if !ok {
		return nil, ErrMissing
	}
	if int64(m.size) > limit {
		return nil, fmt.Errorf("%d bytes: %w", m.size, ErrTooLarge)
	}
	b := slices.Grow(into[:0], int(m.size))[:m.size]
	if _, err := z.r.ReadAt(b, m.offset+localSize+int64(len(path))); err != nil {
		return nil, fmt.Errorf("reading zip: %w", err)
	}
	if crc32.ChecksumIEEE(b) != m.crc {
		return nil, fmt.Errorf("checksum of the zip: %w", ErrForm)
	}
	return b, nil
}
