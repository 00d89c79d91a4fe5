package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

func (p *program) verifyCommand() *cobra.Command {
	return p.trust(&cobra.Command{
		Use: "verify EXPORT --directory FILE", Short: "Check that a log is whole, signed, witnessed and in order", Args: takes("EXPORT"),
		Long: `verify checks the integrity of an exported log: roots, heads, signatures, cosignatures, numbers, times, receipts, and every
record beside a leaf. The last line is RESULT status size root state assurance:

  A0  the entries hash to the root          A3  a quorum of the members cosigned
  A1  the log signed it                     A4  a time token that you trust (--tsa) stands over it all
  A2  another member cosigned a head

Whether what was done was lawful, replay says; what two logs say of each other, reconcile.`,
		RunE: func(c *cobra.Command, args []string) error {
			a, err := p.anchor(args...)
			if err != nil {
				return err
			}
			r, err := openArchive(args[0])
			if err != nil {
				return p.unopened(err)
			}
			defer r.Close()
			tell, wipe := p.progress("verifying")
			res, err := audit.Verify(c.Context(), r, a, audit.Options{Workers: p.workers, Progress: tell})
			wipe()
			if err != nil {
				return err
			}
			return p.result(res)
		},
	})
}

// unopened reports an archive whose form does not even let it be opened.
func (p *program) unopened(err error) error {
	f, ok := audit.OpenFinding(err)
	if !ok {
		return err
	}
	return p.result(&audit.Result{Status: audit.Findings, Assurance: audit.NoAssurance, Findings: []audit.Finding{f}})
}

// result prints findings and the RESULT line, and ends with its status.
func (p *program) result(res *audit.Result) error {
	if err := p.findings(res.Findings); err != nil {
		return err
	}
	if res.Left > 0 && !p.json {
		p.out.Printf("and %s more\n", count(int64(res.Left)))
	}
	if p.json {
		if err := p.out.Value(struct {
			Line string `json:"result"`
			*audit.Result
			Root  string `json:"root"`
			State string `json:"state"`

			Directory *trusted `json:"directory,omitempty"`
		}{res.Line(), res, res.Root.String(), res.State.String(), p.trusted}); err != nil {
			return err
		}
	} else {
		c := terminal.Red
		switch res.Status {
		case audit.OK:
			c = terminal.Green
		case audit.Incomplete:
			c = terminal.Yellow
		}
		p.rests()
		p.timed(res.Timed)
		p.out.Printf("%s\n", p.out.Paint(c, res.Line()))
	}
	return ended(res.Status.Exit())
}

// findings prints findings: JSON lines, lines with tabs, or a few lines each at a terminal.
func (p *program) findings(list []audit.Finding) error {
	for _, f := range list {
		switch {
		case p.json:
			if err := p.out.Value(f); err != nil {
				return err
			}
		case !p.out.TTY:
			p.out.Table(nil, [][]terminal.Cell{terminal.Plain(string(f.Code), strconv.FormatInt(f.Index, 10), f.Log, f.Detail, f.Wanted, f.Found)})
		default:
			p.finding(f)
		}
	}
	return nil
}

// finding prints one finding for a person.
func (p *program) finding(f audit.Finding) {
	c := terminal.Red
	if f.Code[0] == 'W' {
		c = terminal.Yellow
	}
	e, _ := audit.Explain(f.Code)
	where := ""
	if f.Index >= 0 {
		where = fmt.Sprintf(" at leaf %d", f.Index)
	}
	p.out.Printf("%s%s  %s\n", p.out.Paint(c, string(f.Code)), where, e.Title)
	if f.Detail != "" {
		p.out.Printf("    %s\n", terminal.OneLine(f.Detail))
	}
	if f.Wanted != "" {
		p.out.Printf("    %s %s\n", p.out.Paint(terminal.Dim, "wanted"), terminal.OneLine(f.Wanted))
	}
	if f.Found != "" {
		p.out.Printf("    %s  %s\n", p.out.Paint(terminal.Dim, "found"), terminal.OneLine(f.Found))
	}
}
