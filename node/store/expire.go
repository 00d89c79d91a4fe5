package store

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

// The list of backups lies beside the head guard: a line of JSON for each copy that still has keys, so that the node itself takes them away when
// their 14 days are over, wherever it can still reach them.
const backupsName = ".backups"

type backupLine struct {
	Folder      string `json:"folder"`
	KeysUntilMS int64  `json:"keys_until_ms"`
}

// noteBackup adds a finished copy to the list.
func (s *Store) noteBackup(folder string, info BackupInfo) error {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	lines, err := readBackups(s.opts.GuardPath + backupsName)
	if err != nil {
		return err
	}
	return writeBackups(s.opts.GuardPath+backupsName, append(lines, backupLine{abs, info.KeysUntilMS}))
}

// ExpireBackups destroys the keys in every copy of this store whose time is over, and returns how many copies lost theirs. What cannot be reached now is
// tried again the next time; what is gone is forgotten.
func (s *Store) ExpireBackups(now time.Time) (n int, err error) {
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	path := s.opts.GuardPath + backupsName
	lines, err := readBackups(path)
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	var left []backupLine
	var errs []error
	for _, line := range lines {
		if now.UnixMilli() < line.KeysUntilMS {
			left = append(left, line)
			continue
		}
		switch done, err := ExpireBackup(line.Folder, now); {
		case errors.Is(err, ErrNotFound): // moved or deleted
		case err != nil:
			left, errs = append(left, line), append(errs, err)
		case done:
			n++
		}
	}
	if len(left) != len(lines) {
		errs = append(errs, writeBackups(path, left))
	}
	return n, errors.Join(errs...)
}

// ExpireBackup destroys the keys in one copy, if its time is over: the file is overwritten and removed. Log, dockets and ciphertexts stay. It returns
// [ErrNotFound] when there is no copy in the folder.
func ExpireBackup(folder string, now time.Time) (bool, error) {
	info, err := ReadBackup(folder)
	if err != nil {
		return false, err
	}
	if now.UnixMilli() < min(info.KeysUntilMS, info.MadeMS+KeysAge.Milliseconds()) {
		return false, nil
	}
	path := filepath.Join(folder, keysName)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("destroying keys of a backup: %w", err)
	}
	if err := errors.Join(disk.Overwrite(f), f.Close(), os.Remove(path), disk.SyncDir(folder)); err != nil {
		return false, fmt.Errorf("destroying keys of a backup: %w: %w", ErrDisk, err)
	}
	return true, nil
}

func readBackups(path string) (lines []backupLine, err error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	scanner := bufio.NewScanner(bytes.NewReader(b))
	for scanner.Scan() {
		var line backupLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil || line.Folder == "" {
			return nil, fmt.Errorf("reading %s: %w", path, errors.Join(err, ErrInvalid))
		}
		lines = append(lines, line)
	}
	return lines, scanner.Err()
}

// writeBackups replaces the list.
func writeBackups(path string, lines []backupLine) error {
	var b bytes.Buffer
	for _, line := range lines {
		row, err := json.Marshal(line)
		if err != nil {
			return err
		}
		b.Write(append(row, '\n'))
	}
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
