package drafts

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestADraftKeepsItsBytesUntilItIsDiscarded(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: "test.example/RS/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{1}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const token = "RS-2026-000001"
	docket, err := envelope.Marshal(&rogatoryv1.Docket{CaseToken: token, FromUnit: "police", Actor: "rs-1"})
	if err != nil {
		t.Fatal(err)
	}
	content, err := envelope.Marshal(&rogatoryv1.Content{Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	salt := bytes.Repeat([]byte{1}, 32)
	m, err := Parse(&nodev1.Outgoing{To: "BG", Docket: docket, DocketSalt: salt, Content: content, ContentSalt: salt})
	if err != nil {
		t.Fatal(err)
	}
	by := &rogatoryv1.Assertion{Act: []byte("an act")}
	waits := func(tx *store.Tx, want bool) {
		t.Helper()
		if got, err := Waits(&tx.Reader, token); err != nil || got != want {
			t.Errorf("something waits: %t, %v", got, err)
		}
	}
	if _, err := s.Update(context.Background(), func(tx *store.Tx) error {
		if err := Keep(tx, m, "police", Pending, by); err != nil {
			return err
		}
		waits(tx, true)
		list, err := OfAct(&tx.Reader, token, Pending)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d drafts wait: %v", len(list), err)
		}
		d := list[0]
		again, err := d.Message()
		if err != nil || again.Commit() != m.Commit() || !bytes.Equal(d.Out.GetContent(), content) || d.Drafter() != "rs-1" || d.Unit() != "police" {
			t.Errorf("it comes back as %v, %v", d.Out, err)
		}
		if err := d.Judge(tx, Declined, by); err != nil {
			return err
		}
		waits(tx, false)
		if _, err := OfAct(&tx.Reader, token, Pending); !errors.Is(err, refusal.ErrNoDraft) {
			t.Errorf("what was declined is put before an approver: %v", err)
		}
		if err := DropDeclined(tx, token); err != nil {
			return err
		}
		_, err = Load(&tx.Reader, d.ID())
		if !errors.Is(err, refusal.ErrNoDraft) {
			t.Errorf("what was dropped is there: %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
