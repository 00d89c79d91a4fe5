// Package attachments is the shelf of files that go with messages: one row of the store and one sealed file for each.
//
// Ours is sealed as it streams in; it goes when no message lists it in time, or when all recipients have it. Theirs is awaited from the moment a message
// lists it, within what one peer may announce, and fetched. Only ciphertext touches the disk; the key stands in the content that lists the file.
package attachments

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/limit"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A Shelf holds the attachments of one node.
type Shelf struct {
	node  *configs.Node
	store *store.Store
	log   *slog.Logger

	waits   map[string]waits // by peer; owned by whatever transaction runs
	told    limit.Rate       // how often the log says that a peer announces too many
	awaited chan struct{}    // holds something when a message with attachments has arrived
}

// New returns the shelf of a node's store.
func New(node *configs.Node, s *store.Store, log *slog.Logger) *Shelf {
	return &Shelf{node: node, store: s, log: log, waits: map[string]waits{}, told: limit.Rate{Burst: 1, Every: time.Hour}, awaited: make(chan struct{}, 1)}
}

// Awaited holds something when a transaction has noted attachments that are to be fetched. It may not be committed yet.
func (s *Shelf) Awaited() <-chan struct{} { return s.awaited }

// Room returns ErrNoSpace unless so many bytes fit into the data folder besides what limits.disk_free keeps free. What has begun goes on:
// receipts are taken and readings are logged; only what is new is refused.
func (s *Shelf) Room(more int64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(s.node.Data, &fs); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	free, keep := int64(fs.Bavail)*int64(fs.Bsize), int64(s.node.Limits.DiskFree)
	if free-more < keep {
		return fmt.Errorf("%s are free in the data folder, limits.disk_free is %s: %w", configs.Size(free), configs.Size(keep), refusal.ErrNoSpace)
	}
	return nil
}

// Free removes the ciphertexts that no content lists in time, and ours that all recipients have.
func (s *Shelf) Free(ctx context.Context, now time.Time) error {
	over := func(a *storev1.Attachment) bool {
		return a.GetFreeMs() != 0 && a.GetFreeMs() <= uint64(now.UnixMilli())
	}
	var ids [][]byte
	if err := s.store.View(func(r *store.Reader) error {
		return r.EachAttachment(func(a *storev1.Attachment) bool {
			if over(a) {
				ids = append(ids, a.GetId())
			}
			return true
		})
	}); err != nil {
		return err
	}
	for _, id := range ids {
		gone := false
		if _, err := s.store.Update(ctx, func(tx *store.Tx) error {
			gone = false
			a, err := tx.Attachment(id)
			if err != nil || !over(a) {
				return err // a content has listed it in the meantime
			}
			gone = true
			return tx.DeleteAttachment(id)
		}); err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := s.store.RemoveBlob(id); err != nil {
			return err
		}
	}
	return nil
}

// Detach takes the attachments off the list that only these messages list, and returns their ids: after the commit their ciphertexts are to be removed.
func Detach(tx *store.Tx, names []translog.Hash) (ids [][]byte, err error) {
	of := func(x *storev1.AttachmentCopy) bool {
		return len(x.GetMsg()) == translog.HashSize && slices.Contains(names, translog.Hash(x.GetMsg()))
	}
	var rows []*storev1.Attachment
	if err := tx.EachAttachment(func(at *storev1.Attachment) bool {
		if slices.ContainsFunc(at.GetCopies(), of) {
			rows = append(rows, at)
		}
		return true
	}); err != nil {
		return nil, err
	}
	for _, at := range rows {
		at.Copies = slices.DeleteFunc(at.Copies, of)
		if len(at.Copies) > 0 { // another message lists it too
			if err := tx.PutAttachment(at); err != nil {
				return nil, err
			}
			continue
		}
		ids = append(ids, at.GetId())
		if err := tx.DeleteAttachment(at.GetId()); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
