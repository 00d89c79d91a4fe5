package translog

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// HashSize is the length of a [Hash] in bytes.
const HashSize = sha256.Size

// hashText is the length of a Hash in leaves: base64url without padding.
const hashText = 43

// Hash is a SHA-256 digest or an HMAC-SHA256 commitment. Its text in leaves is base64url without padding, 43 characters.
// The zero Hash means "none": no leaf spells it.
type Hash [HashSize]byte

// IsZero reports whether h is the zero Hash, which means "none".
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns the text form of h, as leaves spell it; the empty string for the zero Hash.
func (h Hash) String() string {
	if h.IsZero() {
		return ""
	}
	return string(appendHash(nil, &h))
}

// ParseHash is the inverse of [Hash.String] for all but the zero Hash, which it refuses as it refuses padding, other
// alphabets and bits left over.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != hashText || !decodeHash(&h, []byte(s)) {
		return Hash{}, fmt.Errorf("parsing hash: %w", ErrCanon)
	}
	return h, nil
}

// LeafHash returns SHA-256(0x00 || leaf), the hash under which RFC 6962 puts a leaf into the tree.
func LeafHash(leaf []byte) Hash { return Hash(tlog.RecordHash(leaf)) }

// nodeHash returns SHA-256(0x01 || left || right), RFC 6962's hash of an inner node.
func nodeHash(left, right *Hash) Hash {
	var b [1 + 2*HashSize]byte
	b[0] = 0x01
	copy(b[1:], left[:])
	copy(b[1+HashSize:], right[:])
	return sha256.Sum256(b[:])
}

func appendHash(dst []byte, h *Hash) []byte {
	return base64.RawURLEncoding.AppendEncode(dst, h[:])
}

// decodeHash reads the 43 characters of b into h. It refuses the zero Hash, so that "none" has one spelling only.
func decodeHash(h *Hash, b []byte) bool {
	_ = b[hashText-1]
	var bad byte
	for i, o := 0, 0; i < 40; i, o = i+4, o+3 {
		v0, v1, v2, v3 := fromURL[b[i]], fromURL[b[i+1]], fromURL[b[i+2]], fromURL[b[i+3]]
		bad |= v0 | v1 | v2 | v3
		h[o] = v0<<2 | v1>>4
		h[o+1] = v1<<4 | v2>>2
		h[o+2] = v2<<6 | v3
	}
	v0, v1, v2 := fromURL[b[40]], fromURL[b[41]], fromURL[b[42]]
	bad |= v0 | v1 | v2 | v2<<6 // the last two bits belong to no byte: they are zero
	h[30] = v0<<2 | v1>>4
	h[31] = v1<<4 | v2>>2
	return bad < 64 && !h.IsZero()
}

// fromURL maps a character of the base64url alphabet to its value and every other byte to 0xFF.
var fromURL = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		t[c] = byte(i)
	}
	return t
}()
