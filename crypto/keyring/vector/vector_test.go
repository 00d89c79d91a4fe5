package vector

import (
	"crypto/sha256"
	"testing"

	"github.com/cloudflare/circl/kem/xwing"
)

// Leave clears registers that Go's calling convention lets a function destroy; values that live across the call must survive it.
func TestLeaveDisturbsNothing(t *testing.T) {
	x, y := 1.5, 2.5
	for range 1000 {
		Leave()
		x += y
	}
	if x != 2501.5 {
		t.Error(x)
	}
}

func BenchmarkHashAfterKEM(b *testing.B) {
	_, pk, err := xwing.GenerateKeyPair(nil)
	if err != nil {
		b.Fatal(err)
	}
	var ct [xwing.CiphertextSize]byte
	var ss [xwing.SharedKeySize]byte
	seed := make([]byte, xwing.EncapsulationSeedSize)
	text := make([]byte, 640)
	for name, after := range map[string]func(){"as it is": func() {}, "with Leave": Leave} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				pk.EncapsulateTo(ct[:], ss[:], seed)
				after()
				text[0] = sha256.Sum256(text)[0]
			}
		})
	}
}
