package keyring

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// KIDSize is the length of a key identifier in bytes.
const KIDSize = 8

// KID finds a public key among the few of one node. It is too short to authenticate one: signatures are checked with the key itself.
type KID [KIDSize]byte

// KIDOf returns the key identifier of a public key of any kind: the first 8 bytes of SHA-256("rogatory/v1/kid\0" || public key).
func KIDOf(public []byte) KID {
	h := sha256.New()
	h.Write([]byte(contextKID))
	h.Write(public)
	return KID(h.Sum(nil)[:KIDSize])
}

// String returns 16 lower-case hexadecimal digits.
func (k KID) String() string { return hex.EncodeToString(k[:]) }

// Fingerprint returns a public key's fingerprint for reading aloud: twelve groups of five decimal digits. Group i is bytes 5i to 5i+4 of
// SHA-512("rogatory/v1/fingerprint\0" || public key) as a big-endian number, modulo 100000. 60 digits are 199 bits: making two keys that
// read the same takes about 2^99 tries.
func Fingerprint(public []byte) string {
	h := sha512.New()
	h.Write([]byte(contextFingerprint))
	h.Write(public)
	sum := h.Sum(nil)
	groups := make([]string, 12)
	for i := range groups {
		var n uint64
		for _, b := range sum[5*i : 5*i+5] {
			n = n<<8 | uint64(b)
		}
		groups[i] = fmt.Sprintf("%05d", n%100000)
	}
	return strings.Join(groups, " ")
}
