//go:build unix

package archive

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Nobody writes into these pipes: a reader that opens them as files never comes back.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	g := newRig(t)
	pipe := func(path string) string {
		t.Helper()
		if err := errors.Join(os.RemoveAll(path), unix.Mkfifo(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"archive", "a.zip"} {
		path := pipe(filepath.Join(t.TempDir(), name))
		if _, err := Open(path); !errors.Is(err, ErrNoArchive) {
			t.Errorf("reading %s: %v", name, err)
		}
		if _, err := openZip(path); !errors.Is(err, ErrNoArchive) {
			t.Errorf("opening %s: %v", name, err)
		}
		if _, err := Create(path, Info{Country: "RS", Log: testLog}); err == nil {
			t.Errorf("writing %s: done", name)
		}
	}
	dir := g.archive(filepath.Join(t.TempDir(), "archive"), 3)
	pipe(filepath.Join(dir, infoName))
	var form *FormatError
	if _, err := Open(dir); !errors.As(err, &form) || form.Code != CodeExtra || form.Path != infoName {
		t.Errorf("archive.json: %v", err)
	}
	if _, err := Create(dir, Info{Country: "RS", Log: testLog}); !errors.Is(err, ErrOther) {
		t.Errorf("continuing: %v", err)
	}
}
