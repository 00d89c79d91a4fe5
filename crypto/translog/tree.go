package translog

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// An Edge is the right edge of a tree: the roots of its complete subtrees, from which it grows and has its root without
// a look at older hashes. The zero Edge is that of the empty tree. Assigning an Edge copies it, so that a transaction
// that fails leaves the old one in place.
type Edge struct {
	size int64
	full [53]Hash // full[l] is the root of a complete subtree of 2^l leaves, if bit l of size is set
}

// ReadEdge reads the edge of the tree of the given size from its stored hashes, in one call of r.
func ReadEdge(size int64, r tlog.HashReader) (Edge, error) {
	e := Edge{size: size}
	if size < 0 || size > MaxInt {
		return Edge{}, fmt.Errorf("reading the edge of a tree: %w", ErrRange)
	}
	var at []int64
	for level := 52; level >= 0; level-- {
		if size>>level&1 == 1 {
			at = append(at, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	if len(at) == 0 {
		return e, nil
	}
	hashes, err := r.ReadHashes(at)
	if err != nil {
		return Edge{}, fmt.Errorf("reading the edge of a tree of %d leaves: %w", size, err)
	}
	if len(hashes) != len(at) {
		return Edge{}, fmt.Errorf("reading the edge of a tree of %d leaves: %d hashes instead of %d", size, len(hashes), len(at))
	}
	for level, i := 52, 0; level >= 0; level-- {
		if size>>level&1 == 1 {
			e.full[level] = Hash(hashes[i])
			i++
		}
	}
	return e, nil
}

// Size returns the number of leaves.
func (e *Edge) Size() int64 { return e.size }

// Append adds one leaf by its hash and appends to stored what must be stored for it, at the indexes from
// [StoredIndex] of the leaf on. A batch is a loop of Append over one slice.
func (e *Edge) Append(stored []Hash, leaf Hash) ([]Hash, error) {
	if e.size >= MaxInt {
		return stored, fmt.Errorf("appending to a tree: %w", ErrRange)
	}
	h := leaf
	stored = append(stored, h)
	level := 0
	for ; e.size>>level&1 == 1; level++ {
		h = nodeHash(&e.full[level], &h)
		stored = append(stored, h)
	}
	e.full[level] = h
	e.size++
	return stored, nil
}

// Root returns the root of the tree; SHA-256 of nothing for the empty one, as RFC 6962 has it.
func (e *Edge) Root() Hash {
	if e.size == 0 {
		return emptyRoot
	}
	level := bits.TrailingZeros64(uint64(e.size))
	h := e.full[level]
	for level++; level < len(e.full); level++ {
		if e.size>>level&1 == 1 {
			h = nodeHash(&e.full[level], &h)
		}
	}
	return h
}

// emptyRoot is SHA-256 of nothing.
var emptyRoot = Hash(sha256.Sum256(nil))

// StoredIndex returns the index of the first hash that the leaf with this index adds to the stored hashes, as
// golang.org/x/mod/sumdb/tlog counts them. It is also the number of hashes stored for all leaves before it.
func StoredIndex(leaf int64) int64 { return tlog.StoredHashIndex(0, leaf) }

// Root returns the root of the tree of the given size.
func Root(size int64, r tlog.HashReader) (Hash, error) {
	e, err := ReadEdge(size, r)
	if err != nil {
		return Hash{}, err
	}
	return e.Root(), nil
}

// ProveInclusion returns the hashes that lead from the leaf at index to the root of the tree of the given size.
func ProveInclusion(size, index int64, r tlog.HashReader) ([]Hash, error) {
	if !inTree(size, index) {
		return nil, fmt.Errorf("proving leaf %d in a tree of %d: %w", index, size, ErrRange)
	}
	p, err := tlog.ProveRecord(size, index, r)
	if err != nil {
		return nil, fmt.Errorf("proving leaf %d in a tree of %d: %w", index, size, err)
	}
	return fromTlog(p), nil
}

// CheckInclusion checks that the leaf with this hash stands at index in the tree of size and root.
func CheckInclusion(proof []Hash, size int64, root Hash, index int64, leaf Hash) error {
	if !inTree(size, index) {
		return fmt.Errorf("checking leaf %d in a tree of %d: %w", index, size, ErrRange)
	}
	if err := tlog.CheckRecord(toTlog(proof), size, tlog.Hash(root), index, tlog.Hash(leaf)); err != nil {
		return fmt.Errorf("checking leaf %d in a tree of %d: %w", index, size, ErrProof)
	}
	return nil
}

// ProveConsistency returns the hashes which show that the tree of size older is a prefix of the tree of size newer. The
// proof is empty when either says nothing: both sizes are equal, or older is 0.
func ProveConsistency(older, newer int64, r tlog.HashReader) ([]Hash, error) {
	if older < 0 || newer < older || newer > MaxInt {
		return nil, fmt.Errorf("proving consistency of %d with %d leaves: %w", older, newer, ErrRange)
	}
	if older == 0 || older == newer {
		return nil, nil
	}
	p, err := tlog.ProveTree(newer, older, r)
	if err != nil {
		return nil, fmt.Errorf("proving consistency of %d with %d leaves: %w", older, newer, err)
	}
	return fromTlog(p), nil
}

// CheckConsistency checks that the tree of size older and its root is a prefix of the tree of size newer and its root.
// The empty tree is a prefix of all; two trees of one size are consistent when their roots are equal; both with an
// empty proof.
func CheckConsistency(proof []Hash, older int64, olderRoot Hash, newer int64, newerRoot Hash) error {
	if older < 0 || newer < older || newer > MaxInt {
		return fmt.Errorf("checking consistency of %d with %d leaves: %w", older, newer, ErrRange)
	}
	ok := false
	switch {
	case older == 0:
		ok = len(proof) == 0 && olderRoot == emptyRoot && (newer > 0 || newerRoot == emptyRoot)
	case older == newer:
		ok = len(proof) == 0 && olderRoot == newerRoot
	default:
		ok = tlog.CheckTree(toTlog(proof), newer, tlog.Hash(newerRoot), older, tlog.Hash(olderRoot)) == nil
	}
	if !ok {
		return fmt.Errorf("checking consistency of %d with %d leaves: %w", older, newer, ErrProof)
	}
	return nil
}

func inTree(size, index int64) bool { return 0 <= index && index < size && size <= MaxInt }

func fromTlog(p []tlog.Hash) []Hash {
	out := make([]Hash, len(p))
	for i := range p {
		out[i] = Hash(p[i])
	}
	return out
}

func toTlog(p []Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(p))
	for i := range p {
		out[i] = tlog.Hash(p[i])
	}
	return out
}
