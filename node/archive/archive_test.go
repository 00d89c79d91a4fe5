package archive

import (
	"archive/zip"
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
)

var sizes = []int64{0, 1, 2, 255, 256, 257, 511, 512, 700, 65536 + 300}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	g := newRig(t)
	for _, size := range sizes {
		g.check(g.archive(filepath.Join(t.TempDir(), "folder"), size), size)
		g.check(g.archive(filepath.Join(t.TempDir(), "a.zip"), size), size)
	}
}

func TestAFolderThatGrewIsTheFolderMadeAtOnce(t *testing.T) {
	g := newRig(t)
	grown := filepath.Join(t.TempDir(), "grown")
	// Signing is hedged: both archives get the same checkpoint.
	for i, size := range sizes {
		info, cp := g.head(size)
		g.finish(g.create(grown, size), info, cp)
		g.check(grown, size)
		if i%3 != 0 {
			continue
		}
		once := filepath.Join(t.TempDir(), "once")
		g.finish(g.create(once, size), info, cp)
		if !maps.Equal(files(t, grown), files(t, once)) {
			t.Errorf("at %d leaves the grown archive differs", size)
		}
	}
}

func TestTheSameCallsGiveTheSameZip(t *testing.T) {
	g := newRig(t)
	info, cp := g.head(700)
	var zips [2][]byte
	for i := range zips {
		path := filepath.Join(t.TempDir(), "a.zip")
		g.finish(g.create(path, 700), info, cp)
		var err error
		if zips[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("the zips differ")
	}
}

func TestAWriterThatCrashedIsCompletedByTheNext(t *testing.T) {
	g := newRig(t)
	for _, was := range []int64{0, 300, 512} {
		dir := filepath.Join(t.TempDir(), "archive")
		if was > 0 {
			g.archive(dir, was)
		}
		before := files(t, t.TempDir())
		if was > 0 {
			before = files(t, dir)
		}
		w := g.create(dir, 1000) // it stops here, before Finish
		if err := os.WriteFile(filepath.Join(dir, "archive.json.new"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for name, b := range before {
			if files(t, dir)[name] != b {
				t.Errorf("%s changed before Finish", name)
			}
		}
		info, cp := g.head(1100)
		g.finish(g.create(dir, 1100), info, cp)
		g.check(dir, 1100)
		once := filepath.Join(t.TempDir(), "once")
		g.finish(g.create(once, 1100), info, cp)
		if !maps.Equal(files(t, dir), files(t, once)) {
			t.Errorf("after %d leaves and a crash the archive differs", was)
		}
	}
}

func TestALogThatIsNoContinuationIsRefused(t *testing.T) {
	g := newRig(t)
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 600)
	before := files(t, dir)

	w := g.create(dir, 550)
	info, cp := g.head(550)
	if err := w.Finish(info, cp, g.signer.Verifier()); !errors.Is(err, ErrHistory) {
		t.Errorf("a shorter log: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}

	w, err := Create(dir, Info{Country: "RS", Log: testLog})
	if err != nil {
		t.Fatal(err)
	}
	e := g.entry(w.From())
	e.Leaf = []byte("another")
	if err := w.Add(e); !errors.Is(err, ErrHistory) {
		t.Errorf("another leaf in the partial tile: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}

	if _, err := Create(dir, Info{Country: "RS", Log: "rogatory.example/RS/log/2"}); !errors.Is(err, ErrOther) {
		t.Errorf("another log: %v", err)
	}
	if !maps.Equal(files(t, dir), before) {
		t.Error("the archive changed")
	}
}

func TestNothingElseIsOverwritten(t *testing.T) {
	g := newRig(t)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "letter.txt"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(home, Info{Country: "RS", Log: testLog}); !errors.Is(err, ErrOther) {
		t.Errorf("a folder with a letter: %v", err)
	}
	path := g.archive(filepath.Join(t.TempDir(), "a.zip"), 3)
	if _, err := Create(path, Info{Country: "RS", Log: testLog}); !errors.Is(err, ErrExists) {
		t.Errorf("a zip that is there: %v", err)
	}
}

func TestTwoWritersDoNotMeet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	w := newRig(t).create(dir, 3)
	if _, err := Create(dir, Info{Country: "RS", Log: testLog}); !errors.Is(err, ErrBusy) {
		t.Errorf("second writer: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestALimitedArchiveHasAllHashesAndSomeLeaves(t *testing.T) {
	g := newRig(t)
	for _, name := range []string{"folder", "a.zip"} {
		path := filepath.Join(t.TempDir(), name)
		limits := Info{Country: "RS", Log: testLog, Case: "RS-2026-000001"}
		w, err := Create(path, limits)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(600) {
			e := g.entry(i)
			if i%4 != 0 {
				e = Entry{Index: i, Hash: translog.LeafHash(e.Leaf)}
			}
			if err := w.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		info, cp := g.head(600)
		info.Case = limits.Case
		if err := w.Finish(info, cp, g.signer.Verifier()); err != nil {
			t.Fatal(err)
		}
		r := g.open(path)
		for i := range int64(600) {
			e, err := r.Entry(i)
			if err != nil {
				t.Fatal(err)
			}
			want := g.entry(i)
			if e.Hash != translog.LeafHash(want.Leaf) {
				t.Fatalf("hash of leaf %d", i)
			}
			if i%4 != 0 {
				want = Entry{Index: i}
			}
			if !bytes.Equal(e.Leaf, want.Leaf) || len(e.Sides) != len(want.Sides) {
				t.Fatalf("entry %d: %v, want %v", i, e, want)
			}
			proof, err := translog.ProveInclusion(600, i, r.Hashes())
			if err == nil {
				err = translog.CheckInclusion(proof, 600, info.Root, i, e.Hash)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(r.Extra())+len(r.Missing()) != 0 {
			t.Error(r.Extra(), r.Missing())
		}
	}
}

func TestRewritingChangesSideRecordsAndNothingElse(t *testing.T) {
	g := newRig(t)
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 600)
	before := files(t, dir)
	for _, name := range []string{"message", ""} {
		w := g.create(dir, 600)
		tile := make([]Entry, TileWidth)
		for i := range tile {
			tile[i] = g.entry(int64(i))
			tile[i].Sides = slices.DeleteFunc(tile[i].Sides, func(r Record) bool { return r.Name != name })
		}
		if err := w.Rewrite(tile); err != nil {
			t.Fatal(err)
		}
		info, _ := g.head(600)
		g.finish(w, info, []byte(before["checkpoint"]))
		r := g.open(dir)
		e, err := r.Entry(1)
		if err != nil || len(r.Missing())+len(r.Extra()) != 0 {
			t.Fatal(err, r.Missing(), r.Extra())
		}
		if string(e.Side("message")) != map[string]string{"message": "message 1", "": ""}[name] || e.Side("statement") != nil {
			t.Errorf("side records %v", e.Sides)
		}
	}
	after := files(t, dir)
	delete(before, "sides/000")
	if !maps.Equal(before, after) {
		t.Error("another file changed")
	}
}

func TestEveryZipProgramOpensTheZip(t *testing.T) {
	g := newRig(t)
	path := g.archive(filepath.Join(t.TempDir(), "a.zip"), 700)
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.CopyFS(filepath.Join(t.TempDir(), "x"), z); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
	g.check(dir, 700)
}

func TestAZipBeyondFourGigabytesSaysSoInTheEnd(t *testing.T) {
	b := appendEnd(nil, 70000, 5<<30, 70000*60)
	count, offset, length, err := readEnd(tailReader{b, 5<<30 + 70000*60}, 5<<30+70000*60+int64(len(b)))
	if err != nil || count != 70000 || offset != 5<<30 || length != 70000*60 {
		t.Error(count, offset, length, err)
	}
	m := member{path: "sides/000", offset: 5 << 30}
	if n := len(m.appendCentral(nil)); n != centralSize+len(m.path)+12 {
		t.Errorf("an entry of %d bytes", n)
	}
}

type tailReader struct {
	b  []byte
	at int64
}

func (r tailReader) ReadAt(p []byte, off int64) (int, error) { return copy(p, r.b[off-r.at:]), nil }

func TestTilesAreNamedAsC2SPHasIt(t *testing.T) {
	for n, want := range map[int64]string{0: "000", 67: "067", 999: "999", 1000: "x001/000", 1234067: "x001/x234/067"} {
		if got := string(appendTile(nil, n)); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
		for _, p := range []place{{class: classEntries, n: n, width: 256}, {class: classSides, n: n, width: 9}, {class: classHashes, level: 5, n: n, width: 255}} {
			if got, ok := parsePlace(p.path()); !ok || got != p {
				t.Errorf("%s: %v", p.path(), got)
			}
			for i, c := range p.path() {
				if c == '/' && !isFolder(p.path()[:i]) {
					t.Errorf("%s is no folder", p.path()[:i])
				}
			}
		}
	}
	for _, bad := range []string{
		"", "tile", "tile/0", "tile/6/000", "tile/00/000", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/001/000", "tile/0/000.p/0",
		"tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/+00", "tile/0/-01", "tile/0/000.p", "sides/000/", "/sides/000", "sides//000", "Sides/000",
		"directories/0", "directories/01", "directories/+1", "directories/-1", "manifests/00", "forks/1", "forks/0-x", "forks/01-x", "forks/1-", "forks/1-X", "archive.json.new",
		"manifests/AA" + string(bytes.Repeat([]byte{'0'}, 62)), "tile/0/x999/x999/x999/x999/999",
	} {
		if p, ok := parsePlace(bad); ok {
			t.Errorf("%q is %v", bad, p)
		}
	}
}

func TestATileIsReadWithFewAllocations(t *testing.T) {
	g := newRig(t)
	r := g.open(g.archive(filepath.Join(t.TempDir(), "folder"), 256))
	var dst []Entry
	n := testing.AllocsPerRun(20, func() {
		var err error
		if dst, err = r.Tile(0, dst); err != nil {
			t.Fatal(err)
		}
	})
	if n > 60 {
		t.Errorf("%v allocations", n)
	}
	t.Log(strconv.Itoa(int(n)) + " allocations")
}
