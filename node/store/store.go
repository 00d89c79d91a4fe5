package store

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/batch"
	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/keys"
	"github.com/rogatory/rogatory/node/store/leaves"
)

// Options say whose store it is and where it lies.
type Options struct {
	// Dir is the folder of main.db, keys.db and blobs. It is made with mode 0700. Whoever can write here can stop the
	// node; whoever can read here reads states and dockets, and contents only with the units' keys.
	Dir string
	// GuardPath is the file of the head guard. It belongs on another disk than Dir, and in no backup. Whoever can write
	// here can hide that Dir was rolled back.
	GuardPath string
	// Country is the code of the country whose node this is.
	Country string
	// Origin is the origin line of the log, for example "rogatory.example/RS/log/1".
	Origin string
	// Epoch is that of outgoing sequence numbers; it is 1 in a country's first log.
	Epoch uint32
	// UnitKeys returns the key that wraps the keys of a unit's contents. It is called at any time, by several
	// goroutines.
	UnitKeys func(unit string) (UnitKey, error)
	// Logger receives what nobody waits for; nil discards it.
	Logger *slog.Logger
	// Step, when set, is called at each of [Steps], by whatever goroutine takes it. Tests crash there.
	Step func(point string)
	// Order says how guard and database are written. Tests that copy the files at a step want them one after the other.
	Order Order
}

// UnitKey wraps the keys of a unit's contents.
type UnitKey = keys.UnitKey

// A Store is an open store. Its methods may be called by several goroutines.
type Store struct {
	opts  Options
	log   *slog.Logger
	main  *bbolt.DB
	keys  *keys.File
	guard *guard.Guard // owned by commit
	queue *batch.Queue[*call]

	current Log      // the log that is written; set by Open
	made    []string // files and folders that Open has made, the innermost last

	// Owned by commit.
	broken     error
	numbers    map[int]uint64    // next case number by year
	signatures map[string]uint64 // root signatures kept lately, and where, plus one
	guardOwed  bool              // committed leaves wait for a guard that could not be written
	guardDue   bool              // the guard is open, or committed leaves wait for one that may come a moment later

	choreMu    sync.Mutex // held while chores are done, and while both files are copied
	closeOnce  sync.Once
	closeError error

	mu      sync.Mutex
	edge    translog.Edge // of what is committed
	lastAt  int64         // `at` of the last leaf
	guarded Head
}

// Open opens the store in opts.Dir, or makes one where there is none, and finishes what a crash has left. Errors wrap
// [ErrLocked], [ErrForeign], [ErrSchema], [ErrKeysMissing], [ErrGuard], or are a [*RollbackError]; [Hint] says what to do.
// An Open that is refused leaves no file that was not there before.
func Open(opts Options) (_ *Store, err error) {
	if opts.Dir == "" || opts.GuardPath == "" || opts.Country == "" || opts.Origin == "" || opts.Epoch == 0 || opts.UnitKeys == nil {
		return nil, fmt.Errorf("opening store without folder, guard, country, origin, epoch or keys: %w", ErrInvalid)
	}
	s := &Store{
		opts:       opts,
		log:        opts.Logger,
		queue:      batch.New[*call](),
		numbers:    make(map[int]uint64),
		signatures: make(map[string]uint64),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("opening store: %w", err), s.unmake(), s.closeFiles())
		}
	}()
	if err := s.openFiles(); err != nil {
		return nil, err
	}
	if err := s.loadHead(); err != nil {
		return nil, err
	}
	if err := s.scrub(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if err := s.startKeys(); err != nil {
		return nil, err
	}
	s.made = nil // it is a store now
	go s.queue.Run(s.commit, s.idle)
	if err := s.doChores(); err != nil {
		return nil, errors.Join(fmt.Errorf("finishing what was left to do in keys.db: %w", err), s.Close())
	}
	return s, nil
}

// loadHead reads the log's head and holds it against the guard.
func (s *Store) loadHead() error {
	if err := s.loadLog(); err != nil {
		return err
	}
	if err := s.main.View(func(b *bbolt.Tx) error {
		r := &Reader{s: s, b: b}
		size := r.LogSize()
		var err error
		if s.edge, err = translog.ReadEdge(size, r.tree()); err != nil || size == 0 {
			return err
		}
		last, err := r.Leaf(r.Size() - 1)
		if err != nil {
			return err
		}
		leaf, err := translog.ParseLeaf(last)
		s.lastAt = leaf.At
		return err
	}); err != nil {
		return err
	}
	var err error
	created := disk.Missing(s.opts.GuardPath)
	if s.guard, err = guard.Open(s.opts.GuardPath, s.current.Origin); err != nil {
		return err
	}
	if created {
		s.made = append(s.made, s.opts.GuardPath)
	}
	head := s.head()
	if err := s.View(func(r *Reader) error { return s.guard.Judge(s.current.Origin, head, r.HeadAt) }); err != nil {
		return err
	}
	if s.guard.Is(s.current.Origin, head) {
		s.guarded = head
		return nil
	}
	return s.writeGuard()
}

// loadLog reads which log is written.
func (s *Store) loadLog() error {
	return s.main.View(func(b *bbolt.Tx) error {
		logs, err := s.readLogs(b)
		if err == nil {
			s.current = logs[len(logs)-1]
		}
		return err
	})
}

// head returns what is committed.
func (s *Store) head() Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return leaves.HeadOf(&s.edge)
}

// Head returns the newest head that is committed and guarded: the only one that may be signed.
func (s *Store) Head() Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.guarded
}

// Close finishes the calls that wait, writes the guard if it is behind, and closes the files. It waits for all Views.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.queue.Close()
		s.choreMu.Lock()
		defer s.choreMu.Unlock()
		var err error
		if s.broken == nil {
			if _, seen := s.guard.Head(); s.guard.Open() || seen != s.head() {
				err = s.writeGuard()
			}
		}
		s.closeError = errors.Join(err, s.closeFiles())
	})
	return s.closeError
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.guard != nil {
		errs = append(errs, s.guard.Close())
		s.guard = nil
	}
	if s.keys != nil {
		errs = append(errs, s.keys.Close())
	}
	if s.main != nil {
		errs = append(errs, s.main.Close())
	}
	return errors.Join(errs...)
}
