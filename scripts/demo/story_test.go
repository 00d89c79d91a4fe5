package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestEveryLineOfAStoryIsOneCommand(t *testing.T) {
	s, err := parseStory(strings.NewReader(`
# nothing
title  An # urgent "request"
	send lorry RS/police lorry.json   # a comment
! approve lorry RS/police as rs-police-1
expect lorry/BG RS received within 10s
clarify lorry BG/police "Which # of them?" "And when?"
grant money IT/fiu "as" "b"
heal GR BG
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []command{
		{line: 3, verb: "title", args: []string{`An # urgent "request"`}},
		{line: 4, verb: "send", args: []string{"lorry", "RS/police", "lorry.json"}},
		{line: 5, fails: true, verb: "approve", args: []string{"lorry", "RS/police"}, as: "rs-police-1"},
		{line: 6, verb: "expect", args: []string{"lorry/BG", "RS", "received"}, within: 10 * time.Second},
		{line: 7, verb: "clarify", args: []string{"lorry", "BG/police", "Which # of them?", "And when?"}},
		{line: 8, verb: "grant", args: []string{"money", "IT/fiu", "as", "b"}},
		{line: 9, verb: "heal", args: []string{"GR", "BG"}},
	}
	if !slices.EqualFunc(s.commands, want, same) {
		t.Fatalf("read %v, want %v", s.commands, want)
	}
}

func same(a, b command) bool {
	return a.line == b.line && a.fails == b.fails && a.verb == b.verb && slices.Equal(a.args, b.args) && a.as == b.as && a.within == b.within
}

func TestWhatIsNoCommandIsRefusedWithItsLine(t *testing.T) {
	for _, line := range []string{
		"dance RS",
		"say",
		"!",
		`"send" lorry RS/police lorry.json`,
		"send lorry RS/police",
		"send lorry RS/police lorry.json more",
		"send lorry RS lorry.json",
		"send LORRY RS/police lorry.json",
		"send lorry RS/police ../lorry.json",
		`send lorry RS/police "lorry.json"`,
		`withdraw lorry RS/police solved`[:len("withdraw lorry RS/police")],
		`withdraw lorry RS/police "no end`,
		`withdraw lorry RS/police "a"b`,
		`withdraw lorry RS/police a"b"`,
		"expect lorry RS answred",
		"expect lorry RS unspecified",
		"expect lorry RS received within soon",
		"expect lorry RS received within 10s within 11s",
		"approve lorry RS/police as Somebody",
		"file camera.bin 65MiB",
		"file camera.bin 0",
		"sleep -1s",
		"sleep 2h",
		"say a\x1b[31mb",
		"acknowledge lorry BG/police perhaps",
		"cut",
		"cut Bulgaria",
	} {
		_, err := parseStory(strings.NewReader("\n" + line + "\n"))
		if !errors.Is(err, errStory) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestTheBuiltInStoryFindsItsFilesAndTheLinterFindsNothing(t *testing.T) {
	for _, path := range []string{"", "testdata/three.txt"} {
		s, lib, err := openStory(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.commands {
			if c.verb != "send" && c.verb != "answer" {
				continue
			}
			f, err := lib.request(c.args[2])
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range lint.File(f, lint.Context{Now: time.Now()}) {
				t.Errorf("%s: %s %s", c.args[2], finding.Code, finding.Path)
			}
		}
	}
}

func FuzzStory(f *testing.F) {
	f.Add("send lorry RS/police lorry.json as rs-police-1 within 10s")
	f.Add(`! grant money/IT RS/fiu "as" "b" as x`)
	f.Add("say  # \"")
	f.Add("ask-consent money RS/fiu 0 - prosecution \"why\"")
	f.Add("expect lorry RS stopped")
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parseCommand(line)
		if err != nil || c == nil {
			return
		}
		again, err := parseCommand(c.String())
		if err != nil || !same(*c, *again) {
			t.Fatalf("%q is written as %q, which reads as %v, %v", line, c, again, err)
		}
	})
}

func TestFileComesFromWhoseNumberItsSenderHas(t *testing.T) {
	all := []string{"BG", "HU", "RS"}
	file := func(phone string, to ...string) *rogatoryv1.RequestFile {
		return &rogatoryv1.RequestFile{To: to, Content: &rogatoryv1.Content{Sender: &rogatoryv1.Sender{Phone: phone}}}
	}
	for _, c := range []struct {
		name string
		file *rogatoryv1.RequestFile
		want string
	}{
		{"a.json", file("+3610000000", "RS/police"), "HU"},
		{"BG-1.json", file("", "RS/police"), "BG"},
		{"a.json", file("+4400000", "BG/police"), "RS"},
		{"a.json", file("", "RS", "BG/police"), "HU"},
	} {
		if got := origin(c.name, c.file, all); got != c.want {
			t.Errorf("%s to %v from %q: %s, want %s", c.name, c.file.GetTo(), c.file.GetContent().GetSender().GetPhone(), got, c.want)
		}
	}
}

func TestMessageThatOneLogAloneHoldsIsLost(t *testing.T) {
	name := func(b byte) translog.Hash { return translog.Hash{b} }
	b := &books{
		out: map[translog.Hash]string{name(1): "RS BG", name(2): "RS BG", name(3): "RS BG", name(4): "BG RS"},
		taken: map[string]map[translog.Hash]int{
			"BG": {name(1): 1, name(2): 1, name(3): 2},
			"RS": {},
		},
		receipted: map[string]map[translog.Hash]bool{
			"RS": {name(1): true, name(3): true},
			"BG": {name(4): true},
		},
		asked:   []string{"RS-2026-000001", "RS-2026-000002", "RS-2026-000003"},
		replied: map[string]rogatoryv1.Outcome{"RS-2026-000001": rogatoryv1.Outcome_OUTCOME_PROVIDED, "RS-2026-000002": rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED},
	}
	got := b.sum([]count{{receipts: 2}, {receipts: 1}})
	want := tally{Nodes: 2, Requests: 3, Answered: 1, Refused: 1, Messages: 4, Receipts: 3, Duplicates: 1, Lost: 2}
	if got != want {
		t.Fatalf("counted %+v, want %+v", got, want)
	}
}
