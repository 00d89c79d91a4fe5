// Command rogatory-audit reads exported logs and says what is wrong with them, offline, and trusts no operator.
//
// Exit status: 0 clean, 1 something is wrong, 2 wrong usage or nothing to read, 3 incomplete.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	boundMemory(ctx)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{out: newOutput(stdout), err: newOutput(stderr)}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return p.report(err)
	}
	return done
}

// program holds what all commands share: streams and the flags of the root.
type program struct {
	out, err *output

	json     bool
	language string
	workers  int

	directories []string
	digests     []string
}

func (p *program) root() *cobra.Command {
	c := &cobra.Command{
		Use:   "rogatory-audit",
		Short: "Replay a country's signed log and trust nobody",
		Long: `rogatory-audit reads logs that countries have exported, without a network and without their operators.

  rogatory-audit verify export/RS --directory directory
  rogatory-audit show export/RS RS-2026-000001
  rogatory-audit explain E-SEQ

The directory is the auditor's own copy: what an export brings along proves nothing by itself.
Exit status: 0 clean, 1 something is wrong, 2 wrong usage or nothing to read, 3 incomplete.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err, "see "+c.CommandPath()+" --help")
	})
	f := c.PersistentFlags()
	f.BoolVar(&p.json, "json", false, "print JSON, one object a line")
	f.StringVar(&p.language, "lang", "", "language of coded terms, BCP 47")
	f.IntVar(&p.workers, "workers", 0, "how many cores to use (default: all)")
	c.AddCommand(p.commands()...)
	return c
}
