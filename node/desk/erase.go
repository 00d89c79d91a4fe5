package desk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// erase destroys what a reviewed case holds: the first person proposes it, a second does it. Contents, their keys and salts and the attachments go;
// dockets, receipts and the tombstone remain. A tombstone is committed before any key is destroyed, and what a crash leaves is
// done at the next start.
func (a *deed) erase(ctx context.Context) (*nodev1.CommitResponse, error) {
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	if done, err := a.before(); done != nil || err != nil {
		return done, err
	}
	tokens := []string{a.act.GetCaseToken()}
	var blobs [][]byte
	_, err := a.d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		blobs = nil
		if err := a.note(tx, tokens); err != nil {
			return err
		}
		c, err := load(&tx.Reader, tokens[0])
		if err != nil {
			return err
		}
		if c.unit != a.unit {
			return fmt.Errorf("case %s: %w", c.Token, ErrCase) // handed over in the meantime
		}
		kind := exchange.EventErase
		if c.EraseProposedBy == "" {
			kind = exchange.EventProposeErase
		}
		if err := a.mayErase(tx, c); err != nil {
			return err
		}
		if err := c.step(tx, a.event(tx, kind), a.d.ruleset(false), because{assertion: a.assertion, local: a.local(c.Token)}); err != nil {
			return err
		}
		if kind == exchange.EventErase {
			if blobs, err = a.destroy(tx, c); err != nil {
				return err
			}
		}
		return c.save(tx, a.d.cfg.Node.UndeliveredAfter)
	})
	if err != nil {
		return nil, err
	}
	for _, id := range blobs {
		if err := a.d.cfg.Store.RemoveBlob(id); err != nil {
			return nil, err // the next start sweeps it
		}
	}
	return a.d.rows(tokens)
}

// mayErase refuses while something of the case is on its way out.
func (a *deed) mayErase(tx *store.Tx, c *held) error {
	if waits, err := drafted(&tx.Reader, c.Token); err != nil || waits {
		return errors.Join(err, fmt.Errorf("erasing case %s: %w", c.Token, ErrPending))
	}
	for _, m := range c.Messages {
		if m.Out && m.Received == 0 && !m.Rejected {
			return fmt.Errorf("erasing case %s: %w", c.Token, ErrOnItsWay)
		}
	}
	return nil
}

// destroy writes the tombstone and takes contents and attachments away. It returns the attachments whose files are to be removed after the commit.
func (a *deed) destroy(tx *store.Tx, c *held) (blobs [][]byte, err error) {
	names, err := namesOf(tx, c.Token)
	if err != nil {
		return nil, err
	}
	leaf := &translog.Erase{Basis: a.act.GetReason(), By: a.act.GetActor(), Of: names, OfCount: int64(len(names)), What: []string{"attachments", "content"}}
	if leaf.Assertion, err = federation.AssertionDigest(a.assertion); err != nil {
		return nil, err
	}
	var list []byte
	leaf.Of, leaf.OfDigest, list = listOrDigest(names)
	if err := appendWith(tx, leaf, list, a.assertion); err != nil {
		return nil, err
	}
	if err := drop(tx, c.Token); err != nil {
		return nil, err
	}
	indices, err := tx.CaseMessages(c.Token)
	if err != nil {
		return nil, err
	}
	for _, index := range indices {
		row, err := tx.Message(index)
		if err != nil {
			return nil, err
		}
		if err := tx.EraseContent(row.GetContentId()); err != nil {
			return nil, err
		}
	}
	var rows []*storev1.Attachment
	if err := tx.EachAttachment(func(at *storev1.Attachment) bool {
		if slices.ContainsFunc(at.GetCopies(), func(x *storev1.AttachmentCopy) bool { return x.GetCaseToken() == c.Token }) {
			rows = append(rows, at)
		}
		return true
	}); err != nil {
		return nil, err
	}
	for _, at := range rows {
		at.Copies = slices.DeleteFunc(at.Copies, func(x *storev1.AttachmentCopy) bool { return x.GetCaseToken() == c.Token })
		if len(at.Copies) > 0 { // another case lists it too
			if err := tx.PutAttachment(at); err != nil {
				return nil, err
			}
			continue
		}
		blobs = append(blobs, at.GetId())
		if err := tx.DeleteAttachment(at.GetId()); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// namesOf returns the names of a case's messages in the order that leaves have them.
func namesOf(tx *store.Tx, token string) ([]translog.Hash, error) {
	indices, err := tx.CaseMessages(token)
	if err != nil {
		return nil, err
	}
	var names []translog.Hash
	for _, index := range indices {
		m, err := tx.Message(index)
		if err != nil {
			return nil, err
		}
		names = append(names, translog.Hash(m.GetMsg()))
	}
	slices.SortFunc(names, func(a, b translog.Hash) int { return slices.Compare(a[:], b[:]) })
	return names, nil
}

// maxOf is how many names a leaf takes.
const maxOf = 64

// listOrDigest returns names as a leaf takes them. A list that is too long stands beside the leaf: the names, one after another, under their SHA-256.
func listOrDigest(names []translog.Hash) (of []translog.Hash, digest translog.Hash, list []byte) {
	if len(names) <= maxOf {
		return names, digest, nil
	}
	for _, name := range names {
		list = append(list, name[:]...)
	}
	return nil, sha256.Sum256(list), list
}

// appendWith appends a leaf with a list of names, if there is one, and an assertion beside it.
func appendWith(tx *store.Tx, leaf translog.Entry, list []byte, a *rogatoryv1.Assertion) error {
	index, err := tx.Append(leaf)
	if err != nil {
		return err
	}
	if list != nil {
		if err := tx.PutSide(index, "of", list); err != nil {
			return err
		}
	}
	b, err := envelope.Marshal(a)
	if err != nil {
		return err
	}
	return tx.PutSide(index, "assertion", b)
}
