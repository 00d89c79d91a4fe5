package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/store/disk"
	"github.com/rogatory/rogatory/node/store/guard"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// EraseContent destroys a content: ciphertext and tombstone go with this transaction, the key and every trace of it in
// keys.db before Update returns. Erasing again changes nothing.
func (t *Tx) EraseContent(id uint64) error {
	head, err := t.ContentHead(id)
	if err != nil || head.ErasedMs != 0 {
		return err
	}
	if err := t.deletePieces(bucketContents, rows.U64(id)); err != nil {
		return err
	}
	tombstone := &storev1.ContentHead{Unit: head.Unit, ErasedMs: uint64(time.Now().UnixMilli())}
	t.call.chores = true
	return errors.Join(
		t.putRow(bucketContents, rows.U64(id), tombstone),
		t.putRow(bucketChores, rows.U64(id), &storev1.Chore{Erase: true}))
}

// TransferContent hands a content over to another unit: its key is wrapped for that unit, and no longer for the one that
// had it, before Update returns. It returns [ErrErased] for what was erased.
func (t *Tx) TransferContent(id uint64, unit string) error {
	if err := checkName("unit", unit); err != nil {
		return err
	}
	head, err := t.ContentHead(id)
	if err != nil {
		return err
	}
	if head.ErasedMs != 0 {
		return fmt.Errorf("transferring content %d: %w", id, ErrErased)
	}
	head.Unit = unit
	t.call.chores = true
	return errors.Join(
		t.putRow(bucketContents, rows.U64(id), head),
		t.putRow(bucketChores, rows.U64(id), &storev1.Chore{TransferTo: unit}))
}

// doChores makes keys.db follow what main.db has committed: it destroys keys and wraps keys anew. It does whatever is
// there, its own and what a crash has left, and doing it twice is as good as once.
func (s *Store) doChores() error {
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	chores, err := s.chores()
	if err != nil || len(chores) == 0 {
		return err
	}
	var erased []uint64
	var messages [][32]byte
	given := make(map[uint64]string)
	for id, chore := range chores {
		if !chore.Erase {
			given[id] = chore.TransferTo
			continue
		}
		erased = append(erased, id)
		if len(chore.Msg) == 32 {
			messages = append(messages, [32]byte(chore.Msg))
		}
	}
	if err := s.journal().Note(erased, messages); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	s.step(StepNoted)
	if err := s.keys.Change(erased, given); err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	return s.wait(context.Background(), &call{run: func(t *Tx) error {
		for id, done := range chores {
			var now storev1.Chore
			if ok, err := rows.Read(t.b.Bucket(bucketChores), rows.U64(id), &now); err != nil || !ok || !proto.Equal(&now, done) {
				if err != nil {
					return err
				}
				continue // another was ordered meanwhile
			}
			if err := t.delete(bucketChores, rows.U64(id)); err != nil {
				return err
			}
		}
		return nil
	}})
}

func (s *Store) chores() (map[uint64]*storev1.Chore, error) {
	chores := make(map[uint64]*storev1.Chore)
	err := s.main.View(func(b *bbolt.Tx) error {
		return b.Bucket(bucketChores).ForEach(func(k, v []byte) error {
			c := new(storev1.Chore)
			chores[rows.Number(k)] = c
			return rows.Parse(v, c)
		})
	})
	return chores, err
}

// journal names what must stay erased, outside the folder.
func (s *Store) journal() guard.Erased { return guard.ErasedBeside(s.opts.GuardPath, s.opts.Origin) }

// ErasedMessages returns the names of the messages whose contents were ever erased here, whatever the store that is open has heard of: what a peer gives
// back under one of them is not to be kept.
func (s *Store) ErasedMessages() (map[[32]byte]bool, error) { return s.journal().Messages() }

// rowTombs is there after a restored store was made to erase again: the leaves that said so are not in its log.
var rowTombs = []byte("tombstones")

// oweTombs notes that messages may be without content and without tombstone.
func oweTombs(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Put(rowTombs, []byte{1}) }

// TombsOwed reports whether a restored store was made to erase again and nobody has said so in its log yet.
func (r *Reader) TombsOwed() bool { return r.b.Bucket(bucketIdentity).Get(rowTombs) != nil }

// TombsPaid notes that every message without content has its tombstone.
func (t *Tx) TombsPaid() error { return t.delete(bucketIdentity, rowTombs) }

// rowScrub is there while pages of main.db that nothing uses any more may hold what was to be destroyed.
var rowScrub = []byte("scrub")

// ScrubLater has the pages that this transaction frees overwritten at the next start, when nobody reads. Contents need it not: their keys are gone at
// once. Dockets lie in main.db as they are.
func (t *Tx) ScrubLater() error { return t.put(bucketIdentity, rowScrub, []byte{1}) }

// scrub overwrites what is free in main.db, if something was destroyed there. It is called before anybody else has the file. A crash in the midst of it
// leaves the row, and free pages that are half overwritten: nothing refers to them.
func (s *Store) scrub() (err error) {
	owed := false
	if err := s.main.View(func(b *bbolt.Tx) error {
		owed = b.Bucket(bucketIdentity).Get(rowScrub) != nil
		return nil
	}); err != nil || !owed {
		return err
	}
	// After two commits neither of bbolt's two roots refers to a page that is free now.
	for range 2 {
		if err := s.main.Update(func(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Put(rowScrub, []byte{1}) }); err != nil {
			return err
		}
	}
	if err := disk.OverwriteFree(s.main); err != nil {
		return fmt.Errorf("overwriting what is free in %s: %w", mainName, err)
	}
	return s.main.Update(func(b *bbolt.Tx) error { return b.Bucket(bucketIdentity).Delete(rowScrub) })
}
