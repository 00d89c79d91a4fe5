package main

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

func (p *program) linesCommand() *cobra.Command {
	var f audit.Filter
	var from, until, msg string
	c := &cobra.Command{
		Use: "lines EXPORT", Short: "Print leaves as they stand in the log, one JSON object a line", Args: takes("EXPORT"),
		Long: `lines prints leaves byte for byte: printf '\0%s' "$line" | sha256sum gives a leaf's hash. Nothing is verified.

  rogatory-audit lines export/RS --kind msg --kind rcpt --from 2026-11-23 | jq .at`,
		RunE: func(c *cobra.Command, args []string) error {
			for _, k := range f.Kinds {
				if !slices.Contains(translog.Kinds(), k) {
					return usage(fmt.Errorf("--kind %q is no kind of leaf", k), "one of: "+strings.Join(translog.Kinds(), ", "))
				}
			}
			if f.Case != "" && !caseToken.MatchString(f.Case) {
				return usage(fmt.Errorf("%q is no token of a case", f.Case), "a token is as RS-2026-000001")
			}
			var err error
			if f.From, err = parseTime(from); err != nil {
				return err
			}
			if f.Until, err = parseTime(until); err != nil {
				return err
			}
			if msg != "" {
				if f.Msg, err = translog.ParseHash(msg); err != nil {
					return usage(fmt.Errorf("%q is no name of a message", msg), "43 characters of base64url, as the leaves have them")
				}
			}
			w := bufio.NewWriter(p.out)
			err = withArchive(args[0], func(r *archive.Reader) error {
				return audit.Walk(c.Context(), r, f, func(l *audit.Line) error {
					_, _ = w.Write(l.Entry.Leaf)
					return w.WriteByte('\n')
				})
			})
			return errors.Join(err, w.Flush())
		},
	}
	c.Flags().StringSliceVar(&f.Kinds, "kind", nil, "kinds of leaves, as msg,rcpt")
	c.Flags().StringVar(&f.Case, "case", "", "a case, by its token, with the messages in it")
	c.Flags().StringVar(&msg, "msg", "", "what is about a message, by its name")
	c.Flags().StringVar(&from, "from", "", "first moment: 2026-11-23, 2026-11-23T09:00:00Z or milliseconds since 1970")
	c.Flags().StringVar(&until, "until", "", "first moment that is too late")
	return c
}

// parseTime reads a moment: a day in UTC, RFC 3339, or milliseconds since 1970. Empty is none.
func parseTime(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	return 0, usage(fmt.Errorf("%q is no time", s), "2026-11-23, 2026-11-23T09:00:00Z or milliseconds since 1970")
}
