package keyring

import (
	"fmt"
	"time"

	"github.com/cloudflare/circl/kem/xwing"

	"github.com/rogatory/rogatory/crypto/keyring/vector"
)

// SealingPublicKeySize is the length of an X-Wing public key in bytes.
const SealingPublicKeySize = xwing.PublicKeySize

// x25519Offset is where the X25519 share begins in an X-Wing public key, after ML-KEM-768's.
const x25519Offset = SealingPublicKeySize - 32

// Day is a UTC day, counted from 1970-01-01.
type Day uint32

// DayOf returns the UTC day that holds t. t must not lie before 1970.
func DayOf(t time.Time) Day { return Day(t.Unix() / 86400) }

// Start returns the first moment of the day.
func (d Day) Start() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// End returns the first moment of the day after.
func (d Day) End() time.Time { return (d + 1).Start() }

// String returns the day as 2006-01-02.
func (d Day) String() string { return d.Start().Format(time.DateOnly) }

// SealingPublicKey is a peer's X-Wing key of one day, unpacked. It is immutable.
type SealingPublicKey struct {
	raw [SealingPublicKeySize]byte
	kid KID
	pub *xwing.PublicKey
}

// ParseSealingPublicKey reads the 1216 bytes of an X-Wing public key (draft-connolly-cfrg-xwing-kem), or returns ErrPublicKey: wrong length,
// an ML-KEM half that is not canonical, or an X25519 share that is not canonical or of low order.
func ParseSealingPublicKey(b []byte) (*SealingPublicKey, error) {
	if len(b) != SealingPublicKeySize {
		return nil, ErrPublicKey
	}
	if err := CheckX25519(b[x25519Offset:]); err != nil {
		return nil, err
	}
	var pub xwing.PublicKey
	err := pub.Unpack(b)
	vector.Leave()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	return &SealingPublicKey{raw: [SealingPublicKeySize]byte(b), kid: KIDOf(b), pub: &pub}, nil
}

// Bytes returns a copy of the 1216 bytes.
func (p *SealingPublicKey) Bytes() []byte { return append([]byte(nil), p.raw[:]...) }

// KID returns the key's identifier.
func (p *SealingPublicKey) KID() KID { return p.kid }

// KEM returns the key for HPKE. Package envelope alone uses it.
func (p *SealingPublicKey) KEM() *xwing.PublicKey { return p.pub }

// SealingKey is a node's own X-Wing key of one day. It is safe for use by several goroutines.
type SealingKey struct {
	redacted
	day    Day
	seed   Secret
	priv   hidden[*xwing.PrivateKey]
	public *SealingPublicKey
}

// NewSealingKey returns the day's key with this seed, or ErrSeed if it is missing.
func NewSealingKey(day Day, seed Secret) (*SealingKey, error) {
	if seed.IsZero() {
		return nil, ErrSeed
	}
	priv, pub := xwing.DeriveKeyPair(seed.b()[:])
	var raw [SealingPublicKeySize]byte
	pub.Pack(raw[:])
	vector.Leave()
	return &SealingKey{
		day: day, seed: seed, priv: hide(priv),
		public: &SealingPublicKey{raw: raw, kid: KIDOf(raw[:]), pub: pub},
	}, nil
}

// Day returns the day that the key was published for.
func (k *SealingKey) Day() Day { return k.day }

// KID returns the public key's identifier.
func (k *SealingKey) KID() KID { return k.public.kid }

// Public returns the public key.
func (k *SealingKey) Public() *SealingPublicKey { return k.public }

// KEM returns the key for HPKE. Package envelope alone uses it.
func (k *SealingKey) KEM() *xwing.PrivateKey { return k.priv() }
