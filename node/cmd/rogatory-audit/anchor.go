package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
)

// maxInput bounds a file that the auditor gives.
const maxInput = 16 << 20

// trust gives a command the flags that say what the auditor trusts.
func (p *program) trust(c *cobra.Command) *cobra.Command {
	f := c.Flags()
	f.StringArrayVar(&p.directories, "directory", nil, "SignedDirectory that you trust; may be repeated, the newest counts (ROGATORY_DIRECTORY)")
	f.StringArrayVar(&p.digests, "digest", nil, "SHA-256 of a directory that must be among them, 64 hexadecimal digits")
	f.StringVar(&p.tsa, "tsa", "", "certificates (PEM) of the time-stamping authorities that you trust; without it no time token is judged (ROGATORY_TSA)")
	return c
}

// anchor reads what the auditor trusts. What lies in one of the exports is the operator's and no anchor.
func (p *program) anchor(exports ...string) (*audit.Anchor, error) {
	files := p.directories
	if len(files) == 0 && os.Getenv("ROGATORY_DIRECTORY") != "" {
		files = []string{os.Getenv("ROGATORY_DIRECTORY")}
	}
	if len(files) == 0 {
		return nil, usage(errors.New("--directory is missing"), hintDirectory)
	}
	var signed [][]byte
	for _, path := range files {
		for _, export := range exports {
			if within(path, export) {
				return nil, usage(fmt.Errorf("--directory %s belongs to the export %s, whose operator wrote it", path, export), "use your own copy, from a member whom you know")
			}
		}
		b, err := readFile(path)
		if err != nil {
			return nil, err
		}
		signed = append(signed, b)
	}
	var pins [][32]byte
	for _, d := range p.digests {
		b, err := hex.DecodeString(d)
		if err != nil || len(b) != 32 {
			return nil, usage(fmt.Errorf("--digest %q is not 64 hexadecimal digits", d), "rogatory-node directory show prints it")
		}
		pins = append(pins, [32]byte(b))
	}
	a, err := audit.NewAnchor(signed, pins...)
	if errors.Is(err, audit.ErrAnchor) && !errors.Is(err, audit.ErrPin) {
		return nil, usage(fmt.Errorf("--directory %s: %w", strings.Join(files, ", "), err), hintDirectory)
	}
	if err != nil {
		return nil, err
	}
	if err := p.trustTime(a, exports); err != nil {
		return nil, err
	}
	d := a.Newest()
	digest := d.Digest()
	p.trusted = &trusted{d.Federation(), d.Version(), hex.EncodeToString(digest[:]), slices.Contains(pins, digest)}
	return a, nil
}

// trusted says which directory a result rests on.
type trusted struct {
	Federation string `json:"federation"`
	Version    uint64 `json:"version"`
	Digest     string `json:"digest"` // SHA-256, hexadecimal
	Pinned     bool   `json:"pinned"` // --digest named it
}

// rests tells a person which directory a result rests on; in JSON it stands in the result.
func (p *program) rests() {
	if p.json || p.trusted == nil {
		return
	}
	pinned := "compare the digest with another member by voice, or give it with --digest"
	if p.trusted.Pinned {
		pinned = "pinned with --digest"
	}
	p.err.Printf("directory %d of %s, SHA-256 %s: %s\n", p.trusted.Version, terminal.OneLine(p.trusted.Federation), p.trusted.Digest, pinned)
}
