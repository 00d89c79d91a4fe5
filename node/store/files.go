package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/rogatory/rogatory/node/store/backup"
	"github.com/rogatory/rogatory/node/store/batch"
	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/keys"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	mainName = "main.db"
	keysName = backup.KeysName
	blobsDir = "blobs"

	growMain = 4 << 20 // by how many bytes main.db grows: each time costs a flush
)

// openFiles opens both files, or makes them where neither is there, and notes what it makes.
func (s *Store) openFiles() error {
	for _, dir := range []string{s.opts.Dir, filepath.Join(s.opts.Dir, blobsDir)} {
		if disk.Missing(dir) {
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
		if made, err := disk.IsMade(mainPath); err != nil || made {
			return errors.Join(err, fmt.Errorf("%s: %w", keysPath, ErrKeysMissing))
		}
	}
	var err error
	if s.main, err = disk.Open(mainPath, growMain); err != nil {
		return err
	}
	// From here on the lock on main.db stands for both files.
	if err := os.Remove(keysPath + keys.NewName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	keysDB, err := disk.Open(keysPath, keys.Grow)
	if err != nil {
		return err
	}
	s.keys = keys.New(keysDB, s.keyOptions())
	if err := errors.Join(s.noteMade(s.main, mainPath, mainErr), s.noteMade(keysDB, keysPath, keysErr)); err != nil {
		return err
	}
	if err := s.identify(keysDB); err != nil {
		return err
	}
	// New files have names that a crash must not take: a guard without its database would look like a rollback.
	return errors.Join(disk.SyncDir(s.opts.Dir), disk.SyncDir(filepath.Dir(filepath.Clean(s.opts.Dir))))
}

func (s *Store) keyOptions() keys.Options {
	return keys.Options{UnitKeys: s.opts.UnitKeys, Logger: s.log, Step: s.step}
}

// noteMade notes that Open has made a file: it was not there, and nobody was faster.
func (s *Store) noteMade(db *bbolt.DB, path string, was error) error {
	if !errors.Is(was, fs.ErrNotExist) {
		return nil
	}
	empty, err := disk.Empty(db)
	if empty {
		s.made = append(s.made, path)
	}
	return err
}

// identify makes the buckets of new files and judges whose they are. keys.db is made first: a main.db without identity
// takes over the pair of a keys.db that holds nothing yet.
func (s *Store) identify(keysDB *bbolt.DB) error {
	fresh := &storev1.Identity{
		Country: s.opts.Country, Origin: s.opts.Origin, Epoch: s.opts.Epoch, Schema: schema,
		CreatedMs: uint64(time.Now().UnixMilli()), Pair: make([]byte, 16),
	}
	if _, err := rand.Read(fresh.Pair); err != nil {
		return err
	}
	main, err := disk.ReadIdentity(s.main)
	if err != nil {
		return fmt.Errorf("%s: %w", mainName, err)
	}
	other, err := disk.ReadIdentity(keysDB)
	if err != nil {
		return fmt.Errorf("%s: %w", keysName, err)
	}
	switch {
	case other == nil && main != nil:
		return fmt.Errorf("%s: %w", keysName, ErrKeysMissing)
	case other == nil:
		if other, err = fresh, disk.WriteIdentity(keysDB, fresh, keys.Buckets); err != nil {
			return fmt.Errorf("%s: %w: %w", keysName, ErrDisk, err)
		}
	}
	for _, id := range []*storev1.Identity{main, other} {
		if err := s.judgeIdentity(id); err != nil {
			return err
		}
	}
	if main == nil {
		if empty, err := s.keys.Empty(); err != nil || !empty {
			return errors.Join(err, fmt.Errorf("%s holds keys and %s is new: %w", keysName, mainName, ErrForeign))
		}
		main = other
	}
	if string(main.Pair) != string(other.Pair) {
		return fmt.Errorf("%s and %s do not belong together: %w", mainName, keysName, ErrForeign)
	}
	// Writing it again adds the buckets that a later program has more.
	if err := disk.WriteIdentity(s.main, main, mainBuckets); err != nil {
		return fmt.Errorf("%s: %w: %w", mainName, ErrDisk, err)
	}
	return nil
}

// judgeIdentity says whether an identity is that of the store that is meant; none is.
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

// filesAreThere returns an error unless both files are in a folder: opening one that is missing would make it.
func filesAreThere(dir string) error {
	for _, name := range []string{mainName, keysName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// openFolder opens the files of a folder without guard and loops: enough to check them.
func openFolder(opts Options) (*Store, error) {
	s := &Store{opts: opts, queue: batch.New[*call]()}
	var err error
	if err := filesAreThere(opts.Dir); err != nil {
		return nil, err
	}
	if s.main, err = disk.Open(filepath.Join(opts.Dir, mainName), growMain); err != nil {
		return nil, err
	}
	keysDB, err := disk.Open(filepath.Join(opts.Dir, keysName), keys.Grow)
	if err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	s.keys = keys.New(keysDB, s.keyOptions())
	main, err := disk.ReadIdentity(s.main)
	other, keysErr := disk.ReadIdentity(keysDB)
	if err = errors.Join(err, keysErr, s.judgeIdentity(main), s.judgeIdentity(other)); err == nil && (main == nil || other == nil || string(main.Pair) != string(other.Pair)) {
		err = ErrForeign
	}
	if err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if err := s.loadLog(); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	return s, nil
}

// checkFolder checks the files of a folder.
func checkFolder(ctx context.Context, opts Options) error {
	s, err := openFolder(opts)
	if err != nil {
		return err
	}
	return errors.Join(s.Check(ctx), s.closeFiles())
}
