package archive

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A sink is where a Writer puts files: a folder or a zip.
type sink interface {
	// put writes a file, in the place of one with this name if there is one.
	put(name string, b []byte) error
	// sync makes durable what was put so far.
	sync() error
	// finish ends the archive; keep reports which places belong to it.
	finish(keep func(place) bool) error
	// abandon gives up what is not finished.
	abandon() error
}

// tempSuffix marks a file that is being written. It is never part of an archive: the next Writer removes it.
const tempSuffix = ".new"

// A folderSink writes an archive in a folder. A file appears under its name when it is whole, by renaming.
//
// Of an archive that is continued nothing changes before sync: until then all files end in .new, and abandon removes
// them. So a log that turns out to be another one leaves no trace.
//
// What a crash leaves: files of full tiles beyond what archive.json says, partial tiles of two sizes, files that end in
// .new. The next Writer writes the same full tiles again, and finish removes the rest.
type folderSink struct {
	name   string
	made   []string // folders made for this archive, the outermost first
	root   *os.Root
	dirs   map[string]bool // that are there
	dirty  []string        // files put and not yet synced
	unlock func() error

	held   bool            // an archive is continued, and sync was not called
	staged map[string]bool // files that are to take their names, or to go if false
	below  []string        // folders made while held, the outer before the inner
}

// openFolderSink opens or makes the folder, for this program alone.
func openFolderSink(name string) (_ *folderSink, err error) {
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%w, and is no folder", ErrExists)
	}
	s := &folderSink{name: name, dirs: map[string]bool{".": true}, staged: map[string]bool{}}
	for dir := filepath.Clean(name); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		s.made = append([]string{dir}, s.made...)
	}
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, errors.Join(err, s.unmake())
	}
	if s.unlock, err = lock(name); err != nil {
		return nil, err
	}
	if s.root, err = os.OpenRoot(name); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

// unmake removes the folders that were made for an archive and hold nothing.
func (s *folderSink) unmake() error {
	for len(s.made) > 0 {
		last := len(s.made) - 1
		list, err := os.ReadDir(s.made[last])
		if errors.Is(err, fs.ErrNotExist) {
			list, err = nil, nil
		}
		if err != nil || len(list) > 0 {
			return err
		}
		if err := os.Remove(s.made[last]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.made = s.made[:last]
	}
	return nil
}

// ours fails if anything in the folder is nothing that a Writer, perhaps one that has crashed, has put there.
func (s *folderSink) ours() error {
	var bad error
	f := folder{root: s.root}
	err := f.list(func(name string, wrong error) bool {
		_, ok := parsePlace(strings.TrimSuffix(name, tempSuffix))
		if errors.Is(wrong, errEmpty) {
			return true
		}
		if wrong != nil || !ok {
			bad = fmt.Errorf("%s: %w", name, ErrOther)
		}
		return bad == nil
	})
	return errors.Join(err, bad)
}

func (s *folderSink) put(name string, b []byte) error {
	if old, err := (&folder{root: s.root}).read(name, int64(len(b)), nil); err == nil && bytes.Equal(old, b) {
		delete(s.staged, name)
		s.dirty = append(s.dirty, name) // it may be from a run that has crashed before its sync
		return nil
	}
	if err := s.mkdir(path.Dir(name)); err != nil {
		return err
	}
	// What a crash has left under that name goes first: nothing that lies there is written through.
	if err := s.remove(name + tempSuffix); err != nil {
		return err
	}
	f, err := s.root.OpenFile(name+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return joinClose(f, err)
	}
	if name == infoName || name == checkpointName {
		// These take the place of others: they are on the disk before they have their name.
		if err := f.Sync(); err != nil {
			return joinClose(f, err)
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	s.dirty = append(s.dirty, name)
	if s.held {
		s.staged[name] = true
		return nil
	}
	return s.root.Rename(name+tempSuffix, name)
}

func (s *folderSink) mkdir(dir string) error {
	if s.dirs[dir] {
		return nil
	}
	if err := s.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	err := s.root.Mkdir(dir, 0o700)
	switch {
	case err == nil && s.held:
		s.below = append(s.below, dir)
	case err != nil && !errors.Is(err, fs.ErrExist):
		return err
	}
	s.dirs[dir] = true
	return nil
}

// drop removes a file of the archive.
func (s *folderSink) drop(name string) error {
	if s.held {
		s.staged[name] = false
		return nil
	}
	return s.remove(name)
}

// release gives what was held its place.
func (s *folderSink) release() error {
	for name, put := range s.staged {
		err := error(nil)
		if put {
			err = s.root.Rename(name+tempSuffix, name)
		} else {
			err = s.remove(name)
		}
		if err != nil {
			return err
		}
		delete(s.staged, name)
	}
	s.held, s.below = false, nil
	return nil
}

// remove removes a file that may be there.
func (s *folderSink) remove(name string) error {
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *folderSink) sync() error {
	if err := s.release(); err != nil {
		return err
	}
	dirs := map[string]bool{}
	for _, name := range s.dirty {
		if err := s.syncFile(name); err != nil {
			return err
		}
		for dir := path.Dir(name); !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	for dir := range dirs {
		if err := s.syncFile(dir); err != nil {
			return err
		}
	}
	s.dirty = s.dirty[:0]
	return nil
}

func (s *folderSink) syncFile(name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// finish removes what earlier runs have left: partial tiles of another size, files that were being written. It leaves
// what has no place in any archive: that is not ours.
func (s *folderSink) finish(keep func(place) bool) error {
	var stale []string
	f := folder{root: s.root}
	if err := f.list(func(name string, wrong error) bool {
		p, ok := parsePlace(strings.TrimSuffix(name, tempSuffix))
		temp := strings.HasSuffix(name, tempSuffix)
		if ok && wrong == nil && (temp || !keep(p)) || errors.Is(wrong, errEmpty) {
			stale = append(stale, name)
		}
		return true
	}); err != nil {
		return err
	}
	for _, name := range stale {
		if err := s.remove(name); err != nil {
			return err
		}
		// Folders go with the last file in them.
		dir := path.Dir(name)
		for dir != "." && s.root.Remove(dir) == nil {
			dir = path.Dir(dir)
		}
		if err := s.syncFile(dir); err != nil {
			return err
		}
	}
	return s.close()
}

func (s *folderSink) abandon() error {
	var errs []error
	for name, put := range s.staged {
		if put {
			errs = append(errs, s.remove(name+tempSuffix))
		}
	}
	for _, dir := range slices.Backward(s.below) {
		errs = append(errs, s.remove(dir))
	}
	return errors.Join(errors.Join(errs...), s.close())
}

// close lets go of the folder. Folders that hold nothing go while no other Writer can have begun in them.
func (s *folderSink) close() error { return errors.Join(s.root.Close(), s.unmake(), s.unlock()) }

// A zipSink writes an archive as one zip, which gets its name when it is finished. What a crash leaves is a file beside it,
// named <zip>.<number>.new, which no other export touches.
type zipSink struct {
	name    string
	f       *os.File
	members []member
	offset  int64
	header  []byte
}

func openZipSink(name string) (*zipSink, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, ErrExists
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// A name that nobody knows before, and a file that was not there: no link is followed, and two exports do not meet.
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*"+tempSuffix)
	if err != nil {
		return nil, err
	}
	return &zipSink{name: name, f: f}, nil
}

func (s *zipSink) put(name string, b []byte) error {
	if len(s.members) == maxFiles {
		return fmt.Errorf("%d files in one zip: %w", maxFiles, ErrTooLarge)
	}
	m := member{path: name, offset: s.offset, size: uint32(len(b)), crc: crc32.ChecksumIEEE(b)}
	s.header = m.appendLocal(s.header[:0])
	if _, err := s.f.Write(s.header); err != nil {
		return err
	}
	if _, err := s.f.Write(b); err != nil {
		return err
	}
	s.members = append(s.members, m)
	s.offset += int64(len(s.header)) + int64(len(b))
	return nil
}

func (s *zipSink) sync() error { return nil }

func (s *zipSink) finish(func(place) bool) error {
	w := &countingWriter{w: s.f}
	for i := range s.members {
		s.header = s.members[i].appendCentral(s.header[:0])
		if _, err := w.Write(s.header); err != nil {
			return err
		}
	}
	if _, err := s.f.Write(appendEnd(nil, int64(len(s.members)), s.offset, w.n)); err != nil {
		return err
	}
	if err := errors.Join(s.f.Sync(), s.f.Close()); err != nil {
		return err
	}
	// A link, and no renaming: a file that has come meanwhile is not overwritten.
	if err := os.Link(s.f.Name(), s.name); errors.Is(err, fs.ErrExist) {
		return ErrExists
	} else if err != nil {
		return err
	}
	if err := os.Remove(s.f.Name()); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(s.name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *zipSink) abandon() error {
	err := s.f.Close()
	if errors.Is(err, os.ErrClosed) { // finish came as far as its name
		err = nil
	}
	return errors.Join(err, os.Remove(s.f.Name()))
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n += int64(n)
	return n, err
}
