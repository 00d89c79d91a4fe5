package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/lint"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) requestLint() *cobra.Command {
	var ask bool
	c := &cobra.Command{
		Use: "lint FILE…", Short: "Say everything that would make a message refused", Args: atLeast(1),
		Long: `lint reads request files and says everything at once that would make them refused. It needs no node; with --node it asks yours, which also knows the
recipient's languages and what you quote. Exit status 0: it can be sent, 1: it cannot.`,
		RunE: func(c *cobra.Command, args []string) error {
			sendable := true
			for _, path := range args {
				f, err := p.readFile(path)
				if err != nil {
					return err
				}
				var findings []*nodev1.Finding
				if ask {
					findings, err = p.lintAt(c, f.RequestFile)
				} else {
					findings = p.lintHere(f.RequestFile)
				}
				if err != nil {
					return err
				}
				if len(args) > 1 && !p.json {
					p.out.Printf("%s\n", p.out.Paint(terminal.Bold, path))
				}
				if err := p.printFindings(p.out, findings); err != nil {
					return err
				}
				if len(findings) == 0 && !p.json {
					p.out.Printf("nothing to say: it can be sent\n")
				}
				sendable = sendable && !stops(findings)
			}
			if !sendable {
				return &failure{answerIsNo, errSilent, ""}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&ask, "node", false, "ask the node")
	return c
}

func (p *program) lintAt(c *cobra.Command, f *rogatoryv1.RequestFile) ([]*nodev1.Finding, error) {
	cl, err := p.dial()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	resp, err := cl.Desk.Lint(ctx, &nodev1.LintRequest{File: f, Language: p.lang()})
	return resp.GetFindings(), err
}

func (p *program) lintHere(f *rogatoryv1.RequestFile) []*nodev1.Finding {
	var out []*nodev1.Finding
	for _, l := range lint.File(f, lint.Context{Now: time.Now()}) {
		params := map[string]string{}
		for _, v := range l.Params {
			params[v.Name] = v.Value
		}
		out = append(out, &nodev1.Finding{
			Code: string(l.Code), Path: l.Path, Params: params, Warning: l.Severity == lint.Warning,
			Text: codes.Text(p.lang(), "lint."+string(l.Code), params),
		})
	}
	return out
}

func stops(findings []*nodev1.Finding) bool {
	for _, f := range findings {
		if !f.GetWarning() {
			return true
		}
	}
	return false
}

// printFindings says what the linter says: the field, what is wrong, and what now.
func (p *program) printFindings(o *terminal.Output, findings []*nodev1.Finding) error {
	for _, f := range findings {
		if p.json {
			if err := printJSON(o, f); err != nil {
				return err
			}
			continue
		}
		mark := o.Paint(terminal.Red, "error  ")
		if f.GetWarning() {
			mark = o.Paint(terminal.Yellow, "warning")
		}
		text := f.GetText()
		if text == "" {
			text = codes.Text(p.lang(), "lint."+f.GetCode(), f.GetParams())
		}
		o.Printf("%s  %s: %s\n", mark, terminal.OneLine(f.GetPath()), terminal.OneLine(text))
		if hint := codes.Hint(p.lang(), "lint."+f.GetCode(), f.GetParams()); hint != "" {
			o.Printf("         hint: %s\n", hint)
		}
	}
	return nil
}
