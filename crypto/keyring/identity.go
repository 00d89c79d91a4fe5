package keyring

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/rogatory/rogatory/crypto/keyring/vector"
)

// Sizes of the composite scheme in bytes: each is ML-DSA-65's followed by Ed25519's.
const (
	IdentityPublicKeySize = mldsa65.PublicKeySize + ed25519.PublicKeySize // 1984
	IdentitySignatureSize = mldsa65.SignatureSize + ed25519.SignatureSize // 3373
)

// Constants of id-MLDSA65-Ed25519-SHA512 in draft-ietf-lamps-pq-composite-sigs.
const (
	compositePrefix = "CompositeAlgorithmSignatures2025"
	compositeLabel  = "COMPSIG-MLDSA65-Ed25519-SHA512"
)

// Identity is a node's signing key: ML-DSA-65 and Ed25519 together, as draft-ietf-lamps-pq-composite-sigs defines
// id-MLDSA65-Ed25519-SHA512, with an empty context. It is safe for use by several goroutines.
type Identity struct {
	redacted
	pqSeed, edSeed Secret
	pq             hidden[*mldsa65.PrivateKey]
	ed             hidden[ed25519.PrivateKey]
	public         *PublicKey
}

// GenerateIdentity returns a new identity key.
func GenerateIdentity() *Identity {
	return expandIdentity(GenerateSecret(), GenerateSecret())
}

// NewIdentity returns the identity key with these seeds, or ErrSeed if one is missing.
func NewIdentity(mldsaSeed, ed25519Seed Secret) (*Identity, error) {
	if mldsaSeed.IsZero() || ed25519Seed.IsZero() {
		return nil, ErrSeed
	}
	return expandIdentity(mldsaSeed, ed25519Seed), nil
}

func expandIdentity(pqSeed, edSeed Secret) *Identity {
	defer vector.Leave()
	pub, pq := mldsa65.NewKeyFromSeed(pqSeed.b())
	ed := ed25519.NewKeyFromSeed(edSeed.b()[:])
	raw := append(pub.Bytes(), ed[ed25519.SeedSize:]...)
	return &Identity{
		pqSeed: pqSeed, edSeed: edSeed, pq: hide(pq), ed: hide(ed),
		public: newPublicKey([IdentityPublicKeySize]byte(raw), pub),
	}
}

// Public returns the public key.
func (k *Identity) Public() *PublicKey { return k.public }

// KID returns the public key's identifier.
func (k *Identity) KID() KID { return k.public.kid }

// Sign returns the 3373-byte signature of message. The ML-DSA half is hedged, so two signatures of one message differ. An error means
// that the system's random source failed.
func (k *Identity) Sign(message []byte) ([]byte, error) {
	return k.sign(message, nil)
}

func (k *Identity) sign(message, context []byte) ([]byte, error) {
	defer vector.Leave()
	m := compositeMessage(message, context)
	sig := make([]byte, IdentitySignatureSize)
	if err := mldsa65.SignTo(k.pq(), m, []byte(compositeLabel), true, sig[:mldsa65.SignatureSize]); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	copy(sig[mldsa65.SignatureSize:], ed25519.Sign(k.ed(), m))
	return sig, nil
}

// compositeMessage returns M' = prefix || label || u8 len(context) || context || SHA-512(message).
func compositeMessage(message, context []byte) []byte {
	digest := sha512.Sum512(message)
	m := make([]byte, 0, len(compositePrefix)+len(compositeLabel)+1+len(context)+len(digest))
	m = append(m, compositePrefix...)
	m = append(m, compositeLabel...)
	m = append(m, byte(len(context)))
	m = append(m, context...)
	return append(m, digest[:]...)
}

// PublicKey is a node's public identity key, unpacked. Unpacking costs about as much as a signature check: parse a key once and keep
// it. It is immutable and safe for use by several goroutines.
type PublicKey struct {
	raw  [IdentityPublicKeySize]byte
	hash [sha256.Size]byte
	kid  KID
	pq   *mldsa65.PublicKey
	ed   ed25519.PublicKey
}

// ParsePublicKey reads the 1984 bytes of a public key, or returns ErrPublicKey: wrong length, or an Ed25519 half that is not
// canonical, not on the curve or of low order.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != IdentityPublicKeySize {
		return nil, ErrPublicKey
	}
	if err := CheckEd25519(b[mldsa65.PublicKeySize:]); err != nil {
		return nil, err
	}
	var pq mldsa65.PublicKey
	pq.Unpack((*[mldsa65.PublicKeySize]byte)(b))
	vector.Leave()
	return newPublicKey([IdentityPublicKeySize]byte(b), &pq), nil
}

func newPublicKey(raw [IdentityPublicKeySize]byte, pq *mldsa65.PublicKey) *PublicKey {
	p := &PublicKey{raw: raw, hash: sha256.Sum256(raw[:]), kid: KIDOf(raw[:]), pq: pq}
	p.ed = p.raw[mldsa65.PublicKeySize:]
	return p
}

// Bytes returns a copy of the 1984 bytes.
func (p *PublicKey) Bytes() []byte { return append([]byte(nil), p.raw[:]...) }

// KID returns the key's identifier.
func (p *PublicKey) KID() KID { return p.kid }

// Hash returns the SHA-256 of the key's bytes: a name that, unlike the KID, nobody can make a second key for.
func (p *PublicKey) Hash() [sha256.Size]byte { return p.hash }

// Equal reports whether both are the same key.
func (p *PublicKey) Equal(o *PublicKey) bool { return p.raw == o.raw }

// Fingerprint returns the twelve groups of digits that two people compare by telephone; see Fingerprint.
func (p *PublicKey) Fingerprint() string { return Fingerprint(p.raw[:]) }

// Verify returns nil if both halves of the signature of message verify, else ErrSignature.
func (p *PublicKey) Verify(message, signature []byte) error {
	return p.verify(message, nil, signature)
}

func (p *PublicKey) verify(message, context, signature []byte) error {
	if len(signature) != IdentitySignatureSize {
		return ErrSignature
	}
	defer vector.Leave()
	m := compositeMessage(message, context)
	// Ed25519 first: it is the cheaper half of a forgery to refuse.
	if !ed25519.Verify(p.ed, m, signature[mldsa65.SignatureSize:]) ||
		!mldsa65.Verify(p.pq, m, []byte(compositeLabel), signature[:mldsa65.SignatureSize]) {
		return ErrSignature
	}
	return nil
}

// endorsedDigest is what the identity key before it signs of a new one:
// SHA-256("rogatory/v1/identity\0" || country || 0 || public key || u64be(not_before_ms) || u64be(not_after_ms)).
func endorsedDigest(country string, key *PublicKey, notBeforeMS, notAfterMS uint64) []byte {
	h := sha256.New()
	h.Write([]byte(contextIdentity))
	h.Write([]byte(country))
	h.Write([]byte{0})
	h.Write(key.raw[:])
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], notBeforeMS)
	binary.BigEndian.PutUint64(b[8:], notAfterMS)
	h.Write(b[:])
	return h.Sum(nil)
}

// Endorse signs a country's next identity key and the time in which it is valid, milliseconds since 1970 UTC.
func (k *Identity) Endorse(country string, next *PublicKey, notBeforeMS, notAfterMS uint64) ([]byte, error) {
	return k.Sign(endorsedDigest(country, next, notBeforeMS, notAfterMS))
}

// VerifyEndorsement returns nil if p endorsed next with Endorse and the same values, else ErrSignature.
func (p *PublicKey) VerifyEndorsement(country string, next *PublicKey, notBeforeMS, notAfterMS uint64, endorsement []byte) error {
	return p.Verify(endorsedDigest(country, next, notBeforeMS, notAfterMS), endorsement)
}
