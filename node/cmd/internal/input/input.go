// Package input opens what a person names on a command line and says in a sentence why something cannot be read or written: what is there
// instead, and what to do.
package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// An Error is wrong usage: what was named is not what was meant.
type Error struct {
	text, hint string
	err        error
}

func (e *Error) Error() string { return e.text }
func (e *Error) Unwrap() error { return e.err }

// Hint says what to do.
func (e *Error) Hint() string { return e.hint }

// Open opens a regular file that is not empty, and says how long it is. A pipe or a device could keep the program waiting for ever: it is
// refused before anything is read of it. Errors are an *Error and name the path.
func Open(path string, limit int64) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, Unreadable(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(Unreadable(path, err), f.Close())
	}
	switch {
	case info.IsDir():
		err = isFolder(path)
	case !info.Mode().IsRegular():
		err = special(path)
	case info.Size() == 0:
		err = empty(path)
	case info.Size() > limit:
		err = large(path, limit)
	default:
		return f, info.Size(), nil
	}
	_ = f.Close() // nothing was read
	return nil, 0, err
}

// Read reads a file as Open opens it.
func Read(path string, limit int64) ([]byte, error) {
	f, size, err := Open(path, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, Unreadable(path, err)
	}
	return b, nil
}

// Below opens a regular file, empty or not, that lies in a folder or below it, by its path from there. What lies elsewhere is refused, be it named by a path
// or by a link.
func Below(folder, path string) (*os.File, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, Unreadable(folder, err)
	}
	defer root.Close()
	whole := filepath.Join(folder, path)
	if !filepath.IsLocal(path) {
		return nil, elsewhere(path, folder)
	}
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if _, there := os.Stat(whole); there == nil && !errors.Is(err, fs.ErrPermission) {
			return nil, elsewhere(path, folder) // by a link
		}
		return nil, Unreadable(whole, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = Unreadable(whole, err)
	case info.IsDir():
		err = isFolder(whole)
	case !info.Mode().IsRegular():
		err = special(whole)
	default:
		return f, nil
	}
	_ = f.Close() // nothing was read
	return nil, err
}

// Stream opens anything but a folder: a pipe, too, of which nobody knows the length.
func Stream(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Unreadable(path, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = Unreadable(path, err)
	case info.IsDir():
		err = isFolder(path)
	default:
		return f, nil
	}
	_ = f.Close() // nothing was read
	return nil, err
}

// ReadStream reads what Stream opens, up to a limit; nothing is as wrong as too much.
func ReadStream(path string, limit int64) ([]byte, error) {
	f, err := Stream(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, Unreadable(path, err)
	case len(b) == 0:
		return nil, empty(path)
	case int64(len(b)) > limit:
		return nil, large(path, limit)
	}
	return b, nil
}

func isFolder(path string) error {
	return &Error{text: path + " is a folder, and a file is wanted", hint: "give the file that is meant", err: syscall.EISDIR}
}

func special(path string) error {
	return &Error{text: path + " is a pipe or a device, and a file is wanted", hint: "save it to a file first"}
}

func elsewhere(path, folder string) error {
	return &Error{text: path + " lies outside " + folder, hint: "put it beside the file that names it, or below"}
}

func empty(path string) error {
	return &Error{text: path + " is empty", hint: "it was perhaps not copied to its end; ask for it again"}
}

func large(path string, limit int64) error {
	return &Error{text: fmt.Sprintf("%s is larger than %d MiB", path, limit>>20), hint: "this is not the file that is meant"}
}

// Unreadable says why a path cannot be read.
func Unreadable(path string, err error) error {
	text, hint := sentence(path, err)
	return &Error{text: text, hint: hint, err: err}
}

// sentence says what an error of the operating system means for a path, and what to do.
func sentence(path string, err error) (text, hint string) {
	if path == "" {
		return "a path is empty", "give the file or folder that is meant"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no " + path, "look at how the path is spelled"
	case errors.Is(err, fs.ErrPermission):
		return path + " is not open to you", "run it as the user to whom it belongs, or copy it to a place that is yours"
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return path + " is there already", "nothing is overwritten: choose another path, or move the old one away"
	case errors.Is(err, syscall.EISDIR):
		return path + " is a folder, and a file is wanted", "give the file that is meant"
	case errors.Is(err, syscall.ENOTDIR):
		return "a part of " + path + " is a file, and a folder is wanted", "look at how the path is spelled"
	case errors.Is(err, syscall.ENOSPC):
		return "there is no room on the disk for " + path, "make room and try again"
	case errors.Is(err, syscall.EROFS):
		return path + " lies on a disk that cannot be written to", "choose another place"
	}
	var in *fs.PathError
	if errors.As(err, &in) {
		err = in.Err
	}
	return fmt.Sprintf("%s: %v", path, err), "look at the disk and at the rights of the file"
}

// Sentence puts sentences in place of what the operating system says in an error about a path; ok is false when it says nothing.
func Sentence(err error) (text, hint string, ok bool) {
	var path *fs.PathError
	var link *os.LinkError
	var raw error
	switch {
	case errors.As(err, &path):
		text, hint = sentence(path.Path, path.Err)
		raw = path
	case errors.As(err, &link):
		text, hint = sentence(link.New, link.Err)
		raw = link
	default:
		return "", "", false
	}
	whole := strings.ReplaceAll(err.Error(), raw.Error(), text)
	if path != nil {
		whole = strings.ReplaceAll(whole, "reading "+path.Path+": "+text, text)
	}
	return whole, hint, true
}

var number = regexp.MustCompile(`strconv\.Parse(\w+): parsing ("[^"]*"): (invalid syntax|value out of range)`)

// Flag says in words what is wrong with a flag's value.
func Flag(err error) error {
	m := number.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	is := "is no number, or too large a one"
	switch {
	case m[1] == "Bool":
		is = "is neither true nor false"
	case m[1] == "Uint":
		is = "is no number from 0 on, or too large a one"
	}
	return errors.New(strings.Replace(err.Error(), m[0], m[2]+" "+is, 1))
}
