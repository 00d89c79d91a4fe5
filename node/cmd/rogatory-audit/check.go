package main

import (
	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit/evidence"
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
				if err := p.out.value(c); err != nil {
					return err
				}
				return ended(status)
			}
			o := p.out
			verdict := o.paint(green, "holds")
			if !c.Holds {
				verdict = o.paint(red, "does not hold")
			}
			o.printf("%s: %s\n", c.What, verdict)
			for _, text := range []string{c.Says, c.Why} {
				if text != "" {
					o.printf("  %s\n", oneLine(text))
				}
			}
			if c.At != 0 {
				o.printf("  %s\n", moment(c.At))
			}
			if c.Leaf != "" {
				o.printf("  %s\n", o.paint(dim, oneLine(c.Leaf)))
			}
			return ended(status)
		},
	})
}
