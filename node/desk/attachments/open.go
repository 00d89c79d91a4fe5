package attachments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Open writes an attachment's plaintext to out, as a content of the case lists it that a reading for this reason is shown. What is not here yet
// fetch gets from the peer; nil cannot. Who reads has been logged.
func (s *Shelf) Open(ctx context.Context, out io.Writer, token string, id []byte, reason string, fetch func(ctx context.Context, id []byte) error) error {
	listed, ours, err := s.listed(token, id, reason)
	if err != nil {
		return err
	}
	row, err := s.row(id)
	if errors.Is(err, refusal.ErrAttachment) {
		return s.why(listed, ours)
	}
	if err != nil {
		return err
	}
	if casefile.Lost(row) {
		return refusal.ErrLost
	}
	if !row.GetWhole() {
		if fetch == nil {
			return refusal.ErrAttachment
		}
		if err := fetch(ctx, id); err != nil {
			return fmt.Errorf("%w: %w", refusal.ErrAttachment, err)
		}
	}
	f, err := os.Open(s.store.BlobPath(id))
	if err != nil {
		return fmt.Errorf("%w: %w", refusal.ErrAttachment, err)
	}
	defer f.Close()
	key, err := keyring.NewSecret(listed.GetKey())
	if err != nil {
		return err
	}
	return envelope.OpenAttachment(out, f, envelope.AttachmentID(id), key, envelope.SealedAttachment{
		Length: int64(listed.GetLength()), Digest: [32]byte(listed.GetCiphertextSha256()),
	})
}

func (s *Shelf) row(id []byte) (row *storev1.Attachment, err error) {
	err = s.store.View(func(r *store.Reader) error {
		row, err = r.Attachment(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = refusal.ErrAttachment
	}
	return row, err
}

// why says what is the matter with an attachment that is listed and not on the list of those that are here or awaited: it is larger than this
// node takes, was ours and has been freed, or was one too many of its peer's.
func (s *Shelf) why(listed *rogatoryv1.Attachment, ours bool) error {
	switch {
	case listed.GetCiphertextLength() > uint64(s.node.Limits.MaxAttachment)+1<<20:
		return refusal.ErrTooMuch
	case !ours:
		return refusal.ErrNotAwaited
	}
	return refusal.ErrFreed
}

// listed returns an attachment as some content of the case lists it, and whether that content is ours.
func (s *Shelf) listed(token string, id []byte, reason string) (found *rogatoryv1.Attachment, ours bool, err error) {
	err = s.store.View(func(r *store.Reader) error {
		c, err := casefile.Load(r, token)
		if err != nil {
			return err
		}
		indices, err := r.CaseMessages(token)
		if err != nil {
			return err
		}
		for _, index := range indices {
			m, err := c.Read(r, index, s.log)
			if err != nil {
				return err
			}
			for _, at := range m.GetContent().GetAttachments() {
				if string(at.GetId()) == string(id) && len(id) == 16 && len(at.GetCiphertextSha256()) == 32 && !c.Withholds(m.GetMsg(), reason) {
					found, ours = at, m.GetOurs()
					return nil
				}
			}
		}
		return fmt.Errorf("attachment of case %s: %w", token, refusal.ErrAttachment)
	})
	return found, ours, err
}
