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
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/cmd/internal/input"
	"github.com/rogatory/rogatory/node/exchange/calendar"
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
			if errors.Is(err, federation.ErrForm) {
				return usage(err, "change what is named: by --threshold, --valid, --federation, --draft, or the file of that member")
			}
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
		d.Tzdata = calendar.TZData
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
		return p.out.Value(map[string]any{"file": path, "version": d.GetVersion(), "digest": hex.EncodeToString(sum[:])})
	}
	p.out.Printf("%s: directory %d, digest %x\n", path, d.GetVersion(), sum)
	return nil
}

func readBounded(path string) ([]byte, error) {
	return input.ReadStream(path, maxDirectoryFile)
}

// replace writes a file under its name at once or not at all.
func replace(path string, b []byte, mode fs.FileMode) (err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage(fmt.Errorf("%s is a folder, and a file is to be written", path), "give the file's name as well")
	}
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
