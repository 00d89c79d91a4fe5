// Package leaves keeps the leaves of a country's logs in a bbolt bucket, one behind another, and with each the hashes of those subtrees of its log's
// RFC 6962 tree that it completes: a head or a proof of any size is a few reads.
//
// A leaf's place is its number in that row, and never changes. Its index, which it says itself, is its number in its own log: its place less the log's base,
// which is the place of the log's leaf 0.
//
//	u64be place      -> the leaf
//	u64be place || 1 -> the hashes, from level 0 up
package leaves

import (
	"fmt"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/rows"
)

// A Head is a size of a log and the root of its RFC 6962 tree at that size.
type Head struct {
	Size int64
	Root translog.Hash
}

// HeadOf returns the head of the tree that has the right edge e.
func HeadOf(e *translog.Edge) Head { return Head{e.Size(), e.Root()} }

// A Row is the bucket, for the time of its transaction.
type Row struct{ b *bbolt.Bucket }

// In returns the row that is kept in a bucket.
func In(b *bbolt.Bucket) Row { return Row{b} }

const endHashes = 1 // the end of the key of hashes

func hashesKey(place int64) []byte { return append(rows.U64(place), endHashes) }

func placeOf(key []byte) int64 { return int64(rows.Number(key)) }

// Size returns the number of leaves: the place of the next one.
func (r Row) Size() int64 {
	if k, _ := r.b.Cursor().Last(); k != nil {
		return placeOf(k) + 1
	}
	return 0
}

// Leaf returns the leaf at a place, or [rows.ErrNotFound]. The bytes are those of the transaction.
func (r Row) Leaf(place int64) ([]byte, error) {
	leaf := r.b.Get(rows.U64(place))
	if leaf == nil {
		return nil, fmt.Errorf("reading leaf %d: %w", place, rows.ErrNotFound)
	}
	return leaf, nil
}

// Each calls each with the leaves from a place on, in order, until it returns false. The bytes are those of the transaction.
func (r Row) Each(from int64, each func(place int64, leaf []byte) bool) {
	c := r.b.Cursor()
	for k, v := c.Seek(rows.U64(from)); k != nil; k, v = c.Next() {
		if len(k) == 8 && !each(placeOf(k), v) {
			return
		}
	}
}

// Put puts a leaf at a place. It is in no tree before [Row.Grow].
func (r Row) Put(place int64, leaf []byte) error {
	r.b.FillPercent = 1 // leaves only ever come at the end
	return r.b.Put(rows.U64(place), leaf)
}

// Grow lets the tree of the log at base grow by the leaves with these hashes, which are at their places. edge is its right edge, and grows with it.
func (r Row) Grow(base int64, edge *translog.Edge, hashes ...translog.Hash) error {
	var completed []translog.Hash
	for _, h := range hashes {
		place := base + edge.Size()
		var err error
		if completed, err = edge.Append(completed[:0], h); err != nil {
			return err
		}
		if err := r.b.Put(hashesKey(place), join(completed)); err != nil {
			return err
		}
	}
	return nil
}

func join(hashes []translog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*translog.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// Cut takes the leaf at a place out of the row, and its hashes. The places behind it must be cut as well.
func (r Row) Cut(place int64) error {
	if err := r.b.Delete(rows.U64(place)); err != nil {
		return err
	}
	return r.b.Delete(hashesKey(place))
}

// A Tree is the RFC 6962 tree of the log at a base.
type Tree struct {
	row  Row
	base int64
}

// Tree returns the tree of the log at base.
func (r Row) Tree(base int64) Tree { return Tree{r, base} }

// ReadHashes returns stored hashes by the indexes that [tlog.StoredHashIndex] counts: it makes a Tree a [tlog.HashReader]. A hash stands with the last leaf
// of its subtree.
func (t Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		v := t.row.b.Get(hashesKey(t.base + (n+1)<<level - 1))
		if len(v) < (level+1)*tlog.HashSize {
			return nil, fmt.Errorf("reading hash %d of level %d: %w", n, level, rows.ErrNotFound)
		}
		hashes[i] = tlog.Hash(v[level*tlog.HashSize:])
	}
	return hashes, nil
}

// Head returns the head that the log had at size.
func (t Tree) Head(size int64) (Head, error) {
	root, err := translog.Root(size, t)
	return Head{size, root}, err
}
