package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxDirectoryFile bounds what is read as a directory: that of the largest federation has less.
const maxDirectoryFile = 8 << 20

func (p *program) directoryCommand() *cobra.Command {
	return group("directory", "Who is there and by which rules: propose, sign, join, take, show, compare",
		p.directoryPropose(), p.directorySign(), p.directoryJoin(), p.directoryTake(), p.directoryShow(), p.directoryDiff())
}

func (p *program) directoryPropose() *cobra.Command {
	var current, draft, out, federationName string
	var members []string
	var threshold int
	var valid = durationFlag(365 * 24 * time.Hour)
	c := &cobra.Command{
		Use:   "propose",
		Short: "Compose a directory for the members to sign",
		Long: `propose composes the first directory of a federation from the member files that init wrote, or the one that follows
another (--current). Without a draft every message goes before an officer. Threshold is how many members must sign the next version;
the first one is signed by all.`,
		Example: "  rogatory-node directory propose --member rs/RS.member.json --member bg/BG.member.json --out v1.dir",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			before, err := p.currentDirectory(current)
			if err != nil {
				return err
			}
			d, err := p.composeDirectory(before, draft, members, federationName, threshold, time.Duration(valid))
			if err != nil {
				return err
			}
			signed, err := federation.Propose(before, d)
			if err != nil {
				return err
			}
			return p.writeDirectory(out, signed)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&members, "member", nil, "member file of a country, new or changed")
	f.StringVar(&current, "current", "", "directory that it follows")
	f.StringVar(&draft, "draft", "", "JSON of a whole Directory: rules, calendars, members; - for standard input")
	f.StringVar(&federationName, "federation", "", "name of the federation (default: as in the first member's log)")
	f.IntVar(&threshold, "threshold", 0, "members that must sign the next version (default: more than half)")
	f.Var(&valid, "valid", "how long it holds, for example 365d")
	f.StringVar(&out, "out", "", "file to write")
	_ = c.MarkFlagRequired("out")
	return c
}

// composeDirectory starts from the draft, or the directory before, or nothing, and puts the member files in.
func (p *program) composeDirectory(before *federation.Directory, draft string, members []string, name string, threshold int, valid time.Duration) (*rogatoryv1.Directory, error) {
	d := new(rogatoryv1.Directory)
	switch {
	case draft != "":
		if err := p.readJSON(draft, d, "Directory"); err != nil {
			return nil, err
		}
	case before != nil:
		d = proto.CloneOf(before.Proto())
	}
	for _, path := range members {
		m := new(rogatoryv1.Member)
		if err := p.readJSON(path, m, "Member"); err != nil {
			return nil, err
		}
		d.Members = slices.DeleteFunc(d.Members, func(o *rogatoryv1.Member) bool { return o.GetCountry() == m.GetCountry() })
		d.Members = append(d.Members, m)
	}
	if len(d.Members) == 0 {
		return nil, usage(errors.New("a directory without members"), "give the file of each with --member, as init wrote it")
	}
	if name != "" {
		d.Federation = name
	}
	if d.Federation == "" {
		d.Federation, _, _ = strings.Cut(d.Members[0].GetLog().GetOrigin(), "/")
	}
	if threshold > 0 {
		d.Threshold = uint32(threshold)
	}
	if d.Threshold == 0 {
		d.Threshold = uint32(len(d.Members)/2 + 1)
	}
	if draft == "" || d.ValidUntilMs == 0 {
		now := time.Now()
		d.ValidFromMs = uint64(now.UnixMilli())
		d.ValidUntilMs = uint64(now.Add(valid).UnixMilli())
	}
	if d.Tzdata == "" {
		d.Tzdata = exchange.TZData
	}
	return d, nil
}

func (p *program) directorySign() *cobra.Command {
	var current, out string
	c := &cobra.Command{
		Use: "sign FILE", Short: "Add this country's signature to a proposal", Args: exactly(1),
		Long: `sign adds the signature of this node's identity key. Look at the proposal first (directory show, directory diff): a directory decides
who belongs to the federation and what they may ask.`,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			before, err := p.currentDirectory(current)
			if err != nil {
				return err
			}
			if before == nil && exists(cfg.Directory) {
				if before, err = readTaken(cfg); err != nil {
					return err
				}
			}
			signed, err := readBounded(args[0])
			if err != nil {
				return err
			}
			ring, err := p.ring(cfg)
			if err != nil {
				return err
			}
			next, err := federation.SignDirectory(before, signed, cfg.Country, ring.Identity())
			if err != nil {
				return err
			}
			if out == "" {
				out = args[0]
			}
			return p.writeDirectory(out, next)
		},
	}
	c.Flags().StringVar(&current, "current", "", "directory that it follows (default: the one taken)")
	c.Flags().StringVar(&out, "out", "", "file to write (default: the proposal itself)")
	return c
}

func (p *program) directoryJoin() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "join FILE FILE…", Short: "Bring signatures of several files into one", Args: atLeast(2),
		RunE: func(_ *cobra.Command, args []string) error {
			joined, err := readBounded(args[0])
			for _, path := range args[1:] {
				var next []byte
				if err == nil {
					next, err = readBounded(path)
				}
				if err == nil {
					joined, err = federation.JoinDirectories(joined, next)
				}
			}
			if err != nil {
				return err
			}
			return p.writeDirectory(out, joined)
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write")
	_ = c.MarkFlagRequired("out")
	return c
}

func (p *program) directoryTake() *cobra.Command {
	var digest string
	c := &cobra.Command{
		Use: "take FILE", Short: "Go by a directory from now on", Args: exactly(1),
		Long: `take checks a signed directory and puts it where the configuration says. The first one is taken when its digest is the one that
other members read to you (--digest); later ones when enough members of the one before have signed.`,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			signed, err := readBounded(args[0])
			if err != nil {
				return err
			}
			d, err := p.judgeDirectory(cfg, signed, digest)
			if errors.Is(err, federation.ErrSame) {
				p.out.printf("this directory is in force here already\n")
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := d.Member(cfg.Country); err != nil {
				return no(err, "this node's own country is not in it: propose one with your member file")
			}
			if err := installDirectory(cfg, d); err != nil {
				return err
			}
			sum := d.Digest()
			if p.json {
				return p.out.value(map[string]any{"version": d.Version(), "digest": hex.EncodeToString(sum[:]), "file": cfg.Directory})
			}
			p.out.printf("directory %d of %s with %d members is in force here\n", d.Version(), d.Federation(), len(d.Members()))
			return nil
		},
	}
	c.Flags().StringVar(&digest, "digest", "", "digest of a first directory, compared with other members by voice")
	return c
}

// judgeDirectory returns the directory if it may be taken: it follows the one in force, or has the digest that a person compared.
func (p *program) judgeDirectory(cfg *configs.Node, signed []byte, digest string) (*federation.Directory, error) {
	if exists(cfg.Directory) && digest == "" {
		before, err := readTaken(cfg)
		if err != nil {
			return nil, err
		}
		return federation.Advance(before, signed, time.Now())
	}
	_, sum, err := federation.ReadDirectory(signed)
	if err != nil {
		return nil, err
	}
	if digest == "" {
		return nil, usage(fmt.Errorf("a first directory, with digest %x", sum), "compare the digest with another member by voice, then add --digest with all of it")
	}
	pinned, err := parseDigest(digest)
	if err != nil {
		return nil, err
	}
	d, err := federation.ParseDirectory(signed, pinned)
	if err != nil {
		return nil, err
	}
	return d, d.ValidAt(time.Now())
}

func parseDigest(text string) (sum [32]byte, err error) {
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(b) != len(sum) {
		return sum, usage(fmt.Errorf("%q is no digest", text), "64 hexadecimal digits, as directory show prints them")
	}
	return [32]byte(b), nil
}

// readTaken reads the directory in force, which is the one whose digest is pinned.
func readTaken(cfg *configs.Node) (*federation.Directory, error) {
	signed, err := readBounded(cfg.Directory)
	if err != nil {
		return nil, err
	}
	pin, err := os.ReadFile(cfg.Pin)
	if err != nil {
		return nil, err
	}
	sum, err := parseDigest(string(pin))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", cfg.Pin, err)
	}
	return federation.ParseDirectory(signed, sum)
}

// installDirectory writes the directory, then its digest. A crash between the two leaves a file that does not have the pinned
// digest: taking it again mends that.
func installDirectory(cfg *configs.Node, d *federation.Directory) error {
	if err := replace(cfg.Directory, d.Signed(), 0o644); err != nil {
		return err
	}
	sum := d.Digest()
	return replace(cfg.Pin, []byte(hex.EncodeToString(sum[:])+"\n"), 0o644)
}

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
				p.out.printf("%x\n", sum)
				return nil
			case p.json:
				return p.out.message(d)
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
	p.out.printf("%s, directory %d\n", p.out.paint(bold, d.GetFederation()), d.GetVersion())
	p.out.printf("digest     %s\n", quartets(hex.EncodeToString(sum[:])))
	if len(d.GetPrevious()) > 0 {
		p.out.printf("follows    %s\n", quartets(hex.EncodeToString(d.GetPrevious())))
	}
	p.out.printf("holds      %s to %s\n", moment(d.GetValidFromMs()), moment(d.GetValidUntilMs()))
	p.out.printf("threshold  %d of %d\n", d.GetThreshold(), len(d.GetMembers()))
	progress, err := federation.CheckProgress(before, signed)
	switch {
	case err == nil:
		state := p.out.paint(yellow, fmt.Sprintf("%d of %d", len(progress.Signed), progress.Needed))
		if progress.Complete() {
			state = p.out.paint(green, "complete")
		}
		p.out.printf("signed     %s: %s\n", state, strings.Join(progress.Signed, " "))
		if len(progress.Unproven) > 0 {
			p.out.printf("missing    %s (each new root key signs for itself)\n", strings.Join(progress.Unproven, " "))
		}
	case errors.Is(err, federation.ErrGap), errors.Is(err, federation.ErrSame), errors.Is(err, federation.ErrOlder), errors.Is(err, federation.ErrFork):
		p.out.printf("signed     not judged: %s\n", err)
	default:
		return err
	}
	p.out.printf("\n")
	var rows [][]cell
	for _, m := range d.GetMembers() {
		var founders []string
		for _, f := range m.GetFounders() {
			founders = append(founders, f.GetPseudonym())
		}
		rows = append(rows, plain(m.GetCountry(), m.GetName(), m.GetZone(), strings.Join(founders, " "), keyring.Fingerprint(m.GetRootKey())))
	}
	p.out.table([]string{"COUNTRY", "NAME", "ZONE", "FOUNDERS", "FINGERPRINT OF THE ROOT KEY"}, rows)
	if len(d.GetRules()) > 0 {
		p.out.printf("\n")
		p.out.table([]string{"RULE", "FROM", "TO", "METHODS", "VERDICT"}, ruleRows(d.GetRules()))
	}
	return nil
}

func ruleRows(rules []*rogatoryv1.Rule) (rows [][]cell) {
	all := func(list []string) string {
		if len(list) == 0 {
			return "all"
		}
		return strings.Join(list, " ")
	}
	for _, r := range rules {
		rows = append(rows, plain(r.GetName(), all(r.GetFrom()), all(r.GetTo()), all(r.GetMethods()), strings.TrimSpace(termCode(r.GetVerdict())+" "+termCode(r.GetGround()))))
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
				c := green
				if l[0] == '-' {
					c = red
				}
				p.out.printf("%s\n", p.out.paint(c, l))
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

// currentDirectory reads the directory that a proposal follows: a file that the person vouches for.
func (p *program) currentDirectory(path string) (*federation.Directory, error) {
	if path == "" {
		return nil, nil
	}
	signed, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	_, sum, err := federation.ReadDirectory(signed)
	if err != nil {
		return nil, err
	}
	return federation.ParseDirectory(signed, sum)
}

func (p *program) writeDirectory(path string, signed []byte) error {
	if err := replace(path, signed, 0o644); err != nil {
		return err
	}
	d, sum, err := federation.ReadDirectory(signed)
	if err != nil {
		return err
	}
	if p.json {
		return p.out.value(map[string]any{"file": path, "version": d.GetVersion(), "digest": hex.EncodeToString(sum[:])})
	}
	p.out.printf("%s: directory %d, digest %x\n", path, d.GetVersion(), sum)
	return nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxDirectoryFile {
		return nil, no(fmt.Errorf("%s has %d bytes: no directory is so large", path, info.Size()), "give the file that directory propose wrote")
	}
	return os.ReadFile(path)
}

// replace writes a file under its name at once or not at all.
func replace(path string, b []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
