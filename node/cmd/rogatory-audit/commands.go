package main

import "github.com/spf13/cobra"

// commands lists every command, each in a file of its own.
func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{
		p.verifyCommand(),
		p.replayCommand(),
		p.reconcileCommand(),
		p.proveCommand(),
		p.checkCommand(),
		p.evidenceCommand(),
		p.reportCommand(),
		p.statsCommand(),
		p.linesCommand(),
		p.showCommand(),
		p.explainCommand(),
		p.versionCommand(),
	}
}
