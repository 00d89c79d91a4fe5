package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A story is a text, one command a line:
//
//	say Any text.                                  narration; title makes a heading
//	send lorry RS/police lorry.json                writes a message: a new case that the story calls lorry, or one more message in it
//	! approve lorry RS/police as rs-police-1       "!" in front: this has to be refused
//	approve lorry RS/police                        the second officer signs: it leaves
//	expect lorry BG received within 10s            waits until BG has the case in that state
//	expect lorry BG clarification                  waits until BG has a message of that kind in the case
//
// Words are separated by spaces; a text of several words stands in double quotes; "#" begins a comment. Officers are named as the
// cluster enrols them: rs-police-1 drafts, rs-police-2 approves. "as" names another, "within" another patience than the default. A message to
// several countries makes cases lorry/BG, lorry/GR, …; its recipients call theirs lorry.
type story struct {
	commands []command
}

// A command is one line of a story.
type command struct {
	line   int
	fails  bool // it has to be refused
	verb   string
	args   []string
	as     string
	within time.Duration
}

// errStory means that a story does not say what to do.
var errStory = errors.New("story")

const (
	maxLine  = 4 << 10
	maxLines = 10_000
	maxFile  = 64 << 20
)

// grammar says which words follow a verb: a word of it names what stands there; "…" means one or more of the last.
var grammar = map[string]string{
	"title":          "text",
	"say":            "text",
	"file":           "name size",
	"send":           "case place name",
	"answer":         "case place name",
	"approve":        "case place",
	"release":        "case place",
	"acknowledge":    "case place access",
	"clarify":        "case place text…",
	"explain":        "case place text…",
	"withdraw":       "case place text",
	"no-information": "case place text",
	"feedback":       "case place usefulness text",
	"ask-consent":    "case place number recipient purpose text",
	"grant":          "case place text…",
	"fetch":          "case place name",
	"expect":         "case country sight",
	"cut":            "country…",
	"heal":           "country…",
	"sleep":          "duration",
}

// raw verbs take the rest of the line as it is.
var raw = []string{"title", "say"}

var (
	casePattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}(/[A-Z]{2})?$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	placePattern   = regexp.MustCompile(`^[A-Z]{2}/[a-z][a-z0-9-]{0,31}$`)
	namePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	sizePattern    = regexp.MustCompile(`^([0-9]{1,6})(KiB|MiB)?$`)
	officerPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
)

// parseStory reads a story. Its errors name the line and wrap errStory.
func parseStory(r io.Reader) (*story, error) {
	s := &story{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		c, err := parseCommand(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%w, line %d: %w", errStory, n, err)
		}
		if n > maxLines {
			return nil, fmt.Errorf("%w: more than %d lines", errStory, maxLines)
		}
		if c != nil {
			c.line = n
			s.commands = append(s.commands, *c)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errStory, err)
	}
	return s, nil
}

// parseCommand reads a line; nil means that it says nothing.
func parseCommand(line string) (*command, error) {
	if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' }); i >= 0 {
		return nil, fmt.Errorf("character %d does not print", i+1)
	}
	line = strings.TrimSpace(line)
	verb, rest, _ := strings.Cut(line, " ")
	if slices.Contains(raw, verb) {
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return nil, fmt.Errorf("%s says nothing", verb)
		}
		return &command{verb: verb, args: []string{rest}}, nil
	}
	words, err := split(line)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	c := &command{}
	if words[0] == (word{text: "!"}) {
		c.fails = true
		words = words[1:]
	}
	if len(words) == 0 || words[0].quoted {
		return nil, errors.New("no command")
	}
	c.verb, words = words[0].text, words[1:]
	form, ok := grammar[c.verb]
	if !ok || slices.Contains(raw, c.verb) {
		return nil, fmt.Errorf("unknown command %q", c.verb)
	}
	if words, err = c.options(words); err != nil {
		return nil, err
	}
	return c, c.take(strings.Fields(form), words)
}

// options takes "as OFFICER" and "within DURATION" off the end.
func (c *command) options(words []word) ([]word, error) {
	for len(words) >= 2 && !words[len(words)-2].quoted {
		value := words[len(words)-1].text
		switch words[len(words)-2].text {
		case "as":
			if c.as != "" || !officerPattern.MatchString(value) {
				return nil, fmt.Errorf("as %q: one officer's pseudonym", value)
			}
			c.as = value
		case "within":
			d, err := time.ParseDuration(value)
			if err != nil || d <= 0 || d > time.Hour || c.within != 0 {
				return nil, fmt.Errorf("within %q: one duration of at most an hour, for example 10s", value)
			}
			c.within = d
		default:
			return words, nil
		}
		words = words[:len(words)-2]
	}
	return words, nil
}

// take checks the words against the form and keeps them.
func (c *command) take(form []string, words []word) error {
	last := form[len(form)-1]
	many := strings.HasSuffix(last, "…")
	if len(words) < len(form) || len(words) > len(form) && !many {
		return fmt.Errorf("%s takes: %s", c.verb, strings.ToUpper(strings.Join(form, " ")))
	}
	for i, w := range words {
		kind := strings.TrimSuffix(form[min(i, len(form)-1)], "…")
		if !fits(kind, w) {
			return fmt.Errorf("%s: %q is no %s", c.verb, w.text, kind)
		}
		c.args = append(c.args, w.text)
	}
	return nil
}

func fits(kind string, w word) bool {
	if kind == "text" {
		return w.text != ""
	}
	if w.quoted {
		return false
	}
	switch kind {
	case "case":
		return casePattern.MatchString(w.text)
	case "country":
		return countryPattern.MatchString(w.text)
	case "place":
		return placePattern.MatchString(w.text)
	case "recipient":
		return placePattern.MatchString(w.text) || w.text == "-"
	case "name":
		return namePattern.MatchString(w.text)
	case "size":
		n, ok := parseSize(w.text)
		return ok && n > 0 && n <= maxFile
	case "number":
		n, err := strconv.ParseUint(w.text, 10, 16)
		return err == nil && n < 1000
	case "access":
		return slices.Contains([]string{"direct", "indirect", "useful", "not-useful"}, w.text)
	case "usefulness":
		return coded[rogatoryv1.Usefulness]("USEFULNESS_", w.text) != 0
	case "purpose":
		return coded[rogatoryv1.Purpose]("PURPOSE_", w.text) != 0
	case "duration":
		d, err := time.ParseDuration(w.text)
		return err == nil && d > 0 && d <= time.Hour
	case "sight":
		return isState(w.text) || w.text == "stopped" || w.text == "running" || coded[rogatoryv1.Kind]("KIND_", w.text) != 0
	}
	return false
}

// isState reports whether a case can be in a state of that name. Joint cases, which the demo does not play, have a state "running"; here
// it is said of the clock.
func isState(text string) bool {
	return text != "running" && text != "" && slices.Contains(exchange.States(), exchange.State(text))
}

// enum is a generated enum.
type enum interface{ ~int32 }

// coded reads a coded term as a story writes it: missing-person for PURPOSE_MISSING_PERSON. It is 0 for what is none.
func coded[E enum](prefix, text string) E {
	name := prefix + strings.ReplaceAll(strings.ToUpper(text), "-", "_")
	if strings.ToLower(text) != text {
		return 0
	}
	var zero E
	switch any(zero).(type) {
	case rogatoryv1.Kind:
		return E(rogatoryv1.Kind_value[name])
	case rogatoryv1.Purpose:
		return E(rogatoryv1.Purpose_value[name])
	case rogatoryv1.Usefulness:
		return E(rogatoryv1.Usefulness_value[name])
	}
	return 0
}

func parseSize(text string) (int64, bool) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	switch m[2] {
	case "KiB":
		n <<= 10
	case "MiB":
		n <<= 20
	}
	return n, err == nil
}

// String is the command as a story writes it.
func (c command) String() string {
	var b strings.Builder
	if c.fails {
		b.WriteString("! ")
	}
	b.WriteString(c.verb)
	form := strings.Fields(grammar[c.verb])
	for i, a := range c.args {
		b.WriteByte(' ')
		if !slices.Contains(raw, c.verb) && strings.HasPrefix(form[min(i, len(form)-1)], "text") {
			a = `"` + a + `"`
		}
		b.WriteString(a)
	}
	if c.as != "" {
		b.WriteString(" as " + c.as)
	}
	if c.within != 0 {
		b.WriteString(" within " + c.within.String())
	}
	return b.String()
}

// word is a word of a line. What was quoted is never a name or an option.
type word struct {
	text   string
	quoted bool
}

// split breaks a line into words. A quoted text holds no quotation mark.
func split(line string) ([]word, error) {
	var words []word
	for {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			return words, nil
		}
		if line[0] == '"' {
			text, rest, ok := strings.Cut(line[1:], `"`)
			if !ok {
				return nil, errors.New("a quotation mark is missing")
			}
			if rest != "" && !unicode.IsSpace(rune(rest[0])) {
				return nil, errors.New("a space is missing after a quotation mark")
			}
			words, line = append(words, word{text, true}), rest
			continue
		}
		end := strings.IndexFunc(line, unicode.IsSpace)
		if end < 0 {
			end = len(line)
		}
		if strings.Contains(line[:end], `"`) {
			return nil, fmt.Errorf("a quotation mark in the middle of %s", line[:end])
		}
		words, line = append(words, word{line[:end], false}), line[end:]
	}
}
