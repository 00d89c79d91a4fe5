package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// embedded holds the story that is played when no other is named, and its files. Everybody and everything in it is invented.
//
//go:embed story
var embedded embed.FS

const defaultStory = "network.txt"

var errTooLarge = errors.New("larger than a demo needs")

// A library is where a story finds its files: beside the story, or made by the story itself.
type library struct {
	fsys fs.FS
	made map[string][]byte
}

// openStory reads a story and finds its files. With an empty path it is the embedded one.
func openStory(path string) (*story, *library, error) {
	lib := &library{made: map[string][]byte{}}
	name := defaultStory
	if path == "" {
		sub, err := fs.Sub(embedded, "story")
		if err != nil {
			return nil, nil, err
		}
		lib.fsys = sub
	} else {
		lib.fsys, name = os.DirFS(filepath.Dir(path)), filepath.Base(path)
	}
	f, err := lib.fsys.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("--story %s: %w", path, err)
	}
	defer f.Close()
	s, err := parseStory(f)
	if err != nil {
		return nil, nil, err
	}
	return s, lib, lib.check(s)
}

// check reads every file that the story names, so that a misspelt one is found before any node starts.
func (l *library) check(s *story) error {
	made := map[string]bool{}
	for _, c := range s.commands {
		switch c.verb {
		case "file":
			made[c.args[0]] = true
		case "send", "answer":
			f, err := l.request(c.args[2])
			if err != nil {
				return fmt.Errorf("%w, line %d: %w", errStory, c.line, err)
			}
			for _, a := range f.GetAttachments() {
				if made[a.GetPath()] {
					continue
				}
				if _, err := fs.Stat(l.fsys, a.GetPath()); err != nil {
					return fmt.Errorf("%w, line %d: attachment of %s: %w", errStory, c.line, c.args[2], err)
				}
			}
		}
	}
	return nil
}

// make invents a file.
func (l *library) make(name string, size int64) { l.made[name] = noise(name, size) }

// open opens a file for reading.
func (l *library) open(name string) (io.ReadCloser, error) {
	if b, ok := l.made[name]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return l.fsys.Open(name)
}

// read reads a whole file.
func (l *library) read(name string) ([]byte, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}

func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errTooLarge
	}
	return b, err
}

// request reads a request file.
func (l *library) request(name string) (*rogatoryv1.RequestFile, error) {
	b, err := l.read(name)
	if err != nil {
		return nil, err
	}
	return parseRequest(name, b)
}

// parseRequest reads the public form of a message. Unknown fields are refused.
func parseRequest(name string, b []byte) (*rogatoryv1.RequestFile, error) {
	f := new(rogatoryv1.RequestFile)
	if err := protojson.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if f.GetContent() == nil {
		return nil, fmt.Errorf("reading %s: it has no content", name)
	}
	return f, nil
}

// noise is a file that was invented: the same bytes for the same name.
func noise(name string, size int64) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b) // never fails
	return b
}
