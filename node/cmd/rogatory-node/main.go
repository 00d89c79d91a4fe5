// Command rogatory-node is a country's node: the daemon, and the command line of its operator and of its officers.
//
// Exit status: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 could not find out.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program. The context ends at SIGTERM: the daemon then drains, a call is given up.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stderr: stderr, out: terminal.New(stdout), err: terminal.New(stderr)}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(p.out)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err == nil && p.out.Err != nil {
		err = unsure(fmt.Errorf("the output could not be written: %w", p.out.Err), "what was asked has been done: do not send it again, look it up")
	}
	if err != nil {
		return p.report(flagsMissing(c, err))
	}
	return done
}

// program holds what all commands share: streams and the flags of the root.
type program struct {
	stdin    io.Reader
	stderr   io.Writer // of the daemon, whose log goes on after a line that could not be written
	out, err *terminal.Output

	dir, configPath        string
	socket                 string
	address, ca, cert, key string
	as                     string
	language               string
	json                   bool
	timeout                durationFlag
	passphraseFile         string
}

func (p *program) root() *cobra.Command {
	c := &cobra.Command{
		Use:   "rogatory-node",
		Short: "Ask other countries' contact points, answer theirs, and prove both",
		Long: `rogatory-node runs one country's node and is the command line of its operator and officers.

  rogatory-node init --country RS --federation rogatory.example --zone Europe/Belgrade --unit police --dir rs
  rogatory-node run --dir rs
  rogatory-node request send request.json --dir rs --as rs/officers/rs-founder-1.key

Exit status: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 could not find out.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(input.Flag(err), "see "+c.CommandPath()+" --help")
	})
	f := c.PersistentFlags()
	f.StringVar(&p.dir, "dir", envOr("ROGATORY_DIR", "."), "folder of the node (ROGATORY_DIR)")
	f.StringVar(&p.configPath, "config", "", "configuration (default: node.yaml in --dir)")
	f.StringVar(&p.socket, "socket", os.Getenv("ROGATORY_SOCKET"), "unix socket of the node (ROGATORY_SOCKET; default: as configured)")
	f.StringVar(&p.address, "address", "", "host:port of a node elsewhere, with --ca, --cert and --key")
	f.StringVar(&p.ca, "ca", "", "authority of the node's certificate, with --address")
	f.StringVar(&p.cert, "cert", "", "client certificate, with --address")
	f.StringVar(&p.key, "key", "", "key of the client certificate, with --address")
	f.StringVar(&p.as, "as", os.Getenv("ROGATORY_OFFICER"), "officer's key file that signs (ROGATORY_OFFICER)")
	f.StringVar(&p.language, "lang", "", "language of coded terms and messages, BCP 47")
	f.BoolVar(&p.json, "json", false, "print JSON, one object a line")
	p.timeout = durationFlag(defaultTimeout)
	f.Var(&p.timeout, "timeout", "how long to wait for the node")
	f.StringVar(&p.passphraseFile, "passphrase-file", "", "file whose first line is the passphrase of the key ring (else ROGATORY_PASSPHRASE, else asked for)")
	c.AddCommand(
		p.initCommand(), p.checkCommand(), p.directoryCommand(), p.officerCommand(), p.unitCommand(),
		p.requestCommand(), p.peersCommand(), p.parkedCommand(), p.backupCommand(), p.logCommand(),
		p.statusCommand(), p.certificateCommand(), p.keyCommand(), p.versionCommand(),
	)
	c.AddCommand(p.runCommand(), p.restoreCommand(), p.recoverCommand())
	c.AddCommand(p.eraseCommand(), p.superviseCommand(), p.registerCommand())
	return c
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_ = c.Help()
			return usage(errNoCommand, "choose one of the commands above")
		},
	}
	c.AddCommand(commands...)
	return c
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
