package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/backup"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Backup copies both files and the attachments as they are at one moment into dst, a folder that is empty or does not exist,
// while the store goes on; only erasing and handing over wait until the copy is made. The copy is flushed, opened again and
// checked before it has its name. The head guard and the journal of erasures are not part of it: they must survive what a
// backup is for.
func (s *Store) Backup(ctx context.Context, dst string) (_ backup.Info, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("backing up: %w", err)
		}
	}()
	if s.queue.Closed() {
		return backup.Info{}, ErrClosed
	}
	draft, err := backup.Begin(dst, ".backup-")
	if err != nil {
		return backup.Info{}, err
	}
	defer func() { err = errors.Join(err, draft.Discard()) }()
	info, err := s.copyTo(ctx, draft)
	if err != nil {
		return backup.Info{}, err
	}
	opts := s.opts
	opts.Dir = draft.Dir()
	if err := checkFolder(ctx, opts); err != nil {
		return backup.Info{}, fmt.Errorf("the copy: %w", err)
	}
	if err := draft.Settle(); err != nil {
		return backup.Info{}, err
	}
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	return info, s.backups().Add(dst, info)
}

// backups is the list of the copies that still have keys, beside the head guard.
func (s *Store) backups() backup.List { return backup.List(s.opts.GuardPath + ".backups") }

// ExpireBackups destroys the keys in every copy of this store whose time is over, and returns how many copies lost theirs. What cannot be reached now is
// tried again the next time.
func (s *Store) ExpireBackups(now time.Time) (n int, err error) {
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	return s.backups().Expire(now)
}

// copyTo copies one moment of the store. No key is destroyed or made while both transactions begin, so that the two
// copies belong together; none is destroyed until they end.
func (s *Store) copyTo(ctx context.Context, to *backup.Draft) (backup.Info, error) {
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
		return backup.Info{}, err
	}
	defer func() { _ = keys.End() }()

	made := time.Now()
	r := &Reader{s: s, b: main}
	head, err := r.HeadAt(r.LogSize())
	if err != nil {
		return backup.Info{}, err
	}
	put := func(name string, write func(io.Writer) error) error {
		if err := to.File(ctx, name, write); err != nil {
			return fmt.Errorf("%w: %w", ErrDisk, err)
		}
		return nil
	}
	writeTo := func(from io.WriterTo) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := from.WriteTo(w)
			return err
		}
	}
	if err := errors.Join(put(mainName, writeTo(main)), put(keysName, writeTo(keys)), to.Folder(blobsDir)); err != nil {
		return backup.Info{}, err
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
		return backup.Info{}, errors.Join(err, blobErr)
	}
	info, err := to.Say(ctx, backup.Info{
		Country: s.opts.Country, Origin: s.opts.Origin, Size: head.Size, Root: hex.EncodeToString(head.Root[:]),
	}, made)
	if err != nil {
		return backup.Info{}, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return info, nil
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
