// Package proofreading has the linter look at a file with what is known here: which languages and units its recipients have, and what the items say that
// it quotes.
package proofreading

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A Reader knows what a node knows of a file's recipients and quotations. Its methods may be called by several goroutines.
type Reader struct {
	store *store.Store
	peers *peers.Book
	log   *slog.Logger
}

// New returns the reader of a store and what is known of the members.
func New(s *store.Store, members *peers.Book, log *slog.Logger) *Reader {
	return &Reader{store: s, peers: members, log: log}
}

// Lint says everything at once that would make a file refused.
func (p *Reader) Lint(r *nodev1.LintRequest) (*nodev1.LintResponse, error) {
	if r.GetFile().GetContent() == nil {
		return nil, fmt.Errorf("lint without a content: %w", refusal.ErrRequest)
	}
	return &nodev1.LintResponse{Findings: Render(lint.File(r.GetFile(), p.Context(r.GetFile())), r.GetLanguage())}, nil
}

// Context is what is known of the recipients: languages that all of them read.
func (p *Reader) Context(f *rogatoryv1.RequestFile) lint.Context {
	ctx := lint.Context{Now: time.Now()}
	for i, to := range f.GetTo() {
		country, _, _ := strings.Cut(to, "/")
		m := p.peers.Manifest(country)
		if m == nil {
			continue
		}
		if i == 0 {
			ctx.Peer, ctx.PeerLanguages = country, m.Languages()
			continue
		}
		ctx.PeerLanguages = slices.DeleteFunc(slices.Clone(ctx.PeerLanguages), func(l string) bool { return !slices.Contains(m.Languages(), l) })
	}
	return ctx
}

// UnknownUnits finds the recipients whose manifest, where one is known, does not name the unit.
func (p *Reader) UnknownUnits(to []string, language string) (findings []*nodev1.Finding) {
	for i, address := range to {
		country, unit, _ := strings.Cut(address, "/")
		m := p.peers.Manifest(country)
		if unit == "" || m == nil {
			continue
		}
		var names []string
		for _, u := range m.Units() {
			names = append(names, u.GetName())
		}
		if slices.Contains(names, unit) {
			continue
		}
		findings = append(findings, finding(FindingUnit, fmt.Sprintf("to[%d]", i), language,
			map[string]string{"country": country, "unit": unit, "units": strings.Join(names, ", ")}))
	}
	return findings
}

// finding is one that the node makes itself.
func finding(code, path, language string, params map[string]string) *nodev1.Finding {
	params["path"] = path
	return &nodev1.Finding{Code: code, Path: path, Params: params, Text: codes.Text(cmp.Or(language, "en"), "lint."+code, params)}
}

// FindingUnit is the finding that a recipient has no such unit; what the linter knows by itself is in package lint.
const FindingUnit = "peer-unit"

// Render puts findings into words.
func Render(findings []lint.Finding, language string) []*nodev1.Finding {
	if language == "" {
		language = "en"
	}
	var out []*nodev1.Finding
	for _, f := range findings {
		params := map[string]string{"path": f.Path}
		for _, p := range f.Params {
			params[p.Name] = p.Value
		}
		out = append(out, &nodev1.Finding{
			Code: string(f.Code), Path: f.Path, Params: params, Warning: f.Severity == lint.Warning,
			Text: codes.Text(language, "lint."+string(f.Code), params),
		})
	}
	return out
}
