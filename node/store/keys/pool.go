package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A pool holds the keys that were made ahead for one unit and that no content has, in ascending order.
type pool struct {
	keys []Key
	size int // how many are made the next time; doubles, so that small units keep few
}

const (
	poolFirst = 32
	poolMost  = 1024
)

// Start finds the keys that were made ahead and that no content has: those of a block which are newer than the last that was taken from its unit's pool.
// From then on keys can be taken.
func (f *File) Start(taken map[string]uint64) error {
	if err := f.load(taken); err != nil {
		return err
	}
	f.low, f.filled = make(chan string, 64), make(chan struct{})
	go f.fillLoop()
	return nil
}

func (f *File) load(taken map[string]uint64) error {
	return f.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketBlocks).ForEach(func(k, v []byte) error {
			b, err := parseBlock(k, v)
			if err != nil {
				return err
			}
			if _, err := f.opts.UnitKeys(b.unit); err != nil {
				f.opts.Logger.Warn("unit has no key, its contents are closed", "unit", b.unit, "error", err)
				return nil
			}
			p := f.poolOf(b.unit)
			p.size = min(poolMost, max(p.size, int(b.count)))
			for id := max(b.first, taken[b.unit]+1); id < b.first+b.count; id++ {
				row := tx.Bucket(bucketKeys).Get(rows.U64(id))
				if row == nil {
					continue
				}
				_, key, err := f.unwrap(id, row)
				if err != nil {
					return err
				}
				p.keys = append(p.keys, key)
			}
			return nil
		})
	})
}

// A span is a row of consecutive keys.
type span struct{ first, count uint64 }

// A block is a span that was made at once, for a unit.
type block struct {
	span
	unit string
}

func parseBlock(k, v []byte) (block, error) {
	var row storev1.KeyBlock
	if err := rows.Parse(v, &row); err != nil {
		return block{}, err
	}
	return block{span{rows.Number(k), uint64(row.Count)}, row.Unit}, nil
}

func (f *File) poolOf(unit string) *pool {
	p := f.pools[unit]
	if p == nil {
		p = &pool{size: poolFirst}
		f.pools[unit] = p
	}
	return p
}

// A Taker takes keys from the pools for one transaction. The next one begins when it is settled or forgotten.
type Taker struct {
	f     *File
	taken map[string]int // how many keys of each unit's pool
}

// Taker returns one that has taken nothing yet. What it takes stays where it is before it is settled.
func (f *File) Taker() *Taker { return &Taker{f, make(map[string]int)} }

// Key takes a key from the unit's pool. An empty pool is filled at once, a low one beside.
func (t *Taker) Key(unit string) (Key, error) {
	f := t.f
	for range 2 {
		f.poolsMu.Lock()
		p := f.poolOf(unit)
		n, left := t.taken[unit], len(p.keys)-t.taken[unit]
		low := left < p.size/4
		var key Key
		if left > 0 {
			key = p.keys[n]
			t.taken[unit] = n + 1
		}
		f.poolsMu.Unlock()
		if left > 0 {
			if low {
				select {
				case f.low <- unit:
				default:
				}
			}
			return key, nil
		}
		if err := f.fill(unit, func(p *pool) bool { return len(p.keys) > n }); err != nil {
			return Key{}, err
		}
	}
	return Key{}, fmt.Errorf("no key for unit %s: %w", unit, ErrKey)
}

// Last yields the last key that was taken from the pool of each unit. It has to be kept in the transaction, for [File.Start].
func (t *Taker) Last() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		t.f.poolsMu.Lock()
		defer t.f.poolsMu.Unlock()
		for unit, n := range t.taken {
			if !yield(unit, t.f.pools[unit].keys[n-1].id) {
				return
			}
		}
	}
}

// Settle takes what was taken out of the pools: the transaction is committed.
func (t *Taker) Settle() {
	t.f.poolsMu.Lock()
	defer t.f.poolsMu.Unlock()
	for unit, n := range t.taken {
		p := t.f.pools[unit]
		p.keys = p.keys[n:]
	}
}

// fillLoop makes keys ahead for units whose pool runs low.
func (f *File) fillLoop() {
	defer close(f.filled)
	for unit := range f.low {
		if err := f.fill(unit, func(p *pool) bool { return len(p.keys) >= p.size/2 }); err != nil {
			f.opts.Logger.Error("keys could not be made ahead", "unit", unit, "error", err)
		}
	}
}

// fill makes keys ahead for a unit in one commit, unless enough reports that there are enough.
func (f *File) fill(unit string, enough func(*pool) bool) error {
	f.fillMu.Lock()
	defer f.fillMu.Unlock()
	f.poolsMu.Lock()
	p := f.poolOf(unit)
	done, size := enough(p), p.size
	f.poolsMu.Unlock()
	if done {
		return nil
	}
	made := make([]Key, size)
	var first uint64
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.db.Update(func(tx *bbolt.Tx) error {
		b, blocks := tx.Bucket(bucketKeys), tx.Bucket(bucketBlocks)
		b.FillPercent = 0.9
		if err := errors.Join(f.dropBlocks(blocks), f.dropFailed(b, blocks)); err != nil {
			return err
		}
		first = b.Sequence() + 1
		for i := range made {
			made[i].id = first + uint64(i)
			if _, err := rand.Read(made[i].key[:]); err != nil {
				return err
			}
			row, err := f.wrap(unit, &made[i])
			if err != nil {
				return err
			}
			if err := b.Put(rows.U64(made[i].id), row); err != nil {
				return err
			}
		}
		row, err := rows.Marshal(&storev1.KeyBlock{Unit: unit, Count: uint32(size)})
		if err != nil {
			return err
		}
		return errors.Join(b.SetSequence(first+uint64(size)-1), blocks.Put(rows.U64(first), row))
	}); err != nil {
		// When the last flush fails, bbolt shows what nobody knows to be on the disk: nothing may stand on it.
		if first > 0 {
			f.failed = append(f.failed, span{first, uint64(size)})
		}
		return fmt.Errorf("making keys ahead: %w: %w", disk.ErrWrite, err)
	}
	f.failed = nil
	f.opts.Step(StepFilled)
	f.poolsMu.Lock()
	p.keys = append(p.keys, made...)
	p.size = min(poolMost, 2*p.size)
	f.poolsMu.Unlock()
	return nil
}

// dropFailed deletes what commits that failed have left, if they have. A crash before leaves their blocks, and opening takes
// them into the pools.
func (f *File) dropFailed(b, blocks *bbolt.Bucket) error {
	for _, s := range f.failed {
		for id := s.first; id < s.first+s.count; id++ {
			if err := b.Delete(rows.U64(id)); err != nil {
				return err
			}
		}
		if err := blocks.Delete(rows.U64(s.first)); err != nil {
			return err
		}
	}
	return nil
}

// dropBlocks deletes the rows of blocks of which no key is left in a pool.
func (f *File) dropBlocks(blocks *bbolt.Bucket) error {
	f.poolsMu.Lock()
	defer f.poolsMu.Unlock()
	return rows.DeleteWhere(blocks, func(k, v []byte) (bool, error) {
		b, err := parseBlock(k, v)
		p := f.pools[b.unit]
		return p != nil && len(p.keys) > 0 && p.keys[0].id >= b.first+b.count, err
	})
}
