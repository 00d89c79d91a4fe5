package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"filippo.io/torchwood"
)

// An archive is an exported folder, as far as the C2SP specifications describe it.
type archive struct {
	dir        string
	checkpoint []byte // with cosignatures, if there are any
	tree       tlog.Tree
	origin     string
	ed, mldsa  string // the log's keys in text form
}

func open(dir string) (*archive, error) {
	a := &archive{dir: dir}
	var err error
	if a.checkpoint, err = os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil {
		return nil, err
	}
	keys, err := os.ReadFile(filepath.Join(dir, "log.vkey"))
	if err != nil {
		return nil, err
	}
	var ok bool
	if a.ed, a.mldsa, ok = strings.Cut(strings.TrimSuffix(string(keys), "\n"), "\n"); !ok {
		return nil, fmt.Errorf("%s: log.vkey has not two lines", dir)
	}
	text, _, ok := strings.Cut(string(a.checkpoint), "\n\n")
	if !ok {
		return nil, fmt.Errorf("%s: checkpoint has no signatures", dir)
	}
	cp, err := torchwood.ParseCheckpoint(text + "\n")
	if err != nil {
		return nil, err
	}
	a.tree, a.origin = cp.Tree, cp.Origin
	return a, nil
}

// own returns the checkpoint with the log's own two lines: witnesses take no more than 10 KiB.
func (a *archive) own() string {
	text, signatures, _ := strings.Cut(string(a.checkpoint), "\n\n")
	lines := strings.SplitAfter(signatures, "\n")
	return text + "\n\n" + strings.Join(lines[:2], "")
}

func checkpointFile(*archive) string { return "checkpoint" }

// entriesFile and hashesFile name the first tile, of entries or of leaf hashes.
func entriesFile(a *archive) string {
	return strings.Replace(hashesFile(a), "tile/0/", "tile/entries/", 1)
}

func hashesFile(a *archive) string {
	return torchwood.TilePath(tlog.Tile{H: torchwood.TileHeight, W: int(min(a.tree.N, 1<<torchwood.TileHeight))})
}

// spoiled returns a copy with one bit of the named file changed: of the checkpoint in the root, of others in the middle.
func (a *archive) spoiled(name string) (*archive, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, os.DirFS(a.dir)); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	at := len(b) / 2
	if name == "checkpoint" {
		at = strings.Index(string(b), "\n\n") - 10
	}
	if b[at] ^= 1; name == "checkpoint" && b[at] == '\n' {
		b[at] ^= 3
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, err
	}
	bad := *a
	bad.dir = dir
	if name == "checkpoint" {
		bad.checkpoint = b
		if text, _, _ := strings.Cut(string(b), "\n\n"); true {
			if cp, err := torchwood.ParseCheckpoint(text + "\n"); err == nil {
				bad.tree = cp.Tree
			}
		}
	}
	return &bad, nil
}
