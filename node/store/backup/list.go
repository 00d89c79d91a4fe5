package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogatory/rogatory/node/store/disk"
)

// A List is the file that names the copies of a store which still have keys, a line of JSON for each, so that the node itself takes them away when
// their 14 days are over, wherever it can still reach them. Nobody else may write it meanwhile.
type List string

type line struct {
	Folder      string `json:"folder"`
	KeysUntilMS int64  `json:"keys_until_ms"`
}

// Add adds a finished copy.
func (l List) Add(folder string, info Info) error {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	lines, err := l.read()
	if err != nil {
		return err
	}
	return l.write(append(lines, line{abs, info.KeysUntilMS}))
}

// Expire destroys the keys in every copy whose time is over, and returns how many copies lost theirs. What cannot be reached now is
// tried again the next time; what is gone is forgotten.
func (l List) Expire(now time.Time) (n int, err error) {
	lines, err := l.read()
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	var left []line
	var errs []error
	for _, copied := range lines {
		if now.UnixMilli() < copied.KeysUntilMS {
			left = append(left, copied)
			continue
		}
		switch done, err := Expire(copied.Folder, now); {
		case errors.Is(err, ErrNone): // moved or deleted
		case err != nil:
			left, errs = append(left, copied), append(errs, err)
		case done:
			n++
		}
	}
	if len(left) != len(lines) {
		errs = append(errs, l.write(left))
	}
	return n, errors.Join(errs...)
}

func (l List) read() (lines []line, err error) {
	b, err := os.ReadFile(string(l))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	scanner := bufio.NewScanner(bytes.NewReader(b))
	for scanner.Scan() {
		var row line
		if err := json.Unmarshal(scanner.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("reading %s: %w", l, err)
		}
		if row.Folder == "" {
			return nil, fmt.Errorf("reading %s: a line names no folder", l)
		}
		lines = append(lines, row)
	}
	return lines, scanner.Err()
}

// write replaces the list.
func (l List) write(lines []line) error {
	var b bytes.Buffer
	for _, row := range lines {
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		b.Write(append(text, '\n'))
	}
	path := string(l)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".new", path), disk.SyncDir(filepath.Dir(path)))
}
