package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const defaultTimeout = 30 * time.Second

// output is a stream for a person or for a program. Tables and colours are for terminals; a program gets lines with tabs.
type output struct {
	w      io.Writer
	tty    bool
	colour bool
}

func newOutput(w io.Writer) *output {
	o := &output{w: w}
	if f, ok := w.(*os.File); ok {
		o.tty = term.IsTerminal(int(f.Fd()))
	}
	o.colour = o.tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

func (o *output) printf(format string, args ...any) { fmt.Fprintf(o.w, format, args...) }

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

// oneLine keeps what a peer wrote from moving the cursor or breaking a table.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

// message prints a protobuf message as one line of JSON.
func (o *output) message(m proto.Message) error {
	b, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	return o.raw(b)
}

// value prints anything else as one line of JSON.
func (o *output) value(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return o.raw(b)
}

// raw prints JSON without the random white space that protojson adds to keep people from comparing its bytes.
func (o *output) raw(b []byte) error {
	var compact strings.Builder
	dec := json.RawMessage(b)
	b, err := json.Marshal(dec)
	if err != nil {
		return err
	}
	compact.Write(b)
	o.printf("%s\n", compact.String())
	return nil
}

// durationFlag is a duration that also knows days.
type durationFlag time.Duration

func (d *durationFlag) String() string { return time.Duration(*d).String() }
func (d *durationFlag) Type() string   { return "duration" }

func (d *durationFlag) Set(s string) error {
	v, err := parseDuration(s)
	if err != nil {
		return err
	}
	*d = durationFlag(v)
	return nil
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days && n >= 0 && n < 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: 90s, 15m, 24h, 30d", s)
	}
	return v, nil
}

// moment is milliseconds since 1970 in the local zone, to the minute; empty for none.
func moment(ms uint64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(int64(ms)).Local().Format("2006-01-02 15:04")
}

// span is a duration as people say it: the two largest units.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0 && hours > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case days > 0:
		return fmt.Sprintf("%dd", days)
	case hours > 0:
		return fmt.Sprintf("%dh %02dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm", minutes)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// ago is how long a time lies back; empty for never.
func ago(ms uint64, now time.Time) string {
	if ms == 0 {
		return ""
	}
	d := now.Sub(time.UnixMilli(int64(ms)))
	if d < 0 {
		return "just now"
	}
	return span(d) + " ago"
}
