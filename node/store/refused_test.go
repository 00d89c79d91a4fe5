package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree lists the files and folders below dir.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestARefusedStartLeavesNoNewFiles(t *testing.T) {
	for what, test := range map[string]struct {
		prepare func(opts *Options) error
		want    error
	}{
		"guard ahead of an absent database": {func(opts *Options) error { return os.RemoveAll(opts.Dir) }, ErrRollback},
		"guard ahead of an empty folder": {func(opts *Options) error {
			return errors.Join(os.RemoveAll(opts.Dir), os.Mkdir(opts.Dir, 0o700))
		}, ErrRollback},
		"guard of another log": {func(opts *Options) error {
			opts.Origin = "rogatory.example/BG/log/1"
			return os.RemoveAll(opts.Dir)
		}, ErrForeign},
		"a guard that is none": {func(opts *Options) error {
			return errors.Join(os.RemoveAll(opts.Dir), os.WriteFile(opts.GuardPath, slices.Repeat([]byte("x"), 8192), 0o600))
		}, ErrGuard},
		"keys without database": {func(opts *Options) error { return os.Remove(filepath.Join(opts.Dir, mainName)) }, ErrForeign},
		"database without keys": {func(opts *Options) error { return os.Remove(filepath.Join(opts.Dir, keysName)) }, ErrKeysMissing},
		"database of another country, without guard": {func(opts *Options) error {
			opts.Country = "BG"
			return os.Remove(opts.GuardPath)
		}, ErrForeign},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			opts := testOptions(dir)
			s := openStore(t, opts)
			update(t, s, func(tx *Tx) error {
				_, err := submit(tx, "BG", "case-1", "police", []byte("a question"))
				return err
			})
			backup := filepath.Join(dir, "backup")
			if _, err := s.Backup(t.Context(), backup); err != nil {
				t.Fatal(err)
			}
			closeStore(t, s)
			if err := test.prepare(&opts); err != nil {
				t.Fatal(err)
			}
			before := tree(t, dir)
			if _, err := Open(opts); !errors.Is(err, test.want) {
				t.Fatalf("opening: %v", err)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("before %q, after %q", before, after)
			}
			if !errors.Is(test.want, ErrRollback) {
				return
			}
			if _, err := Restore(t.Context(), backup, opts); err != nil {
				t.Errorf("restoring: %v", err)
			}
			closeStore(t, openStore(t, opts))
		})
	}
}
