package attack_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogatory/rogatory/node/audit/forge"
)

// thrown lets a World end its test from any goroutine.
type thrown struct{ at string }

func (thrown) Helper() {}

func (t thrown) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("%s: "+format, append([]any{t.at}, args...)...))
}

var members = [][]string{{"BG", "RS"}, {"BG", "GR", "RS"}, {"BG", "GR", "HU", "RS"}}

// TestNothingIsFoundInHonestHistories lets random honest countries live, and audits each log of them, and each two of different countries.
func TestNothingIsFoundInHonestHistories(t *testing.T) {
	n, s, in := histories, seed(t), dir(t)
	var terms, expired, recovered atomic.Int64
	shared(n, func(i int) {
		at := fmt.Sprintf("ROGATORY_SEED=%d, history %d", s, i)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("%s: %v", at, p)
			}
		}()
		r := chance(s, "honest", i)
		w := forge.New(thrown{at}, members[[]int{0, 0, 0, 1, 1, 2}[r.IntN(6)]]...)
		roots := timed(w)
		w.Round()
		forge.Live(w, r, 5+r.IntN(40), true)
		for _, c := range w.Countries() {
			if n := len(c.Expired); n > 0 {
				terms.Add(1)
				expired.Add(int64(n))
			}
			recovered.Add(int64(len(c.Closed)))
		}
		a, here := newAuditor(t, w.Trusted()), filepath.Join(in, fmt.Sprint(i))
		a.anchor.TrustTime(roots)
		if err := os.Mkdir(here, 0o700); err != nil {
			t.Error(err)
			return
		}
		defer os.RemoveAll(here)
		all := logs(w, here)
		for _, list := range all {
			for _, path := range list {
				for _, f := range a.one(path) {
					t.Errorf("%s, %s: %s", at, strings.TrimPrefix(path, in), f)
				}
			}
		}
		countries := w.Countries()
		for i := range countries {
			for j := range i {
				for _, x := range all[countries[i].Code] {
					for _, y := range all[countries[j].Code] {
						for _, f := range a.both(x, y) {
							t.Errorf("%s, %s and %s: %s", at, filepath.Base(x), filepath.Base(y), f)
						}
					}
				}
			}
		}
	})
	t.Logf("%d histories; %d logs in which the dockets of %d cases went with their term; %d recoveries", n, terms.Load(), expired.Load(), recovered.Load())
}
