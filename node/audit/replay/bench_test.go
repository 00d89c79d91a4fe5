package replay_test

import (
	"fmt"
	"testing"

	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
)

// BenchmarkReplay replays a log of which a fifth are messages, each signed alone, with and without verifying it.
func BenchmarkReplay(b *testing.B) {
	w := forge.New(b, "BG", "RS")
	for range 300 {
		w.Reply(w.Ask("RS", "BG"))
	}
	w.Round()
	rs := w.Country("RS")
	path := w.Archive("RS", b.TempDir()+"/RS")
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		b.Fatal(err)
	}
	for _, signatures := range []bool{false, true} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("verify-%v/workers-%d", signatures, workers), func(b *testing.B) {
				r := open(b, path)
				for b.Loop() {
					res, err := replay.Run(b.Context(), r, replay.Options{Anchor: a, Workers: workers, Verify: signatures})
					if err != nil || res.Status != audit.OK {
						b.Fatal(err, res.Line(), res.Findings)
					}
				}
				b.ReportMetric(float64(rs.Log.Size())*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
			})
		}
	}
}
