package terminal

import (
	"strings"
	"unicode/utf8"
)

// Cell is a field of a table; the colour takes no room.
type Cell struct {
	Text   string
	Colour Colour
}

// Painted returns a cell with a colour.
func Painted(text string, c Colour) Cell { return Cell{Text: text, Colour: c} }

// Plain returns cells without colour.
func Plain(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, t := range texts {
		cells[i].Text = t
	}
	return cells
}

// Table prints rows under a head: aligned on a terminal, else with tabs and without the head.
func (o *Output) Table(head []string, rows [][]Cell) {
	if !o.TTY {
		for _, row := range rows {
			texts := make([]string, len(row))
			for i, c := range row {
				texts[i] = OneLine(c.Text)
			}
			o.Printf("%s\n", strings.Join(texts, "\t"))
		}
		return
	}
	width := make([]int, len(head))
	for i, h := range head {
		width[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(OneLine(c.Text)))
		}
	}
	var titles []Cell
	for _, h := range head {
		titles = append(titles, Painted(h, Bold))
	}
	for _, row := range append([][]Cell{titles}, rows...) {
		var b strings.Builder
		for i, c := range row {
			text := OneLine(c.Text)
			b.WriteString(o.Paint(c.Colour, text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(text)+2))
			}
		}
		o.Printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}
