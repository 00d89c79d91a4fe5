package guard

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/leaves"
)

// A slot is what one write of the guard says:
//
//	magic(16) || u64be counter || u64be size || root(32) || u16be length || origin || u8 open || u64be size || root(32) before ||
//	zeros || SHA-256 of all before it (32)
type slot struct {
	counter uint64
	head    leaves.Head
	origin  string      // of the log that head is of
	open    bool        // head may not have been committed
	before  leaves.Head // what was committed, when open
}

const (
	slotSize  = 4096
	maxOrigin = 1024
	magic     = "rogatory guard 1"
)

// parse takes the newer of the two slots that are whole. Counter 0 means a missing guard: the file is empty, or
// nothing but its first slot has ever been written and that one is torn, which a crash can leave before anything has been
// signed. The guard of another log of the same country is no error.
func parse(b []byte, origin string) (newest slot, err error) {
	for n := range 2 {
		s, ok := parseSlot(b[n*slotSize : (n+1)*slotSize])
		if !ok || s.counter < newest.counter {
			continue
		}
		if !sameCountry(s.origin, origin) {
			return slot{}, fmt.Errorf("guard belongs to log %q: %w", s.origin, disk.ErrForeign)
		}
		newest = s
	}
	if newest.counter == 0 && len(bytes.Trim(b[slotSize:], "\x00")) > 0 {
		return slot{}, ErrDamaged
	}
	return newest, nil
}

func parseSlot(b []byte) (s slot, ok bool) {
	sum := sha256.Sum256(b[:slotSize-sha256.Size])
	if !bytes.Equal(sum[:], b[slotSize-sha256.Size:]) || string(b[:16]) != magic {
		return slot{}, false
	}
	s.counter = binary.BigEndian.Uint64(b[16:])
	s.head = leaves.Head{Size: int64(binary.BigEndian.Uint64(b[24:])), Root: translog.Hash(b[32:64])}
	n := int(binary.BigEndian.Uint16(b[64:]))
	if s.counter == 0 || s.head.Size < 0 || n > maxOrigin {
		return slot{}, false
	}
	s.origin, b = string(b[66:66+n]), b[66+n:]
	s.open = b[0] == 1
	s.before = leaves.Head{Size: int64(binary.BigEndian.Uint64(b[1:])), Root: translog.Hash(b[9:41])}
	return s, true
}

func (s slot) append(b []byte) []byte {
	b = append(b, magic...)
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

// sameCountry reports whether two origins are those of logs of one country.
func sameCountry(a, b string) bool {
	a, _ = leaves.SplitOrigin(a)
	b, _ = leaves.SplitOrigin(b)
	return a == b
}
