package casefile

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
)

func TestALongListTakesSeveralLines(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: "test.example/RS/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{1}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	names := make([]translog.Hash, 2*AtOnce+1)
	for i := range names {
		names[i] = translog.Hash{byte(i >> 8), byte(i), 1}
	}
	var total, leaves int64
	_, err = s.Update(context.Background(), func(tx *store.Tx) error {
		total, leaves = 0, 0
		first := tx.Size()
		if err := AppendOp(tx, &translog.Op{Verb: translog.Consult, Who: "rs-1", Why: "case-work", Basis: "none", Of: names}, nil); err != nil {
			return err
		}
		var bad error
		tx.Leaves(first, func(index int64, raw []byte) bool {
			leaf, err := translog.ParseLeaf(raw)
			side, missing := tx.Side(index, "of")
			if bad = errors.Join(err, missing); bad != nil {
				// The last line has one name, which stands in it.
				if e, ok := leaf.Entry.(*translog.Op); ok && e.OfCount == 1 && len(e.Of) == 1 {
					bad, total, leaves = nil, total+1, leaves+1
				}
				return bad == nil
			}
			leaves, total = leaves+1, total+int64(len(side)/translog.HashSize)
			return true
		})
		return bad
	})
	if err != nil || leaves != 3 || total != int64(len(names)) {
		t.Errorf("%d lines with %d names: %v", leaves, total, err)
	}
}
