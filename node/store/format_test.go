package store

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

var updateFormat = flag.Bool("update", false, "write testdata/format-1.zip anew, after a change that older programs need not read")

const formatFile = "testdata/format-1.zip"

// A store that a program of format 1 has left opens, is whole, and gives back what was put into it.
func TestAStoreOfFormat1Opens(t *testing.T) {
	if *updateFormat {
		writeFormat(t)
	}
	dir := t.TempDir()
	z, err := zip.OpenReader(formatFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.CopyFS(dir, z), z.Close()); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, testOptions(dir))
	if s.Head().Size != 6 {
		t.Errorf("the log has %d leaves", s.Head().Size)
	}
	view(t, s, func(r *Reader) error {
		_, body, err := r.Case("case-2")
		if err != nil || string(body) != "case of case-2" {
			t.Errorf("case: %q, %v", body, err)
		}
		waiting, err := r.Outbox("BG", 0, 0, 10)
		if err != nil || len(waiting) != 1 || waiting[0].Seq != 2 {
			t.Fatalf("outbox: %v, %v", waiting, err)
		}
		if b, err := r.Content(waiting[0].ContentId); err != nil || string(b) != "waiting" {
			t.Errorf("content: %q, %v", b, err)
		}
		m, err := r.Message(0)
		if err != nil || !bytes.Equal(m.Signature, testSignature(1, 0)) || m.ReceiptPlusOne != 2 {
			t.Errorf("message: %v, %v", m, err)
		}
		if _, err := r.Content(m.ContentId); !errors.Is(err, ErrErased) {
			t.Errorf("erased content: %v", err)
		}
		if seen, ok, err := r.Seen("HU", 1, 1); err != nil || !ok || seen.CaseToken != "case-3" {
			t.Errorf("seen: %v, %v", seen, err)
		}
		return nil
	})
	update(t, s, func(tx *Tx) error {
		_, err := submit(tx, "BG", "case-4", "police", []byte("new"))
		return err
	})
}

func writeFormat(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, testOptions(dir))
	var first *storev1.OutboxEntry
	update(t, s, func(tx *Tx) (err error) {
		if first, err = submit(tx, "BG", "case-1", "police", []byte("receipted")); err != nil {
			return err
		}
		m, err := tx.Message(0)
		if err != nil {
			return err
		}
		m.Signature = testSignature(1, 0)
		return errors.Join(tx.PutMessage(0, m), receipt(tx, first))
	})
	update(t, s, func(tx *Tx) error {
		if _, err := tx.Append(opEntry(1)); err != nil {
			return err
		}
		return tx.EraseContent(first.ContentId)
	})
	update(t, s, func(tx *Tx) error {
		e, err := submit(tx, "BG", "case-2", "fiu", []byte("waiting"))
		if err != nil {
			return err
		}
		reseal, err := tx.Append(resealOf(e))
		return errors.Join(err,
			tx.PutStatement(reseal, &storev1.LoggedStatement{Msg: e.Msg, Signature: testSignature(1, 1)}),
			receive(tx, "HU", 1, 1, "case-3", "police", []byte("arrived")),
			tx.UseNonce(make([]byte, 16), 7))
	})
	closeStore(t, s)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := errors.Join(z.AddFS(os.DirFS(dir)), z.Close(), os.MkdirAll(filepath.Dir(formatFile), 0o755), os.WriteFile(formatFile, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}
