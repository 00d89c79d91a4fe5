package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/backup"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Restore puts the backup in the folder from into opts.Dir, which must be empty or not exist. Everything that was erased
// since is erased again before the folder has its name: the journal of erasures beside opts.GuardPath knows. Errors wrap
// [backup.ErrNone], [ErrTooOld], [ErrForeign], [ErrNotEmpty], [ErrInconsistent]. Restoring does not make the log whole: when the guard has
// seen more of it, Open says so: that log cannot be continued. Restoring twice is safe.
func Restore(ctx context.Context, from string, opts Options) (_ backup.Info, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restoring: %w", err)
		}
	}()
	info, err := backup.Read(from)
	if err != nil {
		return info, err
	}
	if err := info.Restorable(time.Now()); err != nil {
		return info, err
	}
	if info.Country != opts.Country || info.Origin != opts.Origin {
		return info, fmt.Errorf("backup of %s, log %s: %w", info.Country, info.Origin, ErrForeign)
	}
	draft, err := backup.Begin(opts.Dir, ".restore-")
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, draft.Discard()) }()
	if err := draft.Folder(blobsDir); err != nil {
		return info, err
	}
	if err := draft.Copy(ctx, from, info, mainName, keysName); err != nil {
		if errors.Is(err, backup.ErrDamaged) {
			err = fmt.Errorf("%w: %w", err, ErrInconsistent)
		}
		return info, err
	}
	to := opts
	to.Dir = draft.Dir()
	s, err := openFolder(to)
	if err != nil {
		return info, err
	}
	journal, err := s.journal().Contents()
	if err == nil {
		err = s.eraseAgain(ctx, journal)
	}
	if err := errors.Join(err, s.closeFiles()); err != nil {
		return info, err
	}
	return info, draft.Settle()
}

// eraseAgain erases what the journal names, destroys all keys that no content has, and lets the numbers of new contents
// begin beyond any that the lost time can have given out: a number of the journal never means another content.
func (s *Store) eraseAgain(ctx context.Context, journal map[uint64]bool) error {
	has := make(map[uint64]bool)
	if err := s.main.Update(func(b *bbolt.Tx) error {
		t := &Tx{Reader: Reader{s: s, b: b}, call: new(call)}
		for id := range journal {
			head, err := t.ContentHead(id)
			if errors.Is(err, ErrNotFound) || err == nil && head.ErasedMs != 0 {
				continue
			}
			if err := errors.Join(err, t.EraseContent(id), oweTombs(b)); err != nil {
				return err
			}
		}
		if err := t.eraseAttachments(); err != nil {
			return err
		}
		if err := b.Bucket(bucketContents).ForEach(func(k, v []byte) error {
			if len(k) != 8 {
				return nil
			}
			var head storev1.ContentHead
			err := rows.Parse(v, &head)
			has[rows.Number(k)] = head.ErasedMs == 0
			return err
		}); err != nil {
			return err
		}
		// Erasures are done below: those of the journal, and those that the backup has caught half done.
		return rows.DeleteWhere(b.Bucket(bucketChores), func(_, v []byte) (bool, error) {
			var chore storev1.Chore
			err := rows.Parse(v, &chore)
			return chore.Erase, err
		})
	}); err != nil {
		return fmt.Errorf("erasing again: %w", err)
	}
	last := uint64(0)
	for id := range journal {
		last = max(last, id)
	}
	if err := s.keys.Keep(has, last); err != nil {
		return fmt.Errorf("erasing again: %w", err)
	}
	return s.Check(ctx)
}

// eraseAttachments removes the attachments that only erased contents list.
func (t *Tx) eraseAttachments() error {
	var ids [][]byte
	var errs []error
	if err := t.EachAttachment(func(a *storev1.Attachment) bool {
		gone := len(a.Copies) > 0
		for _, at := range a.Copies {
			m, err := t.messageRow(int64(at.LeafIndex))
			if err != nil {
				errs = append(errs, err)
				return false
			}
			if gone = gone && m.ContentId != 0; !gone {
				return true
			}
			head, err := t.ContentHead(m.ContentId)
			if err != nil {
				errs = append(errs, err)
				return false
			}
			gone = head.ErasedMs != 0
		}
		if gone {
			ids = append(ids, a.Id)
		}
		return true
	}); err != nil || len(errs) > 0 {
		return errors.Join(append(errs, err)...)
	}
	for _, id := range ids {
		if err := errors.Join(t.DeleteAttachment(id), t.s.RemoveBlob(id)); err != nil {
			return err
		}
	}
	return nil
}
