package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

// maxState bounds a saved state that the auditor gives, in bytes.
const maxState = 4 << 30

func (p *program) replayCommand() *cobra.Command {
	var at, out, from string
	var unverified bool
	c := &cobra.Command{
		Use: "replay EXPORT --directory FILE", Short: "Make every step again and judge whether it was lawful", Args: takes("EXPORT"),
		Long: `replay folds the state machine over an exported log: every state, deadline and decision comes out again, and whoever
acted had the right to. In the same pass it does all that verify does, every signature included; --unverified leaves that out.
The last line is RESULT status size root state assurance; the same log gives the same state for any number of cores.

  --at INDEX or TIME   the state that was: after so many leaves, or before a time as 2026-11-23T12:00:00Z
  --out FILE           write the state of all cases; --from FILE goes on from there

What one officer sent alone on danger to life and nobody ratified in time is listed as a flag.`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := absent(out); err != nil {
				return err
			}
			a, err := p.anchor(args...)
			if err != nil {
				return err
			}
			o := replay.Options{Anchor: a, Workers: p.workers, Verify: !unverified}
			if at == "" && c.Flags().Changed("at") {
				return usage(errors.New("--at is empty"), "give a number of leaves, or a time as 2026-11-23T12:00:00Z")
			}
			if o.Size, o.Until, err = parseAt(at); err != nil {
				return err
			}
			if from != "" || c.Flags().Changed("from") {
				if o.From, err = readSaved(from); err != nil {
					return err
				}
			}
			r, err := openArchive(args[0])
			if err != nil {
				return p.unopened(err)
			}
			defer r.Close()
			if size := r.Info().Size; o.Size > size {
				return usage(fmt.Errorf("--at %d is beyond the export, which has %d leaves", o.Size, size), "leave --at out for the state after the last leaf")
			}
			tell, wipe := p.progress("replaying")
			o.Progress = func(done int64) { tell(done, r.Info().Size) }
			res, err := replay.Run(c.Context(), r, o)
			wipe()
			if errors.Is(err, replay.ErrSaved) {
				return usage(fmt.Errorf("--from %s: %w", from, err), "give a state that was saved from an earlier export of the same log")
			}
			if err != nil {
				return err
			}
			if out != "" {
				if err := writeSaved(out, res.Saved()); err != nil {
					return err
				}
			}
			if err := p.flags(res.Flags); err != nil {
				return err
			}
			return p.result(&res.Result)
		},
	}
	f := c.Flags()
	f.StringVar(&at, "at", "", "stop after so many leaves, or before a time")
	f.StringVar(&out, "out", "", "write the state of all cases to a file")
	f.StringVar(&from, "from", "", "go on from a state that was written with --out")
	f.BoolVar(&unverified, "unverified", false, "do not verify the log as well, which takes most of the time")
	return p.trust(c)
}

// parseAt reads an index or a time.
func parseAt(at string) (size, until int64, err error) {
	if at == "" {
		return 0, 0, nil
	}
	if n, err := strconv.ParseInt(at, 10, 64); err == nil && n > 0 {
		return n, 0, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, at); err == nil && t.UnixMilli() > 0 {
			return 0, t.UnixMilli(), nil
		}
	}
	return 0, 0, usage(fmt.Errorf("--at %q is neither a number of leaves nor a time", at), "as 2026-11-23T12:00:00Z; without a zone it is UTC")
}

func readSaved(path string) (*replay.Saved, error) {
	b, err := input.Read(path, maxState)
	if err != nil {
		return nil, err
	}
	s, err := replay.ParseSaved(b)
	if err != nil {
		return nil, usage(fmt.Errorf("--from %s is no saved state", path), "give a file that replay --out wrote")
	}
	return s, nil
}

// writeSaved writes a state, whole or not at all.
func writeSaved(path string, s *replay.Saved) error {
	b, err := replay.MarshalSaved(s)
	if err != nil {
		return err
	}
	return writeWhole(path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// flags prints what one officer sent alone and nobody ratified in time.
func (p *program) flags(list []replay.Flag) error {
	for _, f := range list {
		if p.json {
			if err := p.out.Value(struct {
				Kind string `json:"flag"`
				replay.Flag
			}{"break-glass", f}); err != nil {
				return err
			}
			continue
		}
		when := "not ratified"
		if f.RatifiedAt != 0 {
			when = "ratified at " + moment(f.RatifiedAt)
		}
		p.out.Printf("%s case %s: sent by %s alone at %s, to be ratified by %s, %s\n", p.out.Paint(terminal.Yellow, "flag"), f.Case, f.By, moment(f.At), moment(f.RatifyBy), when)
	}
	return nil
}
