package archive

import (
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
)

// maxCached is how many tiles of hashes are kept in memory: 8 or 16 KiB each.
const maxCached = 128

// hashes reads the tree's hashes from its tiles. It keeps the tiles read lately: proofs of neighbours need the same ones, and all need those of the
// upper levels.
type hashes struct {
	r *Reader

	mu    sync.Mutex
	tiles map[hashPlace]*hashTile
	order []hashPlace // of the tiles, the oldest first
}

type hashPlace struct{ level, n int64 }

// A hashTile is a tile with the seven levels above it, which are computed when one of them is asked for.
type hashTile struct {
	leaves []byte
	once   sync.Once
	above  [7][]tlog.Hash
}

// hash returns hash i of a level within the tile, 0 to 7.
func (t *hashTile) hash(level int, i int64) (h tlog.Hash) {
	if level > 0 {
		t.once.Do(t.climb)
		return t.above[level-1][i]
	}
	copy(h[:], t.leaves[i*translog.HashSize:])
	return h
}

func (t *hashTile) climb() {
	for level := range t.above {
		list := make([]tlog.Hash, len(t.leaves)/translog.HashSize>>(level+1))
		for i := range list {
			list[i] = tlog.NodeHash(t.below(level, 2*i), t.below(level, 2*i+1))
		}
		t.above[level] = list
	}
}

// below is hash while the levels above are computed.
func (t *hashTile) below(level, i int) tlog.Hash {
	if level > 0 {
		return t.above[level-1][i]
	}
	return tlog.Hash(t.leaves[i*translog.HashSize:])
}

// ReadHashes returns the hashes with these indexes, as [tlog.StoredHashIndex] counts them.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var p hashPlace
	var t *hashTile
	for i, index := range indexes {
		if index < 0 {
			return nil, fmt.Errorf("reading hash %d: %w", index, ErrRange)
		}
		level, n := tlog.SplitStoredHashIndex(index)
		in := level % 8 // levels within the tile
		at := hashPlace{int64(level / 8), n >> (8 - in)}
		if at.level > maxLevel {
			return nil, fmt.Errorf("reading hash %d: %w", index, ErrRange)
		}
		if t == nil || at != p {
			var err error
			if t, err = h.tile(at); err != nil {
				return nil, err
			}
			p = at
		}
		n -= at.n << (8 - in)
		if int64(len(t.leaves)) < (n+1)<<in*translog.HashSize {
			return nil, fmt.Errorf("reading hash %d beyond %d leaves: %w", index, h.r.info.Size, ErrRange)
		}
		out[i] = t.hash(in, n)
	}
	return out, nil
}

// tile returns a tile, as wide as it is in this archive.
func (h *hashes) tile(at hashPlace) (*hashTile, error) {
	w := width(h.r.info.Size, uint8(at.level), at.n)
	if w == 0 {
		return nil, fmt.Errorf("reading a hash beyond %d leaves: %w", h.r.info.Size, ErrRange)
	}
	h.mu.Lock()
	t := h.tiles[at]
	h.mu.Unlock()
	if t != nil {
		return t, nil
	}
	p := place{class: classHashes, level: uint8(at.level), n: at.n, width: w}
	b, err := h.r.file(p, TileWidth*translog.HashSize)
	if err != nil {
		return nil, err
	}
	if len(b) != w*translog.HashSize {
		return nil, formatError(p.path(), p.first(true), fmt.Errorf("%d bytes for %d hashes: %w", len(b), w, ErrForm))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.tiles[at]; t != nil {
		return t, nil
	}
	if h.tiles == nil {
		h.tiles = make(map[hashPlace]*hashTile)
	}
	if len(h.order) == maxCached {
		delete(h.tiles, h.order[0])
		h.order = append(h.order[:0], h.order[1:]...)
	}
	t = &hashTile{leaves: b}
	h.tiles[at], h.order = t, append(h.order, at)
	return t, nil
}
