package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/export"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
)

func (p *program) logCommand() *cobra.Command {
	return group("log", "Hand the signed log to auditors, and have its time confirmed", p.logExportCommand(), p.logStampCommand())
}

func (p *program) logExportCommand() *cobra.Command {
	var e client.Export
	var from, until string
	var number uint32
	c := &cobra.Command{
		Use:   "export OUT",
		Short: "Write the signed log as an archive that rogatory-audit reads",
		Long: `export writes the log with what belongs to its leaves, and no contents, as a folder, or as one file if OUT ends in .zip. The node
may run or not. A folder that holds an archive of this log is continued: only what is new is written.

  rogatory-node log export --dir rs archive/RS
  rogatory-node log export --dir rs --case RS-2026-000123 case.zip

With --from, --until, --unit or --case it is limited: it holds the hashes of all leaves, and of the leaves themselves those that
were asked for, with those that tell of keys, rules and officers. Dates are days of UTC; other times as 2026-11-23T08:00:00+01:00.`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if e.Limits.From, err = parsePoint(from); err != nil {
				return usage(err, hintTime)
			}
			if e.Limits.Until, err = parsePoint(until); err != nil {
				return usage(err, hintTime)
			}
			if e.Limits.Until != 0 && e.Limits.Until <= e.Limits.From {
				return usage(errors.New("--until is not behind --from"), "--until is the first moment that is left out")
			}
			if number > 0 {
				cfg, err := p.load()
				if err != nil {
					return err
				}
				e.Log = federation.Origin(cfg.Federation, cfg.Country, uint64(number))
			}
			return p.exportLog(c.Context(), args[0], e)
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", "only leaves of that time or later")
	f.StringVar(&until, "until", "", "only leaves before that time")
	f.StringVar(&e.Limits.Unit, "unit", "", "only what concerns the cases of a unit")
	f.StringVar(&e.Limits.Case, "case", "", "only what concerns a case")
	f.Uint32Var(&number, "log", 0, "number of the log, after a recovery has closed one (default: the one that is written)")
	f.BoolVar(&e.Every, "every", false, "compare the side records of all leaves with an archive that is continued")
	return c
}

// parsePoint reads a day of UTC or a time as milliseconds since 1970; 0 for an empty string.
func parsePoint(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil && t.UnixMilli() > 0 {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is no time", s)
}

// exported is the result as --json prints it.
type exported struct {
	Out     string `json:"out"`
	Country string `json:"country"`
	Log     string `json:"log"`
	Size    int64  `json:"size"`
	Root    string `json:"root"`
	Limited bool   `json:"limited"`
	// Behind is how many leaves of a node that does not run stand behind its newest signed checkpoint, and so are left out.
	Behind int64 `json:"behind,omitempty"`
	// Witnessed says whether witnesses have confirmed the newest head; if not, Unwitnessed is the first leaf that none has.
	Witnessed   bool  `json:"witnessed"`
	Unwitnessed int64 `json:"unwitnessed_from,omitempty"`
}

func (p *program) exportLog(ctx context.Context, out string, e client.Export) error {
	bar := p.progress()
	e.Progress = bar.show
	info, behind, err := p.exportTo(ctx, out, e)
	bar.end()
	if err != nil {
		return exportFailure(err, e)
	}
	from, fresh, err := unwitnessed(out)
	if err != nil {
		return err
	}
	r := exported{out, info.Country, info.Log, info.Size, info.Root.String(), info.Limited(), behind, !fresh, from}
	if p.json {
		return p.out.Value(r)
	}
	what := "all"
	if r.Limited {
		what = "the hashes of all, and some"
	}
	p.out.Printf("%s: %s of %d leaves of %s, root %s\n", out, what, r.Size, r.Log, r.Root)
	if behind > 0 {
		p.err.Printf("%s %d leaves are newer than the newest signed checkpoint and are left out: export again when the node runs\n", p.err.Paint(terminal.Yellow, "note:"), behind)
	}
	switch {
	case fresh && from == 0 && r.Limited: // what it holds may not tell
		p.err.Printf("%s the newest head is not witnessed yet: export again after the next round\n", p.err.Paint(terminal.Yellow, "note:"))
	case fresh:
		p.err.Printf("%s not witnessed yet from leaf %d: export again after the next round\n", p.err.Paint(terminal.Yellow, "note:"), from)
	}
	return nil
}

// unwitnessed looks at the archive that was just written.
func unwitnessed(out string) (from int64, is bool, err error) {
	a, err := archive.Open(out)
	if err != nil {
		return 0, false, err
	}
	from, is, err = export.Unwitnessed(a)
	return from, is, errors.Join(err, a.Close())
}

// exportTo asks the running node; if none answers at its socket, it opens the store.
func (p *program) exportTo(ctx context.Context, out string, e client.Export) (archive.Info, int64, error) {
	cl, err := p.dial()
	if err != nil {
		return archive.Info{}, 0, err
	}
	info, err := cl.Export(ctx, out, e)
	err = errors.Join(err, cl.Close())
	if !silent(err) || p.address != "" || p.socket != "" || ctx.Err() != nil {
		return info, 0, err
	}
	cfg, loadErr := p.load()
	if loadErr != nil {
		return archive.Info{}, 0, err
	}
	return p.exportStopped(ctx, cfg, out, e)
}

// silent reports whether a call failed because no node was there to answer it: one that answers gives a reason.
func silent(err error) bool {
	s, ok := status.FromError(err)
	return ok && s.Code() == codes.Unavailable && len(s.Details()) == 0
}

func (p *program) exportStopped(ctx context.Context, cfg *configs.Node, out string, e client.Export) (_ archive.Info, behind int64, err error) {
	if !exists(cfg.MainDB()) {
		return archive.Info{}, 0, no(fmt.Errorf("%s: %w", cfg.MainDB(), fs.ErrNotExist), "the node makes its log at its first start: rogatory-node run")
	}
	if u := e.Limits.Unit; u != "" && !slices.ContainsFunc(cfg.Units, func(c configs.Unit) bool { return c.Name == u }) {
		return archive.Info{}, 0, noUnit(u)
	}
	ring, err := p.ring(cfg)
	if err != nil {
		return archive.Info{}, 0, err
	}
	s, err := store.Open(node.StoreOptions(cfg, ring))
	if err != nil {
		return archive.Info{}, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	seeds := ring.Log()
	signer, err := translog.NewLogSigner(cmp.Or(e.Log, s.Log().Origin), seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
	if err != nil {
		return archive.Info{}, 0, err
	}
	o := export.Options{
		Country: cfg.Country, Keys: signer.Verifier(), Every: e.Every, Progress: e.Progress,
		Limits: export.Limits{From: e.Limits.From, Until: e.Limits.Until, Unit: e.Limits.Unit, Case: e.Limits.Case},
	}
	w, err := archive.Create(out, o.Info())
	if err != nil {
		return archive.Info{}, 0, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	info, err := export.Run(ctx, s, w, o)
	if info.Log == s.Log().Origin {
		behind = s.Head().Size - info.Size
	}
	return info, behind, err
}

const (
	hintTime       = "a day of UTC, as 2026-11-23, or a time, as 2026-11-23T08:00:00+01:00"
	hintExportLog  = "without --log it is the log that is written; --log 1 is the first, and each recovery begins the next"
	hintExportCase = "a case token looks like RS-2026-000123; rogatory-node request list shows yours"
)

func noUnit(name string) error {
	return no(fmt.Errorf("no unit %q here", name), "look at rogatory-node unit list")
}

// reason is the word by which the node names what went wrong.
func reason(s *status.Status) string {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// exportFailure gives what can go wrong with an archive a status and a hint.
func exportFailure(err error, e client.Export) error {
	var form *archive.FormatError
	switch {
	case errors.Is(err, archive.ErrBusy):
		return unsure(err, "wait until the other export is done")
	case errors.Is(err, archive.ErrExists):
		return no(err, "choose another path: a zip and a limited archive are made anew each time")
	case errors.Is(err, archive.ErrOther):
		return no(err, "name a new folder, or one that holds an archive of this log: nothing else is ever written over. After a recovery the next log takes a new folder; --log 1 is the first")
	case errors.Is(err, archive.ErrHistory):
		return no(err, "the archive shows another history than the node: keep it, and show both to an auditor. Was a backup restored? rogatory-node check looks for a rollback ("+codeRollback+"). Export into a new folder")
	case errors.As(err, &form):
		return no(err, "the archive that is there is damaged: keep it for the auditor, and export into a new folder")
	case errors.Is(err, export.ErrNoCheckpoint):
		return no(err, "start the node, and export when rogatory-node status says that it is cleared")
	case errors.Is(err, export.ErrCheckpoint):
		return no(err, "rogatory-node check --deep looks at the whole store")
	case errors.Is(err, export.ErrNoLog):
		return no(err, hintExportLog)
	case errors.Is(err, export.ErrNoCase):
		return no(err, hintExportCase)
	case errors.Is(err, store.ErrLocked):
		return unsure(err, "the node runs, and does not answer at its socket: look at its log")
	case errors.Is(err, client.ErrExport):
		return unsure(err, "try again: what is there is completed")
	}
	switch s, ok := status.FromError(err); {
	case !ok:
	case s.Code() == codes.NotFound && reason(s) == "unit":
		return noUnit(e.Limits.Unit)
	case s.Code() == codes.NotFound && reason(s) == "case":
		return no(fmt.Errorf("case %s: %w", e.Limits.Case, export.ErrNoCase), hintExportCase)
	case s.Code() == codes.InvalidArgument && reason(s) == "request" && e.Log != "":
		return no(fmt.Errorf("%s: %w", e.Log, export.ErrNoLog), hintExportLog)
	case s.Code() == codes.Unavailable && !silent(err):
		return unsure(errors.New(s.Message()), "try again when rogatory-node status says that the node is cleared: until its peers have confirmed its log it signs nothing")
	}
	return err
}

// A progress is one line on standard error that tells how far something is; nothing where that is no terminal.
type progress struct {
	out  *terminal.Output
	next time.Time
}

func (p *program) progress() *progress {
	b := &progress{}
	if p.err.TTY {
		b.out = p.err
	}
	return b
}

func (b *progress) show(done, size int64) {
	if now := time.Now(); b.out != nil && size > 0 && (now.After(b.next) || done == size) {
		b.out.Printf("\r%d of %d leaves, %d %%", done, size, done*100/size)
		b.next = now.Add(100 * time.Millisecond)
	}
}

// end clears the line.
func (b *progress) end() {
	if b.out != nil && !b.next.IsZero() {
		b.out.Printf("\r\x1b[K")
	}
}
