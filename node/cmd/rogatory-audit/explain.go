package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

func (p *program) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain [CODE]", Short: "Say what a finding means, who is suspected, and what to do", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.explainAll()
			}
			e, ok := audit.Explain(audit.Code(strings.ToUpper(args[0])))
			if !ok {
				return usage(fmt.Errorf("no such code: %s", args[0]), "rogatory-audit explain lists all")
			}
			if p.json {
				return p.out.Value(e)
			}
			o := p.out
			o.Printf("%s  %s\n\n", o.Paint(terminal.Bold, string(e.Code)), e.Title)
			o.Printf("%s\n\n%s %s\n%s %s\n", e.Meaning, o.Paint(terminal.Bold, "who:"), e.Suspect, o.Paint(terminal.Bold, "now:"), e.Do)
			return nil
		},
	}
}

func (p *program) explainAll() error {
	var rows [][]terminal.Cell
	for _, c := range audit.Codes() {
		e, _ := audit.Explain(c)
		if p.json {
			if err := p.out.Value(e); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, terminal.Plain(string(e.Code), e.Title))
	}
	if !p.json {
		p.out.Table([]string{"CODE", "MEANS"}, rows)
	}
	return nil
}
