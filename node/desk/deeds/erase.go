package deeds

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/erasure"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// erase destroys what a reviewed case holds, or what one message says, whose name is the act's subject: the first person proposes it, a second does it;
// where its provider has asked for it by a notice, the first does it. Contents, their keys and salts and the attachments go; dockets, receipts and
// the tombstone remain. A tombstone is committed before any key is destroyed, and what a crash leaves is done at the next start.
func (a *deed) erase(ctx context.Context) (*nodev1.CommitResponse, error) {
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	var blobs [][]byte
	var sent int64 = -1 // the message, if it is ours
	out, err := a.change(ctx, func(tx *store.Tx, c *casefile.File) (err error) {
		blobs, sent = nil, -1
		if len(a.act.GetSubject()) > 0 {
			name := exchange.Name(a.act.GetSubject())
			if m, ok := c.Message(name); ok && m.Out {
				sent = int64(m.Index)
			}
			blobs, err = a.eraseItem(tx, c, name)
		} else {
			blobs, err = a.eraseCase(tx, c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := erasure.Remove(a.d.cfg.Store, blobs); err != nil {
		return nil, err
	}
	if sent >= 0 {
		out.Copies, err = a.d.copies(ctx, sent, a.officer)
	}
	return out, err
}

// copies returns the other messages with the same content that the officer's units have sent: it went to their recipients as well.
func (d *Registry) copies(ctx context.Context, sent int64, officer *rogatoryv1.Officer) (out []*nodev1.SentCopy, err error) {
	commit := func(row *storev1.LoggedMessage) ([]byte, error) {
		msg, err := envelope.ParseMessage(row.GetMessage())
		return msg.GetContentCommit(), err
	}
	var want []byte
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		row, err := r.Message(sent)
		if err == nil {
			want, err = commit(row)
		}
		return err
	}); err != nil {
		return nil, err
	}
	err = casefile.EachMessage(ctx, d.cfg.Store, 0, func(r *store.Reader, index int64, row *storev1.LoggedMessage) error {
		if !row.GetOutgoing() || index == sent {
			return nil
		}
		if got, err := commit(row); err != nil || !bytes.Equal(got, want) {
			return err
		}
		c, err := casefile.Load(r, row.GetCaseToken())
		if err != nil || !c.BelongsTo(officer) {
			return err
		}
		m, err := c.Read(r, index, d.cfg.Logger)
		if err != nil {
			return err
		}
		out = append(out, &nodev1.SentCopy{CaseToken: c.Token, Msg: row.GetMsg(), To: casefile.Address(row.GetPeer(), m.GetDocket().GetToUnit()), Status: m.GetStatus()})
		return nil
	})
	return out, err
}

func (a *deed) eraseCase(tx *store.Tx, c *casefile.File) (blobs [][]byte, err error) {
	kind := exchange.EventErase
	if c.EraseProposedBy == "" {
		kind = exchange.EventProposeErase
	}
	if err := mayErase(tx, c); err != nil {
		return nil, err
	}
	if err := a.step(tx, c, a.event(tx, kind)); err != nil {
		return nil, err
	}
	if kind == exchange.EventProposeErase {
		return nil, nil
	}
	indices, err := tx.CaseMessages(c.Token)
	if err != nil {
		return nil, err
	}
	if err := drafts.DropDeclined(tx, c.Token); err != nil {
		return nil, err
	}
	return erasure.Bury(tx, indices, translog.Erase{Basis: a.act.GetReason(), By: a.act.GetActor()}, a.assertion)
}

func (a *deed) eraseItem(tx *store.Tx, c *casefile.File, name exchange.Name) (blobs [][]byte, err error) {
	m, ok := c.Message(name)
	if !ok {
		return nil, fmt.Errorf("message %s in case %s: %w", name, c.Token, refusal.ErrMessage)
	}
	_, proposed := c.EraseProposed(name)
	_, asked := c.EraseAsked(name)
	e := a.event(tx, exchange.EventEraseItem)
	if e.Of = name; !proposed && !asked {
		e.Kind = exchange.EventProposeEraseItem
	}
	if m.Out && m.Received == 0 && !m.Rejected {
		return nil, fmt.Errorf("erasing a message of case %s: %w", c.Token, refusal.ErrOnItsWay)
	}
	if err := a.step(tx, c, e); err != nil {
		return nil, err
	}
	if e.Kind == exchange.EventProposeEraseItem {
		return nil, nil
	}
	return erasure.Bury(tx, []int64{int64(m.Index)}, translog.Erase{Basis: a.act.GetReason(), By: a.act.GetActor()}, a.assertion)
}

// mayErase refuses while something of the case is on its way out.
func mayErase(tx *store.Tx, c *casefile.File) error {
	if waits, err := drafts.Waits(&tx.Reader, c.Token); err != nil || waits {
		return errors.Join(err, fmt.Errorf("erasing case %s: %w", c.Token, refusal.ErrPending))
	}
	for _, m := range c.Messages {
		if m.Out && m.Received == 0 && !m.Rejected {
			return fmt.Errorf("erasing case %s: %w", c.Token, refusal.ErrOnItsWay)
		}
	}
	return nil
}
