package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/evidence"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

// caseToken is the form of a case's token: a country, a year, a number.
var caseToken = regexp.MustCompile(`^[A-Z]{2}-[0-9]{4}-[0-9]{6,12}$`)

func (p *program) evidenceCommand() *cobra.Command {
	var o evidence.Options
	var msg, out string
	var open []string
	c := p.trust(&cobra.Command{
		Use:   "evidence EXPORT [PEER_EXPORT] --msg NAME|--case TOKEN --directory FILE",
		Short: "Write what two logs say of a message or case into one file for a court", Args: between(1, "EXPORT", "PEER_EXPORT"),
		Long: `evidence writes EVD-<id>.asice: a zip that holds both countries' leaves with their proofs, the sender's signature, the docket where
its term is not over, who cosigned, the keys' way from the directory, tombstones, a report for people, and programs that check it: VERIFY.sh
(openssl and sha256) and check.py (Python alone). The same exports give the same bytes. Nothing of other cases is in it. What does not
check is not written.

  rogatory-audit evidence export/RS export/BG --case RS-2026-000001 --directory directory
  rogatory-audit check EVD-RS-2026-000001.asice --directory directory`,
		RunE: func(c *cobra.Command, args []string) error {
			if (msg == "") == (o.Case == "") {
				return usage(errors.New("give one of --msg and --case"), c.UseLine())
			}
			if o.Case != "" && !caseToken.MatchString(o.Case) {
				return usage(fmt.Errorf("%q is no token of a case", o.Case), "a token is as RS-2026-000001; rogatory-audit lines EXPORT --kind case lists them")
			}
			id := o.Case
			if msg != "" {
				var err error
				if o.Msg, err = translog.ParseHash(msg); err != nil {
					return usage(fmt.Errorf("%q is no name of a message", msg), "43 characters of base64url, as the leaves have them")
				}
				id = msg[:12]
			}
			if out == "" {
				out = "EVD-" + id + ".asice"
			}
			if err := absent(out); err != nil {
				return err
			}
			o.Language = p.language
			for _, path := range open {
				b, err := readFile(path)
				if err != nil {
					return err
				}
				o.Open = append(o.Open, b)
			}
			a, err := p.anchor(args...)
			if err != nil {
				return err
			}
			return withArchive(args[0], func(own *archive.Reader) error {
				if len(args) == 1 {
					return p.evidence(c, a, own, nil, o, out)
				}
				return withArchive(args[1], func(peer *archive.Reader) error { return p.evidence(c, a, own, peer, o, out) })
			})
		},
	})
	f := c.Flags()
	f.StringVar(&msg, "msg", "", "the message, by its name")
	f.StringVar(&o.Case, "case", "", "the case, by its token")
	f.StringArrayVar(&open, "open", nil, "a content to show: its salt (32 bytes) and its bytes; may be repeated")
	f.BoolVar(&o.Small, "small", false, "leave out the directory and witnesses: whoever checks has the directory")
	f.StringVar(&out, "out", "", "file to write (default EVD-<id>.asice)")
	return c
}

func (p *program) evidence(c *cobra.Command, a *audit.Anchor, own, peer *archive.Reader, o evidence.Options, out string) error {
	var missing *evidence.NotFoundError
	b, res, err := evidence.Make(c.Context(), a, own, peer, o)
	switch {
	case errors.Is(err, evidence.ErrUnsound):
		if err := p.findings(res.Findings); err != nil {
			return err
		}
		return &failure{foundWrong, err, "rogatory-audit verify says all that is wrong with the export"}
	case errors.As(err, &missing):
		hint := "rogatory-audit lines EXPORT --kind msg,case lists what is there"
		if missing.Other != "" {
			hint = fmt.Sprintf("%s has another log, %s: %s, and give that export", missing.Country, missing.Other, exportOf(missing.Other))
		}
		return usage(err, hint)
	case errors.Is(err, evidence.ErrNotFound):
		what := "case " + o.Case
		if o.Case == "" {
			what = "message " + o.Msg.String()
		}
		return usage(fmt.Errorf("%s is %w", what, err), "rogatory-audit lines EXPORT --kind msg,case lists what is there")
	case errors.Is(err, evidence.ErrPeer):
		return usage(err, "give the exports of two countries")
	case errors.Is(err, evidence.ErrOpening):
		return usage(err, "a content file is the salt, 32 bytes, and the content that it was committed with")
	case err != nil:
		return err
	}
	for _, r := range []*archive.Reader{own, peer} {
		if r == nil {
			continue
		}
		if later := evidence.Later(a, r, own, peer); later != "" {
			p.err.Printf("%s %s is closed, %s goes on in %s; what came later stands there: %s\n",
				p.err.Paint(terminal.Yellow, "note:"), r.Info().Log, r.Info().Country, later, exportOf(later))
		}
	}
	if err := writeWhole(out, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		return err
	}
	if p.json {
		return p.out.Value(struct {
			File string `json:"file"`
			Size int    `json:"size"`
			*evidence.Result
		}{out, len(b), res})
	}
	p.out.Printf("%s: %s %s, %d messages, %s bytes\n", out, res.About, terminal.OneLine(res.Subject), res.Messages, count(int64(len(b))))
	return nil
}

// exportOf is the command by which a country hands out one of its logs.
func exportOf(origin string) string {
	return "rogatory-node log export --log " + origin[strings.LastIndexByte(origin, '/')+1:] + " FOLDER"
}

// checkEvidence prints what an evidence file comes to.
func (p *program) checkEvidence(a *audit.Anchor, b []byte) error {
	res, err := evidence.Check(b, a)
	if err != nil {
		return &failure{foundWrong, err, "ask for another copy: this one does not even open as evidence"}
	}
	if err := p.findings(res.Findings); err != nil {
		return err
	}
	if p.json {
		if err := p.out.Value(res); err != nil {
			return err
		}
		return ended(res.Status.Exit())
	}
	if res.Status != audit.Findings {
		for line := range strings.Lines(res.Report) {
			p.out.Printf("%s\n", terminal.OneLine(strings.TrimSuffix(line, "\n")))
		}
		p.out.Printf("\n")
	}
	c, verdict := terminal.Green, "holds"
	switch res.Status {
	case audit.Findings:
		c, verdict = terminal.Red, "does not hold"
	case audit.Incomplete:
		c, verdict = terminal.Yellow, "holds as far as could be judged"
	}
	p.out.Printf("evidence of %s %s: %s\n", res.About, terminal.OneLine(res.Subject), p.out.Paint(c, verdict))
	return ended(res.Status.Exit())
}
