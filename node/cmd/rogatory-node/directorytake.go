package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/federation"
)

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
				p.out.Printf("this directory is in force here already\n")
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
				return p.out.Value(map[string]any{"version": d.Version(), "digest": hex.EncodeToString(sum[:]), "file": cfg.Directory})
			}
			p.out.Printf("directory %d of %s with %d members is in force here\n", d.Version(), d.Federation(), len(d.Members()))
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
	if errors.Is(err, fs.ErrNotExist) {
		return nil, no(fmt.Errorf("%s is not there", cfg.Pin), hintPin)
	}
	if err != nil {
		return nil, err
	}
	sum, err := parseDigest(strings.TrimSpace(string(pin)))
	if err != nil {
		return nil, no(fmt.Errorf("reading %s: %w", cfg.Pin, node.ErrPin), hintPin)
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
