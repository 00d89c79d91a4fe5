package report

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestNoHiddenFigureFollowsFromWhatIsShown(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		table := &Table{Name: "t"}
		for i := range 1 + rnd.IntN(6) {
			table.row(fmt.Sprint(i), "").Sent.n = int64(rnd.IntN(12))
		}
		table.finish("other", true)
		protect([]*Table{table})
		var hidden, sum int64
		for _, r := range table.Rows {
			if !r.Sent.hidden && 0 < r.Sent.n && r.Sent.n < least {
				t.Fatalf("round %d: %d is shown", round, r.Sent.n)
			}
			if r.Sent.hidden {
				hidden++
				sum += r.Sent.n
			}
		}
		if table.Total.Sent.hidden {
			continue
		}
		if n := table.Total.Sent.n; 0 < n && n < least {
			t.Fatalf("round %d: total %d is shown", round, n)
		}
		// With the total, a reader has the sum of what is hidden: more than one way must lead to it.
		if hidden == 1 || hidden > 1 && sum == hidden {
			t.Fatalf("round %d: %d hidden that are %d together: %+v", round, hidden, sum, table.Rows)
		}
	}
}

func TestAFigureInTwoTablesIsHiddenInBoth(t *testing.T) {
	a, b := &Table{Name: "a"}, &Table{Name: "b"}
	for _, x := range []struct {
		t    *Table
		code string
		n    int64
	}{{a, "x", 2}, {a, "y", 7}, {a, "z", 20}, {b, "y", 7}, {b, "u", 9}, {b, "v", 30}} {
		x.t.row(x.code, "").Sent.n = x.n
		if x.code == "y" {
			x.t.row(x.code, "").Sent.shared = "y"
		}
	}
	a.finish("other", true)
	b.finish("other", true)
	protect([]*Table{b, a})
	want := map[string]string{"a x": Hidden, "a y": Hidden, "a z": "20", "b y": Hidden, "b u": Hidden, "b v": "30"}
	for _, t2 := range []*Table{a, b} {
		for _, r := range t2.Rows {
			if w, ok := want[t2.Name+" "+r.Code]; ok && r.Sent.String() != w {
				t.Errorf("%s %s: %s, want %s", t2.Name, r.Code, r.Sent, w)
			}
		}
	}
}
