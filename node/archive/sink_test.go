package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
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
