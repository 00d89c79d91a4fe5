package names

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func lockOf(t *testing.T, first, second string) Lock {
	t.Helper()
	l, err := NewLock(first, second)
	if err != nil {
		t.Fatal(err)
	}
	return l.Work(8)
}

func TestTwoPeopleOpenTheRegisterAndNeitherAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.age")
	both := lockOf(t, "first person's", "second person's")
	if err := New(path, both); err != nil {
		t.Fatal(err)
	}
	if err := New(path, both); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	b, err := Open(path, both)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, e := range []Entry{{"rs-officer-2", "Invented Second", "2029-01-01"}, {"rs-officer-1", "Invented First", "2026-11-23"}} {
		if err := b.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Put(Entry{"rs-officer-1", "Other", "2029-01-01"}); !errors.Is(err, ErrTaken) {
		t.Errorf("put twice: %v", err)
	}
	if err := b.Save(both); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || bytes.Contains(raw, []byte("Invented")) || bytes.Contains(raw, []byte("rs-officer")) {
		t.Fatalf("the file is legible: %v", err)
	}
	for name, l := range map[string]Lock{
		"the first alone":   lockOf(t, "first person's", "a guess"),
		"the second alone":  lockOf(t, "a guess", "second person's"),
		"the other way":     lockOf(t, "second person's", "first person's"),
		"nobody":            {},
		"nobody with words": lockOf(t, "a", "b"),
	} {
		if _, err := Open(path, l); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewLock("one", "one"); !errors.Is(err, ErrSame) {
		t.Errorf("one person twice: %v", err)
	}
	if b, err = Open(path, both); err != nil {
		t.Fatal(err)
	}
	if e, err := b.Get("rs-officer-1", day); err != nil || e.Name != "Invented First" {
		t.Errorf("%v %v", e, err)
	}
	// The day after its term an entry tells nothing, and goes.
	if _, err := b.Get("rs-officer-1", day.AddDate(0, 0, 1)); !errors.Is(err, ErrUnknown) {
		t.Errorf("after its term: %v", err)
	}
	if n := b.Expire(day.AddDate(0, 0, 1)); n != 1 || len(b.Terms()) != 1 || b.Terms()[0].Name != "" {
		t.Errorf("%d went, left %v", n, b.Terms())
	}
	if err := errors.Join(b.Erase("rs-officer-2"), b.Save(both)); err != nil {
		t.Fatal(err)
	}
	if b, err = Open(path, both); err != nil || len(b.Terms()) != 0 {
		t.Errorf("%v %v", b, err)
	}
	if err := b.Erase("rs-officer-2"); !errors.Is(err, ErrUnknown) {
		t.Errorf("erased twice: %v", err)
	}
}

func TestARegisterThatOthersReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.age")
	both := lockOf(t, "a", "b")
	if err := errors.Join(New(path, both), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, both); !errors.Is(err, ErrExposed) {
		t.Error(err)
	}
}

func TestWhatIsReplacedIsOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.age")
	both := lockOf(t, "a", "b")
	if err := New(path, both); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	b, err := Open(path, both)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Save(both); err != nil {
		t.Fatal(err)
	}
	left := make([]byte, 1<<16)
	n, _ := old.ReadAt(left, 0)
	if n == 0 || bytes.Trim(left[:n], "\x00") != nil && len(bytes.Trim(left[:n], "\x00")) > 0 {
		t.Errorf("%d bytes of the replaced file are left", n)
	}
}

func TestALockPrintsNothing(t *testing.T) {
	if s := fmt.Sprintf("%v %+v %s", lockOf(t, "secret one", "secret two"), lockOf(t, "secret one", "secret two"), lockOf(t, "x", "y")); s != "[key] [key] [key]" {
		t.Error(s)
	}
}

func FuzzPlainTextIsReadStrictly(f *testing.F) {
	f.Add([]byte(`{"format":"rogatory-names-1","entries":[]}`))
	f.Add([]byte(`{"format":"rogatory-names-1","entries":[{"pseudonym":"a","name":"b","until":"2029-01-01"}]}`))
	f.Add([]byte(`{"format":"rogatory-names-1","entries":[{"pseudonym":"a","name":"b","until":"2029-1-1"}]}`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		entries, err := parse(plain)
		if err != nil {
			return
		}
		for i, e := range entries {
			if e.check() != nil || i > 0 && entries[i-1].Pseudonym >= e.Pseudonym {
				t.Errorf("read %q", plain)
			}
		}
	})
}
