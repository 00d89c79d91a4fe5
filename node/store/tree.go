package store

import (
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
)

// A Head is a size of the log and the root of its RFC 6962 tree at that size.
type Head = leaves.Head

func (r *Reader) row() leaves.Row { return leaves.In(r.b.Bucket(bucketLeaves)) }

// tree is that of the log whose heads and proofs the Reader gives.
func (r *Reader) tree() leaves.Tree { return r.row().Tree(r.base()) }

// HeadAt returns the head that the log had at size.
func (r *Reader) HeadAt(size int64) (Head, error) {
	return r.tree().Head(size)
}

// Inclusion returns the RFC 6962 inclusion proof of the leaf at index in the tree of size, from the leaf up.
func (r *Reader) Inclusion(index, size int64) ([]translog.Hash, error) {
	return translog.ProveInclusion(size, index, r.tree())
}

// Consistency returns the RFC 6962 proof that the tree of size older is a prefix of the tree of size newer.
func (r *Reader) Consistency(older, newer int64) ([]translog.Hash, error) {
	return translog.ProveConsistency(older, newer, r.tree())
}

// Consistency is [Reader.Consistency] in a View of its own.
func (s *Store) Consistency(older, newer int64) (proof []translog.Hash, err error) {
	err = s.View(func(r *Reader) error {
		proof, err = r.Consistency(older, newer)
		return err
	})
	return proof, err
}
