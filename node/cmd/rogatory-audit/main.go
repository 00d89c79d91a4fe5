// Command rogatory-audit reads exported logs and says what is wrong with them, offline, and trusts no operator.
//
// Exit status: 0 clean, 1 something is wrong, 2 wrong usage or nothing to read, 3 incomplete.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks, the second one ends the program
	boundMemory(ctx)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{out: terminal.New(stdout), err: terminal.New(stderr)}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if p.out.Err != nil { // whatever else there was to say, nobody has read all of it
		err = usage(fmt.Errorf("the output could not be written: %w", p.out.Err), "make room, or send it elsewhere, and run this again")
	}
	if err != nil {
		return p.report(counted(c, err))
	}
	return done
}

// program holds what all commands share: streams and the flags of the root.
type program struct {
	out, err *terminal.Output

	json     bool
	language string
	workers  int

	directories []string
	digests     []string
	tsa         string
	trusted     *trusted // nil until the directory has been read
}

const maxWorkers = 1024

// checkFlags checks what all commands share.
func (p *program) checkFlags(c *cobra.Command, _ []string) error {
	if p.workers < 0 || p.workers > maxWorkers {
		return usage(fmt.Errorf("--workers %d is not from 0 to %d", p.workers, maxWorkers), "leave it out to use all cores")
	}
	if base, _, _ := strings.Cut(p.language, "-"); p.language != "" && !slices.Contains(codes.Languages(), p.language) && !slices.Contains(codes.Languages(), base) {
		return usage(fmt.Errorf("--lang %q is no language that is here", p.language), "there is "+strings.Join(codes.Languages(), ", "))
	}
	if c.Flags().Changed("out") && c.Flag("out").Value.String() == "" {
		return usage(errors.New("--out is empty"), "give the file to write")
	}
	return nil
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
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: p.checkFlags,
		Args:              known,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(input.Flag(err), "see "+c.CommandPath()+" --help")
	})
	f := c.PersistentFlags()
	f.BoolVar(&p.json, "json", false, "print JSON, one object a line")
	f.StringVar(&p.language, "lang", "", "language of coded terms, BCP 47")
	f.IntVar(&p.workers, "workers", 0, "how many cores to use (default: all)")
	c.AddCommand(p.commands()...)
	return c
}
