// Package keys is keys.db: for each content a random key of its own, wrapped under the key of the unit that may read the content. Without the units'
// keys the file opens nothing; and a content is erased for good, wherever its ciphertext may lie, by destroying 60 bytes.
//
// A key that is made costs a flush, so they are made ahead, a block at a time, for each unit's pool. Which of them contents have is not known here: the
// database that holds the contents says it. It keeps, in the transaction that keeps a content, which key of the unit's pool was the last to be taken.
package keys

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/rows"
)

// Options say how a file of keys works.
type Options struct {
	// UnitKeys returns the key of a unit. It is called at any time, by several goroutines.
	UnitKeys func(unit string) (UnitKey, error)
	// Logger receives what nobody waits for.
	Logger *slog.Logger
	// Step is called at each step of writing. Tests crash there.
	Step func(point string)
}

// The steps of writing, each with what a crash there leaves.
const (
	// StepFilled: the file has keys made ahead. A crash leaves keys that no content has: they are used next.
	StepFilled = "keys made ahead"
	// StepChanged: the file has lost a key or has it wrapped anew. A crash leaves its bytes in old pages: the change must be made again.
	StepChanged = "keys.db changed"
	// StepCompacted: the file is copied into a new one without old pages, and flushed. A crash leaves both: whoever opens the file removes the copy and
	// makes the change again.
	StepCompacted = "keys.db copied"
	// StepReplaced: the new file has the name of the old one. The change made again finds nothing to do.
	StepReplaced = "keys.db replaced"
)

// The buckets of the file.
var (
	bucketKeys   = []byte("keys")   // content -> DataKey
	bucketBlocks = []byte("blocks") // first key's number -> KeyBlock

	Buckets = [][]byte{bucketKeys, bucketBlocks}
)

const (
	// Grow is by how many bytes the file grows. It is overwritten when it is replaced.
	Grow = 256 << 10
	// NewName is what the file that takes its place has behind its name until then.
	NewName = ".new"
)

// A File is an open keys.db. Its methods may be called by several goroutines.
type File struct {
	opts Options
	path string
	mu   sync.RWMutex // held for writing only while the file is replaced by one without old pages
	db   *bbolt.DB

	fillMu  sync.Mutex // held while keys are made
	failed  []span     // keys of commits that failed; under fillMu
	poolsMu sync.Mutex
	pools   map[string]*pool
	low     chan string   // units whose pool runs low
	filled  chan struct{} // fillLoop has returned
	ended   sync.Once
}

// New returns the file of keys in a bbolt file that has its buckets. The bbolt file is its own from then on.
func New(db *bbolt.DB, opts Options) *File {
	return &File{opts: opts, path: db.Path(), db: db, pools: make(map[string]*pool)}
}

// Close ends the making of keys and closes the file. Doing it twice is as good as once.
func (f *File) Close() error {
	if f.low != nil {
		f.ended.Do(func() {
			close(f.low)
			<-f.filled
		})
	}
	return f.db.Close()
}

// Empty reports whether the file has never held a key.
func (f *File) Empty() (empty bool, err error) {
	err = f.db.View(func(tx *bbolt.Tx) error {
		empty = tx.Bucket(bucketKeys).Sequence() == 0
		return nil
	})
	return empty, err
}

// Key returns the key of a content, or [ErrKey].
func (f *File) Key(id uint64) (key Key, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	err = f.db.View(func(tx *bbolt.Tx) error {
		row := tx.Bucket(bucketKeys).Get(rows.U64(id))
		if row == nil {
			return fmt.Errorf("key of content %d is missing: %w", id, ErrKey)
		}
		_, key, err = f.unwrap(id, row)
		return err
	})
	return key, err
}

// Change destroys the keys of the contents that are erased, and wraps those of the contents that are given for the units that they are given to, and no
// longer for those that had them. No trace of what was is left in the file when it returns. Doing it twice is as good as once.
func (f *File) Change(erased []uint64, given map[uint64]string) error {
	if err := f.change(erased, given); err != nil {
		return err
	}
	f.opts.Step(StepChanged)
	if err := f.replace(f.opts.Step); err != nil {
		return fmt.Errorf("writing keys.db anew: %w", err)
	}
	return nil
}

func (f *File) change(erased []uint64, given map[uint64]string) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		for _, id := range erased {
			if err := b.Delete(rows.U64(id)); err != nil {
				return err
			}
		}
		for id, to := range given {
			row := b.Get(rows.U64(id))
			if row == nil {
				continue
			}
			unit, key, err := f.unwrap(id, row)
			if err != nil {
				return err
			}
			if unit == to {
				continue
			}
			if row, err = f.wrap(to, &key); err != nil {
				return err
			}
			if err := b.Put(rows.U64(id), row); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keep destroys all keys but those of the contents that has says, and lets the numbers of new ones begin beyond any that can have been given out up to
// least, or in a time that an older copy of the file knows nothing of. It is called before [File.Start].
func (f *File) Keep(has map[uint64]bool, least uint64) error {
	if err := f.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		last := max(b.Sequence(), least)
		if err := errors.Join(
			rows.DeleteWhere(b, func(k, _ []byte) (bool, error) { return !has[rows.Number(k)], nil }),
			rows.DeleteWhere(tx.Bucket(bucketBlocks), rows.All),
		); err != nil {
			return err
		}
		return b.SetSequence((last>>32 + 1) << 32)
	}); err != nil {
		return fmt.Errorf("destroying keys: %w", err)
	}
	if err := f.replace(func(string) {}); err != nil {
		return fmt.Errorf("writing keys.db anew: %w", err)
	}
	return nil
}

// replace writes the file anew, without the old pages in which a deleted key survives, and overwrites the old one. The keys in it are wrapped.
func (f *File) replace(step func(string)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := f.path + NewName
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	fresh, err := disk.Open(path, Grow)
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
