package evidence

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/codes"
)

// A report is what evidence says, for people.
type report struct {
	Title, Lead string
	Language    string
	Sections    []section
}

// A section is a heading with sentences and facts.
type section struct {
	Title string
	Text  []string
	Rows  [][2]string
}

func (s *section) row(name, value string) {
	if value != "" {
		s.Rows = append(s.Rows, [2]string{name, value})
	}
}

// report tells what the facts are. What was found wrong is not in it: findings are.
func (f *facts) report() *report {
	r := &report{Language: "en"}
	if f.x.About == AboutCase {
		r.Title = "Evidence of case " + f.x.Subject
		r.Lead = fmt.Sprintf("What the signed logs of the countries say of this case: %s.", plural(len(f.messages), "message"))
	} else {
		r.Title = "Evidence of one message"
		r.Lead = "What the signed logs of the countries say of message " + f.x.Subject + "."
	}
	for i, m := range f.messages {
		r.Sections = append(r.Sections, f.aboutMessage(i, m))
	}
	if steps := f.steps(); len(steps.Rows) > 0 {
		r.Sections = append(r.Sections, steps)
	}
	if stones := f.tombstones(); len(stones.Rows) > 0 {
		r.Sections = append(r.Sections, stones)
	}
	if len(f.heads) > 0 {
		s := section{Title: "Who stands behind the logs", Text: []string{
			"Other members cosign the head of a log. From the first cosignature on, the log's keeper cannot change anything below without every one of these members noticing.",
		}}
		for _, h := range f.heads {
			var by []string
			for _, c := range h.by {
				by = append(by, fmt.Sprintf("%s at %s", c.Witness, moment(c.Time*1000)))
			}
			enough := "that is the quorum"
			if len(h.by) < h.quorum {
				enough = fmt.Sprintf("the quorum is %d", h.quorum)
			}
			s.row(fmt.Sprintf("%s, head of %d leaves", h.country, h.cp.Size), fmt.Sprintf("cosigned by %d (%s): %s", len(h.by), enough, strings.Join(by, "; ")))
		}
		r.Sections = append(r.Sections, s)
	}
	if len(f.stamps) > 0 {
		r.Sections = append(r.Sections, f.existed())
	}
	r.Sections = append(r.Sections, f.howToCheck())
	return r
}

func (f *facts) aboutMessage(i int, m *message) section {
	pb := m.pb
	s := section{Title: fmt.Sprintf("Message %d: %s to %s", i+1, pb.GetFrom(), pb.GetTo())}
	s.row("name", m.name.String())
	s.row("number", fmt.Sprintf("%d in epoch %d", pb.GetSeq(), pb.GetEpoch()))
	s.row("submitted", moment(int64(pb.GetSubmittedMs()))+", by the sender's clock")
	inTime := slices.Clone(m.halves)
	slices.SortStableFunc(inTime, func(a, b *proven) int { return cmp.Compare(a.leaf.At, b.leaf.At) })
	for _, p := range inTime {
		country := countryOf(p.cp.Origin)
		says := ""
		switch l := p.leaf.Entry.(type) {
		case *translog.Msg:
			if l.Dir == translog.Out {
				says = country + " logged that it was sent"
			} else {
				says = country + " logged that it arrived"
			}
		case *translog.Rej:
			says = country + " refused it for good: " + f.term("refused."+l.Code, l.Code)
		case *translog.Reseal:
			says = country + " logged another attempt to carry it"
		}
		if p.name == m.dir+"/"+fileReceipt {
			says += " (this is the receipt that the sender holds)"
		}
		s.row(moment(p.leaf.At), fmt.Sprintf("%s: leaf %d of %s, under its signed head of %d leaves", says, p.leaf.Index, p.cp.Origin, p.cp.Size))
		s.row("leaf hash", hexHash(p.raw))
	}
	if m.signature {
		s.row("signature", fmt.Sprintf("%s signed it with key %s (%s), sealed %s; Ed25519 and ML-DSA-65 both verify", pb.GetFrom(), m.key.KID(), m.keyFrom, moment(m.sealed)))
	}
	if m.docket == nil {
		s.row("docket", "not here: its term is over, or the log no longer has it")
	} else {
		f.fields(&s, m.docket.ProtoReflect())
	}
	if m.content >= 0 {
		s.row("content", fmt.Sprintf("opened: %d bytes in %s/%s behind a salt of 32 bytes; it is what the message commits to", m.content, m.dir, fileContent))
	} else {
		s.row("content", "not opened: the message commits to it, and nobody can guess it from that")
	}
	return s
}

// fields adds what a docket says, coded terms in words.
func (f *facts) fields(s *section, m protoreflect.Message) {
	all := m.Descriptor().Fields()
	for i := range all.Len() {
		if d := all.Get(i); m.Has(d) && d.Name() != "method" {
			s.row(strings.ReplaceAll(string(d.Name()), "_", " "), f.value(d, m.Get(d)))
		}
	}
}

func (f *facts) value(d protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if !d.IsList() {
		return f.single(d, v)
	}
	var texts []string
	for i := range v.List().Len() {
		texts = append(texts, f.single(d, v.List().Get(i)))
	}
	return strings.Join(texts, ", ")
}

func (f *facts) single(d protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch d.Kind() {
	case protoreflect.EnumKind:
		if e := d.Enum().Values().ByNumber(v.Enum()); e != nil {
			return codes.Text(f.x.Language, string(e.Name()), nil)
		}
	case protoreflect.BoolKind:
		if v.Bool() {
			return "yes"
		}
	case protoreflect.BytesKind:
		if len(v.Bytes()) == translog.HashSize {
			return translog.Hash(v.Bytes()).String()
		}
		return hex.EncodeToString(v.Bytes())
	case protoreflect.Uint64Kind:
		if strings.HasSuffix(string(d.Name()), "_ms") {
			return moment(int64(v.Uint()))
		}
	case protoreflect.MessageKind:
		var texts []string
		for i := range d.Message().Fields().Len() {
			if g := d.Message().Fields().Get(i); v.Message().Has(g) {
				texts = append(texts, f.value(g, v.Message().Get(g)))
			}
		}
		return strings.Join(texts, ": ")
	}
	return v.String()
}

func (f *facts) term(code, otherwise string) string {
	if codes.Has(code) {
		return codes.Text(f.x.Language, code, nil)
	}
	return otherwise
}

func (f *facts) steps() section {
	s := section{Title: "Steps of the case"}
	for _, p := range f.leaves {
		l, ok := p.leaf.Entry.(*translog.Case)
		if !ok {
			continue
		}
		kind, rest, _ := strings.Cut(l.Event, ".")
		text := strings.TrimSpace(f.term("event."+kind, kind) + " " + rest)
		if l.FromState != l.ToState {
			text += ", now " + f.term("state."+l.ToState, l.ToState)
		}
		if l.Rule != "" {
			text += fmt.Sprintf(" (rule %s: %s)", l.Rule, l.Decision)
		}
		if l.Due != 0 {
			text += ", due " + moment(l.Due)
		}
		s.row(fmt.Sprintf("%s, %s leaf %d", moment(p.leaf.At), countryOf(p.cp.Origin), p.leaf.Index), text)
	}
	return s
}

func (f *facts) tombstones() section {
	s := section{Title: "What was erased", Text: []string{"A tombstone stays when something is destroyed. It says what, when and on which ground."}}
	for _, p := range f.leaves {
		if l, ok := p.leaf.Entry.(*translog.Erase); ok {
			s.row(fmt.Sprintf("%s, %s leaf %d", moment(p.leaf.At), countryOf(p.cp.Origin), p.leaf.Index),
				fmt.Sprintf("%s, by %s, basis %s", strings.Join(l.What, ", "), l.By, l.Basis))
		}
	}
	for _, w := range f.x.Withheld {
		s.row(fmt.Sprintf("%s leaf %d", countryOf(w.Log), w.Index), "a tombstone that also names what belongs to other cases; it is not here, and nothing here proves it")
	}
	return s
}

func (f *facts) howToCheck() section {
	s := section{Title: "How to check this", Text: []string{
		"Get the directory of members from a member whom you know, and compare its digest by voice. Nothing in this file is believed without it.",
		"With the program: rogatory-audit check FILE.asice --directory DIRECTORY. It verifies every signature, proof and digest.",
		"Without it: unpack the file with any zip program and run sh VERIFY.sh DIRECTORY. openssl verifies the Ed25519 signatures, sha256 the leaves and their paths; check.py, which needs nothing but Python 3.9, verifies both halves of every signature.",
	}}
	s.row("directory trusted by the maker", fmt.Sprintf("version %d, SHA-256 %s", f.x.DirectoryVersion, f.x.Directory))
	if f.x.Small {
		s.row("left out", "the directory, cosigned heads and the manifests of witnesses: this is a small file")
	}
	return s
}

// text is the report as plain text, wrapped.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n%s\n", r.Title, strings.Repeat("=", len(r.Title)), r.Lead)
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n%s\n%s\n", s.Title, strings.Repeat("-", len(s.Title)))
		for _, t := range s.Text {
			b.WriteString("\n" + wrap(t, "", "") + "\n")
		}
		if len(s.Text) > 0 && len(s.Rows) > 0 {
			b.WriteString("\n")
		}
		for _, row := range s.Rows {
			b.WriteString(wrap(row[0]+": "+row[1], "  ", "      ") + "\n")
		}
	}
	return b.String()
}

// wrap breaks text at 100 columns.
func wrap(s, first, then string) string {
	var lines []string
	line := first
	for i, word := range strings.Fields(s) {
		if i > 0 && len(line)+1+len(word) > 100 && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
			line = then + word
			continue
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

//go:embed report.html.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// html is the report as one page that loads nothing.
func (r *report) html() ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, r)
	return b.Bytes(), err
}

func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000Z")
}

func hexHash(leaf []byte) string {
	h := translog.LeafHash(leaf)
	return hex.EncodeToString(h[:])
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
