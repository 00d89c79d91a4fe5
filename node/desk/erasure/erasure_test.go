package erasure

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func testOptions(dir string) store.Options {
	return store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: "test.example/RS/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{1}, nil },
	}
}

func testStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What a restored backup was made to erase again has its tombstone, once.
func TestWhatIsErasedAgainHasATombstoneAgain(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions(dir)
	ctx := context.Background()
	update := func(s *store.Store, change func(*store.Tx) error) {
		t.Helper()
		if _, err := s.Update(ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	s := testStore(t, dir)
	var gone, kept int64
	var erased uint64
	update(s, func(tx *store.Tx) error {
		for _, at := range []*int64{&gone, &kept} {
			id, err := tx.PutContent("police", []byte("content"))
			if err != nil {
				return err
			}
			if at == &gone {
				erased = id
			}
			epoch, seq, prev, err := tx.NextOutgoing("BG")
			if err != nil {
				return err
			}
			msg := translog.Hash{byte(seq), 1}
			if *at, err = tx.Append(&translog.Msg{
				Dir: translog.Out, From: "RS", To: "BG", Epoch: int64(epoch), Seq: int64(seq), Prev: translog.Hash(prev), Msg: msg,
				ContentCommit: msg, DocketCommit: msg, DirectoryVersion: 1, ManifestVersion: 1, Size: 4096,
			}); err != nil {
				return err
			}
			if err := errors.Join(
				tx.PutOutbox(&storev1.OutboxEntry{To: "BG", Epoch: epoch, Seq: seq, Msg: msg[:], ContentId: id, LeafIndex: uint64(*at)}),
				tx.PutMessage(*at, &storev1.LoggedMessage{Outgoing: true, Peer: "BG", Msg: msg[:], ContentId: id}),
			); err != nil {
				return err
			}
		}
		return nil
	})
	backup := filepath.Join(dir, "backup")
	if _, err := s.Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	update(s, func(tx *store.Tx) error { return tx.EraseContent(erased) })
	if err := errors.Join(s.Close(), os.RemoveAll(opts.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(ctx, backup, opts); err != nil {
		t.Fatal(err)
	}
	s = testStore(t, dir)
	d := New(s, slog.New(slog.DiscardHandler))
	for range 2 {
		if err := d.EntombRestored(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(func(r *store.Reader) error {
		for index, want := range map[int64]bool{gone: true, kept: false} {
			m, err := r.Message(index)
			if err != nil {
				return err
			}
			tomb, err := casefile.TombstoneOf(r, m.GetErasedPlusOne())
			if err != nil || (tomb != nil) != want || want && tomb.GetBy() != "restore" {
				t.Errorf("leaf %d: tombstone %v, %v", index, tomb, err)
			}
		}
		if size := r.Size(); size != kept+2 {
			t.Errorf("%d leaves", size)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestAnEndedCaseIsReducedToItsHashInSnapshots(t *testing.T) {
	s := testStore(t, t.TempDir())
	var changed []exchange.Changed
	for _, token := range []string{"RS-2026-000001", "RS-2026-000002"} {
		c := exchange.Case{Token: token, Kind: exchange.KindRequest, Side: exchange.Opening, Own: "RS", Peer: "BG", State: exchange.Erased}
		changed = append(changed, exchange.Changed{Token: token, Hash: c.Hash(), Body: c.Encode()})
	}
	digest := exchange.SnapshotDigest(changed)
	_, err := s.Update(context.Background(), func(tx *store.Tx) error {
		index, err := tx.Append(&translog.State{Size: tx.Size(), State: exchange.FoldState([32]byte{}, changed), Snapshot: digest})
		if err != nil {
			return err
		}
		if err := tx.PutSide(index, "snapshot", exchange.EncodeSnapshot(changed)); err != nil {
			return err
		}
		for range 2 { // twice is as good as once
			if err := reduce(tx, index, "RS-2026-000002"); err != nil {
				return err
			}
		}
		b, err := tx.Side(index, "snapshot")
		if err != nil {
			return err
		}
		after, err := exchange.ParseSnapshot(b)
		if err != nil {
			return err
		}
		if len(after) != 2 || !bytes.Equal(after[0].Body, changed[0].Body) || after[1].Body != nil || after[1].Hash != changed[1].Hash {
			t.Errorf("reduced to %+v", after)
		}
		if exchange.SnapshotDigest(after) != digest {
			t.Error("the leaf's digest is not the snapshot's any more")
		}
		return reduce(tx, index+1, "RS-2026-000001") // a leaf without a snapshot
	})
	if err != nil {
		t.Fatal(err)
	}
}
