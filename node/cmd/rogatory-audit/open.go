package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/cmd/internal/input"
)

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) { return input.Read(path, maxInput) }

// openArchive opens an export: a folder, or a regular file.
func openArchive(path string) (*archive.Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, input.Unreadable(path, err)
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
