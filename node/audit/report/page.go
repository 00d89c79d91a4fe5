package report

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/audit/replay"
)

// Options say how a page is made.
type Options struct {
	// Anchor is what the auditor trusts.
	Anchor *audit.Anchor
	// Year of the statistics; 0 means that of the last leaf.
	Year int
	// Language of coded terms, BCP 47; empty is English.
	Language string
	// Workers of verify, replay and reconcile; 0 means one a core. The page is the same for any number.
	Workers int
}

// A Page is what audits of one or more logs come to.
type Page struct {
	Status   audit.Status
	Logs     []*Log
	Pairs    []*Pair
	Stats    *Statistics
	Findings []Explained
	Anchor   string
}

// A Log is one log's part of the page.
type Log struct {
	Origin, Country string
	Size            int64
	Root, State     string
	Assurance       string
	Witnessed       int64
	Timed           audit.Timed
	Last            int64
	Heads           []Head
	HeadCount       int
	Flags           []replay.Flag
	Erasures        []Erasure
	Consults        []Consult
	Verified        audit.Status
	Replayed        audit.Status
	Unreplayed      string // why it could not be
	Steps, Cases    int64
}

// A Head is a cosigned head.
type Head struct {
	Size, At int64
	By       []string
	Count    int64
}

// An Erasure is a tombstone.
type Erasure struct {
	Index, At, Count int64
	What, By, Basis  string
}

// A Consult counts what one pseudonym read.
type Consult struct {
	Who, Why string
	Count    int64
}

// A Pair is two logs held against each other.
type Pair struct {
	A, B                   string
	Status                 audit.Status
	Messages, Heads, Cases int64
}

// Explained are the findings of one code.
type Explained struct {
	audit.Explanation
	Count int
	List  []audit.Finding
}

const (
	maxPerCode = 50 // findings listed of one code; the commands list all
	maxHeads   = 10
	maxPairs   = 66 // of twelve countries
)

// Make audits archives and returns the page about them. An error is one of reading; what is wrong with the logs is in the page.
func Make(ctx context.Context, archives []*archive.Reader, o Options) (*Page, error) {
	digest := o.Anchor.Newest().Digest()
	p := &Page{Status: audit.OK, Anchor: fmt.Sprintf("version %d, SHA-256 %x", o.Anchor.Newest().Version(), digest[:])}
	var found []audit.Finding
	limited := false
	for _, r := range archives {
		l, list, err := logOf(ctx, r, &o)
		if err != nil {
			return nil, err
		}
		limited = limited || r.Info().Limited()
		p.Logs = append(p.Logs, l)
		found = append(found, list...)
	}
	for i, a := range archives {
		for _, b := range archives[i+1:] {
			if limited || a.Info().Country == b.Info().Country || len(p.Pairs) == maxPairs {
				continue
			}
			res, err := reconcile.Run(ctx, a, b, reconcile.Options{Anchor: o.Anchor, Workers: o.Workers})
			if err != nil {
				return nil, err
			}
			p.Pairs = append(p.Pairs, &Pair{res.A, res.B, res.Status, res.Messages, res.Heads, res.Cases})
			found = append(found, res.Findings...)
		}
	}
	p.Status = audit.Judge(found)
	p.explain(found)
	if limited {
		return p, nil
	}
	year := o.Year
	if year == 0 {
		for _, l := range p.Logs {
			year = max(year, time.UnixMilli(l.Last).UTC().Year())
		}
	}
	var err error
	p.Stats, err = Count(ctx, archives, o.Anchor, year, o.Language)
	return p, err
}

// explain puts findings together by code, what is wrong first.
func (p *Page) explain(found []audit.Finding) {
	byCode := map[audit.Code][]audit.Finding{}
	for _, f := range audit.Sort(found) {
		byCode[f.Code] = append(byCode[f.Code], f)
	}
	for _, code := range slices.SortedFunc(maps.Keys(byCode), func(a, b audit.Code) int { return cmp.Compare(a, b) }) {
		list := byCode[code]
		e, _ := audit.Explain(code)
		e.Code = code
		p.Findings = append(p.Findings, Explained{e, len(list), list[:min(len(list), maxPerCode)]})
	}
}

func logOf(ctx context.Context, r *archive.Reader, o *Options) (*Log, []audit.Finding, error) {
	res, err := audit.Verify(ctx, r, o.Anchor, audit.Options{Workers: o.Workers})
	if err != nil {
		return nil, nil, err
	}
	l := &Log{
		Origin: r.Info().Log, Country: r.Info().Country, Size: res.Size, Root: res.Root.String(), Assurance: res.Assurance.String(),
		Witnessed: res.Witnessed, Timed: res.Timed, Verified: res.Status,
	}
	found := res.Findings
	if r.Info().Limited() {
		l.Unreplayed = "the export is limited to a part of the log"
	} else {
		again, err := replay.Run(ctx, r, replay.Options{Anchor: o.Anchor, Workers: o.Workers})
		if err != nil {
			return nil, nil, err
		}
		l.Replayed, l.State, l.Flags, l.Steps, l.Cases = again.Status, again.State.String(), again.Flags, again.Steps, again.Cases
		found = append(found, again.Findings...)
	}
	return l, found, l.walk(ctx, r)
}

// walk collects what people ask of a log beyond findings.
func (l *Log) walk(ctx context.Context, r *archive.Reader) error {
	type reader struct{ who, why string }
	consults := map[reader]int64{}
	err := audit.Walk(ctx, r, audit.Filter{}, func(x *audit.Line) error {
		l.Last = max(l.Last, x.Leaf.At)
		switch e := x.Leaf.Entry.(type) {
		case *translog.Cos:
			l.Heads = append(l.Heads, Head{e.Size, x.Leaf.At, slices.Clone(e.By), e.Count})
			l.HeadCount++
			if len(l.Heads) > maxHeads {
				l.Heads = l.Heads[1:]
			}
		case *translog.Erase:
			l.Erasures = append(l.Erasures, Erasure{x.Entry.Index, x.Leaf.At, e.OfCount, strings.Join(e.What, ", "), e.By, e.Basis})
		case *translog.Op:
			if e.Verb == translog.Consult {
				consults[reader{e.Who, e.Why}]++
			}
		}
		return nil
	})
	for k, n := range consults {
		l.Consults = append(l.Consults, Consult{k.who, k.why, n})
	}
	slices.SortFunc(l.Consults, func(a, b Consult) int { return cmp.Or(cmp.Compare(a.Who, b.Who), cmp.Compare(a.Why, b.Why)) })
	return err
}

//go:embed page.html.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"moment": func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05Z")
	},
	"join": func(list []string) string { return strings.Join(list, ", ") },
	"meaning": func(s string) string {
		switch s {
		case "A0":
			return "the entries hash to the root"
		case "A1":
			return "the log has signed the root"
		case "A2":
			return "another member has cosigned a head"
		case "A3":
			return "a quorum of the members has cosigned"
		case "A4":
			return "a time token from outside stands over it"
		}
		return "the entries do not hash to the root"
	},
	"verdict": func(s audit.Status) string {
		switch s {
		case audit.OK:
			return "nothing wrong was found"
		case audit.Findings:
			return "something is wrong: see the findings"
		case audit.Incomplete:
			return "nothing wrong was found, and something could not be judged"
		}
		return "not done"
	},
}).Parse(pageText))

// WriteHTML writes the page: one file without script that loads nothing.
func (p *Page) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}
