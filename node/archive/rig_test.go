package archive

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
)

var manifestDigest = sha256.Sum256([]byte("manifest"))

const testLog = "rogatory.example/RS/log/1"

// A rig is a log of invented leaves that can be archived at any size.
type rig struct {
	t      testing.TB
	signer *translog.LogSigner
}

func newRig(t testing.TB) *rig {
	t.Helper()
	ed, pq := sha256.Sum256([]byte("archive ed25519")), sha256.Sum256([]byte("archive ml-dsa"))
	s, err := translog.NewLogSigner(testLog, ed[:], pq[:])
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, s}
}

// entry returns entry i of the log: each third has side records.
func (g *rig) entry(i int64) Entry {
	e := Entry{Index: i, Leaf: fmt.Appendf(nil, `{"at":1,"i":%d,"k":"node","v":1}`, i)}
	if i%3 == 1 {
		e.Sides = []Record{{"message", fmt.Appendf(nil, "message %d", i)}, {"statement", nil}}
	}
	return e
}

func (g *rig) head(size int64) (Info, []byte) {
	g.t.Helper()
	var e translog.Edge
	for i := range size {
		if _, err := e.Append(nil, translog.LeafHash(g.entry(i).Leaf)); err != nil {
			g.t.Fatal(err)
		}
	}
	cp, err := translog.SignCheckpoint(translog.Checkpoint{Origin: testLog, Size: size, Root: e.Root()}, g.signer)
	if err != nil {
		g.t.Fatal(err)
	}
	info := Info{Format: Format, Country: "RS", Log: testLog, Size: size}
	if size > 0 {
		info.Root = e.Root()
	}
	return info, cp
}

// create begins or continues an archive and adds entries up to size.
func (g *rig) create(path string, size int64) *Writer {
	g.t.Helper()
	w, err := Create(path, Info{Country: "RS", Log: testLog})
	if err != nil {
		g.t.Fatal(err)
	}
	for i := w.From(); i < size; i++ {
		if err := w.Add(g.entry(i)); err != nil {
			g.t.Fatal(err)
		}
	}
	return w
}

func (g *rig) finish(w *Writer, info Info, checkpoint []byte) {
	g.t.Helper()
	if err := w.PutDirectory(1, []byte("directory 1")); err != nil {
		g.t.Fatal(err)
	}
	if err := w.PutManifest(sha256.Sum256([]byte("manifest")), []byte("signed manifest")); err != nil {
		g.t.Fatal(err)
	}
	if err := w.PutFork(1, "checkpoints", []byte("fork")); err != nil {
		g.t.Fatal(err)
	}
	if err := w.Finish(info, checkpoint, g.signer.Verifier()); err != nil {
		g.t.Fatal(err)
	}
}

// archive makes or continues the archive at path.
func (g *rig) archive(path string, size int64) string {
	g.t.Helper()
	w := g.create(path, size)
	info, cp := g.head(size)
	g.finish(w, info, cp)
	return path
}

func (g *rig) open(path string) *Reader {
	g.t.Helper()
	r, err := Open(path)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			g.t.Error(err)
		}
	})
	return r
}

// check reads everything in an archive and compares it with the log.
func (g *rig) check(path string, size int64) {
	g.t.Helper()
	r := g.open(path)
	for _, e := range append(r.Extra(), r.Missing()...) {
		g.t.Errorf("%s: %v", path, e)
	}
	var entries []Entry
	var n int64
	for tile := range r.Tiles() {
		var err error
		if entries, err = r.Tile(tile, entries); err != nil {
			g.t.Fatal(err)
		}
		for _, e := range entries {
			if want := g.entry(n); fmt.Sprint(e) != fmt.Sprint(want) {
				g.t.Fatalf("%s: entry %d: %v, want %v", path, n, e, want)
			}
			n++
		}
	}
	root, err := translog.Root(size, r.Hashes())
	if err != nil {
		g.t.Fatal(err)
	}
	info := r.Info()
	if n != size || info.Size != size || size > 0 && root != info.Root {
		g.t.Errorf("%s: %d entries of %d, root %v, in archive.json %v", path, n, size, root, info.Root)
	}
	keys, err := r.Keys()
	if err != nil {
		g.t.Fatal(err)
	}
	b, err := r.Checkpoint()
	if err != nil {
		g.t.Fatal(err)
	}
	if cp, _, err := translog.ParseExport(b, keys, nil); err != nil || cp.Root != root {
		g.t.Errorf("%s: checkpoint %v, %v", path, cp, err)
	}
}

// files returns the content of all files below path.
func files(t testing.TB, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		out[strings.TrimPrefix(p, path+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// head signs what a writer was given.
func (w *Writer) head(g *rig) (Info, []byte) {
	g.t.Helper()
	cp, err := translog.SignCheckpoint(translog.Checkpoint{Origin: testLog, Size: w.edge.Size(), Root: w.edge.Root()}, g.signer)
	if err != nil {
		g.t.Fatal(err)
	}
	return Info{Format: Format, Country: "RS", Log: testLog, Size: w.edge.Size(), Root: w.edge.Root()}, cp
}
