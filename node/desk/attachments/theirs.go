package attachments

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	// maxListed is how many attachments of one message are fetched, maxCopies for how many messages one is noted while it is awaited.
	maxListed = 256
	maxCopies = 64
	// maxAwaited is how many attachments of one peer are awaited at once, and maxAwaitedFiles how many of the largest size they are
	// together: what a peer announces and does not deliver must not fill the store.
	maxAwaited      = 1000
	maxAwaitedFiles = 64
)

// waits is what is awaited of a peer: no less than there is, for what arrives is not taken off until the next count.
type waits struct {
	rows  int
	bytes uint64
}

// mayAwait reports whether one more attachment of a peer may be awaited, and counts it. Only transactions call it, one after another.
func (s *Shelf) mayAwait(tx *store.Tx, peer string, length uint64) (bool, error) {
	over := func(w waits) bool {
		return w.rows >= maxAwaited || w.bytes+length > maxAwaitedFiles*uint64(s.node.Limits.MaxAttachment)
	}
	w, known := s.waits[peer]
	if !known || over(w) {
		w = waits{}
		if err := tx.EachAttachment(func(a *storev1.Attachment) bool {
			if !a.GetOutgoing() && !a.GetWhole() && len(a.GetCopies()) > 0 && a.GetCopies()[0].GetPeer() == peer {
				w.rows, w.bytes = w.rows+1, w.bytes+a.GetLength()
			}
			return true
		}); err != nil {
			return false, err
		}
	}
	full := over(w)
	if !full {
		w.rows, w.bytes = w.rows+1, w.bytes+length
	}
	s.waits[peer] = w
	return !full, nil
}

// Expect notes the attachments of a message that arrived, so that they are fetched.
func (s *Shelf) Expect(tx *store.Tx, a *post.Arrival) error {
	list := a.Content.GetAttachments()
	seen := map[string]bool{}
	for _, at := range list[:min(len(list), maxListed)] {
		if seen[string(at.GetId())] {
			continue
		}
		seen[string(at.GetId())] = true
		if len(at.GetId()) != 16 || len(at.GetCiphertextSha256()) != 32 || at.GetCiphertextLength() > uint64(s.node.Limits.MaxAttachment)+1<<20 {
			continue // it stays in the content, which says how large it would be
		}
		listed := &storev1.AttachmentCopy{Peer: a.From, Msg: a.Name[:], CaseToken: a.Docket.GetCaseToken(), LeafIndex: uint64(a.Index)}
		row, err := tx.Attachment(at.GetId())
		switch {
		case errors.Is(err, store.ErrNotFound):
			may, err := s.mayAwait(tx, a.From, at.GetCiphertextLength())
			if err != nil {
				return err
			}
			if !may {
				if s.told.Take(a.From, time.Now()) == 0 {
					s.log.Warn("too many attachments are awaited: some are not fetched (said once an hour)", "peer", a.From, "case", a.Docket.GetCaseToken())
				}
				return nil // the content names them
			}
			row = &storev1.Attachment{Id: at.GetId(), Length: at.GetCiphertextLength(), Sha256: at.GetCiphertextSha256()}
		case err != nil:
			return err
		case row.GetOutgoing() || !row.GetWhole() && len(row.GetCopies()) >= maxCopies ||
			row.GetCopies()[0].GetPeer() != a.From || !bytes.Equal(row.GetSha256(), at.GetCiphertextSha256()):
			continue // it is another's by that name, or listed too often
		case len(row.GetCopies()) >= maxCopies: // the first ones have been told long ago that it is here
			row.Copies = slices.Delete(row.Copies, 0, len(row.Copies)-maxCopies+1)
		}
		row.Copies = append(row.Copies, listed)
		if err := tx.PutAttachment(row); err != nil {
			return err
		}
		select {
		case s.awaited <- struct{}{}:
		default:
		}
	}
	return nil
}
