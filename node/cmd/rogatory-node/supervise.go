package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func (p *program) superviseCommand() *cobra.Command {
	return group("supervise", "For supervisors: who consulted what, and what is held on somebody", p.superviseConsulted(), p.supervisePackage())
}

// search declares the flags that say what a supervisor asks about.
func (p *program) search(c *cobra.Command, token func(args []string) string) func(args []string) (client.Search, error) {
	person := c.Flags().String("person", "", "file that names the person, an identifier a line (a name, a number, an address, each in full); - is standard input")
	ground := c.Flags().String("ground", "", "why, coded: 1 to 64 of a-z, 0-9, . and -; it is logged")
	_ = c.MarkFlagRequired("ground")
	return func(args []string) (client.Search, error) {
		s := client.Search{CaseToken: token(args), Ground: *ground}
		if (s.CaseToken == "") == (*person == "") {
			return s, usage(errors.New("name either a case or a person"), searchHint(c))
		}
		if s.CaseToken != "" && !client.IsCaseToken(s.CaseToken) {
			return s, usage(client.ErrCaseToken, "a case token looks like RS-2026-000123; "+searchHint(c))
		}
		if *person == "" {
			return s, nil
		}
		in := p.stdin
		if *person != "-" {
			f, err := input.Stream(*person)
			if err != nil {
				return s, err
			}
			defer f.Close()
			in = f
		}
		var err error
		s.Identifiers, err = identifiers(in)
		return s, err
	}
}

// searchHint says what to type: consulted has a flag for the case, package an argument.
func searchHint(c *cobra.Command) string {
	how := "CASE"
	if c.Flags().Lookup("case") != nil {
		how = "--case CASE"
	}
	return fmt.Sprintf("%s %s --ground CODE, or --person FILE --ground CODE: who is asked about stands on no command line", c.CommandPath(), how)
}

// identifiers reads one a line; empty lines do not count.
func identifiers(r io.Reader) (list []string, err error) {
	scanner := bufio.NewScanner(io.LimitReader(r, 64<<10))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		switch {
		case line == "":
		case len(line) > federation.MaxIdentifier || len(list) == federation.MaxIdentifiers:
			return nil, usage(errors.New("too long a list of identifiers"), fmt.Sprintf("at most %d of %d bytes", federation.MaxIdentifiers, federation.MaxIdentifier))
		default:
			list = append(list, line)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, usage(errors.New("no identifier"), "write one a line")
	}
	return list, nil
}

// namedByFlags takes no argument, and says by which flags what somebody has typed is named. It does not repeat it: it may be a person's name.
func namedByFlags(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case len(args) == 1 && client.IsCaseToken(args[0]):
		return usage(fmt.Errorf("%s takes a case with --case", c.CommandPath()), fmt.Sprintf("type %s --case %s --ground CODE --as KEYFILE", c.CommandPath(), args[0]))
	}
	return usage(fmt.Errorf("%s takes no argument", c.CommandPath()),
		fmt.Sprintf("a case: %s --case RS-2026-000123; a person, whom no command line names: --person FILE, a name or number a line", c.CommandPath()))
}

func (p *program) superviseConsulted() *cobra.Command {
	var token string
	c := &cobra.Command{
		Use: "consulted", Short: "Who consulted a case or a person, when and why", Args: namedByFlags,
		Long: `consulted prints the lines of the statutory log about a case, or about every message of the supervisor's units that names a person: time, verb,
officer, reason, basis, case, recipient. The search is a line of that log itself. It finds what is written as it was asked for.`,
		Example: `  rogatory-node supervise consulted --case RS-2026-000123 --ground inspection --as supervisor.key
  rogatory-node supervise consulted --person - --ground subject-request --as supervisor.key < person.txt`,
	}
	c.Flags().StringVar(&token, "case", "", "the case")
	search := p.search(c, func([]string) string { return token })
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := search(args)
		if err != nil {
			return err
		}
		cl, err := p.dialAs()
		if err != nil {
			return err
		}
		defer cl.Close()
		ctx, cancel := p.within(c.Context())
		defer cancel()
		resp, err := cl.Consultations(ctx, s)
		if err != nil {
			return err
		}
		p.sayClosed(resp.GetClosed())
		var rows [][]terminal.Cell
		for _, l := range resp.GetConsultations() {
			if p.json {
				if err := printJSON(p.out, l); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, terminal.Plain(moment(l.GetAtMs()), l.GetVerb(), l.GetWho(), l.GetWhy(), l.GetBasis(), l.GetCaseToken(), l.GetRecipient()))
		}
		if !p.json {
			p.out.Table([]string{"TIME", "VERB", "OFFICER", "REASON", "BASIS", "CASE", "RECIPIENT"}, rows)
		}
		return nil
	}
	return c
}

func (p *program) sayClosed(n uint32) {
	if n > 0 {
		p.err.Printf("%d messages could not be searched: they were erased, or do not open\n", n)
	}
}

func (p *program) supervisePackage() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "package [CASE]", Short: "Put together what is held on a person, or on a case, as a zip file", Args: cobra.MaximumNArgs(1),
		Long: `package writes what a data subject may ask for: what is held, where it came from, whom it went to, under which handling, and who consulted it. What is
said of others stays out; a text that speaks of the person is named and left out, since it may speak of others as well. Of a case it writes
the dockets, tombstones and consultations, and no content.`,
		Example: `  rogatory-node supervise package --person person.txt --ground subject-request --out package.zip --as supervisor.key
  rogatory-node supervise package RS-2026-000123 --ground inspection --out case.zip --as supervisor.key`,
	}
	c.Flags().StringVar(&out, "out", "", "the zip file; nothing is overwritten")
	_ = c.MarkFlagRequired("out")
	search := p.search(c, func(args []string) string { return strings.Join(args, "") })
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := search(args)
		if err != nil {
			return err
		}
		if exists(out) {
			return no(fmt.Errorf("%s exists already", out), "files are never overwritten: choose another path")
		}
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		keep := false
		defer func() {
			_ = f.Close()
			if !keep {
				_ = os.Remove(out)
			}
		}()
		cl, err := p.dialAs()
		if err != nil {
			return err
		}
		defer cl.Close()
		ctx, cancel := p.within(c.Context())
		defer cancel()
		resp, err := cl.Holdings(ctx, s)
		if err != nil {
			return err
		}
		p.sayClosed(resp.GetClosed())
		if err := errors.Join(p.writePackage(f, s, resp, time.Now()), f.Sync()); err != nil {
			return err
		}
		keep = true
		if p.json {
			return p.out.Value(map[string]any{"file": out, "messages": len(resp.GetHoldings()), "consultations": len(resp.GetConsultations())})
		}
		p.out.Printf("%s: %d messages, %d consultations\n", out, len(resp.GetHoldings()), len(resp.GetConsultations()))
		return nil
	}
	return c
}

// writePackage writes the three files of a package: for people, for programs, and the consultations as a table.
func (p *program) writePackage(w io.Writer, s client.Search, resp *nodev1.HoldingsResponse, at time.Time) error {
	text, err := p.packageText(s, resp, at)
	if err != nil {
		return err
	}
	machine, err := indented(resp)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	rows := csv.NewWriter(&table)
	_ = rows.Write([]string{"time", "verb", "officer", "reason", "basis", "case", "recipient", "leaf"})
	for _, l := range resp.GetConsultations() {
		_ = rows.Write([]string{
			time.UnixMilli(int64(l.GetAtMs())).UTC().Format(time.RFC3339), l.GetVerb(), l.GetWho(), l.GetWhy(), l.GetBasis(), l.GetCaseToken(), l.GetRecipient(), fmt.Sprint(l.GetIndex()),
		})
	}
	rows.Flush()
	if err := rows.Error(); err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, file := range []struct {
		name string
		data []byte
	}{{"README.txt", text}, {"consultations.csv", table.Bytes()}, {"package.json", machine}} {
		f, err := z.CreateHeader(&zip.FileHeader{Name: file.name, Method: zip.Store, Modified: at.UTC()})
		if err != nil {
			return err
		}
		if _, err := f.Write(file.data); err != nil {
			return err
		}
	}
	return z.Close()
}

// indented is JSON without the random white space of protojson.
func indented(m proto.Message) ([]byte, error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}

func (p *program) packageText(s client.Search, resp *nodev1.HoldingsResponse, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	to := &program{out: terminal.New(&b), err: terminal.New(io.Discard), language: p.language}
	o := to.out
	about := "a person"
	if s.CaseToken != "" {
		about = "case " + s.CaseToken
	}
	o.Printf("What this contact point holds on %s, put together on %s (%s).\n", about, at.UTC().Format("2006-01-02 15:04 MST"), s.Ground)
	o.Printf("What is said of others is left out. %d messages, %d consultations.\n", len(resp.GetHoldings()), len(resp.GetConsultations()))
	if n := resp.GetClosed(); n > 0 {
		o.Printf("%d messages could not be searched: they were erased, or do not open.\n", n)
	}
	for _, h := range resp.GetHoldings() {
		o.Printf("\n%s  case %s, message %s\n", moment(h.GetAtMs()), h.GetCaseToken(), hex.EncodeToString(h.GetMsg()))
		kind := "docket's term has ended"
		if h.GetDocket() != nil {
			kind = codes.Enum(to.lang(), h.GetDocket().GetKind())
		}
		o.Printf("  %s, from %s to %s, held by %s: %s%s\n", kind, h.GetFrom(), strings.Join(h.GetTo(), ", "), h.GetUnit(), h.GetStatus(), tomb(h.GetTombstone()))
		for _, r := range h.GetRecords() {
			o.Printf("  at %s\n", r.GetPath())
			printIf(o, "source", r.GetSourceAuthority())
			printIf(o, "as of", r.GetAsOf())
			printIf(o, "left out", strings.Join(r.GetWithheld(), ", "))
			for _, m := range []proto.Message{r.GetEntity(), r.GetEvaluation(), r.GetHandling()} {
				if m.ProtoReflect().IsValid() {
					to.printFields(o, m.ProtoReflect(), 2)
				}
			}
		}
	}
	o.Printf("\nWho consulted it\n")
	for _, l := range resp.GetConsultations() {
		o.Printf("  %s  %s by %s (%s, %s) %s %s\n", moment(l.GetAtMs()), l.GetVerb(), l.GetWho(), l.GetWhy(), l.GetBasis(), l.GetCaseToken(), l.GetRecipient())
	}
	return b.Bytes(), nil
}

func printIf(o *terminal.Output, name, text string) {
	if text != "" {
		printText(o, name, text, 2)
	}
}
