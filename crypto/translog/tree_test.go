package translog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// theirs keeps a tree with the functions of golang.org/x/mod/sumdb/tlog alone.
func theirs(t testing.TB, leaves [][]byte) memory {
	t.Helper()
	var m memory
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(i), leaf, m)
		if err != nil {
			t.Fatal(err)
		}
		m = append(m, fromTlog(hashes)...)
	}
	return m
}

func numbered(n int) [][]byte {
	var leaves [][]byte
	for i := range n {
		leaves = append(leaves, binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	return leaves
}

func TestTreeAgreesWithTlogInAnyBatches(t *testing.T) {
	const most = 600
	leaves := numbered(most)
	want := theirs(t, leaves)
	rapid.Check(t, func(t *rapid.T) {
		var got memory
		n := 0
		for n < most && rapid.IntRange(0, 9).Draw(t, "more") > 0 {
			// A new edge each time, as after a restart.
			e, err := ReadEdge(int64(n), got)
			if err != nil {
				t.Fatal(err)
			}
			for range min(rapid.IntRange(0, 150).Draw(t, "batch"), most-n) {
				if StoredIndex(int64(n)) != int64(len(got)) {
					t.Fatalf("leaf %d belongs at %d, not %d", n, StoredIndex(int64(n)), len(got))
				}
				if got, err = e.Append(got, LeafHash(leaves[n])); err != nil {
					t.Fatal(err)
				}
				n++
			}
			root, err := tlog.TreeHash(int64(n), want)
			if err != nil {
				t.Fatal(err)
			}
			if e.Root() != Hash(root) || e.Size() != int64(n) {
				t.Fatalf("root of %d leaves differs", n)
			}
			if r, err := Root(int64(n), got); err != nil || r != Hash(root) {
				t.Fatalf("stored root of %d leaves differs: %v", n, err)
			}
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("stored hash %d differs", i)
			}
		}
	})
}

func TestProofsOfAnyLeafAndPrefixCheck(t *testing.T) {
	const most = 300
	leaves := numbered(most)
	stored := theirs(t, leaves)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, most).Draw(t, "size")
		index := rapid.Int64Range(0, size-1).Draw(t, "index")
		older := rapid.Int64Range(0, size).Draw(t, "older")
		root, err := Root(size, stored)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ProveInclusion(size, index, stored)
		if err != nil {
			t.Fatal(err)
		}
		leaf := LeafHash(leaves[index])
		if err := CheckInclusion(p, size, root, index, leaf); err != nil {
			t.Fatal(err)
		}
		if err := CheckInclusion(p, size, root, index, h("other")); !errors.Is(err, ErrProof) {
			t.Fatalf("another leaf: %v", err)
		}
		if err := CheckInclusion(append(p, h("more")), size, root, index, leaf); !errors.Is(err, ErrProof) {
			t.Fatalf("a longer proof: %v", err)
		}
		olderRoot, err := Root(older, stored)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ProveConsistency(older, size, stored)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckConsistency(c, older, olderRoot, size, root); err != nil {
			t.Fatal(err)
		}
		if err := CheckConsistency(c, older, h("other"), size, root); !errors.Is(err, ErrProof) {
			t.Fatalf("another older root: %v", err)
		}
		if err := CheckConsistency(c, older, olderRoot, size, h("other")); older > 0 && !errors.Is(err, ErrProof) {
			t.Fatalf("another root: %v", err)
		}
		if err := CheckConsistency(append(c, h("more")), older, olderRoot, size, root); !errors.Is(err, ErrProof) {
			t.Fatalf("a longer proof: %v", err)
		}
	})
}

func TestNumbersOutsideTheTreeAreRefused(t *testing.T) {
	stored := theirs(t, numbered(5))
	for _, n := range [][2]int64{{5, 5}, {5, -1}, {0, 0}, {-1, -1}, {MaxInt + 1, 0}} {
		if _, err := ProveInclusion(n[0], n[1], stored); !errors.Is(err, ErrRange) {
			t.Errorf("proving %v: %v", n, err)
		}
		if err := CheckInclusion(nil, n[0], Hash{}, n[1], Hash{}); !errors.Is(err, ErrRange) {
			t.Errorf("checking %v: %v", n, err)
		}
	}
	for _, n := range [][2]int64{{6, 5}, {-1, 5}, {0, MaxInt + 1}} {
		if _, err := ProveConsistency(n[0], n[1], stored); !errors.Is(err, ErrRange) {
			t.Errorf("proving %v: %v", n, err)
		}
		if err := CheckConsistency(nil, n[0], Hash{}, n[1], Hash{}); !errors.Is(err, ErrRange) {
			t.Errorf("checking %v: %v", n, err)
		}
	}
	for _, n := range []int64{-1, MaxInt + 1} {
		if _, err := ReadEdge(n, stored); !errors.Is(err, ErrRange) {
			t.Errorf("edge of %d: %v", n, err)
		}
	}
	e := Edge{size: MaxInt}
	if _, err := e.Append(nil, Hash{}); !errors.Is(err, ErrRange) {
		t.Errorf("leaf 2^53-1: %v", err)
	}
}

func TestReaderThatFailsOrCountsWronglyIsAnError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := ReadEdge(5, tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, broken })); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := ReadEdge(5, tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, nil })); err == nil {
		t.Error("no hashes")
	}
}

func TestEmptyTreeHashesNothing(t *testing.T) {
	var e Edge
	if e.Root() != sha256.Sum256(nil) {
		t.Errorf("%x", e.Root())
	}
}

func TestAbandonedBatchLeavesTheEdgeAsItWas(t *testing.T) {
	_, _, e := tree(t, 21)
	before := e.Root()
	try := e
	if _, err := try.Append(nil, h("x")); err != nil {
		t.Fatal(err)
	}
	if e.Root() != before || e.Size() != 21 || try.Root() == before {
		t.Error("the copy shares with its origin")
	}
}

func BenchmarkAppendBatch(b *testing.B) {
	leaf := mustMarshal(b, 7, sampleMsg())
	var e Edge
	stored := make([]Hash, 0, 600)
	for b.Loop() {
		stored = stored[:0]
		for range 256 {
			var err error
			if stored, err = e.Append(stored, LeafHash(leaf)); err != nil {
				b.Fatal(err)
			}
		}
		e.Root()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/leaf")
}

func BenchmarkCheckInclusion(b *testing.B) {
	leaves := numbered(1 << 16)
	stored := theirs(b, leaves)
	p, err := ProveInclusion(1<<16, 4711, stored)
	if err != nil {
		b.Fatal(err)
	}
	root, err := Root(1<<16, stored)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := CheckInclusion(p, 1<<16, root, 4711, LeafHash(leaves[4711])); err != nil {
			b.Fatal(err)
		}
	}
}
