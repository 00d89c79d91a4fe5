package report

import (
	"encoding/json"
	"iter"
	"slices"
	"strconv"
)

// least is the smallest figure above none that is shown.
const least = 5

// A Cell is a figure, or that it is hidden.
type Cell struct {
	n      int64
	hidden bool
	shared string // what it counts, where another table counts the same
}

// Hidden is how a hidden figure is written.
const Hidden = "hidden"

// String returns the figure, or Hidden.
func (c Cell) String() string {
	if c.hidden {
		return Hidden
	}
	return strconv.FormatInt(c.n, 10)
}

// MarshalJSON returns the figure, or Hidden as a string.
func (c Cell) MarshalJSON() ([]byte, error) {
	if c.hidden {
		return json.Marshal(Hidden)
	}
	return json.Marshal(c.n)
}

// A Row is what one code comes to: sent and received.
type Row struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Sent     Cell   `json:"sent"`
	Received Cell   `json:"received"`
}

func (r *Row) cell(received bool) *Cell {
	if received {
		return &r.Received
	}
	return &r.Sent
}

// A Table counts one thing by its codes. Its rows partition the total, where there is one.
type Table struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`
	Total *Row   `json:"total,omitempty"`
}

// rest is the row of what has no code. It is always there: where all rows have one, nobody can tell from their number that each is one.
const rest = "other"

// add counts one.
func (t *Table) add(code, name string, received bool) *Cell {
	c := t.row(code, name).cell(received)
	c.n++
	return c
}

// finish puts rows into their order and adds the row of the rest and the total.
func (t *Table) finish(other string, total bool) {
	t.row(rest, other)
	slices.SortFunc(t.Rows, func(a, b Row) int {
		switch {
		case (a.Code == rest) != (b.Code == rest):
			if a.Code == rest {
				return 1
			}
			return -1
		case a.Code < b.Code:
			return -1
		}
		return 1
	})
	if !total {
		return
	}
	t.Total = &Row{Code: "total", Name: "total"}
	for i := range t.Rows {
		t.Total.Sent.n += t.Rows[i].Sent.n
		t.Total.Received.n += t.Rows[i].Received.n
	}
}

// cells lists every cell of a table, the total's too.
func (t *Table) cells() iter.Seq[*Cell] {
	return func(yield func(*Cell) bool) {
		for i := range t.Rows {
			if !yield(&t.Rows[i].Sent) || !yield(&t.Rows[i].Received) {
				return
			}
		}
		if t.Total != nil && yield(&t.Total.Sent) {
			yield(&t.Total.Received)
		}
	}
}

// share names what a cell counts, where another cell counts the same: both are hidden or none.
func (r *Row) share(what string) {
	r.Sent.shared, r.Received.shared = what+" sent", what+" received"
}

// row returns the row of a code, which is made when there is none.
func (t *Table) row(code, name string) *Row {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Code == code })
	if i < 0 {
		t.Rows = append(t.Rows, Row{Code: code, Name: name})
		i = len(t.Rows) - 1
	}
	return &t.Rows[i]
}

// protect hides what is small, and what would give it away.
func protect(tables []*Table) {
	for changed := true; changed; {
		changed = false
		shared := map[string]bool{}
		for _, t := range tables {
			for _, received := range []bool{false, true} {
				changed = t.protect(received) || changed
			}
			for c := range t.cells() {
				if c.hidden && c.shared != "" {
					shared[c.shared] = true
				}
			}
		}
		for _, t := range tables {
			for c := range t.cells() {
				if !c.hidden && shared[c.shared] {
					c.hidden, changed = true, true
				}
			}
		}
	}
}

// protect hides in one column, and reports whether it did.
func (t *Table) protect(received bool) (changed bool) {
	hide := func(c *Cell) {
		if !c.hidden {
			c.hidden, changed = true, true
		}
	}
	if t.Total != nil {
		if c := t.Total.cell(received); c.hidden || 0 < c.n && c.n < least {
			hide(c)
			for i := range t.Rows {
				hide(t.Rows[i].cell(received)) // noughts too: they would say where the few are not
			}
			return changed
		}
	}
	for i := range t.Rows {
		if c := t.Rows[i].cell(received); 0 < c.n && c.n < least {
			hide(c)
		}
	}
	for {
		var hidden, sum int64
		var next *Cell
		for i := range t.Rows {
			c := t.Rows[i].cell(received)
			switch {
			case c.hidden:
				hidden++
				sum += c.n
			case next == nil || c.n < next.n && c.n > 0 || next.n == 0 && c.n > 0:
				next = c
			}
		}
		// Two or more that are hidden tell nothing, unless their sum leaves one way only: as many as they are, all one.
		if hidden == 0 || next == nil || hidden > 1 && sum != hidden {
			return changed
		}
		hide(next)
	}
}
