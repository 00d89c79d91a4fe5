package keyring

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
	"testing"
)

func le32(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func TestHonestKeysAreAdmitted(t *testing.T) {
	for range 50 {
		o := GenerateOfficer().Public()
		if err := CheckEd25519(o[:]); err != nil {
			t.Fatalf("Ed25519: %v", err)
		}
		k, err := NewSealingKey(1, GenerateSecret())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSealingPublicKey(k.Public().Bytes()); err != nil {
			t.Fatalf("X-Wing: %v", err)
		}
	}
}

// What the list refuses, the standard library's X25519 refuses too, so the list holds points of low order; and the sum of the orders'
// points is known: 5 values of u, 5 of y (RFC 7748, section 6.1; RFC 8032).
func TestLowOrderSharesAreRefused(t *testing.T) {
	priv, err := ecdh.X25519().NewPrivateKey(GenerateSecret().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range lowOrderU {
		for _, spelling := range [][]byte{le32(u), le32(new(big.Int).SetBit(u, 255, 1))} {
			if err := CheckX25519(spelling); !errors.Is(err, ErrPublicKey) {
				t.Errorf("u = %x: %v", spelling, err)
			}
			pub, err := ecdh.X25519().NewPublicKey(spelling)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := priv.ECDH(pub); err == nil {
				t.Errorf("u = %x is not of low order", spelling)
			}
		}
	}
	for u := new(big.Int).Set(fieldP); u.BitLen() <= 255; u.Add(u, big.NewInt(1)) {
		if err := CheckX25519(le32(u)); !errors.Is(err, ErrPublicKey) {
			t.Errorf("u = p + %d: %v", new(big.Int).Sub(u, fieldP), err)
		}
	}
}

// A key of low order verifies a signature of every message, for at least one in eight of them.
func TestLowOrderEd25519KeysAreRefused(t *testing.T) {
	for _, y := range lowOrderY {
		for _, spelling := range [][]byte{le32(y), le32(new(big.Int).SetBit(y, 255, 1))} {
			if err := CheckEd25519(spelling); !errors.Is(err, ErrPublicKey) {
				t.Errorf("y = %x: %v", spelling, err)
			}
		}
		// S = 0, R = the identity: [S]B = R + [k]A whenever 8 divides k, so a message is soon found.
		forged := append(le32(big.NewInt(1)), make([]byte, 32)...)
		hit := false
		for i := 0; i < 200 && !hit; i++ {
			hit = ed25519.Verify(le32(y), []byte{byte(i)}, forged)
		}
		if !hit {
			t.Errorf("y = %x does not act like a point of low order", le32(y))
		}
	}
	for y := new(big.Int).Set(fieldP); y.BitLen() <= 255; y.Add(y, big.NewInt(1)) {
		if err := CheckEd25519(le32(y)); !errors.Is(err, ErrPublicKey) {
			t.Errorf("non-canonical y = p + %d: %v", new(big.Int).Sub(y, fieldP), err)
		}
	}
}

// About half of all y belong to no point.
func TestEd25519KeysOffTheCurveAreRefused(t *testing.T) {
	on, off := 0, 0
	for i := int64(2); i < 200; i++ {
		if CheckEd25519(le32(big.NewInt(i))) == nil {
			on++
		} else {
			off++
		}
	}
	if on < 60 || off < 60 {
		t.Errorf("%d on the curve, %d off", on, off)
	}
}
