package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show EXPORT INDEX|CASE", Short: "Show a leaf, or all of a case, in words", Args: takes("EXPORT", "INDEX or CASE"),
		Long: `show prints one leaf with what stands beside it, or the history of a case. Coded terms are in words, dockets are opened; contents
are never in an export. Nothing is verified: verify does that.

  rogatory-audit show export/RS 42
  rogatory-audit show export/RS RS-2026-000001 --lang sr-Latn`,
		RunE: func(c *cobra.Command, args []string) error {
			return withArchive(args[0], func(r *archive.Reader) error {
				if index, err := strconv.ParseInt(args[1], 10, 64); err == nil {
					return p.showLeaf(r, index)
				}
				return p.showCase(c.Context(), r, args[1])
			})
		},
	}
}

func (p *program) text(code string) string { return codes.Text(p.language, code, nil) }

// showLeaf prints one leaf.
func (p *program) showLeaf(r *archive.Reader, index int64) error {
	e, err := r.Entry(index)
	if err != nil {
		return err
	}
	if e.Leaf == nil {
		return fmt.Errorf("leaf %d: %w", index, audit.ErrNotFound)
	}
	leaf, err := translog.ParseLeaf(e.Leaf)
	if err != nil {
		return err
	}
	if p.json {
		return p.leafJSON(&e, leaf)
	}
	o := p.out
	o.Printf("%s  %s  %s\n", o.Paint(terminal.Bold, fmt.Sprintf("%d %s", index, leaf.Kind)), moment(leaf.At), p.sentence(leaf.Entry))
	o.Printf("%s\n", o.Paint(terminal.Dim, terminal.OneLine(string(e.Leaf))))
	for _, s := range e.Sides {
		o.Printf("\n%s  %s bytes\n", o.Paint(terminal.Bold, s.Name), count(int64(len(s.Bytes))))
		p.record(&e, s)
	}
	return nil
}

// leafJSON prints a leaf with its opened records as JSON.
func (p *program) leafJSON(e *archive.Entry, leaf translog.Leaf) error {
	out := struct {
		Index   int64          `json:"index"`
		At      int64          `json:"at"`
		Kind    string         `json:"kind"`
		Leaf    string         `json:"leaf"`
		Records map[string]int `json:"records"`
		Docket  any            `json:"docket,omitempty"`
	}{Index: e.Index, At: leaf.At, Kind: leaf.Kind, Leaf: string(e.Leaf), Records: map[string]int{}}
	for _, s := range e.Sides {
		out.Records[s.Name] = len(s.Bytes)
	}
	if d := openDocket(e.Side("docket")); d != nil {
		b, err := protojson.Marshal(d)
		if err != nil {
			return err
		}
		out.Docket = rawJSON(b)
	}
	return p.out.Value(out)
}

// rawJSON is JSON that is put in as it is.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// record prints what a record beside a leaf says, where it says something to people.
func (p *program) record(e *archive.Entry, s archive.Record) {
	switch s.Name {
	case "docket":
		if d := openDocket(s.Bytes); d != nil {
			p.fields(d.ProtoReflect())
		}
	case "message":
		if m, err := envelope.ParseMessage(s.Bytes); err == nil {
			p.out.Printf("  %s to %s, number %d/%d, submitted %s\n", m.GetFrom(), m.GetTo(), m.GetEpoch(), m.GetSeq(), moment(int64(m.GetSubmittedMs())))
		}
	case "assertion":
		if act := openAct(s.Bytes); act != nil {
			p.out.Printf("  %s by %s at %s%s\n", p.text(act.GetVerb().String()), act.GetActor(), moment(int64(act.GetAtMs())), reasonOf(act))
		}
	case "leaf":
		if l, err := translog.ParseLeaf(s.Bytes); err == nil {
			p.out.Printf("  %d %s  %s  %s\n", l.Index, l.Kind, moment(l.At), p.sentence(l.Entry))
		}
	case "enrolment":
		if n, err := federation.ParseEnrolment(s.Bytes); err == nil {
			p.fields(n.GetOfficer().ProtoReflect())
		}
	case "checkpoint":
		for line := range strings.Lines(string(s.Bytes)) {
			if text, _, ok := strings.Cut(strings.TrimPrefix(line, "\u2014 "), " "); ok && strings.HasPrefix(line, "\u2014") {
				p.out.Printf("  signed by %s\n", terminal.OneLine(text))
			} else if line != "\n" {
				p.out.Printf("  %s\n", terminal.OneLine(strings.TrimSuffix(line, "\n")))
			}
		}
	}
}

func reasonOf(act *rogatoryv1.Act) string {
	if act.GetReason() == "" {
		return ""
	}
	return ", because: " + act.GetReason()
}

func openDocket(b []byte) *rogatoryv1.Docket {
	d := new(rogatoryv1.Docket)
	if len(b) < 32 || envelope.StrictUnmarshal(b[32:], d, archive.MaxRecord) != nil {
		return nil
	}
	return d
}

func openAct(b []byte) *rogatoryv1.Act {
	a := new(rogatoryv1.Assertion)
	if b == nil || envelope.StrictUnmarshal(b, a, archive.MaxRecord) != nil {
		return nil
	}
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return nil
	}
	return act
}

// fields prints the fields of a message that are set, coded terms in words.
func (p *program) fields(m protoreflect.Message) {
	all := m.Descriptor().Fields()
	for i := range all.Len() {
		f := all.Get(i)
		if !m.Has(f) {
			continue
		}
		name := strings.ReplaceAll(string(f.Name()), "_", " ")
		p.out.Printf("  %s %s\n", p.out.Paint(terminal.Dim, name+":"), terminal.OneLine(p.fieldText(f, m.Get(f))))
	}
}

func (p *program) fieldText(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if !f.IsList() {
		return p.valueText(f, v)
	}
	var texts []string
	for i := range v.List().Len() {
		texts = append(texts, p.valueText(f, v.List().Get(i)))
	}
	return strings.Join(texts, ", ")
}

func (p *program) valueText(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return p.text(string(d.Name()))
		}
	case protoreflect.BytesKind:
		if len(v.Bytes()) == translog.HashSize {
			return translog.Hash(v.Bytes()).String()
		}
		return fmt.Sprintf("%x", v.Bytes())
	case protoreflect.Uint64Kind:
		if strings.HasSuffix(string(f.Name()), "_ms") {
			return moment(int64(v.Uint()))
		}
	case protoreflect.MessageKind:
		var texts []string
		m := v.Message()
		for i := range m.Descriptor().Fields().Len() {
			if g := m.Descriptor().Fields().Get(i); m.Has(g) {
				texts = append(texts, p.fieldText(g, m.Get(g)))
			}
		}
		return strings.Join(texts, " ")
	}
	return v.String()
}

// showCase prints the history of a case.
func (p *program) showCase(ctx context.Context, r *archive.Reader, token string) error {
	found := false
	var rows [][]terminal.Cell
	err := audit.Walk(ctx, r, audit.Filter{Case: token}, func(l *audit.Line) error {
		found = true
		if p.json {
			e := l.Entry
			return p.leafJSON(&e, l.Leaf)
		}
		rows = append(rows, p.row(l))
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("case %s: %w", token, audit.ErrNotFound)
	}
	if err != nil || p.json {
		return err
	}
	p.out.Table([]string{"LEAF", "TIME", "KIND", "WHAT", "WHO"}, rows)
	return nil
}

func (p *program) row(l *audit.Line) []terminal.Cell {
	what := p.sentence(l.Leaf.Entry)
	if _, ok := l.Leaf.Entry.(*translog.Msg); ok && l.Docket != nil {
		what += ": " + p.docketText(l.Docket)
	}
	who := ""
	if act := openAct(l.Entry.Side("assertion")); act != nil {
		who = act.GetActor()
	}
	return terminal.Plain(fmt.Sprint(l.Entry.Index), moment(l.Leaf.At), l.Leaf.Kind, what, who)
}

// docketText says what a docket is about in a few words.
func (p *program) docketText(d *rogatoryv1.Docket) string {
	texts := []string{p.text(d.GetKind().String())}
	if d.GetUrgency() != 0 {
		texts = append(texts, p.text(d.GetUrgency().String()))
	}
	if d.GetOutcome() != 0 {
		texts = append(texts, p.text(d.GetOutcome().String()))
	}
	for _, r := range d.GetRefusals() {
		texts = append(texts, p.text(r.GetGround().String()))
	}
	return strings.Join(texts, ", ")
}
