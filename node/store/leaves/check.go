package leaves

import (
	"bytes"

	"github.com/rogatory/rogatory/crypto/translog"
)

// Check holds all leaves against their places, their times and the trees of their logs, whose bases are given in order, the first is 0. It calls leaf with
// each that can be read, its Index being its place, and the number of its log in bases; and find with whatever does not fit. It ends with an error of leaf.
func (r Row) Check(bases []int64, leaf func(log int, l translog.Leaf) error, find func(format string, args ...any)) error {
	var edge translog.Edge
	var completed []translog.Hash
	var lastAt, hashed, base int64
	log := 0
	if err := r.b.ForEach(func(k, line []byte) error {
		if len(k) == 9 && k[8] == endHashes {
			hashed++
			return nil
		}
		place := base + edge.Size()
		if log+1 < len(bases) && place == bases[log+1] {
			log++
			base, edge = place, translog.Edge{}
		}
		index := edge.Size()
		if len(k) != 8 || placeOf(k) != place {
			find("leaf %x stands at place %d", k, place)
		}
		l, err := translog.ParseLeaf(line)
		if err != nil {
			find("%w", err)
			return nil
		}
		if l.Index != index || l.At < lastAt {
			find("leaf %d says index %d, and time %d after %d", index, l.Index, l.At, lastAt)
		}
		lastAt = l.At
		if completed, err = edge.Append(completed[:0], translog.LeafHash(line)); err != nil {
			find("%w", err)
			return nil
		}
		if !bytes.Equal(join(completed), r.b.Get(hashesKey(place))) {
			find("hashes at leaf %d are not those of the leaves", place)
		}
		l.Index = place
		return leaf(log, l)
	}); err != nil {
		return err
	}
	if size := base + edge.Size(); hashed != size {
		find("%d leaves have hashes, %d are there", hashed, size)
	}
	if log+1 < len(bases) {
		find("the log at place %d begins behind the last leaf", bases[log+1])
	}
	return nil
}
