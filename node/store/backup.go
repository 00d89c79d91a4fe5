package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/disk"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// KeysAge is how long a backup of keys may be kept and restored: what is erased is gone from every copy after that time.
const KeysAge = 14 * 24 * time.Hour

// backupName is the file in a backup's folder that says what it is. It is written last.
const backupName = "backup.json"

// BackupInfo is what a backup says of itself, in backup.json.
type BackupInfo struct {
	Format      int    `json:"format"` // 1
	Country     string `json:"country"`
	Origin      string `json:"origin"`        // of the country's first log
	MadeMS      int64  `json:"made_ms"`       // milliseconds since 1970 UTC
	KeysUntilMS int64  `json:"keys_until_ms"` // the folder is to be deleted then; Restore refuses it from then on
	Size        int64  `json:"size"`          // leaves in the log
	Root        string `json:"root"`          // of the log, hexadecimal
	// Files are the names in the folder with the SHA-256 of each, hexadecimal.
	Files map[string]string `json:"files"`
}

// Backup copies both files and the attachments as they are at one moment into dst, a folder that is empty or does not exist,
// while the store goes on; only erasing and handing over wait until the copy is made. The copy is flushed, opened again and
// checked before it has its name. The head guard and the journal of erasures are not part of it: they must survive what a
// backup is for.
func (s *Store) Backup(ctx context.Context, dst string) (_ BackupInfo, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("backing up: %w", err)
		}
	}()
	if s.isClosed() {
		return BackupInfo{}, ErrClosed
	}
	if err := checkEmpty(dst); err != nil {
		return BackupInfo{}, err
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
		return BackupInfo{}, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), ".backup-")
	if err != nil {
		return BackupInfo{}, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	info, err := s.copyTo(ctx, tmp)
	if err != nil {
		return BackupInfo{}, err
	}
	opts := s.opts
	opts.Dir = tmp
	if err := checkFolder(ctx, opts); err != nil {
		return BackupInfo{}, fmt.Errorf("the copy: %w", err)
	}
	if err := settle(tmp, dst); err != nil {
		return BackupInfo{}, err
	}
	return info, s.noteBackup(dst, info)
}

// copyTo copies one moment of the store. No key is destroyed or made while both transactions begin, so that the two
// copies belong together; none is destroyed until they end.
func (s *Store) copyTo(ctx context.Context, dir string) (BackupInfo, error) {
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	var main *bbolt.Tx
	keys, err := s.keys.Begin(func() (err error) {
		main, err = s.main.Begin(false)
		return err
	})
	if main != nil {
		defer func() { _ = main.Rollback() }()
	}
	if err != nil {
		return BackupInfo{}, err
	}
	defer func() { _ = keys.End() }()

	made := time.Now()
	r := &Reader{s: s, b: main}
	head, err := r.HeadAt(r.LogSize())
	if err != nil {
		return BackupInfo{}, err
	}
	info := BackupInfo{
		Format: 1, Country: s.opts.Country, Origin: s.opts.Origin,
		MadeMS: made.UnixMilli(), KeysUntilMS: made.Add(KeysAge).UnixMilli(),
		Size: head.Size, Root: hex.EncodeToString(head.Root[:]), Files: make(map[string]string),
	}
	put := func(name string, write func(io.Writer) error) error {
		sum, err := writeFile(ctx, filepath.Join(dir, name), write)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", name, ErrDisk, err)
		}
		info.Files[name] = sum
		return nil
	}
	writeTo := func(from io.WriterTo) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := from.WriteTo(w)
			return err
		}
	}
	if err := errors.Join(put(mainName, writeTo(main)), put(keysName, writeTo(keys)), os.Mkdir(filepath.Join(dir, blobsDir), 0o700)); err != nil {
		return BackupInfo{}, err
	}
	var blobErr error
	if err := r.EachAttachment(func(a *storev1.Attachment) bool {
		if a.Received > 0 {
			blobErr = put(filepath.Join(blobsDir, hex.EncodeToString(a.Id)), func(w io.Writer) error {
				return copyFile(w, s.BlobPath(a.Id), int64(a.Received))
			})
		}
		return blobErr == nil
	}); err != nil || blobErr != nil {
		return BackupInfo{}, errors.Join(err, blobErr)
	}
	if err := disk.SyncDir(filepath.Join(dir, blobsDir)); err != nil {
		return BackupInfo{}, err
	}
	b, err := json.MarshalIndent(info, "", "\t")
	if err != nil {
		return BackupInfo{}, err
	}
	if _, err := writeFile(ctx, filepath.Join(dir, backupName), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	}); err != nil {
		return BackupInfo{}, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return info, nil
}

// writeFile writes a new file, flushes it and returns its SHA-256 in hexadecimal.
func writeFile(ctx context.Context, path string, write func(io.Writer) error) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if err = write(&ctxWriter{ctx, io.MultiWriter(f, sum)}); err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}

// A ctxWriter ends a long copy when its context ends.
type ctxWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *ctxWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// copyFile copies the first n bytes of a file: what follows them has not been flushed.
func copyFile(w io.Writer, path string, n int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(w, f, n)
	return errors.Join(err, f.Close())
}

func checkEmpty(dir string) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	}
	return err
}

// settle gives a finished folder its name.
func settle(tmp, dst string) error {
	if err := disk.SyncDir(tmp); err != nil {
		return err
	}
	if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(tmp, dst); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(dst))
}
