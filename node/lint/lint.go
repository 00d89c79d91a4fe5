// Package lint says what is wrong with a message before anybody sends it, everything at once: a code, the field's path and parameters
// for each finding, which package codes turns into a sentence. The same rules refuse what a peer sends. And it derives the docket that
// goes with a content: what of it may stand in a log.
//
// It reads the messages by reflection, so that a field that is added to the proto is bounded from its first day. It depends on nothing but
// its arguments: no clock, no file of the host. Package ident holds the checks of single values by their standards.
package lint

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Bounds of a content. A content has to fit into one frame of the backbone beside its envelope.
const (
	// MaxContentBytes is the largest encoding of a Content, in bytes.
	MaxContentBytes = 768 << 10
	// MaxFindings is how many findings are returned at most; the worst come first.
	MaxFindings = 1000

	maxText   = 8000 // characters in what entities.proto calls a text
	maxString = 200  // characters in every other string
	maxList   = 100  // entries in a list
	maxItems  = 1000 // entries in the lists whose comments say so
)

// Severity says what a finding means for sending.
type Severity string

const (
	// Error means that the message would be refused, or breaks a rule: it is not sent.
	Error Severity = "error"
	// Warning means that a person should look once more.
	Warning Severity = "warning"
)

// Finding is one thing that the linter has to say. It holds codes, field paths, limits, language tags and countries, never
// a value that stands in the content, so that it may be logged.
type Finding struct {
	// Code is the key of the sentence in package codes.
	Code Code `json:"code"`
	// Path is the field, in JSON names, from the request file's root: "content.request.subjects[1].purposeLink".
	Path string `json:"path"`
	// Severity says whether it keeps the message from being sent.
	Severity Severity `json:"severity"`
	// Params fill the sentence, in a fixed order for each code.
	Params []Param `json:"params,omitempty"`
}

// Param is one named value in a finding's sentence.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ItemKey names an item of an earlier message.
type ItemKey struct {
	// Msg is the message's name.
	Msg [32]byte
	// Item is the item's number in it.
	Item uint32
}

// Context is what the linter has to know besides the message. The zero value leaves out what depends on it.
type Context struct {
	// Now is the moment of linting. With the zero time nothing is too early or too late: so messages are linted that were
	// written earlier.
	Now time.Time
	// Peer is the recipient's country, for the finding's parameters.
	Peer string
	// PeerLanguages are the languages that the recipient's manifest declares, BCP 47; none leaves languages undeclared unchecked.
	PeerLanguages []string
	// Quoted holds the items of earlier messages that the sender has. Nothing modifies them.
	Quoted map[ItemKey]*rogatoryv1.Item
	// Files is how many files will be attached besides those that the content lists already.
	Files int
}

// Content says everything at once that would make a message refused, and what a person should look at again: errors before
// warnings, otherwise in an order that depends on the message alone. d is the docket that goes with c, or nil: what it says must follow from c.
// It depends on nothing but its arguments and modifies none of them.
func Content(c *rogatoryv1.Content, d *rogatoryv1.Docket, ctx Context) []Finding {
	l := &linter{ctx: ctx, docket: d, path: []byte("content")}
	l.content(c)
	l.docketFits(c)
	return l.sorted()
}

// File lints a request file: where it goes, what it belongs to, and its content with the docket that follows from it.
func File(f *rogatoryv1.RequestFile, ctx Context) []Finding {
	ctx.Files += len(f.GetAttachments())
	l := &linter{ctx: ctx, docket: DocketOf(f.GetContent(), CoverOf(f))}
	l.file(f)
	l.path = append(l.path[:0], "content"...)
	l.content(f.GetContent())
	return l.sorted()
}

// Sendable reports whether no finding is an error.
func Sendable(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error })
}

// linter collects the findings on one message.
type linter struct {
	ctx      Context
	docket   *rogatoryv1.Docket
	findings []Finding

	path []byte // of the message that is looked at
	body rogatoryv1.Kind
	refs []entityRef       // names of entities that something refers to
	ids  map[string]string // names of entities, with their paths
	// listed is how many attachments the content lists.
	listed int
}

// entityRef is a reference to an entity's name.
type entityRef struct{ id, path string }

func (l *linter) sorted() []Finding {
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Compare(severityRank(a.Severity), severityRank(b.Severity))
	})
	return l.findings
}

func severityRank(s Severity) int {
	if s == Error {
		return 0
	}
	return 1
}

// add notes a finding on a field of the message that is looked at; an empty field means the message itself.
func (l *linter) add(sev Severity, code Code, field string, params ...Param) {
	if len(l.findings) >= MaxFindings {
		return
	}
	p := string(l.path)
	switch {
	case p == "":
		p = field
	case field == "", field[0] == '[':
		p += field
	default:
		p += "." + field
	}
	l.findings = append(l.findings, Finding{Code: code, Path: p, Severity: sev, Params: params})
}

func (l *linter) err(code Code, field string, params ...Param) {
	l.add(Error, code, field, params...)
}

func (l *linter) warn(code Code, field string, params ...Param) {
	l.add(Warning, code, field, params...)
}

// need notes that a mandatory field is empty.
func (l *linter) need(there bool, field string) {
	if !there {
		l.err(Required, field)
	}
}

// in runs f with the path lengthened by a field.
func (l *linter) in(field string, f func()) {
	n := len(l.path)
	if n > 0 && field[0] != '[' {
		l.path = append(l.path, '.')
	}
	l.path = append(l.path, field...)
	f()
	l.path = l.path[:n]
}

// at is a list's element as a path writes it.
func at(field string, i int) string { return field + "[" + itoa(i) + "]" }

// content lints all of a content.
func (l *linter) content(c *rogatoryv1.Content) {
	if c == nil {
		l.err(Required, "")
		return
	}
	if n := proto.Size(c); n > MaxContentBytes {
		l.err(TooLarge, "", Param{"max", itoa(MaxContentBytes)})
		return
	}
	l.body = KindOf(c)
	l.ids = make(map[string]string)
	l.listed = len(c.Attachments)
	l.languages(c)
	l.sender(c)
	l.bodyRules(c)
	l.walk(c.ProtoReflect(), contentPlan)
	l.references()
	l.translations(c)
}

// languages checks that the text's language, or a translation's, is one that the peer has declared.
func (l *linter) languages(c *rogatoryv1.Content) {
	if c.Language == "" {
		l.err(Required, "language")
		return
	}
	if len(l.ctx.PeerLanguages) == 0 || !ident.IsLanguage(c.Language) || speaks(l.ctx.PeerLanguages, c.Language) {
		return
	}
	for _, t := range c.Translations {
		if speaks(l.ctx.PeerLanguages, t.GetLanguage()) {
			return
		}
	}
	l.err(LanguageUndeclared, "language",
		Param{"language", c.Language}, Param{"peer", l.ctx.Peer}, Param{"declared", strings.Join(l.ctx.PeerLanguages, " ")})
}

// sender checks who speaks. Whoever opens a case can be called day and night.
func (l *linter) sender(c *rogatoryv1.Content) {
	l.in("sender", func() {
		s := c.Sender
		if s == nil {
			l.err(Required, "")
			return
		}
		l.need(s.Authority != 0, "authority")
		switch l.body {
		case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST:
			l.need(s.Name != "", "name")
			l.need(s.Phone != "", "phone")
		case rogatoryv1.Kind_KIND_SPONTANEOUS, rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
			l.need(s.Name != "", "name")
			if s.Phone == "" && s.Email == "" {
				l.err(Required, "phone")
			}
		}
	})
}

// references checks that what refers to an entity of the content finds it.
func (l *linter) references() {
	l.path = l.path[:0]
	for _, r := range l.refs {
		if _, ok := l.ids[r.id]; !ok {
			l.err(ReferenceUnknown, r.path)
		}
	}
	l.path = append(l.path, "content"...)
}

// translations checks that each translation names a text of the content and another language than its own.
func (l *linter) translations(c *rogatoryv1.Content) {
	type key struct{ path, language string }
	seen := make(map[key]bool, len(c.Translations))
	for i, t := range c.Translations {
		l.in(at("translations", i), func() {
			l.need(t.Language != "", "language")
			l.need(t.Text != "", "text")
			l.need(t.By != "", "by")
			if t.Language != "" && t.Language == c.Language {
				l.err(Contradicts, "language", Param{"field", "content.language"})
			}
			if text, ok := textAt(c, t.Path); !ok || text == "" {
				l.err(TranslationPath, "path")
			}
			if k := (key{t.Path, t.Language}); seen[k] {
				l.err(Duplicate, "path")
			} else {
				seen[k] = true
			}
			if t.Machine && !t.Checked {
				l.warn(TranslationUnchecked, "checked")
			}
		})
	}
}
