package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit"
)

func (p *program) verifyCommand() *cobra.Command {
	return p.trust(&cobra.Command{
		Use: "verify EXPORT --directory FILE", Short: "Check that a log is whole, signed, witnessed and in order", Args: takes("EXPORT"),
		Long: `verify checks the integrity of an exported log: roots, heads, signatures, cosignatures, numbers, times, receipts, and every
record beside a leaf. The last line is RESULT status size root state assurance:

  A0  the entries hash to the root          A3  a quorum of the members cosigned
  A1  the log signed it                     A4  a time token from outside stands over it
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
		p.out.printf("and %s more\n", count(int64(res.Left)))
	}
	if p.json {
		if err := p.out.value(struct {
			Line string `json:"result"`
			*audit.Result
			Root  string `json:"root"`
			State string `json:"state"`

			Directory *trusted `json:"directory,omitempty"`
		}{res.Line(), res, res.Root.String(), res.State.String(), p.trusted}); err != nil {
			return err
		}
	} else {
		c := red
		switch res.Status {
		case audit.OK:
			c = green
		case audit.Incomplete:
			c = yellow
		}
		p.rests()
		p.out.printf("%s\n", p.out.paint(c, res.Line()))
	}
	return ended(res.Status.Exit())
}

// findings prints findings: JSON lines, lines with tabs, or a few lines each at a terminal.
func (p *program) findings(list []audit.Finding) error {
	for _, f := range list {
		switch {
		case p.json:
			if err := p.out.value(f); err != nil {
				return err
			}
		case !p.out.tty:
			p.out.table(nil, [][]cell{plain(string(f.Code), strconv.FormatInt(f.Index, 10), f.Log, f.Detail, f.Wanted, f.Found)})
		default:
			p.finding(f)
		}
	}
	return nil
}

// finding prints one finding for a person.
func (p *program) finding(f audit.Finding) {
	c := red
	if f.Code[0] == 'W' {
		c = yellow
	}
	e, _ := audit.Explain(f.Code)
	where := ""
	if f.Index >= 0 {
		where = fmt.Sprintf(" at leaf %d", f.Index)
	}
	p.out.printf("%s%s  %s\n", p.out.paint(c, string(f.Code)), where, e.Title)
	if f.Detail != "" {
		p.out.printf("    %s\n", oneLine(f.Detail))
	}
	if f.Wanted != "" {
		p.out.printf("    %s %s\n", p.out.paint(dim, "wanted"), oneLine(f.Wanted))
	}
	if f.Found != "" {
		p.out.printf("    %s  %s\n", p.out.paint(dim, "found"), oneLine(f.Found))
	}
}
