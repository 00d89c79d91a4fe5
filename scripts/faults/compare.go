package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/rogatory/rogatory/node/store"
)

// A story is what the process was told: it is the oracle.
type story struct {
	put      map[int]uint64 // content by number
	erased   map[int]uint64
	size     int64 // of the log
	finished bool
}

// hear takes one line of the process.
func (t *story) hear(fields []string) {
	if t.put == nil {
		t.put, t.erased = map[int]uint64{}, map[int]uint64{}
	}
	if len(fields) == 1 && fields[0] == "end" {
		t.finished = true
	}
	if len(fields) != 4 {
		return // the name of a thread, or a line that was cut
	}
	i, err1 := strconv.Atoi(fields[1])
	id, err2 := strconv.ParseUint(fields[2], 10, 64)
	size, err3 := strconv.ParseInt(fields[3], 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return
	}
	t.size = max(t.size, size)
	if fields[0] == "put" {
		t.put[i] = id
	} else {
		t.erased[i] = id
	}
}

// compare opens what the process has left and looks for all that it was told.
func compare(ctx context.Context, dir string, t *story) (err error) {
	s, err := store.Open(options(dir))
	if err != nil {
		return fmt.Errorf("opening what was left: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Check(ctx); err != nil {
		return err
	}
	if got := s.Head().Size; got < t.size {
		return fmt.Errorf("the log has %d leaves, %d were acknowledged", got, t.size)
	}
	for i, id := range t.put {
		b, err := s.Content(id)
		gone := errors.Is(err, store.ErrErased)
		if _, erased := t.erased[i]; erased && !gone {
			return fmt.Errorf("content %d was erased and is there: %w", i, errors.Join(err, errAlive))
		}
		if !gone && (err != nil || !bytes.Equal(b, content(i))) {
			return fmt.Errorf("content %d is lost: %w", i, errors.Join(err, errChanged))
		}
	}
	return gone(dir, ".new")
}

var (
	errAlive   = errors.New("its key was not destroyed")
	errChanged = errors.New("it cannot be read as it was written")
)

// gone looks for files that a crash has left and opening has not removed.
func gone(dir, suffix string) error {
	list, err := os.ReadDir(dir + "/data")
	if err != nil {
		return err
	}
	for _, f := range list {
		if n := len(f.Name()) - len(suffix); n >= 0 && f.Name()[n:] == suffix {
			return fmt.Errorf("%s is left over", f.Name())
		}
	}
	return nil
}
