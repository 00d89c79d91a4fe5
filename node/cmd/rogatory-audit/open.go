package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rogatory/rogatory/node/archive"
)

// What the auditor names is opened here, so that nothing hangs, nothing is larger than it may be, and errors say what is there instead.

// openFile opens a regular file that is not empty, and says how long it is. A pipe or a device could keep the program waiting for ever: it is
// refused before anything is read of it. Errors are wrong usage and name the path.
func openFile(path string, limit int64) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, unreadable(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(unreadable(path, err), f.Close())
	}
	switch {
	case info.IsDir():
		err = usage(fmt.Errorf("%s is a folder, and a file is wanted", path), "give the file that is meant")
	case !info.Mode().IsRegular():
		err = usage(fmt.Errorf("%s is a pipe or a device, and a file is wanted", path), "save it to a file first")
	case info.Size() == 0:
		err = usage(fmt.Errorf("%s is empty", path), "it was perhaps not copied to its end; ask for it again")
	case info.Size() > limit:
		err = usage(fmt.Errorf("%s is larger than %d MiB", path, limit>>20), "this is not the file that is meant")
	default:
		return f, info.Size(), nil
	}
	_ = f.Close() // nothing was read
	return nil, 0, err
}

// unreadable says in a sentence why a path cannot be read.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage(fmt.Errorf("there is no %s", path), "look at how the path is spelled")
	case errors.Is(err, fs.ErrPermission):
		return usage(fmt.Errorf("%s may not be read by you", path), "copy it to a place that is yours")
	}
	var in *fs.PathError
	if errors.As(err, &in) {
		err = in.Err
	}
	return usage(fmt.Errorf("%s cannot be read: %w", path, err), "")
}

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) { return readUpTo(path, maxInput) }

func readUpTo(path string, limit int64) ([]byte, error) {
	f, size, err := openFile(path, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, unreadable(path, err)
	}
	return b, nil
}

// openArchive opens an export: a folder, or a regular file.
func openArchive(path string) (*archive.Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is a pipe or a device: %w", path, archive.ErrNoArchive)
	}
	return archive.Open(path)
}

// withArchive calls do with an export, and closes it.
func withArchive(path string, do func(*archive.Reader) error) error {
	r, err := openArchive(path)
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}

// within reports whether a file is part of an export: it lies in its folder, is one of its directories by another name, or is the export.
func within(file, export string) bool {
	own, err := os.Stat(file)
	if err != nil {
		return false
	}
	theirs, err := os.Stat(export)
	if err != nil {
		return false
	}
	if !theirs.IsDir() {
		return os.SameFile(own, theirs)
	}
	if in(file, export) {
		return true
	}
	entries, err := os.ReadDir(filepath.Join(export, "directories"))
	if err != nil {
		return false
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(export, "directories", e.Name())); err == nil && os.SameFile(own, info) {
			return true
		}
	}
	return false
}

// in reports whether a path lies in a folder, whatever links lead to either.
func in(path, folder string) bool {
	for _, p := range []*string{&path, &folder} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return false
		}
		if *p, err = filepath.EvalSymlinks(abs); err != nil {
			return false
		}
	}
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
