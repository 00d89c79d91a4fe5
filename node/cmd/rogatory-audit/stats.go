package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/audit/report"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

func (p *program) statsCommand() *cobra.Command {
	var year int
	var csv bool
	c := p.trust(&cobra.Command{
		Use: "stats EXPORT... --year YEAR", Short: "Count a year's requests from dockets alone", Args: cobra.MinimumNArgs(1),
		Long: `stats counts requests by country, authority, urgency, answer, outcome, limit, ground of refusal and reason of delay, and spontaneous
information, modelled on Directive (EU) 2023/977, article 18. No content is needed. Figures from 1 to 4 are hidden, and others with them
where a total would give them away. What could not be counted stands beside. Nothing is verified: verify and replay do that. Without
--directory the export's own calendars and rules count.

  rogatory-audit stats export/RS export/BG --year 2026 --csv > 2026.csv`,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("year") && (year < 1970 || year > 9999) {
				return usage(fmt.Errorf("--year %d is no year of requests", year), "four digits, as 2026")
			}
			if year == 0 {
				return usage(errors.New("--year is missing"), c.UseLine())
			}
			if csv && p.json {
				return usage(errors.New("one of --csv and --json"), "")
			}
			var a *audit.Anchor
			if len(p.directories) > 0 || os.Getenv("ROGATORY_DIRECTORY") != "" {
				var err error
				if a, err = p.anchor(args...); err != nil {
					return err
				}
			}
			return withArchives(args, func(readers []*archive.Reader) error {
				s, err := report.Count(c.Context(), readers, a, year, p.language)
				switch {
				case errors.Is(err, replay.ErrLimited):
					return usage(err, "figures of a part of a log would be no figures: export all of it")
				case err != nil:
					return err
				case csv:
					return s.WriteCSV(p.out)
				case p.json:
					return p.out.Value(s)
				}
				p.statistics(s)
				return nil
			})
		},
	})
	c.Flags().IntVar(&year, "year", 0, "the year, in UTC, in which requests were submitted")
	c.Flags().BoolVar(&csv, "csv", false, "print comma-separated values")
	return c
}

// statistics prints figures as tables.
func (p *program) statistics(s *report.Statistics) {
	for _, c := range s.Countries {
		if p.out.TTY {
			p.out.Printf("%s %d\n", p.out.Paint(terminal.Bold, c.Country), s.Year)
		}
		for _, t := range c.Tables {
			var rows [][]terminal.Cell
			list := t.Rows
			if t.Total != nil {
				list = append(list[:len(list):len(list)], *t.Total)
			}
			for _, r := range list {
				row := terminal.Plain(r.Name, r.Sent.String(), r.Received.String())
				if !p.out.TTY {
					row = append(terminal.Plain(c.Country, t.Name), row...)
				}
				rows = append(rows, row)
			}
			if p.out.TTY {
				p.out.Printf("\n%s\n", p.out.Paint(terminal.Dim, t.Title))
			}
			p.out.Table([]string{"", "SENT", "RECEIVED"}, rows)
		}
		for _, m := range c.Missing.Sentences() {
			p.err.Printf("%s %s: %s\n", p.err.Paint(terminal.Yellow, "missing:"), c.Country, m)
		}
		if p.out.TTY {
			p.out.Printf("\n")
		}
	}
}

// withArchives calls do with exports, and closes them.
func withArchives(paths []string, do func([]*archive.Reader) error) (err error) {
	var readers []*archive.Reader
	defer func() {
		for _, r := range readers {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, path := range paths {
		r, err := openArchive(path)
		if err != nil {
			return err
		}
		readers = append(readers, r)
	}
	return do(readers)
}
