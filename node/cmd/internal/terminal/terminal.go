// Package terminal prints for a person at a terminal and for a program behind a pipe: tables and colours for the one, lines with
// tabs and JSON for the other. NO_COLOR (https://no-color.org) and TERM=dumb are obeyed.
package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Output is a stream to print to. The first error of writing stays in Err, and nothing more is written after it.
type Output struct {
	TTY    bool // a person reads it
	Colour bool
	Width  int // columns of the terminal; 0 when it has none, or does not say
	Err    error
	w      io.Writer
}

// New returns an output over w: a terminal's when w is one.
func New(w io.Writer) *Output {
	o := &Output{w: w}
	if f, ok := w.(*os.File); ok {
		if o.TTY = term.IsTerminal(int(f.Fd())); o.TTY {
			o.Width, _, _ = term.GetSize(int(f.Fd()))
		}
	}
	o.Colour = o.TTY && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

// Write writes until it fails once.
func (o *Output) Write(b []byte) (int, error) {
	if o.Err != nil {
		return 0, o.Err
	}
	n, err := o.w.Write(b)
	o.Err = err
	return n, err
}

// Printf prints as fmt.Printf does.
func (o *Output) Printf(format string, args ...any) { fmt.Fprintf(o, format, args...) }

// Value prints anything as one line of JSON.
func (o *Output) Value(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	o.Printf("%s\n", b)
	return nil
}

// Colour is a parameter of ECMA-48's SGR sequence.
type Colour string

const (
	Bold   Colour = "1"
	Dim    Colour = "2"
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
)

// Paint colours text where colours are seen.
func (o *Output) Paint(c Colour, text string) string {
	if !o.Colour || c == "" || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// OneLine keeps what somebody else wrote from moving the cursor or breaking a table: control characters and separators of lines become spaces.
// Marks that change the order in which letters are shown become U+FFFD: what is read must be what is signed.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, s)
}
