package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"github.com/rogatory/rogatory/crypto/translog"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
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

// Order is the order in which a transaction and its guard are written.
type Order int

const (
	AtOnce Order = iota // neither waits for the other
	DatabaseFirst
	GuardFirst
)

// A Store is an open store. Its methods may be called by several goroutines.
type Store struct {
	opts  Options
	log   *slog.Logger
	main  *bbolt.DB
	keys  keyFile
	guard *guard // owned by writeLoop

	guardMissing bool
	current      Log      // the log that is written; set by Open
	made         []string // files and folders that Open has made, the innermost last

	// Owned by writeLoop.
	broken     error
	numbers    map[int]uint64    // next case number by year
	signatures map[string]uint64 // root signatures kept lately, and where, plus one
	guardOwed  bool              // committed leaves wait for a guard that could not be written
	guardDue   bool              // the guard is open, or committed leaves wait for one that may come a moment later

	wake    chan struct{}
	stopped chan struct{} // writeLoop has returned

	fill       chan string   // units whose pool runs low
	fillDone   chan struct{} // fillLoop has returned
	choreMu    sync.Mutex    // held while chores are done, and while both files are copied
	pools      map[string]*pool
	poolsMu    sync.Mutex
	fillMu     sync.Mutex // held while keys are made
	failed     []span     // keys of commits that failed; under fillMu
	closeOnce  sync.Once
	closeError error

	mu      sync.Mutex
	closed  bool
	queue   []*call
	edge    translog.Edge // of what is committed
	lastAt  int64         // `at` of the last leaf
	guarded Head
}

const (
	mainName = "main.db"
	keysName = "keys.db"
	blobsDir = "blobs"
	newName  = ".new" // what a file is called that takes the place of another

	lockWait = 300 * time.Millisecond

	// By how much the files grow, in bytes: each time costs a flush, and keys.db is overwritten when it is replaced.
	growMain = 4 << 20
	growKeys = 256 << 10
)

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
		wake:       make(chan struct{}, 1),
		stopped:    make(chan struct{}),
		fill:       make(chan string, 64),
		fillDone:   make(chan struct{}),
		pools:      make(map[string]*pool),
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
	if err := s.loadPools(); err != nil {
		return nil, err
	}
	s.made = nil // it is a store now
	go s.writeLoop()
	go s.fillLoop()
	if err := s.finishChores(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// unmake removes what Open has made, while the files are open and so locked. What is not empty is somebody else's.
func (s *Store) unmake() error {
	var errs []error
	for _, path := range slices.Backward(s.made) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (s *Store) openFiles() error {
	for _, dir := range []string{s.opts.Dir, filepath.Join(s.opts.Dir, blobsDir)} {
		if missing(dir) {
			s.made = append(s.made, dir)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.opts.Dir, blobsDir), 0o700); err != nil {
		return err
	}
	if err := os.Chmod(s.opts.Dir, 0o700); err != nil {
		return err
	}
	mainPath, keysPath := filepath.Join(s.opts.Dir, mainName), filepath.Join(s.opts.Dir, keysName)
	_, mainErr := os.Stat(mainPath)
	_, keysErr := os.Stat(keysPath)
	if mainErr == nil && errors.Is(keysErr, fs.ErrNotExist) {
		if made, err := isMade(mainPath); err != nil || made {
			return errors.Join(err, fmt.Errorf("%s: %w", keysPath, ErrKeysMissing))
		}
	}
	var err error
	if s.main, err = openFile(mainPath); err != nil {
		return err
	}
	// From here on the lock on main.db stands for both files.
	if err := os.Remove(keysPath + newName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.keys.db, err = openFile(keysPath); err != nil {
		return err
	}
	s.keys.path = keysPath
	if err := errors.Join(s.noteMade(s.main, mainPath, mainErr), s.noteMade(s.keys.db, keysPath, keysErr)); err != nil {
		return err
	}
	if err := s.identify(); err != nil {
		return err
	}
	// New files have names that a crash must not take: a guard without its database would look like a rollback.
	return errors.Join(syncDir(s.opts.Dir), syncDir(filepath.Dir(filepath.Clean(s.opts.Dir))))
}

// noteMade notes that Open has made a file: it was not there, and nobody was faster.
func (s *Store) noteMade(db *bbolt.DB, path string, was error) error {
	if !errors.Is(was, fs.ErrNotExist) {
		return nil
	}
	return db.View(func(b *bbolt.Tx) error {
		if k, _ := b.Cursor().First(); k == nil {
			s.made = append(s.made, path)
		}
		return nil
	})
}

// isMade reports whether main.db has got as far as its identity, by whoever has it open.
func isMade(path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return false, err
	}
	db, err := openFile(path)
	if err != nil {
		return false, err
	}
	made := false
	err = db.View(func(b *bbolt.Tx) error {
		made = b.Bucket(bucketIdentity) != nil
		return nil
	})
	return made, errors.Join(err, db.Close())
}

func openFile(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockWait,
		FreelistType:    bbolt.FreelistMapType,
		NoFreelistSync:  true,
		InitialMmapSize: 1 << 30, // address space only: a reader never waits for the file to be mapped anew
		NoStatistics:    true,
	})
	var pathErr *fs.PathError
	switch {
	case err == nil:
		db.AllocSize = growMain
		if strings.HasPrefix(filepath.Base(path), keysName) {
			db.AllocSize = growKeys
		}
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrLocked)
	case errors.As(err, &pathErr):
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w: %w", path, ErrForeign, err)
}

// identify makes the buckets of new files and judges whose they are. keys.db is made first: a main.db without identity
// takes over the pair of a keys.db that holds nothing yet.
func (s *Store) identify() error {
	fresh := &storev1.Identity{
		Country: s.opts.Country, Origin: s.opts.Origin, Epoch: s.opts.Epoch, Schema: schema,
		CreatedMs: uint64(time.Now().UnixMilli()), Pair: make([]byte, 16),
	}
	if _, err := rand.Read(fresh.Pair); err != nil {
		return err
	}
	main, err := readIdentity(s.main)
	if err != nil {
		return fmt.Errorf("%s: %w", mainName, err)
	}
	keys, err := readIdentity(s.keys.db)
	if err != nil {
		return fmt.Errorf("%s: %w", keysName, err)
	}
	switch {
	case keys == nil && main != nil:
		return fmt.Errorf("%s: %w", keysName, ErrKeysMissing)
	case keys == nil:
		if keys, err = fresh, writeIdentity(s.keys.db, fresh, keysBuckets); err != nil {
			return fmt.Errorf("%s: %w: %w", keysName, ErrDisk, err)
		}
	}
	for _, id := range []*storev1.Identity{main, keys} {
		if err := s.judgeIdentity(id); err != nil {
			return err
		}
	}
	if main == nil {
		if empty, err := s.keys.empty(); err != nil || !empty {
			return errors.Join(err, fmt.Errorf("%s holds keys and %s is new: %w", keysName, mainName, ErrForeign))
		}
		main = keys
	}
	if string(main.Pair) != string(keys.Pair) {
		return fmt.Errorf("%s and %s do not belong together: %w", mainName, keysName, ErrForeign)
	}
	// Writing it again adds the buckets that a later program has more.
	if err := writeIdentity(s.main, main, mainBuckets); err != nil {
		return fmt.Errorf("%s: %w: %w", mainName, ErrDisk, err)
	}
	return nil
}

func (s *Store) judgeIdentity(id *storev1.Identity) error {
	switch {
	case id == nil:
		return nil
	case id.Schema > schema:
		return fmt.Errorf("format %d: %w", id.Schema, ErrSchema)
	case id.Country != s.opts.Country:
		return fmt.Errorf("store of %s: %w", id.Country, ErrForeign)
	case id.Origin != s.opts.Origin:
		return fmt.Errorf("store of log %s: %w", id.Origin, ErrForeign)
	case id.Epoch != s.opts.Epoch:
		return fmt.Errorf("store of epoch %d: %w", id.Epoch, ErrForeign)
	}
	return nil
}

// readIdentity returns nil for a file without any bucket, and ErrForeign for one with other buckets only.
func readIdentity(db *bbolt.DB) (id *storev1.Identity, err error) {
	err = db.View(func(b *bbolt.Tx) error {
		bucket := b.Bucket(bucketIdentity)
		if bucket == nil {
			if k, _ := b.Cursor().First(); k != nil {
				return ErrForeign
			}
			return nil
		}
		id = new(storev1.Identity)
		ok, err := read(bucket, rowIdentity, id)
		if err != nil || !ok {
			return errors.Join(err, ErrForeign)
		}
		return nil
	})
	return id, err
}

func writeIdentity(db *bbolt.DB, id *storev1.Identity, buckets [][]byte) error {
	complete := true
	err := db.View(func(b *bbolt.Tx) error {
		for _, name := range buckets {
			complete = complete && b.Bucket(name) != nil
		}
		return nil
	})
	if err != nil || complete {
		return err
	}
	return db.Update(func(b *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := b.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		v, err := marshal(id)
		if err != nil {
			return err
		}
		return b.Bucket(bucketIdentity).Put(rowIdentity, v)
	})
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
		if s.edge, err = translog.ReadEdge(size, r); err != nil || size == 0 {
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
	created := missing(s.opts.GuardPath)
	if s.guard, s.guardMissing, err = openGuard(s.opts.GuardPath, s.current.Origin); err != nil {
		return err
	}
	if created {
		s.made = append(s.made, s.opts.GuardPath)
	}
	head := s.head()
	if seen := s.guard.head; !s.guardMissing {
		ahead := lead(s.guard.origin, s.current.Origin)
		if ahead > 0 || ahead == 0 && s.guard.lost(head) {
			return &RollbackError{Guard: seen, Database: head, GuardLog: s.guard.origin, DatabaseLog: s.current.Origin}
		}
		if ahead < 0 || seen.Size > head.Size { // the recovery that opened this log knew what it had seen; or nobody was told
			return s.writeGuard()
		}
		if err := s.View(func(r *Reader) error {
			at, err := r.HeadAt(seen.Size)
			if err == nil && at != seen {
				err = &RollbackError{Guard: seen, Database: at, GuardLog: s.guard.origin, DatabaseLog: s.current.Origin}
			}
			return err
		}); err != nil {
			return err
		}
		if seen == head && !s.guard.open {
			s.guarded = head
			return nil
		}
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
	return headOf(&s.edge)
}

// Head returns the newest head that is committed and guarded: the only one that may be signed.
func (s *Store) Head() Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.guarded
}

// GuardMissing reports whether there was no head guard when the store was opened, as at a first start.
func (s *Store) GuardMissing() bool { return s.guardMissing }

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close finishes the calls that wait, writes the guard if it is behind, and closes the files. It waits for all Views.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.signal()
		<-s.stopped
		close(s.fill)
		<-s.fillDone
		s.choreMu.Lock()
		defer s.choreMu.Unlock()
		var err error
		if s.broken == nil && (s.guard.open || s.head() != s.guard.head) {
			err = s.writeGuard()
		}
		s.closeError = errors.Join(err, s.closeFiles())
	})
	return s.closeError
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.guard != nil {
		errs = append(errs, s.guard.close())
		s.guard = nil
	}
	if s.keys.db != nil {
		errs = append(errs, s.keys.db.Close())
	}
	if s.main != nil {
		errs = append(errs, s.main.Close())
	}
	return errors.Join(errs...)
}
