package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

// maxInput bounds a file that the auditor gives.
const maxInput = 16 << 20

// trust gives a command the flags that say what the auditor trusts.
func (p *program) trust(c *cobra.Command) *cobra.Command {
	f := c.Flags()
	f.StringArrayVar(&p.directories, "directory", nil, "SignedDirectory that you trust; may be repeated, the newest counts (ROGATORY_DIRECTORY)")
	f.StringArrayVar(&p.digests, "digest", nil, "SHA-256 of a directory that must be among them, 64 hexadecimal digits")
	return c
}

// anchor reads what the auditor trusts.
func (p *program) anchor() (*audit.Anchor, error) {
	files := p.directories
	if len(files) == 0 && os.Getenv("ROGATORY_DIRECTORY") != "" {
		files = []string{os.Getenv("ROGATORY_DIRECTORY")}
	}
	if len(files) == 0 {
		return nil, usage(errors.New("--directory is missing"), hintDirectory)
	}
	var signed [][]byte
	for _, path := range files {
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
	return audit.NewAnchor(signed, pins...)
}

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = usage(fmt.Errorf("%s is larger than %d MiB", path, maxInput>>20), "")
	}
	return b, err
}

// withArchive calls do with an export, and closes it.
func withArchive(path string, do func(*archive.Reader) error) error {
	r, err := archive.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}
