package exchange_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestApplyReadsTheDocketOfWhatLintsClean(t *testing.T) {
	for _, dir := range []string{"../../configs/examples", "../lint/testdata/golden"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files (%v)", dir, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := lint.ParseFile(b)
			if err != nil || lint.KindOf(f.Content) == rogatoryv1.Kind_KIND_GOVERNANCE || !lint.Sendable(lint.File(f, lint.Context{})) {
				continue
			}
			if bad := exchange.Readable(sentByRS(f)); bad != nil {
				t.Errorf("%s: %v", filepath.Base(name), bad)
			}
		}
	}
}

func FuzzApplyReadsTheDocketOfWhatLintsClean(f *testing.F) {
	names, err := filepath.Glob("../../configs/examples/*.json")
	if err != nil || len(names) == 0 {
		f.Fatalf("no examples: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := lint.ParseFile(b)
		if err != nil || lint.KindOf(file.Content) == rogatoryv1.Kind_KIND_GOVERNANCE || !lint.Sendable(lint.File(file, lint.Context{})) {
			return
		}
		if bad := exchange.Readable(sentByRS(file)); bad != nil {
			t.Errorf("sendable, but %v", bad)
		}
	})
}

// sentByRS is the event of RS sending what a file asks for to BG.
func sentByRS(f *rogatoryv1.RequestFile) exchange.Event {
	cover := lint.CoverOf(f)
	if cover.CaseToken == "" {
		cover.CaseToken = "RS-2026-000001"
	}
	e := exchange.Event{Kind: exchange.EventSent, Who: exchange.Officer, Actor: "officer-1", From: "RS", To: "BG", Msg: exchange.Name{1}}
	e.Docket = lint.DocketOf(f.Content, cover)
	if !exchange.Opens(e.Docket) { // what it follows is the case's to say
		e.Docket.Of = bytes.Repeat([]byte{2}, 32)
	}
	return e
}
