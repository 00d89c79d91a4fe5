package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Changed is a case as a `state` leaf has it: one that changed since the `state` leaf before.
type Changed struct {
	Token string
	Hash  [32]byte
	// Body is the case's encoding; nil when its dockets' term is over and only the hash is left.
	Body []byte
}

// FoldState returns state_n = SHA-256("rogatory/v1/state\0" || state_{n-1} || for each case that changed since, ascending by token:
// u16be length || token || Case.Hash). Before the first, the state is 32 zero bytes. The list is in order.
func FoldState(before [32]byte, changed []Changed) [32]byte {
	h := sha256.New()
	h.Write([]byte("rogatory/v1/state\x00"))
	h.Write(before[:])
	var b []byte
	for i := range changed {
		b = binary.BigEndian.AppendUint16(b[:0], uint16(len(changed[i].Token)))
		b = append(b, changed[i].Token...)
		b = append(b, changed[i].Hash[:]...)
		h.Write(b)
	}
	return [32]byte(h.Sum(nil))
}

// SortChanged puts a list in the order of FoldState and EncodeSnapshot.
func SortChanged(list []Changed) {
	slices.SortFunc(list, func(a, b Changed) int { return strings.Compare(a.Token, b.Token) })
}

// EncodeSnapshot returns what stands beside a `state` leaf: u32be count, then for each case ascending u16be length || token || u32be length ||
// encoding; of a case without a body the length is 0 and the 32 bytes of its hash follow.
func EncodeSnapshot(changed []Changed) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(changed)))
	for i := range changed {
		c := &changed[i]
		b = binary.BigEndian.AppendUint16(b, uint16(len(c.Token)))
		b = append(b, c.Token...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(c.Body)))
		if len(c.Body) == 0 {
			b = append(b, c.Hash[:]...)
			continue
		}
		b = append(b, c.Body...)
	}
	return b
}

// SnapshotDigest is the `snapshot` of a state leaf: SHA-256("rogatory/v1/snapshot\0" || the snapshot with every case reduced to its hash), so
// that taking away the body of a case whose dockets' term is over leaves the digest as it is. Each body is tied to its hash by Case.Hash.
func SnapshotDigest(changed []Changed) [32]byte {
	reduced := make([]Changed, len(changed))
	for i := range changed {
		reduced[i] = Changed{Token: changed[i].Token, Hash: changed[i].Hash}
	}
	h := sha256.New()
	h.Write([]byte("rogatory/v1/snapshot\x00"))
	h.Write(EncodeSnapshot(reduced))
	return [32]byte(h.Sum(nil))
}

// ParseSnapshot reads what EncodeSnapshot wrote: in order, nothing twice, each body of at most 16 MiB. The hash of a case with a body is
// computed. The bodies alias b; Decode reads them. The error wraps ErrEncoding.
func ParseSnapshot(b []byte) ([]Changed, error) {
	bad := func(what string) ([]Changed, error) { return nil, fmt.Errorf("%w: snapshot: %s", ErrEncoding, what) }
	if len(b) < 4 {
		return bad("ends early")
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if uint64(n) > uint64(len(b))/39 { // each takes that much at least
		return bad("count")
	}
	list := make([]Changed, 0, n)
	for range n {
		if len(b) < 2 {
			return bad("ends early")
		}
		size := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; size == 0 || size > maxToken || len(b) < size+4 {
			return bad("token")
		}
		c := Changed{Token: string(b[:size])}
		if len(list) > 0 && list[len(list)-1].Token >= c.Token {
			return bad("order")
		}
		length := int64(binary.BigEndian.Uint32(b[size:]))
		b = b[size+4:]
		switch {
		case length == 0 && len(b) >= 32:
			c.Hash, b = [32]byte(b), b[32:]
		case length == 0 || length > maxEncoded || length > int64(len(b)):
			return bad("length of a case")
		default:
			c.Body, b = b[:length:length], b[length:]
			c.Hash = HashEncoded(c.Body)
		}
		list = append(list, c)
	}
	if len(b) != 0 {
		return bad("trailing bytes")
	}
	return list, nil
}

// HashEncoded is Case.Hash of a case's encoding.
func HashEncoded(b []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("rogatory/v1/case\x00"))
	h.Write(b)
	return [32]byte(h.Sum(nil))
}
