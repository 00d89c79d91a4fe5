package attachments

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func testShelf(t *testing.T) *Shelf {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: "test.example/RS/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{1}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	node := &configs.Node{Country: "RS", Data: dir}
	node.Limits.MaxAttachment = 1 << 20
	return New(node, s, slog.New(slog.DiscardHandler))
}

// pieces returns a file of n pieces of some size.
func pieces(n, size int) func() ([]byte, error) {
	return func() ([]byte, error) {
		if n--; n < 0 {
			return nil, io.EOF
		}
		return make([]byte, size), nil
	}
}

func TestAFileIsRefusedWholeOrKeptWhole(t *testing.T) {
	s := testShelf(t)
	ctx := context.Background()
	kept, err := s.Seal(ctx, pieces(4, MaxChunk))
	if err != nil || kept.GetLength() != 4*MaxChunk {
		t.Fatalf("a file of the largest size: %v %v", kept, err)
	}
	for name, next := range map[string]func() ([]byte, error){"too large a file": pieces(5, MaxChunk), "too large a piece": pieces(1, MaxChunk+1)} {
		if _, err := s.Seal(ctx, next); !errors.Is(err, refusal.ErrTooMuch) && !errors.Is(err, refusal.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	files, err := os.ReadDir(filepath.Dir(s.store.BlobPath(kept.GetId())))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files lie there: %v", len(files), err)
	}
}

func TestAMessageListsOnlyWhatWasSealedHere(t *testing.T) {
	s := testShelf(t)
	kept, err := s.Seal(context.Background(), pieces(1, 100))
	if err != nil {
		t.Fatal(err)
	}
	by := &storev1.AttachmentCopy{Peer: "BG", Msg: make([]byte, 32), CaseToken: "RS-2026-000001"}
	list := func(at ...*rogatoryv1.Attachment) error {
		_, err := s.store.Update(context.Background(), func(tx *store.Tx) error { return List(tx, at, by) })
		return err
	}
	if err := list(kept, &rogatoryv1.Attachment{Id: make([]byte, 16)}); !errors.Is(err, refusal.ErrUnattached) {
		t.Errorf("a file that is not here is listed: %v", err)
	}
	if err := list(kept); err != nil {
		t.Errorf("a file that is here is not listed: %v", err)
	}
}
