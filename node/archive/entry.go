package archive

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
)

// TileWidth is how many leaves stand in a full tile.
const TileWidth = 256

// Limits, in bytes.
const (
	MaxRecord  = 4 << 20  // one side record
	MaxSides   = 64 << 20 // the side records of a tile
	MaxFile    = 16 << 20 // a directory, a manifest, a fork proof
	MaxLeaf    = 8192
	maxInfo    = 4096
	maxKeys    = 4096
	maxName    = 32
	maxEntries = TileWidth * (2 + MaxLeaf)
)

// EntryRecord is the name of the side record that holds a leaf of a limited archive. A Reader shows it as the entry's leaf.
const EntryRecord = "entry"

// A Record is a side record: what belongs to a leaf and is tied to it by a digest in the leaf.
type Record struct {
	Name  string
	Bytes []byte
}

// An Entry is one leaf with its side records.
type Entry struct {
	Index int64
	Leaf  []byte        // nil when a limited archive leaves it out
	Hash  translog.Hash // of the leaf. A Reader sets it in limited archives only; a Writer needs it where Leaf is nil
	Sides []Record      // ascending by name
}

// Side returns the side record with this name, nil when there is none. An empty record is not nil.
func (e *Entry) Side(name string) []byte {
	for i := range e.Sides {
		if e.Sides[i].Name == name {
			return e.Sides[i].Bytes
		}
	}
	return nil
}

// validName reports whether name may be a record's: lower-case letters and dashes.
func validName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= maxName
}

// names holds the names of the records of today, so that reading them costs no allocation.
var names = [...]string{
	"assertion", "checkpoint", "docket", "endorsement", "enrolment", EntryRecord, "leaf", "message", "of", "path",
	"policy", "report", "root-at", "signature", "snapshot", "statement",
}

func ownName(b []byte) string {
	for _, n := range names {
		if string(b) == n {
			return n
		}
	}
	return string(b)
}

// appendRecord writes one record of a sides file.
func appendRecord(dst []byte, offset uint8, r *Record) ([]byte, error) {
	if !validName([]byte(r.Name)) {
		return dst, fmt.Errorf("name of a side record: %w", ErrInvalid)
	}
	if len(r.Bytes) > MaxRecord || len(dst)+len(r.Bytes) > MaxSides-6-maxName {
		return dst, fmt.Errorf("side record of %d bytes: %w", len(r.Bytes), ErrTooLarge)
	}
	dst = append(dst, offset, byte(len(r.Name)))
	dst = append(dst, r.Name...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Bytes)))
	return append(dst, r.Bytes...), nil
}

// ParseSides reads a sides file of a tile and puts its records into entries, the tile's leaves in order. The records
// alias b. The error wraps [ErrForm] or [ErrTooLarge].
func ParseSides(b []byte, entries []Entry) error {
	_, err := parseSides(b, entries, nil)
	return err
}

// parseSides is ParseSides with the records in all[:0] if that is large enough; it returns them.
func parseSides(b []byte, entries []Entry, all []Record) ([]Record, error) {
	if len(b) > MaxSides {
		return all, ErrTooLarge
	}
	if len(b) == 0 {
		return all, fmt.Errorf("no record in it: %w", ErrForm)
	}
	n := 0
	for rest := b; len(rest) > 0; n++ {
		_, _, after, err := cutRecord(rest)
		if err != nil {
			return all, fmt.Errorf("record at byte %d: %w", len(b)-len(rest), err)
		}
		rest = after
	}
	all = slices.Grow(all[:0], n)
	last, first := -1, 0
	for len(b) > 0 {
		offset, r, after, err := cutRecord(b)
		if err != nil {
			return all, err
		}
		b = after
		switch {
		case int(offset) >= len(entries):
			return all, fmt.Errorf("record of leaf %d of a tile of %d: %w", offset, len(entries), ErrForm)
		case int(offset) < last || int(offset) == last && cmp.Compare(r.Name, all[len(all)-1].Name) <= 0:
			return all, fmt.Errorf("records of leaf %d are out of order: %w", offset, ErrForm)
		case int(offset) > last:
			last, first = int(offset), len(all)
		}
		all = append(all, r)
		entries[offset].Sides = all[first:len(all):len(all)]
	}
	return all, nil
}

func cutRecord(b []byte) (offset uint8, r Record, rest []byte, err error) {
	if len(b) < 2 {
		return 0, Record{}, nil, fmt.Errorf("ends early: %w", ErrForm)
	}
	offset, name := b[0], int(b[1])
	b = b[2:]
	if len(b) < name+4 {
		return 0, Record{}, nil, fmt.Errorf("ends early: %w", ErrForm)
	}
	if !validName(b[:name]) {
		return 0, Record{}, nil, fmt.Errorf("name of a side record: %w", ErrForm)
	}
	r.Name = ownName(b[:name])
	n := binary.BigEndian.Uint32(b[name:])
	b = b[name+4:]
	if n > MaxRecord {
		return 0, Record{}, nil, fmt.Errorf("side record of %d bytes: %w", n, ErrTooLarge)
	}
	if uint64(len(b)) < uint64(n) {
		return 0, Record{}, nil, fmt.Errorf("ends early: %w", ErrForm)
	}
	r.Bytes = b[:n:n]
	return offset, r, b[n:], nil
}

// ParseEntries reads a C2SP entry bundle of exactly len(entries) leaves into them. The leaves alias b.
func ParseEntries(b []byte, entries []Entry) error {
	for i := range entries {
		if len(b) < 2 {
			return fmt.Errorf("%d leaves instead of %d: %w", i, len(entries), ErrForm)
		}
		n := int(binary.BigEndian.Uint16(b))
		if n == 0 || n > MaxLeaf || len(b)-2 < n {
			return fmt.Errorf("leaf %d of the tile has a length of %d: %w", i, n, ErrForm)
		}
		entries[i].Leaf = b[2 : 2+n : 2+n]
		b = b[2+n:]
	}
	if len(b) > 0 {
		return fmt.Errorf("more than %d leaves: %w", len(entries), ErrForm)
	}
	return nil
}
