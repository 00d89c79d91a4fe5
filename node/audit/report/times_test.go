package report_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/report"
)

func TestThePageSaysWhatTimeTokensSay(t *testing.T) {
	w := forge.New(t, "BG", "GR", "RS")
	w.Ask("RS", "BG")
	w.Round()
	tsa := w.Authority("Example TSA")
	w.Stamp("RS", tsa)
	roots, err := timestamp.ReadRoots(tsa.Roots())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		trusts bool
		says   []string
	}{
		{true, []string{"A4: a time token from outside stands over it", "says CN=Example TSA"}},
		{false, []string{"A3: ", "1 time tokens were not judged"}},
	} {
		a := anchor(t, w)
		if x.trusts {
			a.TrustTime(roots)
		}
		p, err := report.Make(context.Background(), []*archive.Reader{open(t, w, "RS")}, report.Options{Anchor: a})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := p.WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range x.says {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q on the page", want)
			}
		}
	}
}
