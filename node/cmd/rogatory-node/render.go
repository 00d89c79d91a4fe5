package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// textWidth is where texts are wrapped, or before it where the terminal ends.
const textWidth = 100

// printCase prints a case for a person: its row, then its messages as they came.
func (p *program) printCase(resp *nodev1.ShowResponse) {
	o, row := p.out, resp.GetCase()
	o.Printf("%s  %s\n", o.Paint(terminal.Bold, row.GetCaseToken()), codes.Text(p.lang(), "state."+row.GetState(), nil))
	o.Printf("%s, here %s\n", strings.TrimSpace(row.GetKind()+" "+towards(row)), row.GetUnit())
	if left := deadlineCell(row, time.Now()); left.Text != "" {
		o.Printf("time left: %s%s\n", o.Paint(left.Colour, left.Text), until(row))
	}
	if why := row.GetOutcome(); why != "" {
		o.Printf("outcome: %s\n", terminal.OneLine(p.outcome(why)))
	}
	for _, f := range row.GetFlags() {
		text := terminal.OneLine(f)
		if codes.Has("flag." + f) {
			text = codes.Text(p.lang(), "flag."+f, nil)
		}
		o.Printf("%s\n", o.Paint(terminal.Yellow, text))
	}
	for _, m := range resp.GetMessages() {
		o.Printf("\n%s\n", o.Paint(terminal.Bold, p.messageTitle(row, m)))
		if n := m.GetMsg(); len(n) > 0 {
			o.Printf("%s\n", o.Paint(terminal.Dim, "  message "+hex.EncodeToString(n)))
		}
		if by := m.GetEraseProposedBy(); by != "" {
			o.Printf("  %s\n", o.Paint(terminal.Yellow, terminal.OneLine(by)+" proposes to erase it"))
		}
		if at := m.GetCorrection(); at != "" {
			o.Printf("  notice: %s\n", codes.Text(p.lang(), "correction."+at, nil))
		}
		switch m.GetStatus() {
		case "erased":
			o.Printf("  content erased%s\n", tomb(m.GetTombstone()))
			continue
		case "withheld":
			o.Printf("  withheld: its provider has restricted it; --reason restricted shows it, and is logged\n")
			continue
		case "missing":
			o.Printf("  %s\n", o.Paint(terminal.Red, "MISSING: nobody erased it, and it does not open; tell the operator"))
			continue
		}
		p.printContent(o, m.GetContent())
		for i, at := range m.GetContent().GetAttachments() {
			if slices.ContainsFunc(m.GetAttachmentsLost(), func(id []byte) bool { return bytes.Equal(id, at.GetId()) }) {
				o.Printf("  %s\n", o.Paint(terminal.Red, fmt.Sprintf("attachments %d: our copy was lost in a rollback; if the other side has not fetched it, send it again", i)))
			}
		}
	}
	if len(resp.GetActs()) > 0 {
		o.Printf("\n%s\n", o.Paint(terminal.Bold, "keeping and erasing"))
	}
	for _, a := range resp.GetActs() {
		about := ""
		if len(a.GetMsg()) > 0 {
			about = ", message " + short(a.GetMsg())
		}
		o.Printf("  %s  %s: %s (%s%s)\n", moment(a.GetAtMs()), terminal.OneLine(a.GetBy()), codes.Text(p.lang(), "event."+a.GetEvent(), nil), terminal.OneLine(a.GetReason()), about)
	}
}

// tomb says who erased something, when and why.
func tomb(t *nodev1.Tombstone) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf(" %s by %s (%s): %s; leaf %d", moment(t.GetAtMs()), terminal.OneLine(t.GetBy()), terminal.OneLine(t.GetGround()), strings.Join(t.GetWhat(), ", "), t.GetIndex())
}

// outcome is what became of a case, or why the other node refused its message for good.
func (p *program) outcome(code string) string {
	if rule, ok := strings.CutPrefix(code, "rule:"); ok {
		return codes.Text(p.lang(), "outcome.rule", map[string]string{"rule": rule})
	}
	if t, ok := strings.CutPrefix(code, "transition:"); ok && codes.Has("transition."+t) {
		return codes.Text(p.lang(), "state.rejected", nil) + " (" + t + ")"
	}
	if codes.Has("outcome." + code) {
		return codes.Text(p.lang(), "outcome."+code, nil)
	}
	return codes.Text(p.lang(), code, nil)
}

func until(row *nodev1.CaseRow) string {
	if row.GetDeadlineMs() == 0 {
		return ""
	}
	return " (" + moment(row.GetDeadlineMs()) + ")"
}

func (p *program) messageTitle(row *nodev1.CaseRow, m *nodev1.CaseMessage) string {
	who := row.GetPeer()
	if m.GetOurs() {
		who = "we"
	}
	title := fmt.Sprintf("%s  %s: %s", moment(m.GetAtMs()), who, codes.Enum(p.lang(), m.GetDocket().GetKind()))
	switch {
	case m.GetStatus() == "draft":
		title += " (draft, by " + terminal.OneLine(m.GetDocket().GetActor()) + ")"
	case strings.HasPrefix(m.GetStatus(), "declined:"):
		title += fmt.Sprintf(" (draft, by %s, declined by %s)", terminal.OneLine(m.GetDocket().GetActor()), terminal.OneLine(strings.TrimPrefix(m.GetStatus(), "declined:")))
	case m.GetOurs() && m.GetReceivedMs() == 0:
		title += " (no receipt)"
	case m.GetOurs():
		title += fmt.Sprintf(" (received by %s %s)", row.GetPeer(), moment(m.GetReceivedMs()))
	}
	return title
}

// printMessage shows a message that somebody is about to sign.
func (p *program) printMessage(o *terminal.Output, to string, d *rogatoryv1.Docket, c *rogatoryv1.Content) {
	if d.GetToUnit() != "" {
		to += "/" + d.GetToUnit()
	}
	o.Printf("%s\n", o.Paint(terminal.Bold, fmt.Sprintf("%s to %s, by %s", codes.Enum(p.lang(), d.GetKind()), to, terminal.OneLine(d.GetActor()))))
	p.printContent(o, c)
	o.Printf("\n")
}

// printContent prints every field that is set: what a person signs or reads leaves nothing out.
func (p *program) printContent(o *terminal.Output, c *rogatoryv1.Content) {
	if c == nil {
		return
	}
	p.printFields(o, c.ProtoReflect(), 1)
}

func (p *program) printFields(o *terminal.Output, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		name := words(camel(f.JSONName()))
		if !f.IsList() {
			p.printField(o, name, f, m.Get(f), depth)
			continue
		}
		list := m.Get(f).List()
		if f.Message() == nil {
			var values []string
			for j := range list.Len() {
				values = append(values, p.scalar(f, list.Get(j)))
			}
			printText(o, name, strings.Join(values, ", "), depth)
			continue
		}
		for j := range list.Len() {
			p.printField(o, fmt.Sprintf("%s %d", name, j), f, list.Get(j), depth)
		}
	}
}

func (p *program) printField(o *terminal.Output, name string, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) {
	if f.Message() == nil {
		printText(o, name, p.scalar(f, v), depth)
		return
	}
	o.Printf("%s%s:\n", strings.Repeat("  ", depth), o.Paint(terminal.Dim, name))
	p.printFields(o, v.Message(), depth+1)
}

// printText prints a name and a text, wrapped below itself.
func printText(o *terminal.Output, name, text string, depth int) {
	margin, width := strings.Repeat("  ", depth), textWidth
	if o.Width > 0 {
		width = min(width, o.Width)
	}
	lines := wrap(text, width-len(margin)-utf8.RuneCountInString(name)-2)
	o.Printf("%s%s %s\n", margin, o.Paint(terminal.Dim, name+":"), lines[0])
	for _, l := range lines[1:] {
		o.Printf("%s%s  %s\n", margin, strings.Repeat(" ", utf8.RuneCountInString(name)), l)
	}
}

// wrap breaks a text at spaces; what a peer wrote cannot move the cursor.
func wrap(text string, width int) []string {
	width = max(width, 30)
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range strings.Fields(terminal.OneLine(paragraph)) {
			if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

// scalar writes a value as people read it: codes in words, times here, names of messages in hexadecimal, keys not at all.
func (p *program) scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return codes.Text(p.lang(), string(d.Name()), nil)
		}
		return fmt.Sprint(v.Enum())
	case protoreflect.BytesKind:
		if f.FullName() == "rogatory.v1.Attachment.key" {
			return "[key]"
		}
		return hex.EncodeToString(v.Bytes())
	case protoreflect.BoolKind:
		if v.Bool() {
			return "yes"
		}
		return "no"
	case protoreflect.Uint64Kind:
		if strings.HasSuffix(string(f.Name()), "_ms") {
			return moment(v.Uint())
		}
	}
	return v.String()
}

// camel makes a JSON name a type's name, for words.
func camel(name string) string {
	if name == "" {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
