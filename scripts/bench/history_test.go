package main

import (
	"os"
	"testing"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/audit/replay"
)

// What is measured is an honest log: an auditor finds nothing in it.
func TestMadeHistoryIsHonest(t *testing.T) {
	for _, batched := range []bool{false, true} {
		h, err := makeHistory(t.Context(), t.TempDir(), 2500, batched, func(int64) {})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := os.ReadFile(h.directory())
		if err != nil {
			t.Fatal(err)
		}
		a, err := audit.NewAnchor([][]byte{signed})
		if err != nil {
			t.Fatal(err)
		}
		var readers []*archive.Reader
		for _, c := range []string{sender, recipient} {
			r, err := archive.Open(h.log(c))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			readers = append(readers, r)
			res, err := audit.Verify(t.Context(), r, a, audit.Options{})
			if err != nil || res.Status != audit.OK || res.Assurance != audit.A3 || len(res.Findings) > 0 {
				t.Error(err, res.Line(), res.Findings)
			}
			rep, err := replay.Run(t.Context(), r, replay.Options{Anchor: a})
			if err != nil || rep.Status != audit.OK || len(rep.Findings) > 0 {
				t.Error(err, rep.Line(), rep.Findings[:min(5, len(rep.Findings))])
			}
		}
		res, err := reconcile.Run(t.Context(), readers[0], readers[1], reconcile.Options{Anchor: a})
		if err != nil || res.Status != audit.OK || len(res.Findings) > 0 {
			t.Error(err, res.Line(), res.Findings)
		}
	}
}
