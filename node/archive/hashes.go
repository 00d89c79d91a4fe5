package archive

import (
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
)

// maxCached is how many tiles of hashes are kept in memory: 8 KiB each.
const maxCached = 128

// hashes reads the tree's hashes from its tiles. It keeps the tiles read lately: proofs of neighbours need the same ones.
type hashes struct {
	r *Reader

	mu    sync.Mutex
	tiles map[tlog.Tile][]byte
	order []tlog.Tile // of the tiles, the oldest first
}

// ReadHashes returns the hashes with these indexes, as [tlog.StoredHashIndex] counts them.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 {
			return nil, fmt.Errorf("reading hash %d: %w", index, ErrRange)
		}
		t := tlog.TileForIndex(8, index)
		if t.L > maxLevel {
			return nil, fmt.Errorf("reading hash %d: %w", index, ErrRange)
		}
		b, err := h.tile(t)
		if err != nil {
			return nil, err
		}
		t.W = len(b) / translog.HashSize
		if out[i], err = tlog.HashFromTile(t, b, index); err != nil {
			return nil, fmt.Errorf("reading hash %d: %w", index, err)
		}
	}
	return out, nil
}

// tile returns the bytes of a tile, as wide as it is in this archive.
func (h *hashes) tile(t tlog.Tile) ([]byte, error) {
	least := t.W
	w := width(h.r.info.Size, uint8(t.L), t.N)
	if w < least {
		return nil, fmt.Errorf("reading a hash beyond %d leaves: %w", h.r.info.Size, ErrRange)
	}
	t.W = w
	h.mu.Lock()
	b, ok := h.tiles[t]
	h.mu.Unlock()
	if ok {
		return b, nil
	}
	p := place{class: classHashes, level: uint8(t.L), n: t.N, width: w}
	b, err := h.r.file(p, TileWidth*translog.HashSize)
	if err != nil {
		return nil, err
	}
	if len(b) != w*translog.HashSize {
		return nil, formatError(p.path(), p.first(true), fmt.Errorf("%d bytes for %d hashes: %w", len(b), w, ErrForm))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.tiles[t]; ok {
		return b, nil
	}
	if h.tiles == nil {
		h.tiles = make(map[tlog.Tile][]byte)
	}
	if len(h.order) == maxCached {
		delete(h.tiles, h.order[0])
		h.order = append(h.order[:0], h.order[1:]...)
	}
	h.tiles[t], h.order = b, append(h.order, t)
	return b, nil
}
