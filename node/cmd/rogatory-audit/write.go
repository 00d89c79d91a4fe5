package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// absent refuses a file to write that is there already: it may be an input, or what an earlier audit found. Commands ask before they work.
func absent(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return taken(path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usage(fmt.Errorf("there is no folder %s", filepath.Dir(path)), "make it first")
	}
	return nil
}

func taken(path string) error {
	return usage(fmt.Errorf("%s is there already", path), "nothing is overwritten: give another name with --out, or move that file away")
}

// writeWhole writes a new file beside its place and then puts it there, so that nobody finds half of it and nothing is overwritten.
func writeWhole(path string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".rogatory-audit-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	err = write(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	err = os.Link(tmp.Name(), path) // unlike a rename it does not overwrite
	if errors.Is(err, fs.ErrExist) {
		return taken(path)
	}
	if err != nil { // a file system without links
		if err := absent(path); err != nil {
			return err
		}
		return os.Rename(tmp.Name(), path)
	}
	return nil
}
