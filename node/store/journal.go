package store

import (
	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/guard"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func (s *Store) journal() guard.Erased { return guard.ErasedBeside(s.opts.GuardPath, s.opts.Origin) }

// noteErasures notes in the journals beside the head guard what the chores erase.
func (s *Store) noteErasures(chores map[uint64]*storev1.Chore) error {
	var contents []uint64
	var messages [][32]byte
	for id, chore := range chores {
		if !chore.Erase {
			continue
		}
		contents = append(contents, id)
		if len(chore.Msg) == 32 {
			messages = append(messages, [32]byte(chore.Msg))
		}
	}
	return s.journal().Note(contents, messages)
}

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
