package main

import "github.com/spf13/cobra"

// daemonCommands are those that work on the store itself instead of asking the node.
func (p *program) daemonCommands() []*cobra.Command {
	return []*cobra.Command{p.runCommand(), p.restoreCommand()}
}
