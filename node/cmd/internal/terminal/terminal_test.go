package terminal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestTablesAndColoursAreForTerminals(t *testing.T) {
	rows := [][]Cell{append(Plain("RS-2026-000001", "Скопје"), Cell{"over", Red}), Plain("RS-2026-000002", "a", "b\tc")}
	head := []string{"CASE", "WHERE", "LEFT"}
	var b bytes.Buffer
	New(&b).Table(head, rows)
	if got, want := b.String(), "RS-2026-000001\tСкопје\tover\nRS-2026-000002\ta\tb c\n"; got != want {
		t.Errorf("for a program %q, want %q", got, want)
	}
	b.Reset()
	(&Output{w: &b, TTY: true}).Table(head, rows)
	if got, want := b.String(), "CASE            WHERE   LEFT\nRS-2026-000001  Скопје  over\nRS-2026-000002  a       b c\n"; got != want {
		t.Errorf("for a person\n%q, want\n%q", got, want)
	}
	b.Reset()
	(&Output{w: &b, TTY: true, Colour: true}).Table(head, rows)
	if !strings.Contains(b.String(), "\x1b[31mover\x1b[0m") {
		t.Errorf("without colour: %q", b.String())
	}
}

type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestTheFirstErrorOfWritingStays(t *testing.T) {
	o := New(&full{left: 4})
	o.Printf("one\n")
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	o.Printf("two\n")
	o.w = new(bytes.Buffer)
	o.Printf("three\n")
	if o.Err != errFull || o.w.(*bytes.Buffer).Len() != 0 {
		t.Errorf("%v, and %q was written after it", o.Err, o.w)
	}
}

func TestNobodyElsesTextMovesTheCursor(t *testing.T) {
	if got := OneLine("a\x1b[2Jb\r\nc\u009bd\u007f"); strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		t.Errorf("%q", got)
	}
}

func TestNobodyElsesTextIsShownInAnotherOrder(t *testing.T) {
	if got, want := OneLine("not\u202e deggurd eb lliw\u2069 x\u2028y"), "not\ufffd deggurd eb lliw\ufffd x y"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if name := "Тестко Primerović Ελλάδα İzmir"; OneLine(name) != name {
		t.Error(OneLine(name))
	}
}
