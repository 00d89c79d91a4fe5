package attachments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// unlistedLife is how long an attachment is kept that no content lists.
	unlistedLife = 7 * 24 * time.Hour
	// MaxChunk is the largest piece of a file, in bytes.
	MaxChunk = 256 << 10
)

// Seal seals a file as it comes, in pieces: next returns them, and io.EOF behind the last. What no message lists within seven days goes again.
func (s *Shelf) Seal(ctx context.Context, next func() ([]byte, error)) (*rogatoryv1.Attachment, error) {
	id, key := envelope.NewAttachmentID(), keyring.GenerateSecret()
	path := s.store.BlobPath(id[:])
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keeping attachment: %w: %w", store.ErrDisk, err)
	}
	keep := false
	defer func() {
		_ = f.Close()
		if !keep {
			_ = s.store.RemoveBlob(id[:])
		}
	}()
	in := &chunks{left: int64(s.node.Limits.MaxAttachment), room: s.Room, recv: next}
	sealed, err := envelope.SealAttachment(f, in, id, key)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("keeping attachment: %w: %w", store.ErrDisk, err)
	}
	size := uint64(envelope.AttachmentSize(sealed.Length))
	if _, err := s.store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutAttachment(&storev1.Attachment{
			Id: id[:], Outgoing: true, Length: size, Sha256: sealed.Digest[:], Received: size, Whole: true,
			FreeMs: uint64(time.UnixMilli(tx.At()).Add(unlistedLife).UnixMilli()),
		})
	}); err != nil {
		return nil, err
	}
	keep = true
	return &rogatoryv1.Attachment{
		Id: id[:], Key: key.Bytes(), CiphertextLength: size, Length: uint64(sealed.Length), CiphertextSha256: sealed.Digest[:],
	}, nil
}

// chunks reads the pieces of a stream as one file, up to a limit.
type chunks struct {
	next  []byte
	left  int64
	since int64 // bytes since the disk was looked at
	room  func(more int64) error
	recv  func() ([]byte, error)
}

// lookEvery is after how many bytes the disk is looked at again.
const lookEvery = 8 << 20

func (c *chunks) Read(p []byte) (int, error) {
	for len(c.next) == 0 {
		var err error
		if c.next, err = c.recv(); err != nil {
			return 0, err
		}
		if len(c.next) > MaxChunk {
			return 0, fmt.Errorf("piece of %d bytes, at most %d: %w", len(c.next), MaxChunk, refusal.ErrRequest)
		}
	}
	n := copy(p, c.next)
	if c.left -= int64(n); c.left < 0 {
		return 0, refusal.ErrTooMuch
	}
	if c.since += int64(n); c.since >= lookEvery {
		c.since = 0
		if err := c.room(0); err != nil {
			return 0, err
		}
	}
	c.next = c.next[n:]
	return n, nil
}

// List notes that a message of ours lists attachments. Each must be here.
func List(tx *store.Tx, list []*rogatoryv1.Attachment, by *storev1.AttachmentCopy) error {
	for _, at := range list {
		row, err := tx.Attachment(at.GetId())
		if errors.Is(err, store.ErrNotFound) || err == nil && (!row.GetOutgoing() || casefile.Lost(row)) {
			return fmt.Errorf("attachment %x: %w", at.GetId(), refusal.ErrUnattached)
		}
		if err != nil {
			return err
		}
		if err := listed(tx, row, by); err != nil {
			return err
		}
	}
	return nil
}

// ListAgain notes that a message of ours that came back after a rollback lists attachments. Of those that only the lost store had it notes so: a row of
// ours of which nothing is here.
func ListAgain(tx *store.Tx, list []*rogatoryv1.Attachment, by *storev1.AttachmentCopy) error {
	for _, at := range list {
		row, err := tx.Attachment(at.GetId())
		switch {
		case errors.Is(err, store.ErrNotFound):
			row = &storev1.Attachment{Id: at.GetId(), Outgoing: true, Length: at.GetCiphertextLength(), Sha256: at.GetCiphertextSha256()}
		case err != nil:
			return err
		case !row.GetOutgoing():
			continue // a peer's by the same name
		}
		if err := listed(tx, row, by); err != nil {
			return err
		}
	}
	return nil
}

// listed keeps an attachment for one more message.
func listed(tx *store.Tx, row *storev1.Attachment, by *storev1.AttachmentCopy) error {
	row.FreeMs = 0
	row.Copies = append(row.Copies, proto.CloneOf(by))
	return tx.PutAttachment(row)
}
