package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	terms "github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
)

// This file holds what people are told when something goes wrong: what happened, and in the hint what to do now.

// Exit status.
const (
	done       = 0
	answerIsNo = 1
	wrongUsage = 2
	unknown    = 3
)

// failure is an error with its exit status and a hint.
type failure struct {
	status int
	err    error
	hint   string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(err error, hint string) error  { return &failure{wrongUsage, err, hint} }
func no(err error, hint string) error     { return &failure{answerIsNo, err, hint} }
func unsure(err error, hint string) error { return &failure{unknown, err, hint} }

var (
	errNoCommand = errors.New("which command?")
	errLate      = errors.New("the node did not answer in time")
	// errSilent ends the program with a status; what there is to say has been printed.
	errSilent = errors.New("")
)

// Hints that more than one place gives.
const (
	hintAs       = "give the officer's key file with --as FILE or in ROGATORY_OFFICER"
	hintRunning  = "is the node running? rogatory-node run --dir DIR; another socket: --socket PATH"
	hintWhere    = "give the node's folder with --dir, its configuration with --config, or its socket with --socket"
	hintJSONFile = "the format is RequestFile of proto/rogatory/v1/content.proto; see configs/examples"
	hintPin      = "rogatory-node directory take FILE --digest DIGEST writes it anew"
	hintOpposite = "compare the fingerprint with the other side by voice"
)

// report prints an error for a person and returns the exit status.
func (p *program) report(err error) int {
	f := explain(p.localized(err))
	if errors.Is(f.err, errSilent) {
		return f.status
	}
	var mistakes configs.Mistakes
	if errors.As(f.err, &mistakes) {
		for _, m := range mistakes {
			p.err.Printf("%s\n", m)
		}
		return f.status
	}
	// Some of it may be what a peer or a file wrote.
	p.err.Printf("%s %s\n", p.err.Paint(terminal.Red, "rogatory-node:"), terminal.OneLine(strings.ReplaceAll(f.err.Error(), "\n", "; ")))
	if f.hint != "" {
		p.err.Printf("%s %s\n", p.err.Paint(terminal.Bold, "hint:"), terminal.OneLine(f.hint))
	}
	return f.status
}

// localized says in the person's language why the state of a case does not allow a step; the node gives the code and its parameters.
func (p *program) localized(err error) error {
	var f *failure
	s, ok := status.FromError(err)
	if errors.As(err, &f) || !ok {
		return err
	}
	for _, d := range s.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok {
			continue
		}
		reason, ok := strings.CutPrefix(info.GetReason(), "transition-")
		if code := "transition." + reason; ok && terms.Has(code) {
			hint := terms.Hint(p.lang(), code, info.GetMetadata())
			if info.GetMetadata()["moves"] != "" {
				hint = terms.Text(p.lang(), code+".moves", info.GetMetadata())
			}
			return no(errors.New(terms.Text(p.lang(), code, info.GetMetadata())), hint)
		}
	}
	return err
}

// codeRollback is what documentation and auditors call a store that is older than what was signed.
const codeRollback = "E-ROLLBACK"

// explain gives every error a status, where there is something to do a hint, and a rollback its code.
func explain(err error) *failure {
	f := judge(err)
	if text, hint, ok := input.Sentence(f.err); ok {
		f = &failure{f.status, errors.New(text), cmp.Or(f.hint, hint)}
	}
	if errors.Is(f.err, store.ErrRollback) || errors.Is(f.err, rollback.Err) {
		return &failure{f.status, fmt.Errorf("%s: %w", codeRollback, f.err), f.hint}
	}
	return f
}

func judge(err error) *failure {
	var f *failure
	var hinted interface{ Hint() string }
	var findings *client.FindingsError
	var mistakes configs.Mistakes
	var in *input.Error
	switch {
	case errors.As(err, &f):
		if f.hint == "" && !errors.Is(err, errSilent) {
			if inner := judge(f.err); inner.hint != "" {
				return &failure{f.status, f.err, inner.hint}
			}
		}
		return f
	case errors.As(err, &mistakes):
		return &failure{wrongUsage, err, ""}
	case errors.As(err, &in):
		return &failure{wrongUsage, err, in.Hint()}
	case errors.As(err, &findings):
		return &failure{answerIsNo, err, "change what the linter names; rogatory-node request lint FILE says it all"}
	case errors.Is(err, client.ErrNotAsked):
		return &failure{answerIsNo, err, "nothing was signed. Compare the versions of this program and the node; if they agree, tell the operator: the node may be in wrong hands"}
	case errors.Is(err, client.ErrNoOfficer):
		return &failure{wrongUsage, err, hintAs}
	case errors.Is(err, client.ErrCaseToken):
		return &failure{wrongUsage, err, "a case token looks like RS-2026-000123; rogatory-node request list shows yours"}
	case errors.Is(err, client.ErrCode):
		return &failure{wrongUsage, err, "reasons, pseudonyms and units are 1 to 64 of a-z, 0-9, . and -: they stand in the log, so no words and no names"}
	case errors.Is(err, client.ErrCertificate):
		return &failure{wrongUsage, err, "--cert and --key are a pair that rogatory-node certificate wrote, --ca is ca.pem of the node's folder tls"}
	case errors.Is(err, client.ErrNotOnRegister):
		return &failure{answerIsNo, err, "is --dir the right node? If it is, two people on its register enrol you: rogatory-node officer enrol, then confirm"}
	case errors.Is(err, client.ErrAddress):
		return &failure{wrongUsage, err, hintWhere}
	case errors.Is(err, node.ErrNotMember):
		return &failure{answerIsNo, err, "compare the configuration with the directory: rogatory-node directory show; a new key takes a new directory"}
	case errors.Is(err, node.ErrPin):
		return &failure{answerIsNo, err, hintPin}
	case errors.Is(err, setup.ErrExists):
		return &failure{answerIsNo, err, "choose another --dir; keys are never overwritten"}
	case errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrDisk), errors.Is(err, store.ErrBroken),
		errors.Is(err, store.ErrUnguarded), errors.Is(err, store.ErrChore):
		// Trying again may help: systemd restarts after this status, and not after a no.
		return &failure{unknown, err, store.Hint(err)}
	case store.Hint(err) != "":
		return &failure{answerIsNo, err, store.Hint(err)}
	case errors.As(err, &hinted):
		return &failure{answerIsNo, err, hinted.Hint()}
	case errors.Is(err, context.DeadlineExceeded) && status.Code(err) == codes.OK:
		return &failure{unknown, errLate, "--timeout gives it longer"}
	}
	if s, ok := status.FromError(err); ok && s.Code() != codes.OK {
		return explainStatus(s)
	}
	return &failure{unknown, err, ""}
}

// explainStatus reads what the node answered. The node's own hint and time to retry win.
func explainStatus(s *status.Status) *failure {
	f := &failure{unknown, errors.New(s.Message()), ""}
	switch s.Code() {
	case codes.Unavailable:
		f.hint, f.err = silence(s.Message())
	case codes.DeadlineExceeded:
		f.err, f.hint = errLate, "--timeout gives it longer"
	case codes.Canceled:
		f.err = errors.New("interrupted")
	case codes.Unauthenticated:
		f.status, f.hint = answerIsNo, hintAs
	case codes.PermissionDenied:
		f.status, f.hint = answerIsNo, "the register says who may: rogatory-node officer list"
	case codes.FailedPrecondition:
		f.status, f.hint = answerIsNo, "rogatory-node request show CASE tells where the case stands"
	case codes.NotFound, codes.InvalidArgument, codes.AlreadyExists, codes.Aborted, codes.OutOfRange:
		f.status = answerIsNo
	case codes.ResourceExhausted:
		f.hint = "try again later"
	case codes.Unimplemented:
		f.hint = "program and node are of different versions: rogatory-node version, rogatory-node status"
	}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if h := d.GetMetadata()["hint"]; h != "" {
				f.hint = h
			}
		case *errdetails.RetryInfo:
			f.hint = fmt.Sprintf("try again in %s", d.GetRetryDelay().AsDuration().Round(time.Second))
		}
	}
	return f
}

var dialled = regexp.MustCompile(`dial (unix|tcp) (\S+): connect: (.+)$`)

// silence says why a node does not answer, out of what a connection error of grpc says at its core, and what to do.
func silence(text string) (hint string, err error) {
	core := innermost(text)
	const silent = "the node does not answer: "
	at := dialled.FindStringSubmatch(core)
	switch {
	case at != nil && at[1] == "unix" && at[3] == syscall.ENOENT.Error():
		return hintRunning, fmt.Errorf(silent+"there is no socket %s", at[2])
	case at != nil && at[3] == syscall.ECONNREFUSED.Error():
		return hintRunning, fmt.Errorf(silent+"nobody listens at %s", at[2])
	case at != nil && at[3] == syscall.EACCES.Error():
		return "run it as the user of the node", fmt.Errorf(silent+"%s is not open to you", at[2])
	case at != nil:
		return hintRunning, fmt.Errorf(silent+"%s: %s", at[2], at[3])
	case strings.Contains(core, "name resolver") || strings.Contains(core, "lookup "):
		return "look at how --address is spelled: host:port", errors.New(silent + "no machine of that name is known here")
	case strings.Contains(core, "handshake failed"):
		return "compare --address, --ca and --cert with listen in the node's configuration",
			fmt.Errorf(silent+"no common TLS with what listens there (%s)", innermost(strings.ReplaceAll(core, "handshake failed: ", "while dialing: ")))
	}
	return hintRunning, errors.New(silent + core)
}

// innermost is what a connection error of grpc says at its core.
func innermost(text string) string {
	for _, mark := range []string{"desc = ", "while dialing: "} {
		if i := strings.LastIndex(text, mark); i >= 0 {
			text = text[i+len(mark):]
		}
	}
	return strings.Trim(text, `"`)
}

// flagsMissing makes wrong usage of what cobra says, without a type of its own, about a command's flags.
func flagsMissing(c *cobra.Command, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	for _, begins := range []string{"unknown command", "required flag", "if any flags in the group", "at least one of the flags"} {
		if strings.HasPrefix(err.Error(), begins) {
			return usage(err, "see "+c.CommandPath()+" --help")
		}
	}
	return err
}

// noArgs, exactly and atLeast check arguments with a hint.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		c.SuggestionsMinimumDistance = 2
		near := c.SuggestionsFor(args[0])
		hint := "see " + c.CommandPath() + " --help"
		if len(near) > 0 {
			hint = fmt.Sprintf("did you mean %q?", strings.Join(near, " or "))
		}
		return usage(fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath()), hint)
	}
	return usage(fmt.Errorf("%s takes no argument, not %q", c.CommandPath(), args[0]), "usage: "+c.UseLine())
}

func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("%s takes %d argument(s), not %d", c.CommandPath(), n, len(args)), "usage: "+c.UseLine())
		}
		return noneEmpty(c, args)
	}
}

func atLeast(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return usage(fmt.Errorf("%s takes at least %d argument(s), not %d", c.CommandPath(), n, len(args)), "usage: "+c.UseLine())
		}
		return noneEmpty(c, args)
	}
}

// noneEmpty refuses what a script with an empty variable gives.
func noneEmpty(c *cobra.Command, args []string) error {
	if i := slices.Index(args, ""); i >= 0 {
		return usage(fmt.Errorf("argument %d of %s is empty", i+1, c.CommandPath()), "usage: "+c.UseLine())
	}
	return nil
}

// exists says whether something is at the path; what cannot be looked at counts as there.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
