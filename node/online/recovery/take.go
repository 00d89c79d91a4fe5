package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxDocket bounds a docket, as it does on the durable lane.
const maxDocket = 16 << 10

// takeBack keeps a message of ours that a peer gave back, if all of it proves to be ours. why is set when nothing of it can be kept.
func (c *Claim) takeBack(ctx context.Context, peer string, row *storev1.Recovery, g *peerv1.ReturnedMessage, content []byte) (why string, m *rogatoryv1.Message, err error) {
	bad := func(what string, err error) (string, *rogatoryv1.Message, error) { return "", m, notOurs(what, err) }
	if m, err = envelope.ParseMessage(g.GetMessage()); err != nil {
		return bad("message", err)
	}
	name := envelope.MessageName(g.GetMessage())
	known := m.GetEpoch() < row.GetGivenEpoch() || m.GetEpoch() == row.GetGivenEpoch() && m.GetSeq() <= row.GetGivenSeq()
	if m.GetFrom() != c.cfg.Node.Country || m.GetTo() != peer || m.GetSeq() == 0 || m.GetEpoch() == 0 || m.GetEpoch() >= c.cfg.Epoch || known {
		return bad("message", nil)
	}
	if err := c.signed(g, m); err != nil {
		return bad("statement", err)
	}
	leaf, path, err := receipt.Of(c.cfg.Peers, peer, g.GetReceipt(), name)
	if err != nil {
		return bad("receipt", err)
	}
	if _, refused := leaf.Entry.(*translog.Rej); refused {
		return store.LostRefused, m, nil
	}
	if len(g.GetDocket()) == 0 || len(g.GetDocketSalt()) != len(envelope.Salt{}) {
		return store.LostDocket, m, nil
	}
	docket, part, err := committed(m, g, content)
	if err != nil {
		return "", m, err
	}
	if c.cfg.Node.Unit(docket.GetFromUnit()) == nil {
		return store.LostUnit, m, nil
	}
	r := g.GetReceipt().GetReceipts()[0]
	_, err = c.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if tx.HasReturned(peer, m.GetEpoch(), m.GetSeq()) {
			return nil // an attempt before this one
		}
		kept := &storev1.ReturnedMessage{
			Peer: peer, Msg: name[:], Message: g.GetMessage(), Docket: g.GetDocket(), DocketSalt: g.GetDocketSalt(),
			Statement: g.GetStatement(), Signature: g.GetSignature(),
			Leaf: r.GetLeaf(), Index: r.GetIndex(), Path: path, Checkpoint: g.GetReceipt().GetCheckpoint(),
		}
		var err error
		if kept.ContentId, err = c.cfg.Office.Keep(tx, docket.GetFromUnit(), part); err != nil {
			return err
		}
		if g.GetErased() || c.erased[name] {
			if err := tx.EraseReturned(kept.ContentId); err != nil {
				return err
			}
		}
		return tx.PutReturned(m.GetEpoch(), m.GetSeq(), kept)
	})
	return "", m, err
}

// notOurs is the error of what a peer gave back and that is not ours, or not whole.
func notOurs(what string, err error) error {
	return errors.Join(fmt.Errorf("%s: %w", what, rollback.ErrHead), err)
}

// committed returns docket and content of a message that a peer gave back, if they are those that the message commits itself to. The content is empty
// when the peer has erased it.
func committed(m *rogatoryv1.Message, g *peerv1.ReturnedMessage, content []byte) (docket *rogatoryv1.Docket, part envelope.Part, err error) {
	if is := envelope.Commit(envelope.Salt(g.GetDocketSalt()), envelope.Docket, g.GetDocket()); string(is[:]) != string(m.GetDocketCommit()) {
		return nil, part, notOurs("docket", nil)
	}
	docket = &rogatoryv1.Docket{}
	if err := envelope.StrictUnmarshal(g.GetDocket(), docket, maxDocket); err != nil {
		return nil, part, notOurs("docket", err)
	}
	if g.GetErased() {
		return docket, part, nil
	}
	if len(content) < len(envelope.Salt{}) {
		return nil, part, notOurs("content", nil)
	}
	part = envelope.Part{Salt: envelope.Salt(content[:32]), Bytes: content[32:]}
	if is := envelope.Commit(part.Salt, envelope.Content, part.Bytes); string(is[:]) != string(m.GetContentCommit()) {
		return nil, envelope.Part{}, notOurs("content", nil)
	}
	return docket, part, nil
}

// signed checks that a statement with our signature carries the message.
func (c *Claim) signed(g *peerv1.ReturnedMessage, m *rogatoryv1.Message) error {
	_, message, err := rollback.Carried(g.GetStatement())
	if err != nil {
		return err
	}
	if string(message) != string(g.GetMessage()) {
		return errors.New("it carries another message")
	}
	return c.cfg.Judge.Proven(m.GetTo(), rollback.Number{
		Epoch: m.GetEpoch(), Seq: m.GetSeq(), Statement: g.GetStatement(), Signature: g.GetSignature(),
	})
}

// expect notes a message of the peer that comes again, with the time of the lost leaf that our own receipt proves.
func (c *Claim) expect(ctx context.Context, peer string, m *peerv1.ReceiptedMessage) (gone bool, err error) {
	if m.GetGone() {
		return true, nil
	}
	if len(m.GetMsg()) != len(envelope.Name{}) || m.GetEpoch() == 0 || m.GetSeq() == 0 {
		return false, fmt.Errorf("%s says that we have receipted a message without a name: %w", peer, rollback.ErrHead)
	}
	at, refused := int64(0), false
	if leaf, err := c.ownReceipt(m); err != nil {
		c.log.Warn("a receipt of ours from the lost time is not proven: the message counts from when it comes again", "peer", peer, "err", err)
	} else {
		at = leaf.At
		_, refused = leaf.Entry.(*translog.Rej)
		if e, ok := leaf.Entry.(*translog.Msg); ok && e.FirstAt != 0 {
			at = min(at, e.FirstAt)
		}
	}
	_, err = c.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutExpected(peer, m.GetEpoch(), m.GetSeq(), &storev1.Expected{Msg: m.GetMsg(), FirstAt: uint64(at), Refused: refused})
	})
	return false, err
}

// ownReceipt returns the lost leaf of ours that a receipt proves.
func (c *Claim) ownReceipt(m *peerv1.ReceiptedMessage) (translog.Leaf, error) {
	cp, err := c.cfg.Judge.Checkpoint(m.GetReceipt().GetCheckpoint())
	if err != nil {
		return translog.Leaf{}, err
	}
	leaf, _, err := receipt.Proven(m.GetReceipt(), cp, envelope.Name(m.GetMsg()))
	return leaf, err
}
