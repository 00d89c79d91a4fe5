package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

// This file holds what people are told when something goes wrong: what happened, and in the hint what to do now.

// Exit status.
const (
	done       = 0
	foundWrong = 1
	wrongUsage = 2
	incomplete = 3
)

// failure is an error with its exit status and a hint.
type failure struct {
	status int
	err    error
	hint   string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(err error, hint string) error { return &failure{wrongUsage, err, hint} }

// errSilent ends the program with a status; what there is to say has been printed.
var errSilent = errors.New("")

// ended ends a command with a status when all is said.
func ended(status int) error {
	if status == done {
		return nil
	}
	return &failure{status, errSilent, ""}
}

const hintDirectory = "give the directory that you trust with --directory FILE: a SignedDirectory, the newest that you have from a member whom you know"

// report prints an error for a person and returns the exit status.
func (p *program) report(err error) int {
	f := explain(err)
	if errors.Is(f.err, errSilent) {
		return f.status
	}
	p.err.Printf("%s %s\n", p.err.Paint(terminal.Red, "rogatory-audit:"), terminal.OneLine(strings.ReplaceAll(f.err.Error(), "\n", "; ")))
	if f.hint != "" {
		p.err.Printf("%s %s\n", p.err.Paint(terminal.Bold, "hint:"), terminal.OneLine(f.hint))
	}
	return f.status
}

// explain gives every error a status and, where there is something to do, a hint.
func explain(err error) *failure {
	var f *failure
	var in *input.Error
	var format *archive.FormatError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &in):
		return &failure{wrongUsage, err, in.Hint()}
	case errors.Is(err, archive.ErrNoArchive):
		return &failure{wrongUsage, err, "an export is a folder with archive.json in it, or the same as one .zip"}
	case errors.Is(err, audit.ErrPin):
		return &failure{foundWrong, err, "compare the digest with another member by voice; the file is not the directory that was pinned"}
	case errors.Is(err, audit.ErrAnchor):
		return &failure{wrongUsage, err, hintDirectory}
	case errors.Is(err, replay.ErrLimited):
		return &failure{wrongUsage, err, "ask for an export of the whole log; verify and show read a limited one, and evidence is made of one"}
	case errors.Is(err, audit.ErrForm):
		return &failure{wrongUsage, err, "check takes a tlog-proof, a checkpoint, a fork proof, or two proofs or checkpoints of one log"}
	case errors.Is(err, audit.ErrUnknownLog):
		return &failure{incomplete, err, "a newer directory may name it; compare its digest with another member"}
	case errors.Is(err, audit.ErrNotFound), errors.Is(err, archive.ErrRange):
		return &failure{wrongUsage, err, "rogatory-audit lines EXPORT lists what is there"}
	case errors.As(err, &format):
		return &failure{foundWrong, err, "rogatory-audit verify says all that is wrong with the export"}
	case errors.Is(err, context.Canceled):
		return &failure{incomplete, errors.New("interrupted"), ""}
	}
	if text, hint, ok := input.Sentence(err); ok {
		return &failure{wrongUsage, errors.New(text), hint}
	}
	return &failure{wrongUsage, err, ""}
}

// counted gives what cobra says about a command's arguments, without a type of its own, a hint.
func counted(c *cobra.Command, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	for _, begins := range []string{"unknown command", "accepts ", "requires ", "required flag"} {
		if strings.HasPrefix(err.Error(), begins) {
			return usage(err, "see "+c.CommandPath()+" --help")
		}
	}
	return err
}

// known refuses a command that there is not, and names one that may be meant.
func known(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see " + c.CommandPath() + " --help"
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q?", strings.Join(near, " or "))
	}
	return usage(fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath()), hint)
}

// takes returns a check that a command has its arguments, by name.
func takes(names ...string) cobra.PositionalArgs {
	return between(len(names), names...)
}

// between returns a check that a command has its arguments, by name, of which those after the first least may be left out.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= len(names) {
			return nil
		}
		if len(args) < least {
			return usage(errors.New(names[len(args)]+" is missing"), c.UseLine())
		}
		return usage(errors.New("one argument too many: "+args[len(names)]), c.UseLine())
	}
}
