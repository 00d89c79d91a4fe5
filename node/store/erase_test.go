package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/backup"
	"github.com/rogatory/rogatory/node/store/keys"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// found names the files below a folder that hold any of the secrets.
func found(t *testing.T, dir string, secrets ...[]byte) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for i, s := range secrets {
			if len(s) < 16 {
				t.Fatalf("secret %d is too short to be looked for", i)
			}
			if bytes.Contains(b, s) {
				names = append(names, filepath.Base(path))
				break
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// inKeys calls f with the keys in keys.db. Nobody may have them open.
func inKeys(t *testing.T, opts Options, f func(b *bbolt.Bucket) error) {
	t.Helper()
	editFile(t, filepath.Join(opts.Dir, keysName), func(tx *bbolt.Tx) error { return f(tx.Bucket(keys.Buckets[0])) })
}

// wrapped is a content's key as keys.db has it, on the disk.
func wrapped(t *testing.T, s *Store, id uint64) (row []byte) {
	t.Helper()
	now, err := s.keys.Begin(func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	copied := Options{Dir: t.TempDir()}
	f, err := os.Create(filepath.Join(copied.Dir, keysName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = now.WriteTo(f)
	if err := errors.Join(err, f.Close(), now.End()); err != nil {
		t.Fatal(err)
	}
	inKeys(t, copied, func(b *bbolt.Bucket) error {
		var k storev1.DataKey
		err := rows.Parse(b.Get(rows.U64(id)), &k)
		row = k.Wrapped
		return err
	})
	return row
}

// unwrapped is that key as it opens its content, as the format of the file says.
func unwrapped(t *testing.T, id uint64, unit string, row []byte) []byte {
	t.Helper()
	unitKey, err := unitKeys(unit)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(unitKey[:])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gcm.Open(nil, row[:12], row[12:], slices.Concat([]byte("rogatory/v1/store/key\x00"), rows.U64(id), []byte(unit)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestErasedKeyAndPlaintextAreInNoFileThatIsOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(filepath.Join(dir, "node"))
	s := openStore(t, opts)
	plaintext := []byte(strings.Repeat("the subject's name and number, ", 400))
	var gone, kept uint64
	update(t, s, func(tx *Tx) (err error) {
		if gone, err = tx.PutContent("police", plaintext); err != nil {
			return err
		}
		kept, err = tx.PutContent("police", []byte("kept"))
		return err
	})
	secret, keptSecret := wrapped(t, s, gone), wrapped(t, s, kept)
	key := unwrapped(t, gone, "police", secret)
	if names := found(t, opts.Dir, secret); len(names) != 1 || names[0] != keysName {
		t.Fatalf("before: the wrapped key is in %v", names)
	}
	backup := filepath.Join(dir, "backup")
	if _, err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.EraseContent(gone) })
	nowhere := func(where string) {
		t.Helper()
		if names := found(t, opts.Dir, secret, key, plaintext[:64]); names != nil {
			t.Errorf("%s: a key or the plaintext is in %v", where, names)
		}
		if names := found(t, opts.Dir, keptSecret); len(names) != 1 {
			t.Errorf("%s: the key of what was kept is in %v", where, names)
		}
	}
	nowhere("open")
	closeStore(t, s)
	nowhere("closed")
	if err := os.RemoveAll(opts.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), backup, opts); err != nil {
		t.Fatal(err)
	}
	// Nobody has opened it yet.
	nowhere("restored")
	s = openStore(t, opts)
	if _, err := s.Content(gone); !errors.Is(err, ErrErased) {
		t.Errorf("what was erased opens from a backup: %v", err)
	}
	closeStore(t, s)
}

func TestKeysOfABackupAreDestroyedAfterFourteenDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		opts := testOptions(filepath.Join(dir, "node"))
		s := openStore(t, opts)
		var id uint64
		update(t, s, func(tx *Tx) (err error) {
			id, err = tx.PutContent("police", []byte("x"))
			return err
		})
		secret := wrapped(t, s, id)
		folders := []string{filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "deleted")}
		for i, f := range folders {
			if _, err := s.Backup(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				time.Sleep(24 * time.Hour)
			}
		}
		if err := os.RemoveAll(folders[2]); err != nil {
			t.Fatal(err)
		}
		expire := func(want int) {
			t.Helper()
			if n, err := s.ExpireBackups(time.Now()); err != nil || n != want {
				t.Errorf("%d backups lost their keys, not %d: %v", n, want, err)
			}
		}
		expire(0)
		time.Sleep(backup.KeysAge - 24*time.Hour)
		expire(1)
		if names := found(t, folders[0], secret); names != nil {
			t.Errorf("keys are in %v", names)
		}
		if names := found(t, folders[1], secret); len(names) != 1 {
			t.Errorf("the younger copy has keys in %v", names)
		}
		time.Sleep(24 * time.Hour)
		expire(1)
		expire(0)
		// The keys of the running node stay.
		if _, err := s.Content(id); err != nil {
			t.Error(err)
		}
		closeStore(t, s)
	})
}

func TestCheckFindsWhatAnErasureLeft(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	var id uint64
	update(t, s, func(tx *Tx) (err error) {
		id, err = tx.PutContent("police", []byte("x"))
		return err
	})
	secret := wrapped(t, s, id)
	update(t, s, func(tx *Tx) error { return tx.EraseContent(id) })
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	orphan := s.BlobPath([]byte("0123456789abcdef"))
	if err := os.WriteFile(orphan, []byte("ciphertext"), 0o600); err != nil {
		t.Fatal(err)
	}
	finds := func(what string) {
		t.Helper()
		if err := s.Check(t.Context()); !errors.Is(err, ErrInconsistent) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s is not found: %v", what, err)
		}
	}
	finds("belongs to no attachment")
	if err := s.SweepBlobs(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	inKeys(t, opts, func(b *bbolt.Bucket) error {
		row, err := rows.Marshal(&storev1.DataKey{Unit: "police", Wrapped: secret})
		return errors.Join(err, b.Put(rows.U64(id), row))
	})
	if err := checkFolder(t.Context(), opts); !errors.Is(err, ErrInconsistent) || !strings.Contains(err.Error(), "is erased and has a key") {
		t.Errorf("a key of an erased content is not found: %v", err)
	}
}

func TestADestroyedDocketIsInNoPageAfterTheNextStart(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	docket, kept := []byte("the docket that is destroyed, with codes and tokens"), []byte("the docket that is kept, with codes and tokens")
	var gone, stays int64
	for i := range 50 {
		update(t, s, func(tx *Tx) error {
			e, err := submit(tx, "BG", fmt.Sprint("case-", i), "police", []byte("content"))
			if err != nil {
				return err
			}
			m, err := tx.Message(int64(e.LeafIndex))
			if err != nil {
				return err
			}
			switch i {
			case 20:
				gone, m.Docket = int64(e.LeafIndex), docket
			case 30:
				stays, m.Docket = int64(e.LeafIndex), kept
			}
			return tx.PutMessage(int64(e.LeafIndex), m)
		})
	}
	update(t, s, func(tx *Tx) error { return errors.Join(tx.ExpireDocket(gone), tx.ScrubLater()) })
	closeStore(t, s)
	if names := found(t, opts.Dir, docket); len(names) != 1 {
		t.Fatalf("the docket is in %v: there is nothing to overwrite", names)
	}
	s = openStore(t, opts)
	if names := found(t, opts.Dir, docket); names != nil {
		t.Errorf("the docket is in %v", names)
	}
	if err := s.View(func(r *Reader) error {
		m, err := r.Message(stays)
		if err == nil && !bytes.Equal(m.Docket, kept) {
			t.Errorf("what was kept reads %q", m.Docket)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	closeStore(t, s) // which checks everything
}

func TestAnErasedMessageIsKnownToAStoreThatNeverHadIt(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(filepath.Join(dir, "node"))
	s := openStore(t, opts)
	backup := filepath.Join(dir, "backup")
	if _, err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	var e *storev1.OutboxEntry
	update(t, s, func(tx *Tx) (err error) {
		e, err = submit(tx, "BG", "case-1", "police", []byte("content"))
		return err
	})
	erase := func(tx *Tx) error {
		index, err := tx.Append(&translog.Erase{By: "rs-1", Basis: "unlawful", OfCount: 1, Of: []translog.Hash{translog.Hash(e.Msg)}, What: []string{"content"}})
		return errors.Join(err, tx.EraseContent(e.ContentId), tx.Entomb(int64(e.LeafIndex), index))
	}
	update(t, s, erase)
	update(t, s, erase) // the first tombstone stays
	if err := s.View(func(r *Reader) error {
		m, err := r.Message(int64(e.LeafIndex))
		if err == nil && m.ErasedPlusOne != e.LeafIndex+2 {
			t.Errorf("tombstone at %d", m.ErasedPlusOne)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if err := os.RemoveAll(opts.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), backup, opts); err != nil {
		t.Fatal(err)
	}
	r, err := openFolder(opts)
	if err != nil {
		t.Fatal(err)
	}
	names, err := r.ErasedMessages()
	if err != nil || len(names) != 1 || !names[[32]byte(e.Msg)] {
		t.Errorf("%v, %v", names, err)
	}
	if err := r.closeFiles(); err != nil {
		t.Error(err)
	}
}

func TestHandingOverLeavesTheFormerUnitWithoutKey(t *testing.T) {
	opts := testOptions(t.TempDir())
	var without atomic.Value
	without.Store("")
	opts.UnitKeys = func(unit string) (UnitKey, error) {
		if unit == without.Load() {
			return UnitKey{}, errors.New("this unit has no key here")
		}
		return unitKeys(unit)
	}
	s := openStore(t, opts)
	var id uint64
	update(t, s, func(tx *Tx) (err error) { id, err = tx.PutContent("police", []byte("handed over")); return err })
	update(t, s, func(tx *Tx) error { return tx.TransferContent(id, "fiu") })
	without.Store("police")
	if b, err := s.Content(id); err != nil || string(b) != "handed over" {
		t.Errorf("with the new unit's key: %q, %v", b, err)
	}
	without.Store("fiu")
	if b, err := s.Content(id); err == nil {
		t.Errorf("without it: %q", b)
	}
	without.Store("")
}

func TestErasedContentIsGoneFromBothFiles(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	var id, other uint64
	update(t, s, func(tx *Tx) (err error) {
		if id, err = tx.PutContent("police", []byte("to be erased")); err != nil {
			return err
		}
		other, err = tx.PutContent("police", []byte("to be kept"))
		return err
	})
	row, file := wrapped(t, s, id), filepath.Join(s.opts.Dir, keysName)
	if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, row) {
		t.Fatalf("the key is not in keys.db: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.EraseContent(id) })
	if _, err := s.Content(id); !errors.Is(err, ErrErased) {
		t.Errorf("reading it: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || bytes.Contains(b, row) {
		t.Errorf("the erased key is still in keys.db: %v", err)
	}
	if _, err := s.keys.Key(id); !errors.Is(err, ErrKey) {
		t.Errorf("its key: %v", err)
	}
	update(t, s, func(tx *Tx) error { return tx.TransferContent(other, "fiu") })
	if b, err := s.Content(other); err != nil || string(b) != "to be kept" {
		t.Errorf("the other one: %q, %v", b, err)
	}
}
