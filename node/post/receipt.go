package post

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxReceipts bounds the receipts behind one checkpoint in one frame: each takes some 1.5 KiB.
const maxReceipts = 384

// checkpoints holds the newest checkpoint that was signed. One stands behind all receipts of a commit batch.
type checkpoints struct {
	mu   sync.Mutex
	size int64
	note []byte
}

// Checkpoint returns a signed checkpoint of at least size leaves and its size, signing the newest head if it must. ErrUncleared is
// returned as long as no checkpoint may be signed.
func (o *Office) Checkpoint(size int64) ([]byte, int64, error) {
	if !o.Cleared() {
		return nil, 0, ErrUncleared
	}
	o.cp.mu.Lock()
	defer o.cp.mu.Unlock()
	if o.cp.note != nil && o.cp.size >= size {
		return o.cp.note, o.cp.size, nil
	}
	head := o.cfg.Store.Head()
	if head.Size < size {
		// Only leaves that say "we hold a receipt" leave the guard behind.
		var err error
		if head, err = o.cfg.Store.Guard(context.Background()); err != nil {
			return nil, 0, fmt.Errorf("signing checkpoint: %w", err)
		}
	}
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: o.cfg.Log.Verifier().Origin(), Size: head.Size, Root: head.Root}, o.cfg.Log)
	if err != nil {
		return nil, 0, err
	}
	o.step(StepCheckpoint)
	o.cp.note, o.cp.size = note, head.Size
	return note, head.Size, nil
}

// prove returns the receipts that the leaves at these indices are.
func (o *Office) prove(indices []int64) (*rogatoryv1.Receipts, error) {
	note, size, err := o.Checkpoint(slices.Max(indices) + 1)
	if err != nil {
		return nil, err
	}
	out := &rogatoryv1.Receipts{Checkpoint: note}
	err = o.cfg.Store.View(func(r *store.Reader) error {
		for _, index := range indices {
			leaf, err := r.Leaf(index)
			if err != nil {
				return err
			}
			proof, err := r.Inclusion(index, size)
			if err != nil {
				return err
			}
			one := &rogatoryv1.Receipt{Leaf: leaf, Index: uint64(index)}
			for _, h := range proof {
				one.Hashes = append(one.Hashes, h[:])
			}
			out.Receipts = append(out.Receipts, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("proving receipts: %w", err)
	}
	return out, nil
}

// A proof is a receipt of the peer that has been checked.
type proof struct {
	cp    translog.Checkpoint
	note  []byte
	index int64
	raw   []byte
	leaf  translog.Leaf
	msg   envelope.Name
	at    place // of our message, for all but Whole
}

// check verifies a bundle of receipts: one checkpoint, many leaves.
func (c *counter) check(rs *rogatoryv1.Receipts) []*proof {
	log := c.o.cfg.Peers.Log(c.country)
	cp, err := translog.ParseCheckpoint(rs.GetCheckpoint(), log)
	if err != nil {
		c.o.stray("receipt-checkpoint")
		c.o.log.Warn("receipts refused", "peer", c.country, "err", err)
		return nil
	}
	var proven []*proof
	for _, r := range rs.GetReceipts()[:min(len(rs.GetReceipts()), maxReceipts)] {
		hashes, ok := hashList(r.GetHashes())
		if !ok {
			c.o.stray("receipt-proof")
			continue
		}
		leaf, name, err := translog.VerifyReceipt(translog.Receipt{Leaf: r.GetLeaf(), Index: int64(r.GetIndex()), Hashes: hashes}, cp)
		if err != nil {
			c.o.stray("receipt-proof")
			continue
		}
		p := &proof{cp: cp, note: rs.GetCheckpoint(), index: int64(r.GetIndex()), raw: r.GetLeaf(), leaf: leaf, msg: envelope.Name(name)}
		c.mu.Lock()
		waiting := c.names[p.msg]
		c.mu.Unlock()
		if waiting == nil {
			if _, whole := leaf.Entry.(*translog.Whole); !whole {
				continue // settled before: the receipt came twice
			}
		} else {
			p.at = waiting.place
		}
		proven = append(proven, p)
	}
	return proven
}

func hashList(raw [][]byte) ([]translog.Hash, bool) {
	if len(raw) > translog.MaxProofHashes {
		return nil, false
	}
	hashes := make([]translog.Hash, len(raw))
	for i, h := range raw {
		if len(h) != len(hashes[i]) {
			return nil, false
		}
		hashes[i] = translog.Hash(h)
	}
	return hashes, true
}

// settle takes a message whose receipt is here out of the outbox.
func (c *counter) settle(tx *store.Tx, p *proof) error {
	if w, ok := p.leaf.Entry.(*translog.Whole); ok {
		return c.settleWhole(tx, p, w)
	}
	entry, err := tx.OutboxEntry(c.country, p.at.epoch, p.at.seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d := Delivery{To: c.country, Name: p.msg, CaseToken: entry.GetCaseToken(), At: p.leaf.At}
	switch e := p.leaf.Entry.(type) {
	case *translog.Msg:
		if err := c.fits(e, entry); err != nil {
			c.o.stray("receipt-other")
			c.o.log.Warn("receipt refused", "peer", c.country, "err", err)
			return nil
		}
		if e.FirstAt != 0 {
			d.At = e.FirstAt
		}
	case *translog.Rej:
		if e.From != c.o.cfg.Country {
			c.o.stray("receipt-other")
			return nil
		}
		d.Reject = e.Code
	}
	leaf := &translog.Rcpt{
		Of: translog.Hash(p.msg), Log: p.cp.Origin, Index: p.index, Ref: int64(entry.GetLeafIndex()),
		Rej: d.Reject, Root: p.cp.Root, Size: p.cp.Size,
	}
	index, err := tx.Append(leaf)
	if err != nil {
		return err
	}
	if err := tx.Receipted(c.country, p.at.epoch, p.at.seq, index, p.raw); err != nil {
		return err
	}
	if err := c.keepHead(tx, p); err != nil {
		return err
	}
	return c.o.cfg.Desk.Delivered(tx, d)
}

// fits compares what the peer says it received with what we sent.
func (c *counter) fits(e *translog.Msg, entry *storev1.OutboxEntry) error {
	m, err := envelope.ParseMessage(entry.GetMessage())
	if err != nil {
		return err
	}
	if e.From != m.From || e.To != m.To || e.Epoch != int64(m.Epoch) || e.Seq != int64(m.Seq) ||
		e.DocketCommit != translog.Hash(m.DocketCommit) || e.ContentCommit != translog.Hash(m.ContentCommit) {
		return fmt.Errorf("message %d.%d to %s: %w", m.Epoch, m.Seq, c.country, ErrReceipt)
	}
	return nil
}

// settleWhole notes that the peer has all attachments of a message. When every recipient has, our copies may go after freeAfter.
func (c *counter) settleWhole(tx *store.Tx, p *proof, w *translog.Whole) error {
	var rows []*storev1.Attachment
	if err := tx.EachAttachment(func(a *storev1.Attachment) bool {
		if copyFor(a, c.country, w.Msg) != nil {
			rows = append(rows, a)
		}
		return true
	}); err != nil {
		return err
	}
	var of *storev1.AttachmentCopy
	for _, a := range rows {
		listed := copyFor(a, c.country, w.Msg)
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
	if _, err := tx.Append(&translog.Rcpt{
		Of: w.Msg, Log: p.cp.Origin, Index: p.index, Ref: int64(of.GetLeafIndex()), Root: p.cp.Root, Size: p.cp.Size, Whole: true,
	}); err != nil {
		return err
	}
	return c.o.cfg.Desk.Delivered(tx, Delivery{To: c.country, Name: p.msg, CaseToken: of.GetCaseToken(), At: p.leaf.At, Whole: true})
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

// keepHead keeps the largest checkpoint of the peer's log, which the peer asks us for when it starts again. Another root at the
// same size is a fork of its log.
func (c *counter) keepHead(tx *store.Tx, p *proof) error {
	err := tx.PutPeerHead(p.cp.Origin, &storev1.PeerHead{
		Peer: c.country, Size: uint64(p.cp.Size), Root: p.cp.Root[:], Checkpoint: p.note, ReceivedMs: uint64(tx.At()),
	})
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	held, _, err := tx.PeerHead(p.cp.Origin)
	if err != nil {
		return err
	}
	c.o.log.Error("the peer's log has two heads of one size", "peer", c.country, "size", p.cp.Size)
	return tx.PutForkProof(&storev1.ForkProof{
		Peer: c.country, Kind: ForkLog, AtMs: uint64(tx.At()),
		Proof: slices.Concat(held.GetCheckpoint(), []byte("\n"), p.note),
	})
}
