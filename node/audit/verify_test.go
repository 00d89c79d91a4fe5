package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

// honest is a history of three countries with everything that ordinary days bring.
func honest(t testing.TB) *forge.World {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	w.Round()
	a := w.Ask("RS", "BG")
	b := w.Ask("RS", "GR")
	c := w.Ask("GR", "RS")
	w.Consult("BG", a.Docket.GetCaseToken(), forge.First, "investigation")
	w.Reply(a)
	w.Consult("RS", a.Docket.GetCaseToken(), forge.Clerk, "investigation")
	w.Round()
	w.Sleep(25 * time.Hour)
	w.Reply(c)
	w.Country("GR").Rotate(24 * time.Hour)
	w.Reply(b)
	w.State("RS")
	w.Round()
	return w
}

func open(t testing.TB, path string) *archive.Reader {
	t.Helper()
	r, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func anchor(t testing.TB, w *forge.World) *audit.Anchor {
	t.Helper()
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func verify(t testing.TB, w *forge.World, path string, workers int) *audit.Result {
	t.Helper()
	res, err := audit.Verify(context.Background(), open(t, path), anchor(t, w), audit.Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestHonestLogsGiveNoFinding(t *testing.T) {
	w := honest(t)
	for _, c := range w.Countries() {
		res := verify(t, w, w.Archive(c.Code, t.TempDir()+"/"+c.Code+".zip"), 2)
		for _, f := range res.Findings {
			t.Errorf("%s: %s", c.Code, f)
		}
		if res.Status != audit.OK || res.Assurance != audit.A3 {
			t.Errorf("%s: %s", c.Code, res.Line())
		}
	}
}
