package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
)

// A ring holds the times of the latest leaves.
type ring struct {
	at   []int64
	next int64
}

const ringSize = 1 << 16

func (g *ring) put(index, at int64) {
	if g.next = index + 1; index < ringSize && index == int64(len(g.at)) {
		g.at = append(g.at, at) // most logs are shorter
		return
	}
	g.at[index%ringSize] = at
}

func (g *ring) get(index int64) (int64, bool) {
	if index < 0 || index >= g.next || index < g.next-ringSize {
		return 0, false
	}
	return g.at[index%ringSize], true
}

// A grower grows the tree from the hashes of the leaves, and holds the hashes of its upper levels against the archive's tiles.
type grower struct {
	edge   translog.Edge
	stored []translog.Hash
	levels [6][]translog.Hash // of each level of tiles: those not yet compared
	done   [6]int64
	broken bool // a leaf's hash is not known
}

func (g *grower) add(h translog.Hash, known bool) {
	if g.broken = g.broken || !known; g.broken {
		return
	}
	var err error
	if g.stored, err = g.edge.Append(g.stored[:0], h); err != nil {
		g.broken = true
		return
	}
	for level := 1; 8*level < len(g.stored) && level < len(g.levels); level++ {
		g.levels[level] = append(g.levels[level], g.stored[8*level])
	}
}

// compare holds the full hashes of upper levels against the archive, those of a tile at once. The level of the leaves is compared leaf by leaf.
func (g *grower) compare(r *archive.Reader, rep *report, size int64) error {
	for level := 1; level < len(g.levels); level++ {
		n := g.done[level]
		whole := len(g.levels[level]) == archive.TileWidth || g.edge.Size() == size
		if len(g.levels[level]) == 0 || !whole || g.broken {
			continue
		}
		indexes := make([]int64, len(g.levels[level]))
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(8*level, n+int64(i))
		}
		hashes, err := r.Hashes().ReadHashes(indexes)
		if err != nil {
			f, ok := formatFinding(err)
			if !ok {
				return err
			}
			rep.add(f)
		}
		for i := range hashes {
			if h := translog.Hash(hashes[i]); h != g.levels[level][i] {
				first := (n + int64(i)) << (8 * level)
				rep.note(CodeRoot, first, fmt.Sprintf("hash of %d leaves in a tile of level %d", int64(1)<<(8*level), level), g.levels[level][i].String(), h.String())
			}
		}
		g.done[level] += int64(len(g.levels[level]))
		g.levels[level] = g.levels[level][:0]
	}
	return nil
}
