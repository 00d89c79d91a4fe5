package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const examples = "../../../configs/examples"

// Whoever approves signs what is shown, so everything is shown.
func TestNothingOfAContentIsLeftOutWhenItIsShown(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := new(rogatoryv1.RequestFile)
		if err := protojson.Unmarshal(b, f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		shown := flat(render(t, f.GetContent()))
		err = protorange.Range(f.GetContent().ProtoReflect(), func(v protopath.Values) error {
			last := v.Index(-1)
			if last.Value.IsValid() {
				if s, ok := last.Value.Interface().(string); ok && !strings.Contains(shown, flat(s)) {
					t.Errorf("%s: %s is not shown: %q", filepath.Base(path), v.Path, s)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func render(t *testing.T, c *rogatoryv1.Content) string {
	t.Helper()
	var b bytes.Buffer
	p := &program{language: "en", out: terminal.New(&b)}
	p.printContent(p.out, c)
	return b.String()
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestWhatAPeerWroteCannotMoveTheCursor(t *testing.T) {
	const nasty = "before\x1b[2Jafter\u009b31m\rover"
	shown := render(t, &rogatoryv1.Content{Body: &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: nasty}}})
	for _, r := range shown {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			t.Fatalf("%U comes through in %q", r, shown)
		}
	}
	if !strings.Contains(shown, "before [2Jafter 31m over") {
		t.Errorf("shown as %q", shown)
	}
}

func TestTextsEndWhereTheTerminalEnds(t *testing.T) {
	var b bytes.Buffer
	p := &program{language: "en", out: terminal.New(&b)}
	p.out.Width = 60
	p.printContent(p.out, &rogatoryv1.Content{Body: &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: strings.Repeat("Три речи овде. ", 30)}}})
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

func TestAnAttachmentsKeyIsNotShown(t *testing.T) {
	key := bytes.Repeat([]byte{0xab}, 32)
	shown := render(t, &rogatoryv1.Content{Attachments: []*rogatoryv1.Attachment{{Id: []byte{1, 2}, Key: key, Title: "A title"}}})
	if strings.Contains(shown, hex.EncodeToString(key)) || !strings.Contains(shown, "[key]") || !strings.Contains(shown, "0102") {
		t.Errorf("shown as %q", shown)
	}
}

func TestACaseIsShownWithItsMessagesInOrder(t *testing.T) {
	var b bytes.Buffer
	p := &program{language: "en", out: terminal.New(&b)}
	p.printCase(&nodev1.ShowResponse{
		Case: &nodev1.CaseRow{CaseToken: "RS-2026-000007", State: "clarifying", Kind: "request", Peer: "BG", PeerUnit: "police", Unit: "police", Ours: true, ClockStopped: true, Flags: []string{"overdue"}},
		Messages: []*nodev1.CaseMessage{
			{Ours: true, AtMs: 1, Msg: []byte{1}, ReceivedMs: 2, Docket: &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REQUEST}, Status: "erased"},
			{AtMs: 3, Msg: []byte{2}, Docket: &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CLARIFICATION}, Status: "present",
				Content: &rogatoryv1.Content{Body: &rogatoryv1.Content_Clarification{Clarification: &rogatoryv1.Clarification{Questions: []*rogatoryv1.Question{{Text: "Which one?"}}}}}},
			{Ours: true, AtMs: 4, Docket: &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER, Actor: "rs-1"}, Status: "draft"},
		},
	})
	got := b.String()
	at := 0
	for _, want := range []string{
		"RS-2026-000007  waiting for clarification", "request to BG/police, here police", "time left: stopped", "overdue",
		"we: request for information (received by BG ", "content erased", "BG: request for clarification", "text: Which one?", "we: answer to a clarification (draft, by rs-1)",
	} {
		i := strings.Index(got[at:], want)
		if i < 0 {
			t.Fatalf("%q does not follow in\n%s", want, got)
		}
		at += i
	}
}

func TestTimeLeftIsWhatOneActsOn(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	at := func(d time.Duration) uint64 { return uint64(now.Add(d).UnixMilli()) }
	for _, c := range []struct {
		row    *nodev1.CaseRow
		text   string
		colour terminal.Colour
	}{
		{&nodev1.CaseRow{}, "", ""},
		{&nodev1.CaseRow{DeadlineMs: at(50 * time.Hour)}, "2d 2h", ""},
		{&nodev1.CaseRow{DeadlineMs: at(7*time.Hour + 30*time.Minute)}, "7h 30m", ""},
		{&nodev1.CaseRow{DeadlineMs: at(59 * time.Minute)}, "59m", terminal.Yellow},
		{&nodev1.CaseRow{DeadlineMs: at(-3 * 24 * time.Hour)}, "over by 3d", terminal.Red},
		{&nodev1.CaseRow{DeadlineMs: at(time.Hour), ClockStopped: true}, "stopped", terminal.Dim},
	} {
		if got := deadlineCell(c.row, now); got.Text != c.text || got.Colour != c.colour {
			t.Errorf("%v: %+v", c.row, got)
		}
	}
}

func TestUntilTakesDatesMomentsAndDurations(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)
	for text, want := range map[string]string{
		"72h":                       "2026-11-26T10:20:00Z",
		"3d":                        "2026-11-26T10:20:00Z",
		"2026-12-04T12:00:00+01:00": "2026-12-04T12:00:00+01:00",
	} {
		if got, err := parseUntil(text, now); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	if got, err := parseUntil("2026-12-04", now); err != nil || !strings.HasPrefix(got, "2026-12-04T23:59:00") {
		t.Errorf("a date: %s, %v", got, err)
	}
	for _, text := range []string{"", "soon", "-3d", "2026-13-01", "0h"} {
		if got, err := parseUntil(text, now); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestEveryCodedTermReadsBack(t *testing.T) {
	for _, d := range []protoreflect.EnumDescriptor{rogatoryv1.Ground(0).Descriptor(), rogatoryv1.Want(0).Descriptor(), rogatoryv1.Delay(0).Descriptor()} {
		if len(termCodes(d)) != d.Values().Len()-1 {
			t.Errorf("%s: %v", d.Name(), termCodes(d))
		}
	}
	for _, code := range termCodes(rogatoryv1.Ground(0).Descriptor()) {
		g, err := parseTerm[rogatoryv1.Ground]("--ground", code)
		if err != nil || termCode(g) != code {
			t.Errorf("%s: %v, %v", code, g, err)
		}
	}
	if _, err := parseTerm[rogatoryv1.Ground]("--ground", "unspecified"); err == nil {
		t.Error("unspecified is taken for a ground")
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, name := range []string{"police-request-urgent.json", "fiu-reply.json"} {
		b, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"content": {"urgncy": 1}}`))
	f.Add([]byte("{\n\t\"to\": [\"Ж\", 1]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &program{stdin: bytes.NewReader(b), out: terminal.New(new(bytes.Buffer)), err: terminal.New(new(bytes.Buffer))}
		file := new(rogatoryv1.RequestFile)
		if err := p.readJSON("-", file, "RequestFile"); err != nil {
			if got := p.report(err); got != wrongUsage {
				t.Errorf("status %d for %v", got, err)
			}
			return
		}
		p.printContent(p.out, file.GetContent())
	})
}
