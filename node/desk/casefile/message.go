package casefile

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// States of what a message says, as it is shown.
const (
	Present  = "present"
	Erased   = "erased"
	Withheld = "withheld"
	Missing  = "missing"
)

const (
	maxDocket  = 16 << 10
	maxContent = envelope.MaxInner
)

// ParseDocket reads a docket strictly.
func ParseDocket(b []byte) (*rogatoryv1.Docket, error) {
	docket := &rogatoryv1.Docket{}
	if err := envelope.StrictUnmarshal(b, docket, maxDocket); err != nil {
		return nil, fmt.Errorf("reading docket: %w", err)
	}
	return docket, nil
}

// ParseContent reads a content strictly.
func ParseContent(b []byte) (*rogatoryv1.Content, error) {
	content := &rogatoryv1.Content{}
	if err := envelope.StrictUnmarshal(b, content, maxContent); err != nil {
		return nil, fmt.Errorf("reading content: %w", err)
	}
	return content, nil
}

func parseAssertion(b []byte) (*rogatoryv1.Assertion, error) {
	a := &rogatoryv1.Assertion{}
	if err := envelope.StrictUnmarshal(b, a, maxDocket+1<<10); err != nil {
		return nil, fmt.Errorf("reading assertion: %w", errors.Join(err, store.ErrInconsistent))
	}
	return a, nil
}

// Read returns one message of the case with its content, as far as it is here. What is neither here nor erased is told to log.
func (c *File) Read(tx *store.Reader, index int64, log *slog.Logger) (*nodev1.CaseMessage, error) {
	row, err := tx.Message(index)
	if err != nil {
		return nil, err
	}
	leaf, err := LeafAt(tx, index)
	if err != nil {
		return nil, err
	}
	m := &nodev1.CaseMessage{Msg: row.GetMsg(), Ours: row.GetOutgoing(), AtMs: uint64(leaf.At), Status: Present}
	m.EraseProposedBy, _ = c.EraseProposed(exchange.Name(row.GetMsg()))
	for _, x := range c.Corrections {
		if string(x.Notice[:]) == string(row.GetMsg()) {
			m.Correction = string(x.State)
		}
	}
	if m.Tombstone, err = TombstoneOf(tx, row.GetErasedPlusOne()); err != nil {
		return nil, err
	}
	if known, ok := c.Message(exchange.Name(row.GetMsg())); ok && known.Out {
		m.ReceivedMs = uint64(known.Received)
	}
	if len(row.GetDocket()) > 0 {
		if m.Docket, err = ParseDocket(row.GetDocket()); err != nil {
			return nil, err
		}
	}
	kept, err := tx.Content(row.GetContentId())
	switch {
	case errors.Is(err, store.ErrErased):
		m.Status = Erased
		return m, nil
	case errors.Is(err, store.ErrKey), errors.Is(err, store.ErrNotFound):
		// Nobody erased it, and it does not open: what the rest of the case says is shown all the same.
		log.Error("a content is missing", "case", c.Token, "leaf", index, "err", err)
		m.Status = Missing
		return m, nil
	case err != nil:
		return nil, err
	}
	part, err := post.SplitContent(kept)
	if err != nil {
		return nil, err
	}
	if m.Content, err = ParseContent(part.Bytes); err != nil {
		return nil, err
	}
	for _, at := range m.Content.GetAttachments() {
		a, err := tx.Attachment(at.GetId())
		switch {
		case err != nil: // not fetched, or gone when its time was over
		case a.GetWhole():
			m.AttachmentsHere = append(m.AttachmentsHere, at.GetId())
		case m.Ours && Lost(a):
			m.AttachmentsLost = append(m.AttachmentsLost, at.GetId())
		}
	}
	return m, nil
}

// TombstoneOf reads the `erase` leaf under which a message's content was destroyed; nil without one.
func TombstoneOf(r *store.Reader, erasedPlusOne uint64) (*nodev1.Tombstone, error) {
	if erasedPlusOne == 0 {
		return nil, nil
	}
	leaf, err := LeafAt(r, int64(erasedPlusOne-1))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, ok := leaf.Entry.(*translog.Erase)
	if !ok {
		return nil, nil // a recovery has put another leaf there
	}
	return &nodev1.Tombstone{Index: erasedPlusOne - 1, AtMs: uint64(leaf.At), By: e.By, Ground: e.Basis, What: e.What}, nil
}

// Lost reports whether the ciphertext of an attachment was only in a store that was lost in a rollback: what is attached here is here from the beginning.
func Lost(a *storev1.Attachment) bool { return a.GetOutgoing() && !a.GetWhole() }
