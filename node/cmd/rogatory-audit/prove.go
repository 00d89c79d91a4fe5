package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

func (p *program) proveCommand() *cobra.Command {
	var msg, out string
	var receipt bool
	c := &cobra.Command{
		Use: "prove EXPORT [INDEX]", Short: "Prove that a leaf, or a peer's receipt, stands in a log", Args: between(1, "EXPORT", "INDEX"),
		Long: `prove writes a C2SP tlog-proof: the leaf, its path, and the head that the log signed. Whoever has the directory can check it, with
rogatory-audit check or any other program that knows the format; it shows nothing of other leaves.

  rogatory-audit prove export/RS 42 > leaf.tlog-proof
  rogatory-audit prove export/RS --msg NAME --receipt --out receipt.tlog-proof`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := absent(out); err != nil {
				return err
			}
			return withArchive(args[0], func(r *archive.Reader) error {
				index, err := proveWhat(c.Context(), r, args[1:], msg, receipt)
				if err != nil {
					return err
				}
				prove := audit.Prove
				if receipt {
					prove = audit.ProveReceipt
				}
				b, err := prove(r, index)
				if err != nil {
					return err
				}
				if out == "" {
					p.out.Printf("%s", b)
					return nil
				}
				return writeWhole(out, func(w io.Writer) error { _, err := w.Write(b); return err })
			})
		},
	}
	c.Flags().StringVar(&msg, "msg", "", "the leaf of this message, by its name of 43 characters")
	c.Flags().BoolVar(&receipt, "receipt", false, "the peer's receipt: INDEX is that of a rcpt leaf, --msg the message it is for")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

// proveWhat returns the leaf that is meant.
func proveWhat(ctx context.Context, r *archive.Reader, args []string, msg string, receipt bool) (int64, error) {
	switch {
	case (len(args) == 0) == (msg == ""):
		return 0, usage(errors.New("one of INDEX and --msg says which leaf"), "rogatory-audit prove EXPORT INDEX, or --msg NAME")
	case msg == "":
		return parseIndex(args[0])
	}
	name, err := translog.ParseHash(msg)
	if err != nil {
		return 0, usage(fmt.Errorf("%q is no name of a message", msg), "43 characters of base64url, as lines and show print them")
	}
	list, err := audit.FindMessage(ctx, r, name)
	if receipt && err == nil {
		list = nil
		err = audit.Walk(ctx, r, audit.Filter{Msg: name, Kinds: []string{"rcpt"}}, func(l *audit.Line) error {
			list = append(list, l.Entry.Index)
			return nil
		})
	}
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("message %s: %w", msg, audit.ErrNotFound)
	}
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

func parseIndex(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, usage(fmt.Errorf("%q is no index of a leaf", s), "indexes count from 0")
	}
	return n, nil
}
