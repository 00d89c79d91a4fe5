package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A tree is where the files of an archive lie: a folder or a zip.
type tree interface {
	// list calls each with every name that is there, in any order, until it returns false. Nothing but files may be there;
	// wrong says what is something else.
	list(each func(path string, wrong error) bool) error
	// read returns a file's bytes, at most limit, or an error that wraps ErrMissing, ErrTooLarge or ErrForm.
	read(path string, limit int64) ([]byte, error)
	close() error
}

// errEmpty is what list says of a folder that may be there and holds nothing.
var errEmpty = fmt.Errorf("empty folder: %w", ErrNoPlace)

// A folder is a tree on a disk. Nothing outside it is ever read: os.Root follows no link out of it, and the Reader asks
// only for names that list has found to be files.
type folder struct{ root *os.Root }

func openFolder(path string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{root}, nil
}

func (f *folder) close() error { return f.root.Close() }

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

func (f *folder) read(path string, limit int64) ([]byte, error) {
	was, err := f.root.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, err
	}
	if !was.Mode().IsRegular() {
		return nil, fmt.Errorf("not a file: %w", ErrNoPlace)
	}
	file, err := f.root.OpenFile(path, os.O_RDONLY|openFlags, 0)
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
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(file, b); err != nil {
		return nil, fmt.Errorf("changed while it was read: %w", err)
	}
	return b, nil
}
