package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) directoryShow() *cobra.Command {
	var onlyDigest bool
	c := &cobra.Command{
		Use: "show [FILE]", Short: "Print a directory, and who has signed it", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, before := "", (*federation.Directory)(nil)
			cfg, cfgErr := p.load()
			if cfgErr == nil && exists(cfg.Directory) {
				before, _ = readTaken(cfg)
			}
			if len(args) == 1 {
				path = args[0]
			} else if cfgErr != nil {
				return cfgErr
			} else {
				path = cfg.Directory
			}
			signed, err := readBounded(path)
			if err != nil {
				return err
			}
			d, sum, err := federation.ReadDirectory(signed)
			if err != nil {
				return err
			}
			switch {
			case onlyDigest:
				p.out.Printf("%x\n", sum)
				return nil
			case p.json:
				return printJSON(p.out, d)
			}
			if d.GetVersion() == 1 || (before != nil && before.Version()+1 != d.GetVersion()) {
				before = nil
			}
			return p.printDirectory(d, sum, before, signed)
		},
	}
	c.Flags().BoolVar(&onlyDigest, "digest", false, "print the digest only")
	return c
}

func (p *program) printDirectory(d *rogatoryv1.Directory, sum [32]byte, before *federation.Directory, signed []byte) error {
	p.out.Printf("%s, directory %d\n", p.out.Paint(terminal.Bold, d.GetFederation()), d.GetVersion())
	p.out.Printf("digest     %s\n", quartets(hex.EncodeToString(sum[:])))
	if len(d.GetPrevious()) > 0 {
		p.out.Printf("follows    %s\n", quartets(hex.EncodeToString(d.GetPrevious())))
	}
	p.out.Printf("holds      %s to %s\n", moment(d.GetValidFromMs()), moment(d.GetValidUntilMs()))
	p.out.Printf("threshold  %d of %d\n", d.GetThreshold(), len(d.GetMembers()))
	progress, err := federation.CheckProgress(before, signed)
	switch {
	case err == nil:
		state := p.out.Paint(terminal.Yellow, fmt.Sprintf("%d of %d", len(progress.Signed), progress.Needed))
		if progress.Complete() {
			state = p.out.Paint(terminal.Green, "complete")
		}
		p.out.Printf("signed     %s: %s\n", state, strings.Join(progress.Signed, " "))
		if len(progress.Unproven) > 0 {
			p.out.Printf("missing    %s (each new root key signs for itself)\n", strings.Join(progress.Unproven, " "))
		}
	case errors.Is(err, federation.ErrGap), errors.Is(err, federation.ErrSame), errors.Is(err, federation.ErrOlder), errors.Is(err, federation.ErrFork):
		p.out.Printf("signed     not judged: %s\n", err)
	default:
		return err
	}
	p.out.Printf("\n")
	var rows [][]terminal.Cell
	for _, m := range d.GetMembers() {
		var founders []string
		for _, f := range m.GetFounders() {
			founders = append(founders, f.GetPseudonym())
		}
		rows = append(rows, terminal.Plain(m.GetCountry(), m.GetName(), m.GetZone(), strings.Join(founders, " "), keyring.Fingerprint(m.GetRootKey())))
	}
	p.out.Table([]string{"COUNTRY", "NAME", "ZONE", "FOUNDERS", "FINGERPRINT OF THE ROOT KEY"}, rows)
	if len(d.GetRules()) > 0 {
		p.out.Printf("\n")
		p.out.Table([]string{"RULE", "FROM", "TO", "METHODS", "VERDICT"}, ruleRows(d.GetRules()))
	}
	return nil
}

func ruleRows(rules []*rogatoryv1.Rule) (rows [][]terminal.Cell) {
	all := func(list []string) string {
		if len(list) == 0 {
			return "all"
		}
		return strings.Join(list, " ")
	}
	for _, r := range rules {
		rows = append(rows, terminal.Plain(r.GetName(), all(r.GetFrom()), all(r.GetTo()), all(r.GetMethods()), strings.TrimSpace(termCode(r.GetVerdict())+" "+termCode(r.GetGround()))))
	}
	return rows
}

// quartets breaks hexadecimal digits into groups of four, for reading aloud.
func quartets(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (p *program) directoryDiff() *cobra.Command {
	return &cobra.Command{
		Use: "diff OLD NEW", Short: "Say what differs between two directories", Args: exactly(2),
		Long: "diff says what differs between two directories. Exit status 0: nothing, 1: something.",
		RunE: func(_ *cobra.Command, args []string) error {
			var ds [2]*rogatoryv1.Directory
			for i, path := range args {
				signed, err := readBounded(path)
				if err != nil {
					return err
				}
				if ds[i], _, err = federation.ReadDirectory(signed); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			lines := diffDirectories(ds[0], ds[1])
			for _, l := range lines {
				c := terminal.Green
				if l[0] == '-' {
					c = terminal.Red
				}
				p.out.Printf("%s\n", p.out.Paint(c, l))
			}
			if len(lines) > 0 {
				return &failure{answerIsNo, errSilent, ""}
			}
			return nil
		},
	}
}

// diffDirectories lists what stands in one directory only, by the part's name.
func diffDirectories(a, b *rogatoryv1.Directory) []string {
	flat := func(d *rogatoryv1.Directory) (keys []string, parts map[string]string) {
		parts = map[string]string{}
		put := func(key, value string) {
			keys = append(keys, key)
			parts[key] = value
		}
		put("federation", d.GetFederation())
		put("version", fmt.Sprint(d.GetVersion()))
		put("threshold", fmt.Sprint(d.GetThreshold()))
		put("holds from", time.UnixMilli(int64(d.GetValidFromMs())).UTC().Format(time.RFC3339Nano))
		put("holds until", time.UnixMilli(int64(d.GetValidUntilMs())).UTC().Format(time.RFC3339Nano))
		put("tzdata", d.GetTzdata())
		for _, m := range d.GetMembers() {
			put("member "+m.GetCountry(), fmt.Sprintf("%s, %s, root key %s, log %s", m.GetName(), m.GetZone(), keyring.KIDOf(m.GetRootKey()), m.GetLog().GetOrigin()))
			put("member "+m.GetCountry()+" log keys", strings.Join(m.GetLog().GetKeys(), " "))
			put("member "+m.GetCountry()+" genesis", hex.EncodeToString(m.GetGenesis()))
			for _, f := range m.GetFounders() {
				put("member "+m.GetCountry()+" founder "+f.GetPseudonym(), compactJSON(f))
			}
		}
		for i, r := range d.GetRules() {
			put(fmt.Sprintf("rule %d", i+1), compactJSON(r))
		}
		for _, c := range d.GetCalendars() {
			put("calendar "+c.GetCountry(), compactJSON(c))
		}
		return keys, parts
	}
	oldKeys, old := flat(a)
	newKeys, now := flat(b)
	var lines []string
	for _, k := range oldKeys {
		if v, ok := now[k]; !ok || v != old[k] {
			lines = append(lines, "- "+k+": "+old[k])
			if ok {
				lines = append(lines, "+ "+k+": "+v)
			}
		}
	}
	for _, k := range newKeys {
		if _, ok := old[k]; !ok {
			lines = append(lines, "+ "+k+": "+now[k])
		}
	}
	return lines
}

func compactJSON(m proto.Message) string {
	b, err := protojson.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(b), `": `, `":`)
}
