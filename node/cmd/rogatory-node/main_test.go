package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rogatory-node": main})
}

// TestScripts runs the real program as people do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			examples, err := os.Getwd()
			e.Setenv("EXAMPLES", examples+"/../../../configs/examples")
			e.Setenv("TZ", "UTC")
			e.Setenv("LANG", "C.UTF-8")
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": wantStatus, "outfile": outfile},
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

// outfile NAME puts the standard output of the program before into the environment variable NAME.
func outfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: outfile NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func TestTheProgramEndsWithTheStatusOfItsError(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"version"}, done},
		{[]string{"--help"}, done},
		{[]string{"nonsense"}, wrongUsage},
		{[]string{"request"}, wrongUsage},
		{[]string{"check", "--config", "/nonexistent/node.yaml"}, unknown},
	} {
		var out, errs strings.Builder
		if got := run(context.Background(), c.args, strings.NewReader(""), &out, &errs); got != c.want {
			t.Errorf("%v: status %d, want %d\n%s%s", c.args, got, c.want, out.String(), errs.String())
		}
		if c.want != done && !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("%v: no hint in\n%s", c.args, errs.String())
		}
	}
}
