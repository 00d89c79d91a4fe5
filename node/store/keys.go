package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/disk"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A keyFile is keys.db. The lock is held for writing only while the file is replaced by one without old pages.
type keyFile struct {
	mu   sync.RWMutex
	db   *bbolt.DB
	path string
}

// A dataKey opens one content.
type dataKey struct {
	id  uint64
	key UnitKey
}

// Format prints "[key]": fmt does not ask fields that are not exported.
func (k dataKey) Format(f fmt.State, verb rune) { k.key.Format(f, verb) }

// A pool holds the keys that were made ahead for one unit and that no content has, in ascending order.
type pool struct {
	keys []dataKey
	size int // how many are made the next time; doubles, so that small units keep few
}

const (
	poolFirst = 32
	poolMost  = 1024
)

// Contexts of the two encryptions here, beside what they are followed by.
const (
	contextWrap    = "rogatory/v1/store/key\x00"     // u64be content || unit
	contextContent = "rogatory/v1/store/content\x00" // u64be content
)

const nonceSize = 12

func seal(key *UnitKey, plaintext, context []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, nonceSize, nonceSize+len(plaintext)+gcm.Overhead())
	if _, err := rand.Read(out); err != nil {
		return nil, err
	}
	return gcm.Seal(out, out, plaintext, context), nil
}

func open(key *UnitKey, sealed, context []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < nonceSize {
		return nil, ErrKey
	}
	plaintext, err := gcm.Open(nil, sealed[:nonceSize], sealed[nonceSize:], context)
	if err != nil {
		return nil, ErrKey
	}
	return plaintext, nil
}

func newGCM(key *UnitKey) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func wrapContext(id uint64, unit string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(contextWrap), id), unit...)
}

func contentContext(id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(contextContent), id)
}

// wrapRow returns the row of keys.db for key.
func (s *Store) wrapRow(unit string, key *dataKey) ([]byte, error) {
	unitKey, err := s.opts.UnitKeys(unit)
	if err != nil {
		return nil, fmt.Errorf("key of unit %s: %w", unit, err)
	}
	wrapped, err := seal(&unitKey, key.key[:], wrapContext(key.id, unit))
	if err != nil {
		return nil, err
	}
	return marshal(&storev1.DataKey{Unit: unit, Wrapped: wrapped})
}

// unwrapRow is the inverse of wrapRow.
func (s *Store) unwrapRow(id uint64, row []byte) (unit string, key dataKey, err error) {
	var r storev1.DataKey
	if err := parse(row, &r); err != nil {
		return "", dataKey{}, err
	}
	unitKey, err := s.opts.UnitKeys(r.Unit)
	if err != nil {
		return "", dataKey{}, fmt.Errorf("key of unit %s: %w", r.Unit, err)
	}
	b, err := open(&unitKey, r.Wrapped, wrapContext(id, r.Unit))
	if err != nil || len(b) != len(key.key) {
		return "", dataKey{}, fmt.Errorf("key of content %d: %w", id, ErrKey)
	}
	return r.Unit, dataKey{id, UnitKey(b)}, nil
}

// key returns the key of a content.
func (s *Store) key(id uint64) (key dataKey, err error) {
	s.keys.mu.RLock()
	defer s.keys.mu.RUnlock()
	err = s.keys.db.View(func(b *bbolt.Tx) error {
		row := b.Bucket(bucketKeys).Get(u64(id))
		if row == nil {
			return fmt.Errorf("key of content %d is missing: %w", id, ErrKey)
		}
		_, key, err = s.unwrapRow(id, row)
		return err
	})
	return key, err
}

// empty reports whether the file has never held a key.
func (f *keyFile) empty() (empty bool, err error) {
	err = f.db.View(func(b *bbolt.Tx) error {
		empty = b.Bucket(bucketKeys).Sequence() == 0
		return nil
	})
	return empty, err
}

// loadPools finds the keys that were made ahead and that no content has: those of a block which are newer than the
// newest content of the block's unit.
func (s *Store) loadPools() error {
	marks := make(map[string]uint64)
	if err := s.main.View(func(b *bbolt.Tx) error {
		return b.Bucket(bucketPools).ForEach(func(k, v []byte) error {
			marks[string(k)] = number(v)
			return nil
		})
	}); err != nil {
		return err
	}
	return s.keys.db.View(func(b *bbolt.Tx) error {
		return b.Bucket(bucketBlocks).ForEach(func(k, v []byte) error {
			var block storev1.KeyBlock
			if err := parse(v, &block); err != nil {
				return err
			}
			if _, err := s.opts.UnitKeys(block.Unit); err != nil {
				s.log.Warn("unit has no key, its contents are closed", "unit", block.Unit, "error", err)
				return nil
			}
			p := s.poolOf(block.Unit)
			p.size = min(poolMost, max(p.size, int(block.Count)))
			for id := max(number(k), marks[block.Unit]+1); id < number(k)+uint64(block.Count); id++ {
				row := b.Bucket(bucketKeys).Get(u64(id))
				if row == nil {
					continue
				}
				_, key, err := s.unwrapRow(id, row)
				if err != nil {
					return err
				}
				p.keys = append(p.keys, key)
			}
			return nil
		})
	})
}

func (s *Store) poolOf(unit string) *pool {
	p := s.pools[unit]
	if p == nil {
		p = &pool{size: poolFirst}
		s.pools[unit] = p
	}
	return p
}

// takeKey takes a key from the unit's pool for this batch; it is gone from the pool when the batch is committed. An
// empty pool is filled at once, a low one beside.
func (t *Tx) takeKey(unit string) (dataKey, error) {
	for range 2 {
		t.s.poolsMu.Lock()
		p := t.s.poolOf(unit)
		n, left := t.taken[unit], len(p.keys)-t.taken[unit]
		low := left < p.size/4
		var key dataKey
		if left > 0 {
			key = p.keys[n]
			t.taken[unit] = n + 1
		}
		t.s.poolsMu.Unlock()
		if left > 0 {
			if low {
				select {
				case t.s.fill <- unit:
				default:
				}
			}
			return key, nil
		}
		if err := t.s.fillPool(unit, func(p *pool) bool { return len(p.keys) > n }); err != nil {
			return dataKey{}, err
		}
	}
	return dataKey{}, fmt.Errorf("no key for unit %s: %w", unit, ErrKey)
}

// closePools writes how far the batch has used up each pool.
func (t *Tx) closePools() error {
	t.s.poolsMu.Lock()
	defer t.s.poolsMu.Unlock()
	for unit, n := range t.taken {
		if err := t.put(bucketPools, []byte(unit), u64(t.s.pools[unit].keys[n-1].id)); err != nil {
			return err
		}
	}
	return nil
}

// settlePools removes from the pools what a committed batch has taken.
func (s *Store) settlePools(taken map[string]int) {
	s.poolsMu.Lock()
	defer s.poolsMu.Unlock()
	for unit, n := range taken {
		p := s.pools[unit]
		p.keys = p.keys[n:]
	}
}

// fillLoop makes keys ahead for units whose pool runs low.
func (s *Store) fillLoop() {
	defer close(s.fillDone)
	for unit := range s.fill {
		if err := s.fillPool(unit, func(p *pool) bool { return len(p.keys) >= p.size/2 }); err != nil {
			s.log.Error("keys could not be made ahead", "unit", unit, "error", err)
		}
	}
}

// fillPool makes keys ahead for a unit in one commit of keys.db, unless enough reports that there are enough.
func (s *Store) fillPool(unit string, enough func(*pool) bool) error {
	s.fillMu.Lock()
	defer s.fillMu.Unlock()
	s.poolsMu.Lock()
	p := s.poolOf(unit)
	done, size := enough(p), p.size
	s.poolsMu.Unlock()
	if done {
		return nil
	}
	made := make([]dataKey, size)
	var first uint64
	s.keys.mu.RLock()
	defer s.keys.mu.RUnlock()
	if err := s.keys.db.Update(func(b *bbolt.Tx) error {
		keys, blocks := b.Bucket(bucketKeys), b.Bucket(bucketBlocks)
		keys.FillPercent = 0.9
		if err := errors.Join(s.dropBlocks(blocks), s.dropFailed(keys, blocks)); err != nil {
			return err
		}
		first = keys.Sequence() + 1
		for i := range made {
			made[i].id = first + uint64(i)
			if _, err := rand.Read(made[i].key[:]); err != nil {
				return err
			}
			row, err := s.wrapRow(unit, &made[i])
			if err != nil {
				return err
			}
			if err := keys.Put(u64(made[i].id), row); err != nil {
				return err
			}
		}
		block, err := marshal(&storev1.KeyBlock{Unit: unit, Count: uint32(size)})
		if err != nil {
			return err
		}
		return errors.Join(keys.SetSequence(first+uint64(size)-1), blocks.Put(u64(first), block))
	}); err != nil {
		// When the last flush fails, bbolt shows what nobody knows to be on the disk: nothing may stand on it.
		if first > 0 {
			s.failed = append(s.failed, span{first, uint64(size)})
		}
		return fmt.Errorf("making keys ahead: %w: %w", ErrDisk, err)
	}
	s.failed = nil
	s.step(StepFilled)
	s.poolsMu.Lock()
	p.keys = append(p.keys, made...)
	p.size = min(poolMost, 2*p.size)
	s.poolsMu.Unlock()
	return nil
}

// A span is a row of consecutive keys.
type span struct{ first, count uint64 }

// dropFailed deletes what commits that failed have left, if they have. A crash before leaves their blocks, and opening takes
// them into the pools.
func (s *Store) dropFailed(keys, blocks *bbolt.Bucket) error {
	for _, f := range s.failed {
		for id := f.first; id < f.first+f.count; id++ {
			if err := keys.Delete(u64(id)); err != nil {
				return err
			}
		}
		if err := blocks.Delete(u64(f.first)); err != nil {
			return err
		}
	}
	return nil
}

// dropBlocks deletes the rows of blocks of which no key is left in a pool.
func (s *Store) dropBlocks(blocks *bbolt.Bucket) error {
	s.poolsMu.Lock()
	defer s.poolsMu.Unlock()
	var used [][]byte
	if err := blocks.ForEach(func(k, v []byte) error {
		var block storev1.KeyBlock
		if err := parse(v, &block); err != nil {
			return err
		}
		p := s.pools[block.Unit]
		if p != nil && len(p.keys) > 0 && p.keys[0].id >= number(k)+uint64(block.Count) {
			used = append(used, k)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, k := range used {
		if err := blocks.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// replace writes keys.db anew, without the old pages in which a deleted key survives, and overwrites the old file.
func (f *keyFile) replace(step func(string)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := f.path + newName
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	fresh, err := disk.Open(path, growKeys)
	if err != nil {
		return err
	}
	old, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	defer func() { _ = old.Close() }()
	fresh.NoSync = true
	if err = bbolt.Compact(fresh, f.db, 1<<20); err == nil {
		fresh.NoSync = false
		err = fresh.Sync()
	}
	if err == nil {
		step(StepCompacted)
		err = os.Rename(path, f.path)
	}
	if err != nil {
		return errors.Join(err, fresh.Close(), os.Remove(path))
	}
	former := f.db
	f.db = fresh
	err = errors.Join(disk.SyncDir(filepath.Dir(f.path)), former.Close())
	step(StepReplaced)
	return errors.Join(err, disk.Overwrite(old))
}
