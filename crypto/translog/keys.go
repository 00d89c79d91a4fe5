package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"

	"github.com/rogatory/rogatory/crypto/keyring/vector"
)

// SeedSize is the length in bytes of both seeds of a signer: RFC 8032's private key and FIPS 204's xi.
const SeedSize = 32

// Signature types of C2SP signed-note.
const (
	algEd25519     = 0x01 // over the text of the note
	algCosignature = 0x04 // Ed25519, timestamped
	algSubtree     = 0x06 // ML-DSA-44, timestamped; logs and witnesses alike
)

// An edKey is an Ed25519 public key under a name and one of the two signature types that use it.
type edKey struct {
	name string
	alg  byte
	id   [4]byte
	pub  ed25519.PublicKey
}

// A pqKey is an ML-DSA-44 public key under a name. The unpacked form is kept: unpacking costs as much as a check.
type pqKey struct {
	name string
	id   [4]byte
	raw  []byte
	pub  *mldsa44.PublicKey
}

func newEdKey(name string, alg byte, pub []byte) (edKey, error) {
	if !isOrigin([]byte(name)) {
		return edKey{}, fmt.Errorf("name of an Ed25519 key: %w", ErrKey)
	}
	if !goodPoint(pub) {
		return edKey{}, fmt.Errorf("Ed25519 key of %s: %w", name, ErrKey)
	}
	return edKey{name: name, alg: alg, id: keyID(name, alg, pub), pub: bytes.Clone(pub)}, nil
}

func newPqKey(name string, pub []byte) (pqKey, error) {
	if !isOrigin([]byte(name)) {
		return pqKey{}, fmt.Errorf("name of an ML-DSA-44 key: %w", ErrKey)
	}
	k := pqKey{name: name, id: keyID(name, algSubtree, pub), raw: bytes.Clone(pub), pub: new(mldsa44.PublicKey)}
	if len(pub) != mldsa44.PublicKeySize || k.pub.UnmarshalBinary(pub) != nil {
		return pqKey{}, fmt.Errorf("ML-DSA-44 key of %s: %w", name, ErrKey)
	}
	return k, nil
}

// keyID returns SHA-256(name || "\n" || alg || pub)[:4].
func keyID(name string, alg byte, pub []byte) (id [4]byte) {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', alg})
	h.Write(pub)
	copy(id[:], h.Sum(nil))
	return id
}

// goodPoint refuses Ed25519 public keys of small order, whose signatures fit many messages, and y coordinates that are
// not reduced, which are second spellings of a key.
func goodPoint(pub []byte) bool {
	if len(pub) != ed25519.PublicKeySize {
		return false
	}
	y := bytes.Clone(pub)
	y[31] &= 0x7F
	if !belowPrime(y) {
		return false
	}
	return !slices.Contains(smallOrder[:], string(y))
}

// belowPrime reports whether the little-endian y is less than 2^255-19.
func belowPrime(y []byte) bool {
	if y[31] != 0x7F || y[0] < 0xED {
		return true
	}
	for _, b := range y[1:31] {
		if b != 0xFF {
			return true
		}
	}
	return false
}

// smallOrder holds the y coordinates, little-endian, of the eight points whose order divides 8: 0 (order 4), 1 (the
// identity), -1 (order 2), and the two of order 8.
var smallOrder = [...]string{
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
}

// formatVKey returns the text form of a public key, C2SP signed-note's vkey: name+id+base64(alg || key).
func formatVKey(name string, id [4]byte, alg byte, pub []byte) string {
	return name + "+" + hex.EncodeToString(id[:]) + "+" + base64.StdEncoding.EncodeToString(append([]byte{alg}, pub...))
}

// parseVKey is the strict inverse of formatVKey.
func parseVKey(s string) (name string, alg byte, pub []byte, err error) {
	if len(s) > 4096 {
		return "", 0, nil, fmt.Errorf("key in text form: %w", ErrTooLarge)
	}
	bad := fmt.Errorf("key in text form: %w", ErrKey)
	name, rest, _ := strings.Cut(s, "+")
	id, b64, _ := strings.Cut(rest, "+")
	key, ok := decodeBase64([]byte(b64))
	if !ok || len(key) < 2 || len(id) != 8 || !isOrigin([]byte(name)) {
		return "", 0, nil, bad
	}
	want := keyID(name, key[0], key[1:])
	if id != hex.EncodeToString(want[:]) {
		return "", 0, nil, fmt.Errorf("key in text form has another key's id: %w", ErrKey)
	}
	return name, key[0], key[1:], nil
}

func parseEdVKey(s string, alg byte) (edKey, error) {
	name, a, pub, err := parseVKey(s)
	if err != nil {
		return edKey{}, err
	}
	if a != alg {
		return edKey{}, fmt.Errorf("key of %s has signature type %#02x, not %#02x: %w", name, a, alg, ErrKey)
	}
	return newEdKey(name, alg, pub)
}

func parsePqVKey(s string) (pqKey, error) {
	name, a, pub, err := parseVKey(s)
	if err != nil {
		return pqKey{}, err
	}
	if a != algSubtree {
		return pqKey{}, fmt.Errorf("key of %s has signature type %#02x, not %#02x: %w", name, a, algSubtree, ErrKey)
	}
	return newPqKey(name, pub)
}

// decodeBase64 reads standard base64 with padding. It refuses line breaks and bits left over.
func decodeBase64(b []byte) ([]byte, bool) {
	if len(b) == 0 || bytes.ContainsAny(b, "\r\n") {
		return nil, false
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(nil, b)
	return out, err == nil
}

// timestamped returns C2SP tlog-cosignature's timestamped_signature.
func timestamped(seconds int64, sig []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(seconds)), sig...)
}

// subtreeMessage returns C2SP tlog-cosignature's cosigned_message for a whole tree: what ML-DSA-44 signs. Unlike the
// text of a note it names the signer.
func subtreeMessage(signer string, seconds int64, cp *Checkpoint) []byte {
	b := make([]byte, 0, 128+len(signer)+len(cp.Origin))
	b = append(b, "subtree/v1\n\x00"...)
	b = append(b, byte(len(signer)))
	b = append(b, signer...)
	b = binary.BigEndian.AppendUint64(b, uint64(seconds))
	b = append(b, byte(len(cp.Origin)))
	b = append(b, cp.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(cp.Size))
	return append(b, cp.Root[:]...)
}

// signers holds what logs and witnesses sign with.
type signers struct {
	name string
	ed   ed25519.PrivateKey
	pq   *mldsa44.PrivateKey
	pub  []byte // ML-DSA-44
}

func newSigners(name string, edSeed, pqSeed []byte) (signers, error) {
	if !isOrigin([]byte(name)) {
		return signers{}, fmt.Errorf("name of a signer: %w", ErrKey)
	}
	if len(edSeed) != SeedSize || len(pqSeed) != SeedSize || bytes.Equal(edSeed, pqSeed) {
		return signers{}, fmt.Errorf("seeds of %s: %w", name, ErrKey)
	}
	pub, pq := mldsa44.NewKeyFromSeed((*[SeedSize]byte)(pqSeed))
	return signers{name: name, ed: ed25519.NewKeyFromSeed(edSeed), pq: pq, pub: pub.Bytes()}, nil
}

func (s *signers) signPq(seconds int64, cp *Checkpoint) ([]byte, error) {
	sig := make([]byte, mldsa44.SignatureSize)
	err := mldsa44.SignTo(s.pq, subtreeMessage(s.name, seconds, cp), nil, true, sig)
	vector.Leave()
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint %d of %s: %w", cp.Size, cp.Origin, err)
	}
	return sig, nil
}

func (k *pqKey) verify(seconds int64, cp *Checkpoint, sig []byte) bool {
	if len(sig) != mldsa44.SignatureSize {
		return false
	}
	defer vector.Leave()
	return mldsa44.Verify(k.pub, subtreeMessage(k.name, seconds, cp), nil, sig)
}
