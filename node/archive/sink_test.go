package archive

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
)

func TestAZipIsNotWrittenThroughALink(t *testing.T) {
	g := newRig(t)
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "a.zip")
	if err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), os.Symlink(victim, path+tempSuffix)); err != nil {
		t.Fatal(err)
	}
	g.check(g.archive(path, 3), 3)
	if b, err := os.ReadFile(victim); err != nil || string(b) != "mine" {
		t.Errorf("the file behind the link: %q, %v", b, err)
	}
}

func TestTwoExportsToOneZipDoNotMeet(t *testing.T) {
	g := newRig(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.zip")
	one, two := g.create(path, 3), g.create(path, 3)
	info, cp := g.head(3)
	g.finish(one, info, cp)
	if err := two.Finish(info, cp, g.signer.Verifier()); !errors.Is(err, ErrExists) {
		t.Errorf("the second: %v", err)
	}
	if err := two.Close(); err != nil {
		t.Error(err)
	}
	g.check(path, 3)
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestAnArchiveIsForItsOwnerAlone(t *testing.T) {
	g := newRig(t)
	dir := t.TempDir()
	g.archive(filepath.Join(dir, "a.zip"), 3)
	g.archive(filepath.Join(dir, "deep", "folder"), 300)
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// namesAndFiles returns all names below a folder, with the bytes of the files.
func namesAndFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := files(t, dir)
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all[path+"/"] = ""
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestARefusedContinuationLeavesNoTrace(t *testing.T) {
	g := newRig(t)
	for _, was := range []int64{3, 256, 600} {
		dir := g.archive(filepath.Join(t.TempDir(), "archive"), was)
		before := namesAndFiles(t, dir)
		w, err := Create(dir, Info{Country: "RS", Log: testLog})
		if err != nil {
			t.Fatal(err)
		}
		// The leaves that are compared are the same; those before them, or the checkpoint, tell of another tree.
		for i := w.From(); i < 1500; i++ {
			if err := w.Add(g.entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		if was >= TileWidth {
			var first []Entry
			for i := range int64(TileWidth) {
				first = append(first, Entry{Index: i})
			}
			if err := w.Rewrite(first); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.PutDirectory(2, []byte("another")), w.PutManifest([32]byte{1}, []byte("another")), w.PutFork(2, "log", []byte("x"))); err != nil {
			t.Fatal(err)
		}
		info, _ := w.head(g)
		other := translog.Checkpoint{Origin: testLog, Size: 1500, Root: translog.Hash{1}}
		cp, err := translog.SignCheckpoint(other, g.signer)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Finish(info, cp, g.signer.Verifier()); !errors.Is(err, ErrHistory) {
			t.Errorf("after %d leaves: %v", was, err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if !maps.Equal(namesAndFiles(t, dir), before) {
			t.Errorf("after %d leaves the folder is another", was)
		}
		if _, err := Create(dir, Info{Country: "RS", Log: testLog[:len(testLog)-1] + "2"}); !errors.Is(err, ErrOther) {
			t.Errorf("another log: %v", err)
		}
		if !maps.Equal(namesAndFiles(t, dir), before) {
			t.Errorf("after another log the folder is another")
		}
	}
}

func TestAnArchiveThatIsGivenUpLeavesNoEmptyFolder(t *testing.T) {
	g := newRig(t)
	dir := t.TempDir()
	if err := g.create(filepath.Join(dir, "deep", "archive"), 3).Close(); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	// One that was there before is not ours.
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := g.create(mine, 3).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(file, Info{Country: "RS", Log: testLog}); !errors.Is(err, ErrExists) {
		t.Errorf("where a file is: %v", err)
	}
}
