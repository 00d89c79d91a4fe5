package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/rogatory/rogatory/node/codes"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// textWidth is where texts are wrapped.
const textWidth = 110

// A printer tells people what happens: when, who, what. It may be used by several goroutines.
type printer struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
	began  time.Time
}

// newPrinter writes to w; colours only on a terminal, and not where NO_COLOR is set (no-color.org).
func newPrinter(w io.Writer) *printer {
	p := &printer{w: w, began: time.Now()}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		p.colour = term.IsTerminal(int(f.Fd()))
	}
	return p
}

type colour string

const (
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
)

func (p *printer) paint(c colour, text string) string {
	if !p.colour || c == "" || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, format, args...) // a reader who has left does not stop the nodes
}

// title begins a chapter.
func (p *printer) title(text string) { p.printf("\n%s\n", p.paint(bold, clean(text))) }

// say prints narration.
func (p *printer) say(text string) {
	for _, l := range wrap(clean(text), textWidth) {
		p.printf("%s\n", p.paint(cyan, l))
	}
}

// where is how wide the place of an event is printed.
const where = len("RS/prosecutor")

// event prints that something happened at a place, and details below it.
func (p *printer) event(c colour, place, text string, details ...string) {
	var b strings.Builder
	margin := strings.Repeat(" ", 9+where+2)
	lines := wrap(clean(text), textWidth-len(margin))
	fmt.Fprintf(&b, "%s  %-*s  %s\n", p.paint(dim, fmt.Sprintf("%6.2fs", time.Since(p.began).Seconds())), where, place, p.paint(c, lines[0]))
	for _, l := range lines[1:] {
		fmt.Fprintf(&b, "%s%s\n", margin, p.paint(c, l))
	}
	for _, d := range details {
		for _, l := range wrap(clean(d), textWidth-len(margin)-2) {
			fmt.Fprintf(&b, "%s  %s\n", margin, p.paint(dim, l))
		}
	}
	p.printf("%s", b.String())
}

// table prints rows below headings; columns of numbers stand to the right.
func (p *printer) table(heads []string, rows [][]string) {
	width := make([]int, len(heads))
	for _, row := range append([][]string{heads}, rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	line := func(row []string) string {
		var b strings.Builder
		for i, c := range row {
			gap := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i == 0 {
				b.WriteString(c + gap)
			} else {
				b.WriteString("  " + gap + c)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	p.printf("%s\n", p.paint(bold, line(heads)))
	for _, row := range rows {
		p.printf("%s\n", line(row))
	}
}

// clean keeps control characters of a peer's or a stranger's text away from the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}

// wrap breaks a text at spaces. It returns at least one line.
func wrap(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}

// words returns the texts of coded terms, with commas between them.
func words[T fmt.Stringer](terms []T) string {
	var out []string
	for _, t := range terms {
		out = append(out, codes.Enum(codes.English, t))
	}
	return strings.Join(out, ", ")
}

func quote(text string) string { return "“" + text + "”" }

// span says a time as people do, with one or two units.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
}

// gist is what a message says, in a few lines.
func gist(c *rogatoryv1.Content) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case c.GetRequest() != nil:
		r := c.GetRequest()
		add("%s; wanted: %s", codes.Enum(codes.English, r.GetUrgency()), words(r.GetWants()))
		add("%s", quote(r.GetWanted()))
	case c.GetFiuRequest() != nil:
		r := c.GetFiuRequest()
		add("%s; wanted: %s", codes.Enum(codes.English, r.GetUrgency()), words(r.GetWants()))
		add("%s", quote(r.GetWanted()))
	case c.GetReply() != nil:
		r := c.GetReply()
		add("%s", codes.Enum(codes.English, r.GetOutcome()))
		out = append(out, items(r.GetItems())...)
		out = append(out, refusals(r.GetRefusals())...)
	case c.GetFiuReply() != nil:
		r := c.GetFiuReply()
		add("%s", codes.Enum(codes.English, r.GetOutcome()))
		out = append(out, items(r.GetItems())...)
		out = append(out, refusals(r.GetRefusals())...)
	case c.GetSpontaneous() != nil:
		add("%s", quote(c.GetSpontaneous().GetRelevance()))
		out = append(out, items(c.GetSpontaneous().GetItems())...)
	case c.GetClarification() != nil:
		for _, q := range c.GetClarification().GetQuestions() {
			add("%s", quote(q.GetText()))
		}
	case c.GetClarificationAnswer() != nil:
		for _, a := range c.GetClarificationAnswer().GetAnswers() {
			add("%s", quote(a))
		}
	case c.GetWithdrawal() != nil:
		add("%s", quote(c.GetWithdrawal().GetExplanation()))
	case c.GetFeedback() != nil:
		f := c.GetFeedback()
		add("%s: %s", codes.Enum(codes.English, f.GetUsefulness()), quote(f.GetText()))
	case c.GetConsentRequest() != nil:
		for _, i := range c.GetConsentRequest().GetItems() {
			add("item %d for %s: %s", i.GetRef().GetItem(), i.GetRecipient(), codes.Enum(codes.English, i.GetPurpose()))
		}
		add("%s", quote(c.GetConsentRequest().GetReason()))
	case c.GetConsentDecision() != nil:
		for _, a := range c.GetConsentDecision().GetAnswers() {
			verdict := "granted"
			if a.GetDecision() != rogatoryv1.Choice_CHOICE_FREE {
				verdict = "refused"
			}
			add("item %d for %s: %s", a.GetItem().GetRef().GetItem(), a.GetItem().GetRecipient(), strings.Join(append([]string{verdict}, a.GetConditions()...), "; "))
		}
	}
	for _, a := range c.GetAttachments() {
		add("attached: %s, %d bytes", a.GetTitle(), a.GetLength())
	}
	return out
}

// items says in a line what each item holds, and how it may be used when that is less than for every purpose of fighting crime.
func items(list []*rogatoryv1.Item) []string {
	var out []string
	for i, item := range list {
		var parts []string
		if w := item.GetWant(); w != 0 {
			parts = append(parts, codes.Enum(codes.English, w)+":")
		}
		if t := item.GetTransaction(); t != nil {
			parts = append(parts, fmt.Sprintf("%s %s %s from %s to %s", t.GetDate(), t.GetAmount().GetAmount(), t.GetAmount().GetCurrency(), t.GetFrom().GetCountry(), t.GetTo().GetCountry()))
		}
		if item.GetText() != "" {
			parts = append(parts, quote(item.GetText()))
		}
		if h := item.GetHandling().GetCode(); h > rogatoryv1.HandlingCode_HANDLING_CODE_H0 {
			parts = append(parts, "("+codes.Enum(codes.English, h)+")")
		}
		out = append(out, fmt.Sprintf("item %d  %s", i, strings.Join(parts, " ")))
	}
	return out
}

func refusals(list []*rogatoryv1.RefusedItem) []string {
	var out []string
	for _, r := range list {
		out = append(out, fmt.Sprintf("refused: %s, because: %s. %s", codes.Enum(codes.English, r.GetItem()), codes.Enum(codes.English, r.GetGround()), quote(r.GetExplanation())))
	}
	return out
}
