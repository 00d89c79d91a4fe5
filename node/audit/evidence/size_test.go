package evidence_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/evidence"
	"github.com/rogatory/rogatory/node/audit/forge"
)

// BenchmarkMake says how large the evidence of one message is: go test -run xxx -bench Make ./node/audit/evidence
func BenchmarkMake(b *testing.B) {
	for _, small := range []bool{true, false} {
		b.Run(fmt.Sprintf("countries=12/small=%v", small), func(b *testing.B) {
			w := forge.New(b, "AL", "BA", "BG", "GR", "HU", "IT", "ME", "MK", "RO", "RS", "SI", "TR")
			m := w.Ask("RS", "BG")
			w.Round()
			a, err := audit.NewAnchor([][]byte{w.Trusted()})
			if err != nil {
				b.Fatal(err)
			}
			var readers [2]*archive.Reader
			for i, country := range []string{"RS", "BG"} {
				if readers[i], err = archive.Open(w.Archive(country, filepath.Join(b.TempDir(), country))); err != nil {
					b.Fatal(err)
				}
				defer readers[i].Close()
			}
			size := 0
			for b.Loop() {
				file, _, err := evidence.Make(b.Context(), a, readers[0], readers[1], evidence.Options{Msg: translog.Hash(m.Name), Small: small})
				if err != nil {
					b.Fatal(err)
				}
				size = len(file)
			}
			b.ReportMetric(float64(size), "bytes/file")
		})
	}
}
