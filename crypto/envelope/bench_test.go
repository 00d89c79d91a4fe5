package envelope

import (
	"fmt"
	"testing"

	"github.com/rogatory/rogatory/crypto/keyring"
)

func BenchmarkSeal(b *testing.B) {
	p := newPair()
	for _, n := range []int{1 << 10, 4 << 10} {
		a := p.attempt(b, Durable, make([]byte, 200), make([]byte, n), nil)
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Seal(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is all that a recipient does but the signature, which a batch shares.
func BenchmarkOpen(b *testing.B) {
	p := newPair()
	for _, n := range []int{1 << 10, 4 << 10} {
		envelope := p.sign(b, p.seal(b, p.attempt(b, Durable, make([]byte, 200), make([]byte, n), nil)))[0].Envelope
		var v Verifier
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.open(&v, envelope, p.recipient(Durable)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSignBatch(b *testing.B) {
	p := newPair()
	s := p.seal(b, p.attempt(b, Durable, make([]byte, 200), make([]byte, 4<<10), nil))
	for _, n := range []int{1, 64, 256} {
		batch := make([]*Sealed, n)
		for i := range batch {
			batch[i] = s
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := SignBatch(p.identity, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/statement")
		})
	}
}

func BenchmarkVerifyBatch(b *testing.B) {
	p := newPair()
	s := p.seal(b, p.attempt(b, Durable, make([]byte, 200), make([]byte, 4<<10), nil))
	for _, n := range []int{1, 64, 256} {
		sealed := make([]*Sealed, n)
		for i := range sealed {
			sealed[i] = s
		}
		signed := p.sign(b, sealed...)
		key, err := keyring.ParsePublicKey(p.identity.Public().Bytes())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				var v Verifier
				for _, x := range signed {
					if err := v.VerifyStatement(key, s.Statement, x.Signature); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/statement")
		})
	}
}
