package post

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/post/outbox"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A bundle is receipts of the peer behind one checkpoint, all of which have been checked.
type bundle struct {
	cp     translog.Checkpoint
	note   []byte
	proofs []proof

	kept   int64 // leaf beside which the transaction has kept note, each time it runs
	forked bool  // the transaction has found another head of that size, the first of its log, each time it runs
}

// A proof is one receipt of the peer.
type proof struct {
	index int64
	raw   []byte
	path  []translog.Hash
	leaf  translog.Leaf
	msg   envelope.Name
	at    outbox.Place // of our message, for all but Whole

	outcome outcome // set by the transaction, each time it runs
}

type outcome int

const (
	_       outcome = iota
	settled         // its message has left the outbox
	other           // it does not fit the message that it names
)

// check verifies receipts: one checkpoint, many leaves. Those that say nothing new are left out; nil when none is left.
func (l *lane) check(rs *rogatoryv1.Receipts) *bundle {
	cp, note, err := receipt.Checkpoint(l.o.cfg.Peers, l.country, rs.GetCheckpoint())
	if errors.Is(err, receipt.ErrStranger) {
		return nil // no member any more
	}
	if err != nil {
		l.o.stray("receipt-checkpoint")
		if l.refusals.First("receipts") {
			l.o.log.Warn("receipts refused", "peer", l.country, "err", err)
		}
		return nil
	}
	if len(rs.GetReceipts()) > maxReceipts {
		l.o.stray("receipt-crowd")
		return nil
	}
	b := &bundle{cp: cp, note: note}
	var partial map[translog.Hash]bool
	for _, r := range rs.GetReceipts() {
		leaf, name, path, err := receipt.Verify(r, cp)
		if err != nil {
			l.o.stray("receipt-proof")
			continue
		}
		p := proof{index: int64(r.GetIndex()), raw: r.GetLeaf(), path: path, leaf: leaf, msg: name}
		if _, whole := leaf.Entry.(*translog.Whole); !whole {
			var waits bool
			if p.at, waits = l.queue.Find(p.msg); !waits {
				continue // settled before: the receipt came twice
			}
		} else {
			if partial == nil {
				partial = l.partial()
			}
			if !partial[translog.Hash(name)] {
				continue
			}
		}
		b.proofs = append(b.proofs, p)
	}
	if len(b.proofs) == 0 {
		return nil
	}
	return b
}

// partial returns the messages to the peer with attachments that it does not have yet, by our knowledge.
func (l *lane) partial() map[translog.Hash]bool {
	set := map[translog.Hash]bool{}
	err := l.o.cfg.Store.View(func(r *store.Reader) error {
		return r.EachAttachment(func(a *storev1.Attachment) bool {
			for _, c := range a.GetCopies() {
				if a.GetOutgoing() && c.GetPeer() == l.country && !c.GetWhole() && len(c.GetMsg()) == translog.HashSize {
					set[translog.Hash(c.GetMsg())] = true
				}
			}
			return true
		})
	})
	if err != nil {
		l.o.log.Error("reading attachments failed", "peer", l.country, "err", err)
	}
	return set
}

// settle takes a message whose receipt is here out of the outbox.
func (l *lane) settle(tx *store.Tx, b *bundle, p *proof) error {
	p.outcome = 0
	tx.GuardLater() // no byte leaves that depends on it before the next checkpoint
	if w, ok := p.leaf.Entry.(*translog.Whole); ok {
		return l.settleWhole(tx, b, p, w)
	}
	entry, err := tx.OutboxEntry(l.country, p.at.Epoch, p.at.Seq)
	if errors.Is(err, store.ErrNotFound) {
		p.outcome = settled // before
		return nil
	}
	if err != nil {
		return err
	}
	if !l.fits(p, entry) {
		p.outcome = other
		return nil
	}
	d := Delivery{To: l.country, Name: p.msg, CaseToken: entry.GetCaseToken(), At: p.leaf.At}
	switch e := p.leaf.Entry.(type) {
	case *translog.Msg:
		if e.FirstAt != 0 {
			d.At = min(d.At, e.FirstAt)
		}
	case *translog.Rej:
		d.Reject = e.Code
	}
	ref := tx.Ref(int64(entry.GetLeafIndex()))
	index, err := tx.Append(translog.RcptOf(p.leaf, translog.Hash(p.msg), b.cp, ref))
	if err != nil {
		return err
	}
	if ref == 0 { // the message stands in an earlier log
		if err := tx.PutSide(index, store.SideLeaf, p.raw); err != nil {
			return err
		}
	}
	if err := tx.Receipted(l.country, p.at.Epoch, p.at.Seq, index, p.raw); err != nil {
		return err
	}
	if err := b.keep(tx, index, p); err != nil {
		return err
	}
	p.outcome = settled
	return l.o.cfg.Desk.Delivered(tx, d)
}

// keep puts the proof of a receipt beside its leaf.
func (b *bundle) keep(tx *store.Tx, index int64, p *proof) error {
	if err := tx.PutSide(index, receipt.SidePath, receipt.Path(p.path)); err != nil {
		return err
	}
	// What an earlier run of the transaction has kept is gone with it.
	if note, err := tx.Side(b.kept, receipt.SideCheckpoint); err == nil && bytes.Equal(note, b.note) {
		return nil
	}
	b.kept = index
	return tx.PutSide(index, receipt.SideCheckpoint, b.note)
}

// fits compares what the peer says it received with what we sent.
func (l *lane) fits(p *proof, entry *storev1.OutboxEntry) bool {
	switch e := p.leaf.Entry.(type) {
	case *translog.Msg:
		m, err := envelope.ParseMessage(entry.GetMessage())
		return err == nil && translog.SameMessage(e, &translog.Msg{
			Msg: translog.Hash(p.msg), From: m.From, To: m.To, Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
			DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit),
		})
	case *translog.Rej:
		return e.From == l.o.cfg.Country
	}
	return false
}

// settled forgets the messages whose receipts are committed, has the heads proven that these stand on, and counts the receipts that fit nothing.
func (l *lane) settled(m *mail) {
	for _, b := range m.bundles {
		if b.forked {
			l.o.log.Error("the peer's log shows two histories: it is cosigned no more and the proof is kept", "peer", l.country, "proof", store.ForkLog)
		}
		if l.o.cfg.Seen != nil && slices.ContainsFunc(b.proofs, func(p proof) bool { return p.outcome == settled }) {
			l.o.cfg.Seen(l.country, b.cp, b.note)
		}
		for _, p := range b.proofs {
			switch _, whole := p.leaf.Entry.(*translog.Whole); {
			case p.outcome == other:
				l.o.stray("receipt-other")
				if l.refusals.First("receipt") {
					l.o.log.Warn("receipt refused", "peer", l.country, "msg", p.msg.String(), "err", receipt.ErrReceipt)
				}
			case p.outcome == settled && !whole:
				l.drop(p.at)
			}
		}
	}
}

// settleWhole notes that the peer has all attachments of a message. When every recipient has, our copies may go after freeAfter.
func (l *lane) settleWhole(tx *store.Tx, b *bundle, p *proof, w *translog.Whole) error {
	var rows []*storev1.Attachment
	if err := tx.EachAttachment(func(a *storev1.Attachment) bool {
		if copyFor(a, l.country, w.Msg) != nil {
			rows = append(rows, a)
		}
		return true
	}); err != nil {
		return err
	}
	var of *storev1.AttachmentCopy
	for _, a := range rows {
		listed := copyFor(a, l.country, w.Msg)
		if listed.Whole {
			return nil // settled before
		}
		of, listed.Whole = listed, true
		if !slices.ContainsFunc(a.GetCopies(), func(o *storev1.AttachmentCopy) bool { return !o.GetWhole() }) {
			a.FreeMs = uint64(time.UnixMilli(tx.At()).Add(freeAfter).UnixMilli())
		}
		if err := tx.PutAttachment(a); err != nil {
			return err
		}
	}
	if of == nil {
		return nil
	}
	index, err := tx.Append(translog.RcptOf(p.leaf, w.Msg, b.cp, tx.Ref(int64(of.GetLeafIndex()))))
	if err != nil {
		return err
	}
	if err := errors.Join(tx.PutSide(index, store.SideLeaf, p.raw), b.keep(tx, index, p)); err != nil {
		return err
	}
	p.outcome = settled
	return l.o.cfg.Desk.Delivered(tx, Delivery{To: l.country, Name: p.msg, CaseToken: of.GetCaseToken(), At: p.leaf.At, Whole: true})
}

// freeAfter is how long the ciphertext of an attachment is kept that all recipients have.
const freeAfter = 14 * 24 * time.Hour

// copyFor returns where a message of ours to peer lists the attachment, or nil.
func copyFor(a *storev1.Attachment, peer string, msg translog.Hash) *storev1.AttachmentCopy {
	for _, c := range a.GetCopies() {
		if a.GetOutgoing() && c.GetPeer() == peer && translog.Hash(c.GetMsg()) == msg {
			return c
		}
	}
	return nil
}

// keepHead keeps the largest checkpoint of the peer's log, which the peer asks us for when it starts again, if a receipt stands on it.
// Another root at the same size is a fork of its log.
func (l *lane) keepHead(tx *store.Tx, b *bundle) error {
	b.forked = false
	if !slices.ContainsFunc(b.proofs, func(p proof) bool { return p.outcome == settled }) {
		return nil
	}
	err := tx.PutPeerHead(b.cp.Origin, &storev1.PeerHead{
		Peer: l.country, Size: uint64(b.cp.Size), Root: b.cp.Root[:], Checkpoint: b.note, ReceivedMs: uint64(tx.At()),
	})
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	held, _, err := tx.PeerHead(b.cp.Origin)
	if err != nil {
		return err
	}
	b.forked, err = tx.StopCosigning(b.cp.Origin, l.country, store.ForkLog, translog.FormatHeads(held.GetCheckpoint(), b.note, nil))
	return err
}
