package backup

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/store/disk"
)

// begin begins a folder with one file of keys and one below blobs.
func begin(t *testing.T, name string) *Draft {
	t.Helper()
	d, err := Begin(name, ".test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Folder("blobs"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{KeysName, filepath.Join("blobs", "one")} {
		if err := d.File(t.Context(), file, func(w io.Writer) error {
			_, err := io.WriteString(w, "content of "+file)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestADraftHasItsNameWhenItIsWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "made", "copy")
	d := begin(t, name)
	if _, err := Read(name); !errors.Is(err, ErrNone) {
		t.Errorf("before it has said what it is: %v", err)
	}
	made := time.Now()
	said, err := d.Say(t.Context(), Info{Country: "RS", Size: 7}, made)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Settle(), d.Discard()); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(name, ".test-"); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("beginning it again: %v", err)
	}
	info, err := Read(name)
	if err != nil || info.Size != 7 || len(info.Files) != 2 || info.KeysUntilMS != said.KeysUntilMS {
		t.Fatalf("%+v, %v", info, err)
	}

	other, err := Begin(filepath.Join(t.TempDir(), "other"), ".test-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Discard() }()
	if err := other.Copy(t.Context(), name, info, KeysName); !errors.Is(err, disk.ErrForeign) {
		t.Errorf("a file of a folder that is not meant: %v", err)
	}
	for _, bad := range []string{"../" + KeysName, "/etc/passwd", "blobs/../../x", "blobs/two/three", "log"} {
		info := Info{Files: map[string]string{bad: ""}}
		if err := other.Copy(t.Context(), name, info, KeysName); !errors.Is(err, disk.ErrForeign) {
			t.Errorf("file %q: %v", bad, err)
		}
	}
	info.Files = map[string]string{KeysName: info.Files[filepath.Join("blobs", "one")]}
	_ = os.Remove(filepath.Join(other.Dir(), KeysName))
	if err := other.Copy(t.Context(), name, info, KeysName); !errors.Is(err, ErrDamaged) {
		t.Errorf("another content: %v", err)
	}
}

func TestADraftThatIsDiscardedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := begin(t, filepath.Join(dir, "copy")).Discard(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestNoCopySaysOfItselfThatItsKeysLiveLonger(t *testing.T) {
	made := time.UnixMilli(1_000_000)
	info := Info{MadeMS: made.UnixMilli(), KeysUntilMS: made.Add(KeysAge).UnixMilli()}
	if err := info.Restorable(made.Add(KeysAge - time.Millisecond)); err != nil {
		t.Error(err)
	}
	info.KeysUntilMS++
	if err := info.Restorable(made); !errors.Is(err, ErrTooOld) {
		t.Errorf("one that says more: %v", err)
	}
	if end := info.keysEnd(); end != made.Add(KeysAge).UnixMilli() {
		t.Errorf("its keys end at %d", end)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format": 1, "country": "RS", "origin": "rogatory.example/RS/log/1", "made_ms": 1, "keys_until_ms": 2, "size": 3, "root": "00", "files": {"keys.db": "00"}}`))
	f.Add([]byte(`{"format": 2}`))
	f.Add([]byte(`{"format": 1, "other": 1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, infoName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if info, err := Read(dir); err == nil && info.Format != format {
			t.Errorf("format %d is read", info.Format)
		}
	})
}
