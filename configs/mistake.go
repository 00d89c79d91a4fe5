package configs

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Mistake is one thing wrong in a file.
type Mistake struct {
	// File as it was given to Load.
	File string `json:"file"`
	// Line and Column from 1, the column in characters; 0 when the mistake has no place, such as a key that is missing at the top.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Key is the path of the key, for example "units[1].authority".
	Key string `json:"key,omitempty"`
	// What is wrong.
	What string `json:"what"`
	// Hint says what to write instead; it may be empty.
	Hint string `json:"hint,omitempty"`
	// Source is the line of the file, without its end.
	Source string `json:"source,omitempty"`
}

// String is the mistake with its place, the line, a caret under the place and the hint, over several lines.
func (m Mistake) String() string {
	var b strings.Builder
	if m.Line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: %s\n", m.File, m.Line, m.Column, m.What)
		fmt.Fprintf(&b, "  %s\n  %s^", m.Source, blank(m.Source, m.Column-1))
	} else {
		fmt.Fprintf(&b, "%s: %s", m.File, m.What)
	}
	if m.Hint != "" {
		fmt.Fprintf(&b, "\n  hint: %s", m.Hint)
	}
	return b.String()
}

// blank returns what takes as much room as the first n characters of line: tabs stay tabs.
func blank(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n--; n < 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	for ; n > 0; n-- {
		b.WriteByte(' ')
	}
	return b.String()
}

// Mistakes is everything wrong in a file, in the order of its lines.
type Mistakes []Mistake

// Error prints all of them, one below the other.
func (m Mistakes) Error() string {
	parts := make([]string, len(m))
	for i, one := range m {
		parts[i] = one.String()
	}
	return strings.Join(parts, "\n")
}

// Nearest returns the candidate that a typing error away from word could have meant, or "".
func Nearest(word string, candidates []string) string {
	best, distance := "", 3
	if utf8.RuneCountInString(word) < 5 {
		distance = 2
	}
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(word), strings.ToLower(c)); d < distance || (d == distance && best == "") {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of neighbours. Words are short: keys of this package, and
// at most 64 bytes of what stood in their place.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
