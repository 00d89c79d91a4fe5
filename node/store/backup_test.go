package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/node/store/backup"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func TestABackupMadeWhileWritingIsWholeAndRestores(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(dir)
	s := openStore(t, opts)
	blob := []byte("0123456789abcdef")
	if err := os.WriteFile(s.BlobPath(blob), []byte("ciphertext and more that is not flushed"), 0o600); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		return tx.PutAttachment(&storev1.Attachment{Id: blob, Length: 100, Received: 10})
	})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	started := make(chan struct{})
	var once sync.Once
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := s.Update(context.WithoutCancel(ctx), func(tx *Tx) error {
					e, err := submit(tx, "BG", name("case", w, i).String(), "police", make([]byte, 5000))
					if err == nil && i%5 == 4 {
						err = tx.EraseContent(e.ContentId)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
				if i == 3 {
					once.Do(func() { close(started) })
				}
			}
		})
	}
	<-started
	var backups []string
	for _, n := range []string{"one", "two", "three"} {
		dst := filepath.Join(dir, n)
		if _, err := s.Backup(t.Context(), dst); err != nil {
			t.Error(err)
		}
		backups = append(backups, dst)
	}
	stop()
	wg.Wait()
	closeStore(t, s)

	if _, err := s.Backup(t.Context(), filepath.Join(dir, "late")); !errors.Is(err, ErrClosed) {
		t.Errorf("backing up a closed store: %v", err)
	}
	for _, from := range backups {
		info, err := backup.Read(from)
		if err != nil || info.Size == 0 {
			t.Fatalf("%+v, %v", info, err)
		}
		to := testOptions(t.TempDir())
		if _, err := Restore(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		r := openStore(t, to)
		if r.Head().Size != info.Size {
			t.Errorf("restored log has %d leaves, backed up were %d", r.Head().Size, info.Size)
		}
		if b, err := os.ReadFile(r.BlobPath(blob)); err != nil || string(b) != "ciphertext" {
			t.Errorf("attachment: %q, %v", b, err)
		}
		update(t, r, func(tx *Tx) error {
			_, err := submit(tx, "BG", "after", "police", []byte("new"))
			return err
		})
		closeStore(t, r)
	}
}

func TestRestoringErasesAgain(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(dir)
	s := openStore(t, opts)
	var gone, kept uint64
	update(t, s, func(tx *Tx) (err error) {
		if gone, err = tx.PutContent("police", []byte("erased after the backup")); err != nil {
			return err
		}
		kept, err = tx.PutContent("police", []byte("kept"))
		return err
	})
	copied := filepath.Join(dir, "backup")
	if _, err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.EraseContent(gone) })
	closeStore(t, s)
	if _, err := Restore(t.Context(), copied, opts); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("restoring over a store: %v", err)
	}
	var last uint64
	for range 2 { // twice is as good as once
		if err := os.RemoveAll(opts.Dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), copied, opts); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, opts)
		if _, err := s.Content(gone); !errors.Is(err, ErrErased) {
			t.Errorf("erased content: %v", err)
		}
		if b, err := s.Content(kept); err != nil || string(b) != "kept" {
			t.Errorf("kept content: %q, %v", b, err)
		}
		var fresh uint64
		update(t, s, func(tx *Tx) (err error) {
			fresh, err = tx.PutContent("police", []byte("new"))
			return err
		})
		if fresh <= last || fresh < 1<<32 {
			t.Errorf("a new content has number %d", fresh)
		}
		update(t, s, func(tx *Tx) error { return tx.EraseContent(fresh) })
		last = fresh
		closeStore(t, s)
	}
}

func TestABackupIsRefusedWhenOldDamagedOrForeign(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(dir)
	s := openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.PutContent("police", []byte("x")); return err })
	copied := filepath.Join(dir, "backup")
	if _, err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context(), copied); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("backing up twice into one folder: %v", err)
	}
	to := testOptions(t.TempDir())
	try := func(what string, change func(b []byte) []byte, file string, want error, opts Options) {
		t.Helper()
		path := filepath.Join(copied, file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(append([]byte(nil), whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), copied, opts); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(opts.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder is there: %v", what, err)
		}
	}
	same := func(b []byte) []byte { return b }
	other := to
	other.Country = "BG"
	try("foreign", same, "backup.json", ErrForeign, other)
	try("damaged", func(b []byte) []byte { b[5000] ^= 1; return b }, mainName, ErrInconsistent, to)
	info, err := backup.Read(copied)
	if err != nil {
		t.Fatal(err)
	}
	if age := time.UnixMilli(info.KeysUntilMS).Sub(time.UnixMilli(info.MadeMS)); age != backup.KeysAge {
		t.Errorf("keys may be kept %v", age)
	}
}

func TestABackupOfKeysIsRefusedAfter14Days(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := Open(testOptions(dir))
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, "backup")
		if _, err := s.Backup(t.Context(), copied); err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
		time.Sleep(backup.KeysAge - time.Second)
		if _, err := Restore(t.Context(), copied, testOptions(t.TempDir())); err != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := Restore(t.Context(), copied, testOptions(t.TempDir())); !errors.Is(err, ErrTooOld) || Hint(err) == "" {
			t.Errorf("when it is 14 days old: %v", err)
		}
	})
}

func TestWritingErasingCheckingAndBackingUpGoOnTogether(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testOptions(dir))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range 20 {
				var id uint64
				_, err := s.Update(t.Context(), func(tx *Tx) error {
					e, err := submit(tx, "BG", name("case", w, i).String(), []string{"police", "fiu"}[i%2], make([]byte, 100*i))
					if err == nil {
						id = e.ContentId
					}
					return err
				})
				must(err)
				if b, err := s.Content(id); err != nil || len(b) != 100*i {
					t.Errorf("content of %d bytes, %v", len(b), err)
				}
				_, err = s.Update(t.Context(), func(tx *Tx) error {
					if i%3 == 0 {
						return tx.TransferContent(id, "prosecutor")
					}
					return tx.EraseContent(id)
				})
				must(err)
				if _, err := s.Content(id); (i%3 == 0) != (err == nil) || err != nil && !errors.Is(err, ErrErased) {
					t.Errorf("content %d: %v", id, err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			must(s.Check(t.Context()))
		}
	})
	wg.Go(func() {
		for i := range 5 {
			_, err := s.Backup(t.Context(), filepath.Join(dir, "backup", name(i).String()))
			must(err)
		}
	})
	wg.Go(func() {
		for range 30 {
			_, err := s.Guard(t.Context())
			must(err)
		}
	})
	wg.Wait()
}
