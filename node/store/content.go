package store

import (
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// MaxContent is the largest plaintext in bytes that PutContent takes.
const MaxContent = 4 << 20

// PutContent encrypts plaintext under a key of its own, which is wrapped for unit, and returns its number. Put the salt of
// a content's commitment into the plaintext, so that both are erased as one.
func (t *Tx) PutContent(unit string, plaintext []byte) (id uint64, err error) {
	if err := checkName("unit", unit); err != nil {
		return 0, err
	}
	if len(plaintext) > MaxContent {
		return 0, fmt.Errorf("content of %d bytes: %w", len(plaintext), ErrTooLarge)
	}
	key, err := t.keys.Key(unit)
	if err != nil {
		return 0, fmt.Errorf("keeping content: %w", err)
	}
	sealed, err := key.Seal(plaintext)
	if err != nil {
		return 0, fmt.Errorf("keeping content: %w", err)
	}
	t.bucket(bucketContents).FillPercent = 1 // contents only ever come at the end
	pieces, err := t.putPieces(bucketContents, rows.U64(key.ID()), sealed)
	if err != nil {
		return 0, fmt.Errorf("keeping content: %w", err)
	}
	head := &storev1.ContentHead{Unit: unit, Length: uint64(len(sealed)), Pieces: uint32(pieces)}
	return key.ID(), t.putRow(bucketContents, rows.U64(key.ID()), head)
}

// closeKeys keeps which keys the batch has taken.
func (t *Tx) closeKeys() error {
	for unit, id := range t.keys.Last() {
		if err := t.put(bucketPools, []byte(unit), rows.U64(id)); err != nil {
			return err
		}
	}
	return nil
}

// takenKeys returns the newest key that contents of each unit have.
func (r *Reader) takenKeys() (map[string]uint64, error) {
	taken := make(map[string]uint64)
	err := r.b.Bucket(bucketPools).ForEach(func(k, v []byte) error {
		taken[string(k)] = rows.Number(v)
		return nil
	})
	return taken, err
}

// startKeys lets keys be taken.
func (s *Store) startKeys() error {
	return s.View(func(r *Reader) error {
		taken, err := r.takenKeys()
		if err != nil {
			return err
		}
		return s.keys.Start(taken)
	})
}

// ContentHead returns what is known of a content without its key, or [ErrNotFound].
func (r *Reader) ContentHead(id uint64) (*storev1.ContentHead, error) {
	head, err := rows.Find[storev1.ContentHead](r.b.Bucket(bucketContents), rows.U64(id))
	if err != nil {
		return nil, fmt.Errorf("reading content %d: %w", id, err)
	}
	return head, nil
}

// Content decrypts a content. Errors wrap [ErrNotFound], [ErrErased] or [ErrKey]. Whoever calls it has committed the `op`
// leaf that says who reads.
func (r *Reader) Content(id uint64) ([]byte, error) {
	head, err := r.ContentHead(id)
	if err != nil {
		return nil, err
	}
	if head.ErasedMs != 0 {
		return nil, fmt.Errorf("reading content %d: %w", id, ErrErased)
	}
	sealed := rows.ReadPieces(r.b.Bucket(bucketContents), rows.U64(id))
	if uint64(len(sealed)) != head.Length {
		return nil, fmt.Errorf("reading content %d of %d bytes, not %d: %w", id, len(sealed), head.Length, ErrInconsistent)
	}
	key, err := r.s.keys.Key(id)
	if err != nil {
		return nil, fmt.Errorf("reading content %d: %w", id, err)
	}
	plaintext, err := key.Open(sealed)
	if err != nil {
		return nil, fmt.Errorf("reading content %d: %w", id, err)
	}
	return plaintext, nil
}

// Content is [Reader.Content] in a View of its own.
func (s *Store) Content(id uint64) (plaintext []byte, err error) {
	err = s.View(func(r *Reader) error {
		plaintext, err = r.Content(id)
		return err
	})
	if errors.Is(err, ErrKey) { // perhaps erased between the two files
		if again := s.View(func(r *Reader) error {
			head, err := r.ContentHead(id)
			if err == nil && head.ErasedMs != 0 {
				err = fmt.Errorf("reading content %d: %w", id, ErrErased)
			}
			return err
		}); again != nil {
			err = again
		}
	}
	return plaintext, err
}
