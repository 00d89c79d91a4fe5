// Package backup is the folder in which a copy of a node's files lies: what it says of itself, how it comes to its name only when it is whole, and how it
// loses its keys when their time is over. What is copied at which moment is for others to say.
package backup

import (
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

var (
	// ErrNone says that there is no backup in the folder.
	ErrNone = errors.New("no backup")
	// ErrTooOld says that a backup of keys is older than they may be kept.
	ErrTooOld = errors.New("backup of keys is older than 14 days")
	// ErrNotEmpty says that the folder to write to has something in it.
	ErrNotEmpty = errors.New("folder is not empty")
	// ErrDamaged says that a file differs from what was backed up.
	ErrDamaged = errors.New("differs from what was backed up")
)

// KeysAge is how long a backup of keys may be kept and restored: what is erased is gone from every copy after that time.
const KeysAge = 14 * 24 * time.Hour

const (
	// format is the version of the folder.
	format = 1
	// infoName is the file in the folder that says what it is. It is written last.
	infoName = "backup.json"
	// KeysName is the file of keys, which is destroyed when their time is over.
	KeysName = "keys.db"
)

// Info is what a backup says of itself, in backup.json.
type Info struct {
	Format      int    `json:"format"` // 1
	Country     string `json:"country"`
	Origin      string `json:"origin"`        // of the country's first log
	MadeMS      int64  `json:"made_ms"`       // milliseconds since 1970 UTC
	KeysUntilMS int64  `json:"keys_until_ms"` // the folder is to be deleted then; it is restored no more from then on
	Size        int64  `json:"size"`          // leaves in the log
	Root        string `json:"root"`          // of the log, hexadecimal
	// Files are the names in the folder with the SHA-256 of each, hexadecimal.
	Files map[string]string `json:"files"`
}

// Read returns what the backup in a folder says of itself. Errors wrap [ErrNone] or [disk.ErrSchema].
func Read(folder string) (Info, error) {
	var info Info
	b, err := os.ReadFile(filepath.Join(folder, infoName))
	if errors.Is(err, fs.ErrNotExist) {
		return info, fmt.Errorf("%s: %w", folder, ErrNone)
	}
	if err != nil {
		return info, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&info); err != nil {
		return info, fmt.Errorf("reading %s: %w", infoName, err)
	}
	if info.Format != format {
		return info, fmt.Errorf("backup of format %d: %w", info.Format, disk.ErrSchema)
	}
	return info, nil
}

// keysEnd is when the keys are to be destroyed, whatever the backup says later than that.
func (i Info) keysEnd() int64 { return min(i.KeysUntilMS, i.MadeMS+KeysAge.Milliseconds()) }

// Restorable returns [ErrTooOld] when the keys may not be used any more, or are said to be usable for longer than they may be.
func (i Info) Restorable(now time.Time) error {
	if now.UnixMilli() >= i.KeysUntilMS || i.KeysUntilMS > i.MadeMS+KeysAge.Milliseconds() {
		return ErrTooOld
	}
	return nil
}

// Expire destroys the keys in one copy, if its time is over: the file is overwritten and removed. Log, dockets and ciphertexts stay. It returns
// [ErrNone] when there is no copy in the folder.
func Expire(folder string, now time.Time) (bool, error) {
	info, err := Read(folder)
	if err != nil {
		return false, err
	}
	if now.UnixMilli() < info.keysEnd() {
		return false, nil
	}
	path := filepath.Join(folder, KeysName)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("destroying keys of a backup: %w", err)
	}
	if err := errors.Join(disk.Overwrite(f), f.Close(), os.Remove(path), disk.SyncDir(folder)); err != nil {
		return false, fmt.Errorf("destroying keys of a backup: %w: %w", disk.ErrWrite, err)
	}
	return true, nil
}
