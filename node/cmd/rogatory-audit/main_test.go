package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rogatory-audit": main})
}

// TestScripts runs the real program as auditors do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			here, err := os.Getwd()
			e.Setenv("VECTORS", here+"/../../../crypto/translog/testdata")
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": wantStatus, "forge": forgeFiles, "flip": flip},
	})
}

// wantStatus is the command status N PROGRAM ARGS…: it runs a program and wants exit status N.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// script makes a testscript a forge.T.
type script struct{ *testscript.TestScript }

func (script) Helper() {}

// forgeFiles is the command forge: it leaves honest exports of BG, GR and RS in export/, one of RS that its operator has altered in
// forged/RS, the directory, and two heads of RS that prove a fork.
func forgeFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: forge")
	}
	w := forge.New(script{ts}, "BG", "GR", "RS")
	q := w.Ask("RS", "BG")
	w.Ask("GR", "RS")
	w.Reply(q)
	w.Sleep(time.Hour)
	w.Round()
	ts.Setenv("MSG", q.Name.String())
	ts.Setenv("CASE", q.Docket.GetCaseToken())
	ts.Setenv("OUT", strconv.FormatInt(q.Out, 10))
	write := func(name string, b []byte) {
		path := ts.MkAbs(name)
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
		ts.Check(os.WriteFile(path, b, 0o644))
	}
	write("directory", w.Trusted())
	ts.Check(os.MkdirAll(ts.MkAbs("export"), 0o755))
	for _, c := range w.Countries() {
		w.Archive(c.Code, ts.MkAbs("export/"+c.Code))
	}
	w.Archive("RS", ts.MkAbs("rs.zip"))
	rs := w.Country("RS")
	lie := rs.Log.Copy()
	lie.Delete(lie.Find("msg")[1])
	lie.Resign()
	ts.Check(os.MkdirAll(ts.MkAbs("forged"), 0o755))
	w.ArchiveOf(rs, lie, ts.MkAbs("forged/RS"))
	honest, err := translog.Root(lie.Size(), rs.Log)
	ts.Check(err)
	first, err := translog.SignCheckpoint(translog.Checkpoint{Origin: rs.Origin(), Size: lie.Size(), Root: honest}, rs.Log.Signer)
	ts.Check(err)
	write("head-1", first)
	write("head-2", lie.Note())
	write("fork", translog.FormatHeads(first, lie.Note(), nil))
}

// flip FILE N flips a bit of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip file byte")
	}
	b := []byte(ts.ReadFile(args[0]))
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	b[n] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// broken takes some bytes and then fails.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errors.New("no room")
	}
	b.left -= len(p)
	return len(p), nil
}

func TestOutputThatIsLostIsSaidOnceWhateverTheCommand(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"version"}, {"version", "--json"}, {"explain"}, {"explain", "--json"}, {"explain", "E-SEQ"}} {
		for _, left := range []int{0, 10} {
			var errs strings.Builder
			if got := run(context.Background(), args, &broken{left}, &errs); got != wrongUsage || strings.Count(errs.String(), "no room") != 1 {
				t.Errorf("%v: status %d\n%s", args, got, errs.String())
			}
		}
	}
}

func TestTheProgramEndsWithTheStatusOfItsError(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"version"}, done},
		{[]string{"--help"}, done},
		{[]string{"nonsense"}, wrongUsage},
		{[]string{"verify"}, wrongUsage},
		{[]string{"verify", "/nonexistent"}, wrongUsage},
		{[]string{"explain", "E-NONE"}, wrongUsage},
	} {
		var out, errs strings.Builder
		if got := run(context.Background(), c.args, &out, &errs); got != c.want {
			t.Errorf("%v: status %d, want %d\n%s%s", c.args, got, c.want, out.String(), errs.String())
		}
	}
}

func TestEveryCodeIsExplainedByTheProgram(t *testing.T) {
	for _, code := range audit.Codes() {
		var out, errs strings.Builder
		if got := run(context.Background(), []string{"explain", string(code)}, &out, &errs); got != done || !strings.Contains(out.String(), "now: ") {
			t.Errorf("%s: status %d\n%s%s", code, got, out.String(), errs.String())
		}
	}
}
