package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node"
)

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the node until SIGTERM",
		Long: `run opens keys, directory and store, joins the backbone, and serves officers and operator at the socket. At SIGTERM it lets open calls end, and
what waits stays in the outbox. Exit status 1: it must not run (the log was rolled back, the directory does not name it), and a person is needed; 3: something
failed that a restart may mend.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			if !exists(cfg.Directory) {
				return no(fmt.Errorf("%s is not there", cfg.Directory), "a node goes by a signed directory: rogatory-node directory take FILE")
			}
			if !exists(cfg.Pin) {
				return no(fmt.Errorf("%s is not there", cfg.Pin), hintPin)
			}
			lock, err := p.ringLock(cfg)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
				return err
			}
			debug.SetGCPercent(node.GCPercent)
			err = node.Run(c.Context(), cfg, node.Options{
				Lock:   lock,
				Logger: logger(p.stderr, cfg.Log),
				Ready: func() {
					p.out.Printf("%s answers at %s\n", cfg.Country, cfg.Socket)
				},
			})
			if err == nil {
				p.out.Printf("%s has stopped\n", cfg.Country)
			}
			if err = p.keyError(err); err == nil {
				return nil
			}
			// What the configuration names is at fault, and nothing that was typed.
			var path *fs.PathError
			var hinted *failure
			if !errors.As(err, &hinted) && (errors.As(err, &path) || judge(err).hint == "") {
				return unsure(err, "rogatory-node check --dir DIR looks for every mistake in what the node needs")
			}
			return err
		},
	}
}

// logger writes what the process says about itself.
func logger(w io.Writer, c configs.Log) *slog.Logger {
	var level slog.Level
	// Load admits debug, info, warn and error, which slog knows.
	_ = level.UnmarshalText([]byte(c.Level))
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
