package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestWhatCannotBeReadIsSaidInASentence(t *testing.T) {
	dir := t.TempDir()
	full, none := filepath.Join(dir, "full"), filepath.Join(dir, "empty")
	for path, b := range map[string]string{full: "1234", none: ""} {
		if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		path string
		want string
		both bool // Read says the same
	}{
		{filepath.Join(dir, "gone"), "there is no ", true},
		{dir, "is a folder, and a file is wanted", true},
		{none, "is empty", true},
		{filepath.Join(full, "x"), "a part of ", true},
		{"", "a path is empty", true},
		{os.DevNull, "is empty", false},
	} {
		_, err := ReadStream(x.path, 3)
		_, other := Read(x.path, 3)
		if x.both && (other == nil || other.Error() != err.Error()) {
			t.Errorf("%s: %v and %v", x.path, err, other)
		}
		var in *Error
		if !errors.As(err, &in) || !strings.Contains(err.Error(), x.want) || in.Hint() == "" {
			t.Errorf("%s: %v, want %q", x.path, err, x.want)
		}
	}
	if _, err := ReadStream(full, 3); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
	for _, read := range []func(string, int64) ([]byte, error){Read, ReadStream} {
		if b, err := read(full, 4); err != nil || string(b) != "1234" {
			t.Errorf("%q, %v", b, err)
		}
	}
}

func TestRawErrorsBecomeSentences(t *testing.T) {
	dir := t.TempDir()
	_, open := os.Open(filepath.Join(dir, "none"))
	rename := os.Rename(filepath.Join(dir, "none"), filepath.Join(dir, "other"))
	_, read := os.ReadFile(dir)
	for _, err := range []error{
		fmt.Errorf("opening the ring: %w", open), fmt.Errorf("keeping it: %w", rename), fmt.Errorf("reading %s: %w", dir, read),
		&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, &fs.PathError{Op: "read", Path: "x", Err: errors.New("input/output error")},
	} {
		text, hint, ok := Sentence(err)
		if !ok || hint == "" || strings.Contains(text, "no such file") || strings.Contains(text, "is a directory") || strings.Contains(text, "open x") {
			t.Errorf("%v: %q, %q, %t", err, text, hint, ok)
		}
	}
	if text, _, _ := Sentence(fmt.Errorf("reading %s: %w", dir, read)); text != dir+" is a folder, and a file is wanted" {
		t.Errorf("%q", text)
	}
	if _, _, ok := Sentence(errors.New("other")); ok {
		t.Error("a sentence about nothing")
	}
}

func TestFlagsAreExplainedInWords(t *testing.T) {
	_, bad := strconv.ParseUint("-1", 10, 32)
	got := Flag(fmt.Errorf(`invalid argument "-1" for "--log" flag: %w`, bad)).Error()
	if strings.Contains(got, "strconv") || !strings.Contains(got, "is no number from 0 on") {
		t.Error(got)
	}
	if err := errors.New("unknown flag"); Flag(err) != err {
		t.Error("changed")
	}
}

// Who writes a request file for an officer chooses nothing of the officer's machine to be sent.
func TestWhatAFileNamesLiesBesideItOrBelow(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "case")
	if err := os.MkdirAll(filepath.Join(folder, "pictures"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"secret.key", "case/extract.txt", "case/pictures/lorry.jpg"} {
		if err := os.WriteFile(filepath.Join(dir, path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"out": "../secret.key", "in": "pictures/lorry.jpg"} {
		if err := os.Symlink(to, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"extract.txt": "", "pictures/lorry.jpg": "", "./pictures/../extract.txt": "", "in": "",
		"../secret.key": "lies outside", filepath.Join(dir, "secret.key"): "lies outside", "out": "lies outside", "": "lies outside",
		"gone": "there is no ", "pictures": "is a folder", "pipe": "is a pipe",
	} {
		f, err := Below(folder, path)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			_ = f.Close()
			continue
		}
		var in *Error
		if !errors.As(err, &in) || !strings.Contains(err.Error(), want) || in.Hint() == "" {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
