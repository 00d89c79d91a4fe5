package attack_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

// small is a log of three leaves: its genesis, a start, and the directory, of a federation of one, so that nothing stands there twice.
func small(t *testing.T) (w *forge.World, c *forge.Country, h *forge.History) {
	w = forge.New(t, "RS")
	c = w.Country("RS")
	h = c.Log.Copy()
	h.Truncate(3)
	h.Resign()
	return w, c, h
}

// A flipper flips bits in place and looks whether opening or verifying finds them.
type flipper struct {
	a    *audit.Anchor
	path string // of the archive
	base string // what is found in it as it is
}

// found returns what opening and verifying an archive come to, of which a file was altered.
func (f *flipper) found(path, file string) string {
	r, err := archive.Open(path)
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	if err := read(r); err != nil { // Verify reports it, too
		return err.Error()
	}
	if strings.HasPrefix(file, "directories") { // Verify reports it, too, when it has judged all that stands under them
		if _, list, err := audit.ReadChain(r, f.a); err != nil || len(list) > 0 {
			return fmt.Sprint(list, err)
		}
	}
	res, err := audit.Verify(context.Background(), r, f.a, audit.Options{Workers: 1})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(res.Findings)
}

// read reads every file of a small archive, without believing any.
func read(r *archive.Reader) error {
	if _, err := r.Checkpoint(); err != nil {
		return err
	}
	for n := range r.Tiles() {
		if _, err := r.Tile(n, nil); err != nil {
			return err
		}
	}
	if _, err := r.Hashes().ReadHashes([]int64{0}); err != nil {
		return err
	}
	for _, v := range r.Directories() {
		if _, err := r.Directory(v); err != nil {
			return err
		}
	}
	_, err := r.Keys()
	return err
}

// flip flips every bit, of each step-th byte, of a file of a copy of the archive.
func (f *flipper) flip(t *testing.T, copied, file string, step, first int) (n int64) {
	name := filepath.Join(copied, file)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
		return 0
	}
	w, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer w.Close()
	for i := first; i < len(b); i += step {
		for bit := range 8 {
			if _, err := w.WriteAt([]byte{b[i] ^ 1<<bit}, int64(i)); err != nil {
				t.Error(err)
				return n
			}
			if f.found(copied, file) == f.base {
				t.Errorf("bit %d of byte %d of %s is not seen", bit, i, file)
			}
			n++
		}
		if _, err := w.WriteAt(b[i:i+1], int64(i)); err != nil {
			t.Error(err)
			return n
		}
	}
	return n
}

// all flips the bits of all files of an archive, those of each step-th byte from a first one on, on all cores, each core in a copy of its own.
func (f *flipper) all(t *testing.T, step, first int) {
	t.Helper()
	if f.base = f.found(f.path, ""); strings.Contains(f.base, "E-") {
		t.Fatal(f.base)
	}
	info, err := os.Stat(f.path)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"."}
	if info.IsDir() {
		files = nil
		if err := filepath.WalkDir(f.path, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				p, err = filepath.Rel(f.path, p)
				files = append(files, p)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	const parts = 8
	in := dir(t)
	var n atomic.Int64
	shared(parts, func(part int) {
		copied := filepath.Join(in, fmt.Sprint(part))
		var err error
		if info.IsDir() {
			err = os.CopyFS(copied, os.DirFS(f.path))
		} else {
			var b []byte
			if b, err = os.ReadFile(f.path); err == nil {
				err = os.WriteFile(copied, b, 0o600)
			}
		}
		if err != nil {
			t.Error(err)
			return
		}
		for _, file := range files {
			n.Add(f.flip(t, copied, file, step*parts, part*step+first))
		}
	})
	t.Logf("%d bits of %d files", n.Load(), len(files))
}

// TestEveryBitOfASmallExportCounts flips every single bit of an export of three leaves, as a folder and as a zip: each is found.
func TestEveryBitOfASmallExportCounts(t *testing.T) {
	for _, name := range []string{"RS", "RS.zip"} {
		t.Run(name, func(t *testing.T) {
			w, c, h := small(t)
			f := &flipper{a: newAuditor(t, w.Trusted()).anchor, path: w.ArchiveOf(c, h, filepath.Join(dir(t), name))}
			f.all(t, smallStep, 0)
		})
	}
}
