package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// output is a stream for a person or for a program. Tables and colours are for terminals; a program gets lines with tabs.
type output struct {
	w      io.Writer
	tty    bool
	colour bool
	failed error // the first error of writing
}

func newOutput(w io.Writer) *output {
	o := &output{w: w}
	if f, ok := w.(*os.File); ok {
		o.tty = term.IsTerminal(int(f.Fd()))
	}
	o.colour = o.tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

// Write writes until it fails once; the error stays in failed.
func (o *output) Write(b []byte) (int, error) {
	if o.failed != nil {
		return 0, o.failed
	}
	n, err := o.w.Write(b)
	o.failed = err
	return n, err
}

func (o *output) printf(format string, args ...any) { fmt.Fprintf(o, format, args...) }

// value prints anything as one line of JSON.
func (o *output) value(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	o.printf("%s\n", b)
	return nil
}

type colour string

const (
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// paint colours text on a terminal.
func (o *output) paint(c colour, text string) string {
	if !o.colour || c == "" || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// cell is a field of a table; the colour takes no room.
type cell struct {
	text   string
	colour colour
}

func plain(texts ...string) []cell {
	cells := make([]cell, len(texts))
	for i, t := range texts {
		cells[i].text = t
	}
	return cells
}

// table prints rows under a head: aligned on a terminal, else with tabs and without the head.
func (o *output) table(head []string, rows [][]cell) {
	if !o.tty {
		for _, row := range rows {
			texts := make([]string, len(row))
			for i, c := range row {
				texts[i] = oneLine(c.text)
			}
			o.printf("%s\n", strings.Join(texts, "\t"))
		}
		return
	}
	width := make([]int, len(head))
	for i, h := range head {
		width[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(oneLine(c.text)))
		}
	}
	var titles []cell
	for _, h := range head {
		titles = append(titles, cell{h, bold})
	}
	for _, row := range append([][]cell{titles}, rows...) {
		var b strings.Builder
		for i, c := range row {
			text := oneLine(c.text)
			b.WriteString(o.paint(c.colour, text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(text)+2))
			}
		}
		o.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// oneLine keeps what an operator wrote from moving the cursor or breaking a table.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

// moment is milliseconds since 1970, in UTC: two auditors read the same; empty for none.
func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05Z")
}

// count is a number with its thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// progress returns what tells a person at a terminal how far something has come, and what wipes that away. Elsewhere both do nothing.
func (p *program) progress(what string) (tell func(done, total int64), wipe func()) {
	if !p.err.tty {
		return func(int64, int64) {}, func() {}
	}
	last := time.Time{}
	return func(done, total int64) {
			if time.Since(last) < 100*time.Millisecond {
				return
			}
			last = time.Now()
			p.err.printf("\r%s %d%%  %s of %s leaves\x1b[K", what, 100*done/max(total, 1), count(done), count(total))
		}, func() {
			p.err.printf("\r\x1b[K")
		}
}
