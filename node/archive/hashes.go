package archive

import (
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
)

// maxCached is how many tiles of hashes are kept in memory: 8 or 16 KiB each.
const maxCached = 2048

// hashes reads the tree's hashes from its tiles. It keeps the tiles read lately: proofs of neighbours need the same ones, and all need those of the
// upper levels. To compute the levels within a tile takes longer than to read it.
type hashes struct {
	r *Reader

	mu    sync.Mutex
	tiles map[hashPlace]*hashTile
	clock []*hashTile // those of tiles
	hand  int         // the next to be dropped, unless it was used since the hand went over it
}

type hashPlace struct{ level, n int64 }

// A hashTile is a tile with the seven levels above it, which are computed when one of them is asked for.
type hashTile struct {
	at     hashPlace
	used   bool // guarded by hashes.mu
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
	width := len(t.leaves) / translog.HashSize
	room := make([]tlog.Hash, width)
	for level := range t.above {
		n := width >> (level + 1)
		list := room[:n:n]
		for i := range list {
			list[i] = tlog.NodeHash(t.below(level, 2*i), t.below(level, 2*i+1))
		}
		t.above[level], room = list, room[n:]
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
	if t := h.cached(at); t != nil {
		return t, nil
	}
	p := place{class: classHashes, level: uint8(at.level), n: at.n, width: w}
	b, err := h.r.hashTile(p, nil)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.tiles[at]; t != nil {
		return t, nil
	}
	t := &hashTile{at: at, leaves: b}
	h.keep(t)
	return t, nil
}

func (h *hashes) cached(at hashPlace) *hashTile {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.tiles[at]
	if t != nil {
		t.used = true
	}
	return t
}

// keep keeps a tile, in the place of one that was not used lately.
func (h *hashes) keep(t *hashTile) {
	if h.tiles == nil {
		h.tiles = make(map[hashPlace]*hashTile)
	}
	h.tiles[t.at] = t
	if len(h.clock) < maxCached {
		h.clock = append(h.clock, t)
		return
	}
	for h.clock[h.hand].used {
		h.clock[h.hand].used = false
		h.hand = (h.hand + 1) % maxCached
	}
	delete(h.tiles, h.clock[h.hand].at)
	h.clock[h.hand] = t
	h.hand = (h.hand + 1) % maxCached
}

// hashTile reads a tile of hashes.
func (r *Reader) hashTile(p place, into []byte) ([]byte, error) {
	b, err := r.file(p, TileWidth*translog.HashSize, into)
	if err == nil && len(b) != p.width*translog.HashSize {
		err = formatError(p.path(), p.first(true), fmt.Errorf("%d bytes for %d hashes: %w", len(b), p.width, ErrForm))
	}
	return b, err
}
