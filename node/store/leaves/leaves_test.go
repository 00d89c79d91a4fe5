package leaves

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
)

// inRow calls f with an empty row, in a transaction that is not kept.
func inRow(t *testing.T, f func(Row)) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "leaves"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	b, err := tx.CreateBucket([]byte("leaves"))
	if err != nil {
		t.Fatal(err)
	}
	f(In(b))
}

// grow appends n leaves to the log at base and returns the heads that it had, from size 0 on.
func grow(t *testing.T, r Row, base int64, n int) (heads []Head, hashes []translog.Hash) {
	t.Helper()
	var edge translog.Edge
	heads = append(heads, HeadOf(&edge))
	for i := range int64(n) {
		leaf, err := translog.Marshal(base+i, i, &translog.Node{Event: translog.NodeStart, Program: "test"})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, translog.LeafHash(leaf))
		if err := r.Put(base+i, leaf); err != nil {
			t.Fatal(err)
		}
		if err := r.Grow(base, &edge, hashes[i]); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, HeadOf(&edge))
	}
	return heads, hashes
}

func findings(t *testing.T, r Row, bases ...int64) (found []string) {
	t.Helper()
	n := int64(0)
	if err := r.Check(bases, func(log int, l translog.Leaf) error {
		if l.Index != n || l.Index < bases[log] {
			t.Errorf("leaf %d comes as %d, of log %d", n, l.Index, log)
		}
		n++
		return nil
	}, func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEachLogInTheRowProvesItsOwnLeaves(t *testing.T) {
	inRow(t, func(r Row) {
		for _, log := range []struct {
			base int64
			n    int
		}{{0, 13}, {13, 21}} {
			heads, hashes := grow(t, r, log.base, log.n)
			tree := r.Tree(log.base)
			for size, head := range heads {
				if at, err := tree.Head(int64(size)); err != nil || at != head {
					t.Fatalf("log at %d has head %v at %d, not %v: %v", log.base, at, size, head, err)
				}
				for i := range size {
					proof, err := translog.ProveInclusion(int64(size), int64(i), tree)
					if err != nil {
						t.Fatal(err)
					}
					if err := translog.CheckInclusion(proof, int64(size), head.Root, int64(i), hashes[i]); err != nil {
						t.Fatalf("leaf %d of %d at base %d: %v", i, size, log.base, err)
					}
				}
			}
		}
		if r.Size() != 34 {
			t.Errorf("the row has %d leaves", r.Size())
		}
		if found := findings(t, r, 0, 13); found != nil {
			t.Errorf("found %q", found)
		}
		if found := findings(t, r, 0, 13, 40); len(found) != 1 {
			t.Errorf("a log behind the last leaf: found %q", found)
		}
		for place := int64(33); place >= 13; place-- {
			if err := r.Cut(place); err != nil {
				t.Fatal(err)
			}
		}
		if found := findings(t, r, 0); found != nil || r.Size() != 13 {
			t.Errorf("after a cut to %d leaves found %q", r.Size(), found)
		}
	})
}

func TestWhateverIsChangedInTheRowIsFound(t *testing.T) {
	inRow(t, func(r Row) {
		grow(t, r, 0, 9)
		keys := [][]byte{}
		if err := r.b.ForEach(func(k, _ []byte) error {
			keys = append(keys, k)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			was := append([]byte(nil), r.b.Get(k)...)
			if len(was) == 0 {
				t.Fatalf("nothing at %x", k)
			}
			for at := range was {
				bad := append([]byte(nil), was...)
				bad[at] ^= 1
				if err := r.b.Put(k, bad); err != nil {
					t.Fatal(err)
				}
				found := false
				if err := r.Check([]int64{0}, func(int, translog.Leaf) error { return nil }, func(string, ...any) { found = true }); err != nil || !found {
					t.Errorf("byte %d at %x: %t, %v", at, k, found, err)
				}
			}
			if err := r.b.Put(k, was); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.b.Put(binary.BigEndian.AppendUint64(nil, 1<<40), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if found := findings(t, r, 0); len(found) == 0 {
			t.Error("a leaf at another place is not found")
		}
	})
}
