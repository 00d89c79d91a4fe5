package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
)

// A tree is where the files of an archive lie: a folder or a zip.
type tree interface {
	// list calls each with every name that is there, in any order, until it returns false. Nothing but files may be there;
	// wrong says what is something else.
	list(each func(path string, wrong error) bool) error
	// read returns a file's bytes, at most limit, in into[:0] if that is large enough, or an error that wraps ErrMissing, ErrTooLarge or ErrForm.
	read(path string, limit int64, into []byte) ([]byte, error)
	close() error
}

// errEmpty is what list says of a folder that may be there and holds nothing.
var errEmpty = fmt.Errorf("empty folder: %w", ErrNoPlace)

// A folder is a tree on a disk. Nothing outside it is ever read: os.Root follows no link out of it, and the Reader asks
// only for names that list has found to be files.
type folder struct {
	root *os.Root

	mu   sync.Mutex
	dirs map[string]*os.Root // those within that were read from, so that not all of a path is opened for each file; nil: none is held open
}

// maxDirs bounds how many folders are held open. What lies in others is read by its whole path.
const maxDirs = 64

func openFolder(path string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{root: root, dirs: map[string]*os.Root{}}, nil
}

func (f *folder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.root.Close()
	for _, d := range f.dirs {
		err = errors.Join(err, d.Close())
	}
	clear(f.dirs)
	return err
}

// within returns the folder in which a file lies, and its name there.
func (f *folder) within(path string) (*os.Root, string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || f.dirs == nil {
		return f.root, path
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.dirs[path[:i]]
	if d == nil {
		var err error
		if len(f.dirs) == maxDirs {
			return f.root, path
		}
		if d, err = f.root.OpenRoot(path[:i]); err != nil {
			return f.root, path // opening the file tells what is the matter
		}
		f.dirs[strings.Clone(path[:i])] = d
	}
	return d, path[i+1:]
}

func (f *folder) list(each func(path string, wrong error) bool) error {
	_, err := f.walk("", each)
	return err
}

// walk lists one folder. It goes down only where files of an archive may be, so that its depth is bounded, and reads
// names in portions, so that a folder with millions of strange ones fills no memory.
func (f *folder) walk(path string, each func(string, error) bool) (more bool, err error) {
	name := path
	if name == "" {
		name = "."
	}
	d, err := f.root.Open(name)
	if err != nil {
		return false, err
	}
	defer d.Close()
	empty := true
	for {
		portion, err := d.ReadDir(256)
		for _, e := range portion {
			empty = false
			at := strings.TrimPrefix(path+"/"+e.Name(), "/")
			var more bool
			switch {
			case e.Type().IsRegular():
				more = each(at, nil)
			case e.IsDir() && isFolder(at):
				if more, err = f.walk(at, each); err != nil {
					return false, err
				}
			case e.IsDir():
				more = each(at, fmt.Errorf("folder: %w", ErrNoPlace))
			default:
				more = each(at, fmt.Errorf("not a file: %w", ErrNoPlace))
			}
			if !more {
				return false, nil
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
	}
	if empty && path != "" {
		return each(path, errEmpty), nil
	}
	return true, nil
}

func (f *folder) read(path string, limit int64, into []byte) ([]byte, error) {
	dir, name := f.within(path)
	was, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, err
	}
	if !was.Mode().IsRegular() {
		return nil, fmt.Errorf("not a file: %w", ErrNoPlace)
	}
	file, err := dir.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	// What was opened is what was looked at, and no link or pipe that has come in between.
	if !info.Mode().IsRegular() || !os.SameFile(was, info) {
		return nil, fmt.Errorf("not a file: %w", ErrNoPlace)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes: %w", info.Size(), ErrTooLarge)
	}
	b := slices.Grow(into[:0], int(info.Size()))[:info.Size()]
	if _, err := io.ReadFull(file, b); err != nil {
		return nil, fmt.Errorf("changed while it was read: %w", err)
	}
	return b, nil
}
