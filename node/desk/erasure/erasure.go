// Package erasure destroys what nobody may keep any longer, and leaves what says so: contents that two people have erased, dockets whose term is over, and
// what came back from a backup or from a peer though it was erased before.
//
// Contents and attachments go by their keys. A tombstone, an `erase` leaf, is committed in the same transaction that takes them off; what a crash leaves
// of them is destroyed at the next start.
package erasure

import (
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A Shredder destroys by itself what is due. Its methods are called by one goroutine.
type Shredder struct {
	store  *store.Store
	log    *slog.Logger
	looked int64 // up to which leaf StayErased has looked
}

// New returns the shredder of a store.
func New(s *store.Store, log *slog.Logger) *Shredder { return &Shredder{store: s, log: log} }

// What a tombstone says was destroyed, as its leaf spells it.
const (
	wentAttachments = "attachments"
	wentContent     = "content"
	wentDocket      = "docket"
)

// Bury writes the tombstones of messages that have none and takes their contents and attachments away. It returns the attachments whose files are to be
// removed after the commit. leaf says who and why; assertion is nil for a timer.
func Bury(tx *store.Tx, indices []int64, leaf translog.Erase, assertion *rogatoryv1.Assertion) (blobs [][]byte, err error) {
	var names []translog.Hash
	rows := map[int64]*storev1.LoggedMessage{}
	for _, index := range indices {
		row, err := tx.Message(index)
		if err != nil {
			return nil, err
		}
		if row.GetErasedPlusOne() == 0 {
			rows[index] = row
			names = append(names, translog.Hash(row.GetMsg()))
		}
	}
	indices = slices.Sorted(maps.Keys(rows))
	if blobs, err = attachments.Detach(tx, names); err != nil {
		return nil, err
	}
	if len(blobs) > 0 {
		leaf.What = []string{wentAttachments}
	}
	leaf.What = append(leaf.What, wentContent)
	for part := range slices.Chunk(indices, casefile.AtOnce) {
		names = names[:0]
		for _, index := range part {
			names = append(names, translog.Hash(rows[index].GetMsg()))
		}
		tomb, err := casefile.AppendErase(tx, leaf, names, assertion)
		if err != nil {
			return nil, err
		}
		for _, index := range part {
			if err := errors.Join(tx.EraseContent(rows[index].GetContentId()), tx.Entomb(index, tomb)); err != nil {
				return nil, err
			}
		}
	}
	return blobs, nil
}

// Remove removes the ciphertexts of attachments that were taken off in a transaction, after its commit.
func Remove(s *store.Store, ids [][]byte) error {
	for _, id := range ids {
		if err := s.RemoveBlob(id); err != nil {
			return err // the next start sweeps it
		}
	}
	return nil
}
