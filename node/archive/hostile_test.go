package archive

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
)

// read reads everything in an archive and returns what is wrong with its form, or with a hash.
func (g *rig) read(path string) error {
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	var errs []error
	for _, e := range slices.Concat(r.Extra(), r.Missing()) {
		errs = append(errs, e)
	}
	var edge translog.Edge
	var all []Entry
	for n := range r.Tiles() {
		tile, err := r.Tile(n, nil)
		errs = append(errs, err)
		for _, e := range tile {
			if _, err := edge.Append(nil, translog.LeafHash(e.Leaf)); err != nil {
				return err
			}
		}
		all = append(all, tile...)
	}
	info := r.Info()
	if edge.Size() != info.Size || info.Size > 0 && edge.Root() != info.Root {
		errs = append(errs, errors.New("root"))
	}
	var want Info
	want, _ = g.head(info.Size)
	if want != info {
		errs = append(errs, errors.New("archive.json"))
	}
	if root, err := translog.Root(info.Size, r.Hashes()); err != nil || root != edge.Root() {
		errs = append(errs, errors.New("hashes"), err)
	}
	// The tiles hold the hashes of all leaves.
	for i := range info.Size {
		h, err := r.Hashes().ReadHashes([]int64{translog.StoredIndex(i)})
		if err != nil || translog.Hash(h[0]) != translog.LeafHash(g.entry(i).Leaf) {
			errs = append(errs, errors.New("leaf hash"), err)
			break
		}
	}
	// Of side records and documents others judge what they say; here they are known.
	for i, e := range all {
		if fmt.Sprint(e) != fmt.Sprint(g.entry(int64(i))) {
			errs = append(errs, fmt.Errorf("entry %d", i))
		}
	}
	for _, v := range r.Directories() {
		if b, err := r.Directory(v); err != nil || string(b) != fmt.Sprint("directory ", v) {
			errs = append(errs, errors.New("directory"), err)
		}
	}
	for _, d := range r.Manifests() {
		if b, err := r.Manifest(d); err != nil || string(b) != "signed manifest" || d[0] != manifestDigest[0] || d != manifestDigest {
			errs = append(errs, errors.New("manifest"), err)
		}
	}
	for _, name := range r.Forks() {
		if b, err := r.Fork(name); err != nil || string(b) != "fork" || name != "1-checkpoints" {
			errs = append(errs, errors.New("fork"), err)
		}
	}
	if len(r.Directories()) != 1 || len(r.Manifests()) != 1 || len(r.Forks()) != 1 {
		errs = append(errs, errors.New("documents"))
	}
	keys, err := r.Keys()
	errs = append(errs, err)
	if err == nil {
		ed, pq := keys.VKeys()
		if e, p := g.signer.Verifier().VKeys(); e != ed || p != pq {
			errs = append(errs, errors.New("keys"))
		}
	}
	note, err := r.Checkpoint()
	errs = append(errs, err)
	if cp, _, err := translog.ParseExport(note, g.signer.Verifier(), nil); err != nil || cp.Root != edge.Root() {
		errs = append(errs, errors.New("checkpoint"), err)
	}
	return errors.Join(errs...)
}

// Whatever bit of the zip's own structure is flipped, a reader notices it; the contents are for those who know their digests.
func TestNoBitOfAZipCanBeFlippedUnseen(t *testing.T) {
	g := newRig(t)
	path := g.archive(filepath.Join(t.TempDir(), "a.zip"), 3)
	if err := g.read(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := openZip(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.close()
	content := make([]bool, len(b))
	for _, m := range z.members {
		at := int(m.offset) + localSize + len(m.path)
		for i := range int(m.size) {
			content[at+i] = true
		}
	}
	flipped := filepath.Join(t.TempDir(), "flipped.zip")
	for i := range len(b) * 8 {
		if content[i/8] && i%61 != 0 {
			continue
		}
		b[i/8] ^= 1 << (i % 8)
		if err := os.WriteFile(flipped, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(flipped)
		if err == nil {
			err = readAll(r)
		}
		if err == nil {
			t.Fatalf("bit %d of byte %d", i%8, i/8)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

// readAll reads every file: the zip's checksums stand in for digests.
func readAll(r *Reader) error {
	defer r.Close()
	var errs []error
	for _, e := range slices.Concat(r.Extra(), r.Missing()) {
		errs = append(errs, e)
	}
	for n := range r.Tiles() {
		_, err := r.Tile(n, nil)
		errs = append(errs, err)
	}
	_, err := translog.Root(r.info.Size, r.Hashes())
	errs = append(errs, err)
	for _, v := range r.Directories() {
		_, err := r.Directory(v)
		errs = append(errs, err)
	}
	for _, d := range r.Manifests() {
		_, err := r.Manifest(d)
		errs = append(errs, err)
	}
	for _, name := range r.Forks() {
		_, err := r.Fork(name)
		errs = append(errs, err)
	}
	_, err = r.Keys()
	_, err2 := r.Checkpoint()
	return errors.Join(errors.Join(errs...), err, err2)
}

func TestNoBitOfAFolderCanBeFlippedUnseen(t *testing.T) {
	g := newRig(t)
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
	all := files(t, dir)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b := []byte(all[name])
		by := 1 // each bit of a small file
		if len(b) > 300 {
			by = 61
		}
		path := filepath.Join(dir, name)
		for i := 0; i < len(b)*8; i += by {
			b[i/8] ^= 1 << (i % 8)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if g.read(dir) == nil {
				t.Fatalf("%s: bit %d of byte %d", name, i%8, i/8)
			}
			b[i/8] ^= 1 << (i % 8)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatHasNoPlaceIsFound(t *testing.T) {
	g := newRig(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(name string) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			return os.WriteFile(path, []byte("x"), 0o600)
		}
	}
	for name, change := range map[string]func(dir string) error{
		"notes.txt":               write("notes.txt"),
		".hidden":                 write(".hidden"),
		"archive.json.new":        write("archive.json.new"),
		"tile/0/000":              write("tile/0/000"),
		"tile/0/001":              write("tile/0/001"),
		"tile/0/000.p/4":          write("tile/0/000.p/4"),
		"tile/1/000":              write("tile/1/000"),
		"tile/7":                  write("tile/7/000"),
		"tile/entries/000.p/2":    write("tile/entries/000.p/2"),
		"tile/entries/x000":       write("tile/entries/x000/000"),
		"sides/000":               write("sides/000"),
		"directories/02":          write("directories/02"),
		"manifests/short":         write("manifests/short"),
		"forks/1-Log":             write("forks/1-Log"),
		"sides/000.p/0":           write("sides/000.p/0"),
		"other":                   write("other/file"),
		"forks/empty":             func(dir string) error { return os.Mkdir(filepath.Join(dir, "forks", "empty"), 0o700) },
		"tile/2":                  func(dir string) error { return os.Mkdir(filepath.Join(dir, "tile", "2"), 0o700) },
		"directories/2":           func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "directories", "2")) },
		"sides":                   func(dir string) error { return relink(dir, "sides") },
		"tile/entries":            func(dir string) error { return relink(dir, "tile/entries") },
		"checkpoint":              func(dir string) error { return relink(dir, "checkpoint") },
		"tile/entries/000.p/3":    func(dir string) error { return relink(dir, "tile/entries/000.p/3") },
		"directories/" + "999999": func(dir string) error { return os.Mkdir(filepath.Join(dir, "directories", "999999"), 0o700) },
	} {
		dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		r, err := Open(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Extra()) != 1 || r.Extra()[0].Path != name || r.Extra()[0].Code != CodeExtra {
			t.Errorf("%s: %v", name, r.Extra())
		}
		var form *FormatError
		for _, read := range []func() error{
			func() error { _, err := r.Checkpoint(); return err },
			func() error { _, err := r.Tile(0, nil); return err },
			func() error { _, err := r.Directory(2); return err },
		} {
			if err := read(); err != nil && (!errors.As(err, &form) || form.Code != CodeMissing) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// relink moves something out of the folder and puts a link in its place.
func relink(dir, name string) error {
	path := filepath.Join(dir, name)
	away := filepath.Join(filepath.Dir(dir), strings.ReplaceAll(name, "/", "-"))
	return errors.Join(os.Rename(path, away), os.Symlink(away, path))
}

func TestWhatIsMissingIsFound(t *testing.T) {
	g := newRig(t)
	for name, index := range map[string]int64{
		"checkpoint": -1, "log.vkey": -1, "tile/0/000": 0, "tile/0/001.p/44": 256, "tile/1/000.p/1": 0, "tile/entries/001.p/44": 256,
	} {
		dir := g.archive(filepath.Join(t.TempDir(), "archive"), 300)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Dir(filepath.Join(dir, name))) // the empty folder, if it is one
		_ = os.Remove(filepath.Dir(filepath.Dir(filepath.Join(dir, name))))
		r := g.open(dir)
		if m := r.Missing(); len(m) != 1 || m[0].Path != name || m[0].Index != index || m[0].Code != CodeMissing {
			t.Errorf("%s: %v", name, m)
		}
		if len(r.Extra()) != 0 {
			t.Errorf("%s: %v", name, r.Extra())
		}
	}
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
	if err := os.Remove(filepath.Join(dir, infoName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNoArchive) {
		t.Errorf("without archive.json: %v", err)
	}
}

func TestASizeOutOfAllProportionIsRefusedAtOnce(t *testing.T) {
	g := newRig(t)
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
	info, _ := g.head(3)
	info.Size = MaxSize
	b, err := MarshalInfo(info)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, infoName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	var form *FormatError
	if _, err := Open(dir); !errors.As(err, &form) || form.Code != CodeMissing {
		t.Errorf("opened with %v", err)
	}
}

func TestManyStrangeNamesAreNotAllListed(t *testing.T) {
	g := newRig(t)
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
	for i := range maxExtra + 50 {
		if err := os.WriteFile(filepath.Join(dir, "forks", fmt.Sprint("x", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(g.open(dir).Extra()); n != maxExtra+1 {
		t.Errorf("%d are listed", n)
	}
}

func TestFilesBeyondTheirBoundsAreNotRead(t *testing.T) {
	g := newRig(t)
	for name, size := range map[string]int64{
		"checkpoint": translog.MaxNote, "log.vkey": maxKeys, "directories/1": MaxFile, "tile/entries/000.p/3": maxEntries, "sides/000.p/3": MaxSides,
	} {
		dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
		if err := os.Truncate(filepath.Join(dir, name), size+1); err != nil { // sparse
			t.Fatal(err)
		}
		if err := g.read(dir); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoWorkersReadOneArchive(t *testing.T) {
	g := newRig(t)
	r := g.open(g.archive(filepath.Join(t.TempDir(), "archive"), 2000))
	errs := make(chan error, 4)
	for worker := range cap(errs) {
		go func() {
			var dst []Entry
			for n := range r.Tiles() {
				var err error
				if dst, err = r.Tile((n+int64(worker))%r.Tiles(), dst); err == nil {
					_, err = translog.ProveInclusion(2000, dst[0].Index, r.Hashes())
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
