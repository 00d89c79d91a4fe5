package post

import (
	"bytes"
	"context"
	"errors"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/post/outbox"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// sealBytes bounds the contents that are read to be sealed together.
const sealBytes = 8 << 20

// sealHand seals those in hand that have no envelope that could be sent, from the front, as many as fit into memory; it signs them together,
// and commits their reseal leaves before they may be published.
func (l *lane) sealHand(ctx context.Context) error {
	var messages []*numbered
	size := 0
	for _, p := range l.queue.Unsealed(l.o.cfg.Identity().KID()) {
		n, err := l.o.reload(l.country, p.Place)
		switch {
		case errors.Is(err, store.ErrNotFound):
			l.drop(p.Place) // its receipt has come in the meantime
			continue
		case store.Fatal(err):
			return err
		case err != nil:
			l.setAside(p, err)
			continue
		}
		n.parcel = p
		messages = append(messages, n)
		if size += len(n.out.Content.Bytes); size > sealBytes {
			break
		}
	}
	if len(messages) == 0 {
		return nil
	}
	if err := l.o.sealAll(messages); err != nil {
		return err
	}
	_, err := l.o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, n := range messages {
			if err := n.logReseal(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err := l.o.guarded(ctx, err); err != nil {
		return err
	}
	l.o.step(StepResealed)
	for _, n := range messages {
		switch {
		case n.err != nil:
			l.setAside(n.parcel, n.err)
		case n.settled:
			l.drop(n.place())
		case n.sealed != nil:
			l.queue.Hold(n.parcel, n.carried())
		}
	}
	return nil
}

// setAside takes a message out of the hand that cannot be sealed, its content being damaged or erased. It is tried again after a long
// time; the others go on.
func (l *lane) setAside(p *outbox.Parcel, err error) {
	l.o.log.Error("message cannot be sealed", "peer", l.country, "msg", p.Name.String(), "err", err, "hint", store.Hint(err))
	l.queue.SetAside(p)
}

// reload reads a message of the outbox with its content.
func (o *Office) reload(to string, at outbox.Place) (*numbered, error) {
	var entry *storev1.OutboxEntry
	err := o.cfg.Store.View(func(r *store.Reader) (err error) {
		entry, err = r.OutboxEntry(to, at.Epoch, at.Seq)
		return err
	})
	if err != nil {
		return nil, err
	}
	kept, err := o.cfg.Store.Content(entry.ContentId)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrContent // unlike a missing entry, this is no receipt
	}
	if err != nil {
		return nil, err
	}
	content, err := SplitContent(kept)
	if err != nil {
		return nil, err
	}
	m, err := envelope.ParseMessage(entry.Message)
	if err != nil {
		return nil, err
	}
	return &numbered{
		out: &Outgoing{
			To: to, CaseToken: entry.CaseToken, Content: content,
			Docket: envelope.Part{Bytes: entry.Docket, Salt: envelope.Salt(entry.DocketSalt)},
		},
		message: m, bytes: entry.Message, name: envelope.Name(entry.Msg),
	}, nil
}

// logReseal commits another attempt to carry a message, unless its receipt has come in the meantime.
func (n *numbered) logReseal(tx *store.Tx) error {
	n.settled = false
	if n.sealed == nil {
		return nil
	}
	entry, err := tx.OutboxEntry(n.message.To, n.message.Epoch, n.message.Seq)
	if errors.Is(err, store.ErrNotFound) {
		n.settled = true
		return nil
	}
	if err != nil {
		return err
	}
	index, err := tx.Append(&translog.Reseal{Of: translog.Hash(n.name), Stmt: n.sealed.Hash, Sig: n.signed.Hash})
	if err != nil {
		return err
	}
	entry.Statement, entry.ExpiresMs = bytes.Clone(n.sealed.Hash[:]), uint64(n.expires.UnixMilli())
	if err := tx.UpdateOutbox(entry); err != nil {
		return err
	}
	return tx.PutStatement(index, &storev1.LoggedStatement{Msg: n.name[:], Statement: n.sealed.Statement, Signature: n.signed.Signature})
}
