package keyring

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
)

// Officer is one person's (or agency's) signing key for acts on the command line: Ed25519 (RFC 8032).
type Officer struct {
	redacted
	seed Secret
	key  hidden[ed25519.PrivateKey]
}

// GenerateOfficer returns a new officer's key.
func GenerateOfficer() *Officer { return newOfficer(GenerateSecret()) }

func newOfficer(seed Secret) *Officer {
	return &Officer{seed: seed, key: hide(ed25519.NewKeyFromSeed(seed.b()[:]))}
}

// Public returns the public key.
func (o *Officer) Public() OfficerPublicKey {
	return OfficerPublicKey(o.key()[ed25519.SeedSize:])
}

// Sign returns the 64-byte signature over an act's digest, SHA-256("rogatory/v1/act\0" || Act bytes). The digest carries the context:
// an officer's key signs nothing else.
func (o *Officer) Sign(act [32]byte) []byte { return ed25519.Sign(o.key(), act[:]) }

// OfficerPublicKey is the public half of an officer's key.
type OfficerPublicKey [ed25519.PublicKeySize]byte

const officerPrefix = "officer-ed25519:"

// String returns the key's text form: "officer-ed25519:" and 43 characters of base64url.
func (p OfficerPublicKey) String() string { return officerPrefix + encoding.EncodeToString(p[:]) }

// KID returns the key's identifier.
func (p OfficerPublicKey) KID() KID { return KIDOf(p[:]) }

// Fingerprint returns the twelve groups of digits that two people compare; see Fingerprint.
func (p OfficerPublicKey) Fingerprint() string { return Fingerprint(p[:]) }

// Verify returns nil if sig is the key's signature over the act's digest, else ErrSignature.
func (p OfficerPublicKey) Verify(act [32]byte, sig []byte) error {
	if !ed25519.Verify(p[:], act[:], sig) {
		return ErrSignature
	}
	return nil
}

// NewOfficerPublicKey reads the 32 bytes of a public key, or returns ErrPublicKey: not canonical, not on the curve, of low order.
func NewOfficerPublicKey(b []byte) (OfficerPublicKey, error) {
	if err := CheckEd25519(b); err != nil {
		return OfficerPublicKey{}, err
	}
	return OfficerPublicKey(b), nil
}

// ParseOfficerPublicKey reads the text form that String writes, or returns ErrPublicKey.
func ParseOfficerPublicKey(text string) (OfficerPublicKey, error) {
	rest, ok := strings.CutPrefix(text, officerPrefix)
	if !ok {
		return OfficerPublicKey{}, fmt.Errorf("%w: it begins with %q", ErrPublicKey, officerPrefix)
	}
	b, err := encoding.DecodeString(rest)
	if err != nil || strings.ContainsAny(rest, "\r\n") {
		return OfficerPublicKey{}, ErrPublicKey
	}
	return NewOfficerPublicKey(b)
}

const (
	officerHeader = "rogatory officer v1\n"
	maxOfficer    = 1 << 10
)

func (o *Officer) format() []byte {
	return fmt.Appendf(nil, "%skey %s\npublic %s\n", officerHeader, encodeSecret(o.seed), o.Public())
}

func parseOfficer(text []byte) (*Officer, error) {
	body, ok := strings.CutPrefix(string(text), officerHeader)
	if !ok {
		return nil, fmt.Errorf("%w: first line", ErrFormat)
	}
	f := strings.Fields(body)
	if len(f) != 4 {
		return nil, fmt.Errorf("%w: not a key and its public half", ErrFormat)
	}
	seed, err := decodeSecret(f[1])
	if err != nil {
		return nil, err
	}
	o := newOfficer(seed)
	if !bytes.Equal(o.format(), text) {
		return nil, fmt.Errorf("%w: not in canonical form, or the halves do not match", ErrFormat)
	}
	return o, nil
}

// CreateOfficer writes the key to a new file, or returns ErrExists.
func CreateOfficer(path string, o *Officer, lock Lock) error {
	b, err := lock.lock(o.format())
	if err == nil {
		err = createFile(path, b)
	}
	if err != nil {
		return fmt.Errorf("creating officer key: %w", err)
	}
	return nil
}

// OpenOfficer reads an officer's key file.
func OpenOfficer(path string, lock Lock) (*Officer, error) {
	b, err := readPrivate(path, 4*maxOfficer)
	if err != nil {
		return nil, fmt.Errorf("opening officer key: %w", err)
	}
	plain, err := lock.unlock(b, maxOfficer)
	if err != nil {
		return nil, fmt.Errorf("opening officer key %s: %w", path, err)
	}
	defer clear(plain)
	o, err := parseOfficer(plain)
	if err != nil {
		return nil, fmt.Errorf("opening officer key %s: %w", path, err)
	}
	return o, nil
}
