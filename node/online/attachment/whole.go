package attachment

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	// tellAgain is how long a message's `whole` leaf is told again at a start: the receipt may have been lost.
	tellAgain = 72 * time.Hour
	// wholeSide is the side record of a message's leaf that holds the index of its `whole` leaf, saltSide that of a `whole` leaf with
	// the salt of its list.
	wholeSide = "whole"
	saltSide  = "salt"
	// contextList is hashed before salt and list.
	contextList = "rogatory/v1/whole\x00"
)

// finish notes that an attachment is here, and the `whole` leaf when it was the last one of its message.
func (p *Puller) finish(ctx context.Context, a *storev1.Attachment) error {
	var told map[int64]string
	_, err := p.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.Attachment(a.GetId())
		if err != nil {
			return err
		}
		row.Received, row.Whole = row.GetLength(), true
		if err := tx.PutAttachment(row); err != nil {
			return err
		}
		told, err = appendWholes(tx, row.GetCopies())
		return err
	})
	if err != nil {
		return fmt.Errorf("noting that an attachment is here: %w", err)
	}
	p.mu.Lock()
	close(p.done)
	p.done = make(chan struct{})
	p.mu.Unlock()
	p.tell(told)
	return nil
}

// tellListed tells of the messages that list nothing but what is here already: no attachment that comes will tell of them. Only errors that end the
// node come back.
func (p *Puller) tellListed(ctx context.Context) error {
	var untold []*storev1.AttachmentCopy
	partial := map[string]bool{} // messages of which something is awaited
	err := p.cfg.Store.View(func(r *store.Reader) error {
		var bad error
		err := r.EachAttachment(func(a *storev1.Attachment) bool {
			if a.GetOutgoing() {
				return true
			}
			for _, of := range a.GetCopies() {
				if !a.GetWhole() {
					partial[string(of.GetMsg())] = true
					continue
				}
				switch _, err := r.Side(int64(of.GetLeafIndex()), wholeSide); {
				case errors.Is(err, store.ErrNotFound):
					untold = append(untold, of)
				case err != nil:
					bad = err
				}
			}
			return bad == nil
		})
		return errors.Join(err, bad)
	})
	if err != nil {
		return fmt.Errorf("looking for attachments that are here: %w", err)
	}
	untold = slices.DeleteFunc(untold, func(of *storev1.AttachmentCopy) bool { return partial[string(of.GetMsg())] })
	if len(untold) == 0 {
		return nil
	}
	var told map[int64]string
	if _, err = p.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		told, err = appendWholes(tx, untold)
		return err
	}); err != nil {
		switch {
		case ctx.Err() != nil:
			return nil
		case store.Fatal(err):
			return err
		}
		p.log.Error("noting that attachments are here failed; it is tried again", "err", err, "hint", store.Hint(err))
		return nil
	}
	p.tell(told)
	return nil
}

// tell tells of `whole` leaves, by index, and the peers that they are for.
func (p *Puller) tell(leaves map[int64]string) {
	for index, peer := range leaves {
		if p.cfg.Whole != nil {
			p.cfg.Whole(peer, index)
		}
	}
}

// appendWholes appends the `whole` leaves that these messages lack, and returns by index the peers that they are for.
func appendWholes(tx *store.Tx, list []*storev1.AttachmentCopy) (map[int64]string, error) {
	told := map[int64]string{}
	for _, of := range list {
		index, err := appendWhole(tx, of)
		if err != nil {
			return nil, err
		}
		if index >= 0 {
			told[index] = of.GetPeer()
		}
	}
	return told, nil
}

// appendWhole appends the `whole` leaf of a message whose attachments are all here, and returns its index, or -1. The leaf's list is
// SHA-256(contextList || salt || list), list the ids (16 bytes) and digests (32 bytes) in the order of the ids; the salt is its side record.
func appendWhole(tx *store.Tx, of *storev1.AttachmentCopy) (int64, error) {
	side := int64(of.GetLeafIndex())
	if _, err := tx.Side(side, wholeSide); !errors.Is(err, store.ErrNotFound) {
		return -1, err // there is one
	}
	salt := make([]byte, 32)
	rand.Read(salt) // never fails, see crypto/rand
	list := sha256.New()
	list.Write([]byte(contextList))
	list.Write(salt)
	whole := true
	if err := tx.EachAttachment(func(a *storev1.Attachment) bool {
		if !a.GetOutgoing() && slices.ContainsFunc(a.GetCopies(), func(c *storev1.AttachmentCopy) bool { return string(c.GetMsg()) == string(of.GetMsg()) }) {
			whole = whole && a.GetWhole()
			list.Write(a.GetId())
			list.Write(a.GetSha256())
		}
		return whole
	}); err != nil || !whole {
		return -1, err
	}
	index, err := tx.Append(&translog.Whole{Msg: translog.Hash(of.GetMsg()), List: translog.Hash(list.Sum(nil))})
	if err != nil {
		return -1, err
	}
	if err := tx.PutSide(index, saltSide, salt); err != nil {
		return -1, err
	}
	return index, tx.PutSide(side, wholeSide, binary.BigEndian.AppendUint64(nil, uint64(index)))
}

// tellWhole tells again of the `whole` leaves of the last days: a receipt that was queued may have died with the process.
func (p *Puller) tellWhole() error {
	told := map[int64]string{}
	err := p.cfg.Store.View(func(r *store.Reader) error {
		clear(told)
		return r.EachAttachment(func(a *storev1.Attachment) bool {
			if a.GetOutgoing() || !a.GetWhole() || len(a.GetCopies()) == 0 {
				return true
			}
			for _, of := range a.GetCopies() {
				b, err := r.Side(int64(of.GetLeafIndex()), wholeSide)
				if err != nil || len(b) != 8 {
					continue
				}
				index := int64(binary.BigEndian.Uint64(b))
				if line, err := r.Leaf(index); err == nil {
					if leaf, err := translog.ParseLeaf(line); err == nil && time.Since(time.UnixMilli(leaf.At)) <= tellAgain {
						told[index] = of.GetPeer()
					}
				}
			}
			return true
		})
	})
	if err != nil {
		return fmt.Errorf("looking for attachments that are here: %w", err)
	}
	p.tell(told)
	return nil
}
