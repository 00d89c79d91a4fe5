package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

func (p *program) reconcileCommand() *cobra.Command {
	var logsAlone bool
	c := &cobra.Command{
		Use: "reconcile A B --directory FILE", Short: "Hold two countries' logs against each other", Args: takes("A", "B"),
		Long: `reconcile compares what two countries' logs say of each other, both ways: messages, receipts, heads, and the states of the cases
that they share. It shows the first divergence side by side.

A log that is damaged or unlawful in itself is for verify and replay to find.`,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := p.anchor(args...)
			if err != nil {
				return err
			}
			var readers [2]*archive.Reader
			total := int64(0)
			for i, path := range args {
				r, err := openArchive(path)
				if err != nil {
					return p.unopened(err)
				}
				defer r.Close()
				readers[i] = r
				total += r.Info().Size
			}
			tell, wipe := p.progress("reconciling")
			res, err := reconcile.Run(c.Context(), readers[0], readers[1], reconcile.Options{
				Anchor: a, Workers: p.workers, LogsAlone: logsAlone, Progress: func(done int64) { tell(done, total) },
			})
			wipe()
			if errors.Is(err, reconcile.ErrOneCountry) {
				return usage(fmt.Errorf("%s and %s: %w", args[0], args[1], err), "give the exports of two countries")
			}
			if err != nil {
				return err
			}
			return p.reconciled(res)
		},
	}
	c.Flags().BoolVar(&logsAlone, "logs-alone", false, "leave the states of cases out, for which both logs are replayed")
	return p.trust(c)
}

// reconciled prints findings, the first divergence and the RESULT line.
func (p *program) reconciled(res *reconcile.Result) error {
	if err := p.findings(res.Findings); err != nil {
		return err
	}
	if p.json {
		if err := p.out.Value(struct {
			Line string `json:"result"`
			*reconcile.Result
			Directory *trusted `json:"directory,omitempty"`
		}{res.Line(), res, p.trusted}); err != nil {
			return err
		}
		return ended(res.Status.Exit())
	}
	if d := res.First; d != nil {
		p.out.Printf("first divergence: %s\n", terminal.OneLine(d.Finding.String()))
		for _, side := range [][2]string{{res.A, d.A}, {res.B, d.B}} {
			text := side[1]
			if text == "" {
				text = "nothing"
			}
			p.out.Printf("  %s\n    %s\n", p.out.Paint(terminal.Bold, side[0]), terminal.OneLine(text))
		}
	}
	c := terminal.Red
	switch res.Status {
	case audit.OK:
		c = terminal.Green
	case audit.Incomplete:
		c = terminal.Yellow
	}
	p.rests()
	p.out.Printf("%s\n", p.out.Paint(c, res.Line()))
	return ended(res.Status.Exit())
}
