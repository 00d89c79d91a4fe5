package keyring

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// findUp walks up from the package's folder until elem is there beside or in one of its parents.
func findUp(t *testing.T, elem string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		p := filepath.Join(dir, elem)
		if _, err := os.Stat(p); err == nil {
			return p
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skipf("%s is not here", elem)
		}
		dir = up
	}
}

type compositeVectors struct {
	M     []byte `json:"m"`
	Ctx   []byte `json:"ctx"`
	Tests []struct {
		TcID         string `json:"tcId"`
		PK           []byte `json:"pk"`
		SK           []byte `json:"sk"`
		S            []byte `json:"s"`
		SWithContext []byte `json:"sWithContext"`
	} `json:"tests"`
}

// The vectors are those of draft-ietf-lamps-pq-composite-sigs.
func TestCompositeAgreesWithThePublishedVectors(t *testing.T) {
	b, err := os.ReadFile(findUp(t, "shared/vectors/composite-mldsa65-ed25519.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v compositeVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Tests) == 0 {
		t.Fatal("no vectors")
	}
	for _, tc := range v.Tests {
		pub, err := ParsePublicKey(tc.PK)
		if err != nil {
			t.Fatalf("%s: public key: %v", tc.TcID, err)
		}
		if err := pub.Verify(v.M, tc.S); err != nil {
			t.Errorf("%s: %v", tc.TcID, err)
		}
		if err := pub.verify(v.M, v.Ctx, tc.SWithContext); err != nil {
			t.Errorf("%s with context: %v", tc.TcID, err)
		}
		if pub.Verify(v.M, tc.SWithContext) == nil {
			t.Errorf("%s: signature with a context passes without", tc.TcID)
		}
		pq, err := NewSecret(tc.SK[:32])
		if err != nil {
			t.Fatal(err)
		}
		ed, err := NewSecret(tc.SK[32:])
		if err != nil {
			t.Fatal(err)
		}
		key, err := NewIdentity(pq, ed)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key.Public().Bytes(), tc.PK) {
			t.Errorf("%s: seeds give another public key", tc.TcID)
		}
		sig, err := key.Sign(v.M)
		if err != nil {
			t.Fatal(err)
		}
		if err := pub.Verify(v.M, sig); err != nil {
			t.Errorf("%s: own signature: %v", tc.TcID, err)
		}
	}
}

func TestSignatureNeedsBothHalves(t *testing.T) {
	key, other := GenerateIdentity(), GenerateIdentity()
	message := []byte("m")
	a, err := key.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	pq, ed := mldsa65.SignatureSize, ed25519.SignatureSize
	for name, sig := range map[string][]byte{
		"the other's Ed25519":        slices.Concat(a[:pq], b[pq:]),
		"the other's ML-DSA":         slices.Concat(b[:pq], a[pq:]),
		"no Ed25519":                 a[:pq],
		"no ML-DSA":                  a[pq:],
		"zero Ed25519":               slices.Concat(a[:pq], make([]byte, ed)),
		"zero ML-DSA":                slices.Concat(make([]byte, pq), a[pq:]),
		"one byte more":              append(slices.Clone(a), 0),
		"nothing":                    nil,
		"the other's whole sentence": b,
	} {
		if err := key.Public().Verify(message, sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := key.Public().Verify([]byte("n"), a); !errors.Is(err, ErrSignature) {
		t.Errorf("another message: %v", err)
	}
	if err := key.Public().Verify(message, a); err != nil {
		t.Errorf("the signature itself: %v", err)
	}
}

// Without hedging, a fault during signing gives the key away.
func TestSigningIsHedged(t *testing.T) {
	key := GenerateIdentity()
	a, _ := key.Sign([]byte("m"))
	b, _ := key.Sign([]byte("m"))
	if bytes.Equal(a[:mldsa65.SignatureSize], b[:mldsa65.SignatureSize]) {
		t.Error("two signatures of one message are equal")
	}
}

func TestEveryBitOfASignatureCounts(t *testing.T) {
	key := GenerateIdentity()
	message := []byte("m")
	sig, err := key.Sign(message)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sig {
		if i > 64 && i < mldsa65.SignatureSize-128 && i%13 != 0 {
			continue // the long vector z: every thirteenth byte is enough
		}
		for bit := range 8 {
			if bit > 0 && i < mldsa65.SignatureSize {
				break
			}
			sig[i] ^= 1 << bit
			if key.Public().Verify(message, sig) == nil {
				t.Fatalf("bit %d of byte %d does not count", bit, i)
			}
			sig[i] ^= 1 << bit
		}
	}
}

func TestEndorsementBindsCountryKeyAndTime(t *testing.T) {
	old, next, stranger := GenerateIdentity(), GenerateIdentity(), GenerateIdentity()
	sig, err := old.Endorse("RS", next.Public(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Public().VerifyEndorsement("RS", next.Public(), 1, 2, sig); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"country":    old.Public().VerifyEndorsement("BG", next.Public(), 1, 2, sig),
		"key":        old.Public().VerifyEndorsement("RS", stranger.Public(), 1, 2, sig),
		"not before": old.Public().VerifyEndorsement("RS", next.Public(), 0, 2, sig),
		"not after":  old.Public().VerifyEndorsement("RS", next.Public(), 1, 3, sig),
		"signer":     stranger.Public().VerifyEndorsement("RS", next.Public(), 1, 2, sig),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func BenchmarkIdentitySign(b *testing.B) {
	key := GenerateIdentity()
	for b.Loop() {
		if _, err := key.Sign([]byte("m")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIdentityVerify(b *testing.B) {
	key := GenerateIdentity()
	sig, err := key.Sign([]byte("m"))
	if err != nil {
		b.Fatal(err)
	}
	pub, err := ParsePublicKey(key.Public().Bytes())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := pub.Verify([]byte("m"), sig); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(GenerateIdentity().Public().Bytes())
	f.Add(make([]byte, IdentityPublicKeySize))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePublicKey(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Error("a parsed key gives other bytes")
		}
		var pq [mldsa65.PublicKeySize]byte
		p.pq.Pack(&pq)
		if !bytes.Equal(pq[:], b[:mldsa65.PublicKeySize]) {
			t.Error("the unpacked ML-DSA key packs to other bytes")
		}
	})
}
