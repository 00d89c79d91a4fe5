package main

import (
	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit/evidence"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

func (p *program) checkCommand() *cobra.Command {
	return p.trust(&cobra.Command{
		Use: "check FILE [FILE] --directory FILE", Short: "Say what a proof, receipt, head or fork proof is, and whether it holds", Args: between(1, "FILE", "FILE"),
		Long: `check says what a file is and whether it holds, by the keys of the directory alone:

  a tlog-proof of a leaf, or of a receipt        a signed checkpoint
  a fork proof, as nodes keep them               two proofs or two checkpoints of one log: do they prove a fork?
  an evidence file, as rogatory-audit evidence writes it`,
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := p.anchor()
			if err != nil {
				return err
			}
			var files [][]byte
			for _, path := range args {
				b, err := readFile(path)
				if err != nil {
					return err
				}
				files = append(files, b)
			}
			if len(files) == 1 && evidence.Is(files[0]) {
				return p.checkEvidence(a, files[0])
			}
			c, err := a.Check(files...)
			if err != nil {
				return err
			}
			status := done
			if !c.Holds {
				status = foundWrong
			}
			if p.json {
				if err := p.out.Value(c); err != nil {
					return err
				}
				return ended(status)
			}
			o := p.out
			verdict := o.Paint(terminal.Green, "holds")
			if !c.Holds {
				verdict = o.Paint(terminal.Red, "does not hold")
			}
			o.Printf("%s: %s\n", c.What, verdict)
			for _, text := range []string{c.Says, c.Why} {
				if text != "" {
					o.Printf("  %s\n", terminal.OneLine(text))
				}
			}
			if c.At != 0 {
				o.Printf("  %s\n", moment(c.At))
			}
			if c.Leaf != "" {
				o.Printf("  %s\n", o.Paint(terminal.Dim, terminal.OneLine(c.Leaf)))
			}
			return ended(status)
		},
	})
}
