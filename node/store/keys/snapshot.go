package keys

import (
	"io"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/rows"
)

// A Snapshot is the file at one moment. No key is destroyed before it ends.
type Snapshot struct {
	f     *File
	tx    *bbolt.Tx
	still bool // fillMu is held
}

// Begin returns a snapshot of a moment at which also is called, when no key is made: what that begins belongs together with the snapshot.
func (f *File) Begin(also func() error) (*Snapshot, error) {
	f.fillMu.Lock()
	defer f.fillMu.Unlock()
	f.mu.RLock()
	s := &Snapshot{f: f}
	err := also()
	if err == nil {
		s.tx, err = f.db.Begin(false)
	}
	if err != nil {
		f.mu.RUnlock()
		return nil, err
	}
	return s, nil
}

// Still returns a snapshot before whose end no key is made, either.
func (f *File) Still() (*Snapshot, error) {
	f.fillMu.Lock()
	f.mu.RLock()
	tx, err := f.db.Begin(true) // a writer's transaction: nothing changes meanwhile
	if err != nil {
		f.mu.RUnlock()
		f.fillMu.Unlock()
		return nil, err
	}
	return &Snapshot{f, tx, true}, nil
}

// End ends the snapshot.
func (s *Snapshot) End() error {
	err := s.tx.Rollback()
	s.f.mu.RUnlock()
	if s.still {
		s.f.fillMu.Unlock()
	}
	return err
}

// WriteTo writes the file.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) { return s.tx.WriteTo(w) }

// Key returns a key and the unit for which it is wrapped; ok is false when it is not there.
func (s *Snapshot) Key(id uint64) (unit string, key Key, ok bool, err error) {
	row := s.tx.Bucket(bucketKeys).Get(rows.U64(id))
	if row == nil {
		return "", Key{}, false, nil
	}
	unit, key, err = s.f.unwrap(id, row)
	return unit, key, true, err
}

// Each calls each with the number of every key, and whether it was made ahead and not taken since, as far as taken says: the last that was taken of each
// unit's pool.
func (s *Snapshot) Each(taken map[string]uint64, each func(id uint64, ahead bool)) error {
	var blocks []block
	if err := s.tx.Bucket(bucketBlocks).ForEach(func(k, v []byte) error {
		b, err := parseBlock(k, v)
		blocks = append(blocks, b)
		return err
	}); err != nil {
		return err
	}
	return s.tx.Bucket(bucketKeys).ForEach(func(k, _ []byte) error {
		id, ahead := rows.Number(k), false
		for _, b := range blocks {
			ahead = ahead || max(b.first, taken[b.unit]+1) <= id && id < b.first+b.count
		}
		each(id, ahead)
		return nil
	})
}

// Check yields what is wrong with the file as a file.
func (s *Snapshot) Check() <-chan error { return s.tx.Check() }
