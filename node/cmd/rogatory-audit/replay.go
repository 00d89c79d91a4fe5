package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit/replay"
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
			a, err := p.anchor()
			if err != nil {
				return err
			}
			o := replay.Options{Anchor: a, Workers: p.workers, Verify: !unverified}
			if o.Size, o.Until, err = parseAt(at); err != nil {
				return err
			}
			if from != "" {
				if o.From, err = readSaved(from); err != nil {
					return err
				}
			}
			r, err := archive.Open(args[0])
			if err != nil {
				return p.unopened(err)
			}
			defer r.Close()
			tell, wipe := p.progress("replaying")
			o.Progress = func(done int64) { tell(done, r.Info().Size) }
			res, err := replay.Run(c.Context(), r, o)
			wipe()
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
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return nil, err
	}
	s, err := replay.ParseSaved(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}

// writeSaved writes a state, whole or not at all.
func writeSaved(path string, s *replay.Saved) error {
	b, err := replay.MarshalSaved(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// flags prints what one officer sent alone and nobody ratified in time.
func (p *program) flags(list []replay.Flag) error {
	for _, f := range list {
		if p.json {
			if err := p.out.value(struct {
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
		p.out.printf("%s case %s: sent by %s alone at %s, to be ratified by %s, %s\n", p.out.paint(yellow, "flag"), f.Case, f.By, moment(f.At), moment(f.RatifyBy), when)
	}
	return nil
}
