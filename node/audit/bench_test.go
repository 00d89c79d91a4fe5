package audit_test

import (
	"fmt"
	"testing"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

// BenchmarkVerify verifies a log of which a fifth are messages, each signed alone. Beside it stands what the composite signatures cost alone.
func BenchmarkVerify(b *testing.B) {
	w := forge.New(b, "BG", "RS")
	for range 300 {
		w.Reply(w.Ask("RS", "BG"))
	}
	w.Round()
	rs := w.Country("RS")
	path := w.Archive("RS", b.TempDir()+"/RS")
	signed := len(rs.Log.Find("msg")) + len(rs.Log.Find("reseal"))
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers-%d", workers), func(b *testing.B) {
			r := open(b, path)
			a := anchor(b, w)
			for b.Loop() {
				if res, err := audit.Verify(b.Context(), r, a, audit.Options{Workers: workers}); err != nil || res.Status != audit.OK {
					b.Fatal(err, res.Line())
				}
			}
			b.ReportMetric(float64(rs.Log.Size())*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
			b.ReportMetric(float64(signed)*float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
		})
	}
	b.Run("floor", func(b *testing.B) {
		key := keyring.GenerateIdentity()
		sig, err := key.Sign([]byte("floor"))
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := key.Public().Verify([]byte("floor"), sig); err != nil {
				b.Fatal(err)
			}
		}
	})
}
