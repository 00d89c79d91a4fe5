package store

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
)

// A Head is a size of the log and the root of its RFC 6962 tree at that size.
type Head struct {
	Size int64
	Root translog.Hash
}

func headOf(e *translog.Edge) Head { return Head{e.Size(), e.Root()} }

// ReadHashes returns stored hashes of one log by the indexes that golang.org/x/mod/sumdb/tlog counts: it makes a Reader a
// tlog.HashReader. A stored hash stands with the last leaf of its subtree.
func (r *Reader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	b, base := r.b.Bucket(bucketLeaves), r.base()
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		v := b.Get(indexed(base+(n+1)<<level-1, endHashes))
		if len(v) < (level+1)*tlog.HashSize {
			return nil, fmt.Errorf("reading hash %d of level %d: %w", n, level, ErrNotFound)
		}
		hashes[i] = tlog.Hash(v[level*tlog.HashSize:])
	}
	return hashes, nil
}

// HeadAt returns the head that the log had at size.
func (r *Reader) HeadAt(size int64) (Head, error) {
	root, err := translog.Root(size, r)
	return Head{size, root}, err
}

// Inclusion returns the RFC 6962 inclusion proof of the leaf at index in the tree of size, from the leaf up.
func (r *Reader) Inclusion(index, size int64) ([]translog.Hash, error) {
	return translog.ProveInclusion(size, index, r)
}

// Consistency returns the RFC 6962 proof that the tree of size older is a prefix of the tree of size newer.
func (r *Reader) Consistency(older, newer int64) ([]translog.Hash, error) {
	return translog.ProveConsistency(older, newer, r)
}

// Inclusion is [Reader.Inclusion] in a View of its own.
func (s *Store) Inclusion(index, size int64) (proof []translog.Hash, err error) {
	err = s.View(func(r *Reader) error {
		proof, err = r.Inclusion(index, size)
		return err
	})
	return proof, err
}

// Consistency is [Reader.Consistency] in a View of its own.
func (s *Store) Consistency(older, newer int64) (proof []translog.Hash, err error) {
	err = s.View(func(r *Reader) error {
		proof, err = r.Consistency(older, newer)
		return err
	})
	return proof, err
}
