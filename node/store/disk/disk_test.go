package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const grow = 1 << 16

func open(t *testing.T, path string) *bbolt.DB {
	t.Helper()
	db, err := Open(path, grow)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestAFileSaysWhoseItIsAndThatItIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	db := open(t, path)
	if id, err := ReadIdentity(db); err != nil || id != nil {
		t.Errorf("a new file is %v, %v", id, err)
	}
	if _, err := Open(path, grow); !errors.Is(err, ErrLocked) {
		t.Errorf("opening it twice: %v", err)
	}
	one, two := []byte("one"), []byte("two")
	for _, buckets := range [][][]byte{{one}, {one, two}} { // the second time by a later program
		if err := WriteIdentity(db, &storev1.Identity{Country: "RS"}, buckets); err != nil {
			t.Fatal(err)
		}
		if id, err := ReadIdentity(db); err != nil || id.GetCountry() != "RS" {
			t.Errorf("it is %v, %v", id, err)
		}
		if err := db.View(func(tx *bbolt.Tx) error {
			for _, name := range buckets {
				if tx.Bucket(name) == nil {
					t.Errorf("bucket %s is missing", name)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if made, err := IsMade(path); err != nil || !made {
		t.Errorf("made: %t, %v", made, err)
	}
}

func TestWhatIsNoFileOfAStoreIsForeign(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text, grow); !errors.Is(err, ErrForeign) {
		t.Errorf("a text: %v", err)
	}
	other := open(t, filepath.Join(dir, "other.db"))
	if empty, err := Empty(other); err != nil || !empty {
		t.Errorf("empty: %t, %v", empty, err)
	}
	if err := other.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadIdentity(other); !errors.Is(err, ErrForeign) {
		t.Errorf("another program's: %v", err)
	}
}

func TestWhatIsOverwrittenIsGoneAndTheRestIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	db := open(t, path)
	name, secret, kept := []byte("rows"), []byte("what is to be destroyed"), []byte("what is kept")
	change := func(f func(b *bbolt.Bucket) error) {
		t.Helper()
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			return f(b)
		}); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(what []byte) bool {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, what)
	}
	change(func(b *bbolt.Bucket) error {
		return errors.Join(b.Put([]byte("gone"), bytes.Repeat(secret, 1000)), b.Put([]byte("kept"), kept))
	})
	change(func(b *bbolt.Bucket) error { return b.Delete([]byte("gone")) })
	if !holds(secret) {
		t.Fatal("there is nothing to overwrite")
	}
	for range 2 {
		change(func(b *bbolt.Bucket) error { return b.Put([]byte("again"), []byte{1}) })
	}
	if err := OverwriteFree(db); err != nil {
		t.Fatal(err)
	}
	if holds(secret) || !holds(kept) {
		t.Errorf("destroyed is there: %t, kept is there: %t", holds(secret), holds(kept))
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), Overwrite(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || len(bytes.Trim(b, "\x00")) > 0 {
		t.Errorf("bytes are left in a file that was overwritten: %v", err)
	}
}
