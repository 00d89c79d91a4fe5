package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// BlobPath returns the file of an attachment's ciphertext. Whoever writes there flushes before PutAttachment says how much
// has been received.
func (s *Store) BlobPath(id []byte) string {
	return filepath.Join(s.opts.Dir, blobsDir, hex.EncodeToString(id))
}

// PutAttachment keeps or replaces what is known of an attachment. Its file must hold, flushed, what it says is received.
func (t *Tx) PutAttachment(a *storev1.Attachment) error {
	if len(a.Id) != 16 || a.Received > a.Length || a.Whole && a.Received != a.Length {
		return fmt.Errorf("keeping attachment %x: %w", a.Id, ErrInvalid)
	}
	return t.putRow(bucketAttachments, a.Id, a)
}

// Attachment returns what is known of an attachment, or [ErrNotFound].
func (r *Reader) Attachment(id []byte) (*storev1.Attachment, error) {
	a, err := rows.Find[storev1.Attachment](r.b.Bucket(bucketAttachments), id)
	if err != nil {
		return nil, fmt.Errorf("reading attachment %x: %w", id, err)
	}
	return a, nil
}

// EachAttachment calls each with every attachment until it returns false.
func (r *Reader) EachAttachment(each func(*storev1.Attachment) bool) error {
	return rows.Each(r.b.Bucket(bucketAttachments), nil, nil, func(_ []byte, a *storev1.Attachment) bool { return each(a) })
}

// DeleteAttachment forgets an attachment. Call [Store.RemoveBlob] after the commit; what a crash leaves, [Store.SweepBlobs]
// removes.
func (t *Tx) DeleteAttachment(id []byte) error { return t.delete(bucketAttachments, id) }

// RemoveBlob removes an attachment's file, if there is one.
func (s *Store) RemoveBlob(id []byte) error {
	if err := os.Remove(s.BlobPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing attachment: %w", err)
	}
	return nil
}

// SweepBlobs removes the files that belong to no attachment. Call it at start, before attachments are received.
func (s *Store) SweepBlobs() error {
	return s.View(func(r *Reader) error {
		names, err := r.strayBlobs()
		for _, name := range names {
			err = errors.Join(err, os.Remove(filepath.Join(s.opts.Dir, name)))
		}
		if err != nil {
			return fmt.Errorf("sweeping attachments: %w", err)
		}
		return nil
	})
}

// strayBlobs returns the names in the folder of the files that belong to no attachment.
func (r *Reader) strayBlobs() (names []string, err error) {
	files, err := os.ReadDir(filepath.Join(r.s.opts.Dir, blobsDir))
	for _, f := range files {
		if id, err := hex.DecodeString(f.Name()); err != nil || r.b.Bucket(bucketAttachments).Get(id) == nil {
			names = append(names, filepath.Join(blobsDir, f.Name()))
		}
	}
	return names, err
}
