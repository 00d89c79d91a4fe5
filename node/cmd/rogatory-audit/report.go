package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit/report"
)

func (p *program) reportCommand() *cobra.Command {
	var out string
	var html bool
	var o report.Options
	c := p.trust(&cobra.Command{
		Use: "report EXPORT... --html --out FILE --directory FILE", Short: "Write one page about logs: verified, found, counted", Args: cobra.MinimumNArgs(1),
		Long: `report verifies and replays each export, holds those of different countries against each other, and writes one HTML page: what was
verified, findings explained, statistics, what was sent alone and not ratified, erasures, who consulted, heads and witnesses. The page
loads nothing and runs nothing; it prints well. The same exports give the same bytes. Exit status as verify's.

  rogatory-audit report export/RS export/BG --html --out audit.html --directory directory`,
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usage(errors.New("--out is missing"), c.UseLine())
			}
			if !html {
				return usage(errors.New("--html is missing: there is no other form"), c.UseLine())
			}
			if err := absent(out); err != nil {
				return err
			}
			var err error
			if o.Anchor, err = p.anchor(args...); err != nil {
				return err
			}
			o.Language, o.Workers = p.language, p.workers
			return withArchives(args, func(readers []*archive.Reader) error {
				page, err := report.Make(c.Context(), readers, o)
				if err != nil {
					return err
				}
				if err := writeWhole(out, page.WriteHTML); err != nil {
					return err
				}
				n := 0
				for _, f := range page.Findings {
					n += f.Count
				}
				if p.json {
					if err := p.out.Value(map[string]any{"file": out, "status": page.Status, "findings": n}); err != nil {
						return err
					}
				} else {
					p.out.Printf("%s: %d logs, %s, %s findings\n", out, len(page.Logs), page.Status, count(int64(n)))
				}
				return ended(page.Status.Exit())
			})
		},
	})
	f := c.Flags()
	f.StringVar(&out, "out", "", "file to write")
	f.BoolVar(&html, "html", false, "write HTML")
	f.IntVar(&o.Year, "year", 0, "year of the statistics (default: that of the last leaf)")
	return c
}
