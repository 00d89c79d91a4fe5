package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/archive"
)

// play runs a demo of three countries as the program does.
func play(t *testing.T, dir string, change func(*demo)) (status int, counted tally, told string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	d := &demo{stdout: &stdout, out: newPrinter(&stderr), countries: []string{"BG", "HU", "RS"}, dir: dir, once: true, json: true}
	change(d)
	status, err := d.run(t.Context())
	if err != nil {
		t.Fatalf("status %d: %v\n%s", status, err, stderr.String())
	}
	if err := json.Unmarshal(stdout.Bytes(), &counted); err != nil {
		t.Fatalf("%v: %s\n%s", err, stdout.String(), stderr.String())
	}
	return status, counted, stderr.String()
}

func TestThreeCountriesPlayAStoryAndNothingIsLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	began := time.Now()
	status, got, told := play(t, dir, func(d *demo) { d.storyPath = "testdata/three.txt" })
	want := tally{Nodes: 3, Requests: 3, Answered: 2, Messages: 5, Receipts: 5, Cosigned: 2, Seconds: got.Seconds}
	if status != done || got != want || got.Seconds <= 0 || got.Seconds > time.Since(began).Seconds() {
		t.Fatalf("status %d, counted %+v, want %+v\n%s", status, got, want, told)
	}
	for _, part := range []string{"refused: approve by rs-police-1", "307200 bytes, the same as were sent", "5 messages, 5 receipts, nothing lost"} {
		if !strings.Contains(told, part) {
			t.Errorf("nobody was told %q:\n%s", part, told)
		}
	}
	if strings.Contains(told, "\x1b") {
		t.Error("colours without a terminal")
	}

	for _, country := range []string{"BG", "HU", "RS"} {
		r, err := archive.Open(filepath.Join(dir, "export", country))
		if err != nil {
			t.Fatal(err)
		}
		if keys, err := r.Keys(); err != nil || r.Info().Country != country || keys.Origin() != r.Info().Log || len(r.Extra())+len(r.Missing()) != 0 {
			t.Errorf("archive of %s: %+v, %v, %v, %v", country, r.Info(), err, r.Extra(), r.Missing())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "directory")); err != nil {
		t.Error(err)
	}

	// The same folder goes on: requests of a folder, and a story that comes to nothing.
	status, got, told = play(t, dir, func(d *demo) { d.storyPath, d.requests = "none", "testdata/requests" })
	want = tally{Nodes: 3, Requests: 4, Answered: 2, Messages: 6, Receipts: 6, Cosigned: 2, Seconds: got.Seconds}
	if status != done || got != want {
		t.Fatalf("status %d, counted %+v, want %+v\n%s", status, got, want, told)
	}
	for _, part := range []string{"1 of 3 files sent", "passed over: three-broken.json", "the linter refuses two-without-offence.json", "content.request.matter.offences"} {
		if !strings.Contains(told, part) {
			t.Errorf("nobody was told %q:\n%s", part, told)
		}
	}

	bad := filepath.Join(t.TempDir(), "bad.txt")
	b, err := os.ReadFile("testdata/requests/one.json")
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(bad), "q.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("send q RS/police q.json\napprove q RS/police\n\nexpect q RS answered within 300ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, told = play(t, dir, func(d *demo) { d.storyPath = bad })
	flat := strings.Join(strings.Fields(told), " ")
	if status != answerIsNo || !strings.Contains(flat, "line 4, expect q RS answered within 300ms: node RS, case RS-") || !strings.Contains(flat, "not within 300ms") {
		t.Fatalf("status %d\n%s", status, told)
	}
}

func TestFolderOfSomethingElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"--once", "--dir", dir}, &out, &errs); status != badUsage || !strings.Contains(errs.String(), "holds no demo") {
		t.Fatalf("status %d, %s", status, errs.String())
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Fatalf("%v in the folder, %v", entries, err)
	}
}

func TestWrongUsageIsToldBeforeAnythingStarts(t *testing.T) {
	for _, args := range [][]string{
		{"once"},
		{"--nonsense"},
		{"--story", "testdata/missing.txt"},
		{"--requests", "testdata/missing"},
		{"--dir", "/tmp/" + strings.Repeat("a", 120)},
	} {
		var out, errs bytes.Buffer
		if status := run(t.Context(), args, &out, &errs); status != badUsage || errs.Len() == 0 {
			t.Errorf("%v: status %d, %s", args, status, errs.String())
		}
	}
}
