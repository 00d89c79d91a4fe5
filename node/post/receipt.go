package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// checkpoints holds the newest checkpoint that was signed. One stands behind all receipts of a commit batch.
type checkpoints struct {
	mu   sync.Mutex
	size int64
	note []byte

	early atomic.Pointer[earlyCheckpoint]
}

// earlyCheckpoint is signed while its head is committed, so that a message that comes alone does not wait for both.
type earlyCheckpoint struct {
	head store.Head
	note chan []byte // one, nil when it could not be signed
}

// signEarly begins to sign a head that is being committed. The signature stays here until [Office.Checkpoint] finds that head in the store.
func (o *Office) signEarly(head store.Head) {
	if !o.Cleared() {
		return
	}
	e := &earlyCheckpoint{head, make(chan []byte, 1)}
	o.cp.early.Store(e)
	go func() {
		note, err := o.signHead(head)
		if err != nil {
			note = nil
		}
		e.note <- note
	}()
}

func (o *Office) signHead(head store.Head) ([]byte, error) {
	return translog.SignCheckpoint(translog.Checkpoint{Origin: o.cfg.Log.Verifier().Origin(), Size: head.Size, Root: head.Root}, o.cfg.Log)
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
	var note []byte
	if e := o.cp.early.Swap(nil); e != nil && e.head == head {
		note = <-e.note
	}
	if note == nil {
		var err error
		if note, err = o.signHead(head); err != nil {
			return nil, 0, err
		}
	}
	o.step(StepCheckpoint)
	o.cp.note, o.cp.size = note, head.Size
	return note, head.Size, nil
}

// prove returns the receipts that the leaves at these places, in order, are: behind one checkpoint those of one log. The checkpoint of a log that
// was closed is the one that closed it.
func (o *Office) prove(places []int64) (list []*rogatoryv1.Receipts, err error) {
	var logs []store.Log
	if err := o.cfg.Store.View(func(r *store.Reader) (err error) {
		logs, err = r.Logs()
		return err
	}); err != nil {
		return nil, err
	}
	for i, log := range logs {
		var in []int64
		for _, place := range places {
			if _, ok := log.Holds(place); ok {
				in = append(in, place)
			}
		}
		if len(in) == 0 {
			continue
		}
		note, size := log.Closed, log.Size
		if i == len(logs)-1 {
			if note, size, err = o.Checkpoint(slices.Max(in) - log.Base + 1); err != nil {
				return nil, err
			}
		}
		rs, err := o.proveIn(log, note, size, in)
		if err != nil {
			return nil, err
		}
		list = append(list, rs)
	}
	return list, nil
}

// Receipt returns the receipt that one of our leaves is.
func (o *Office) Receipt(place int64) (*rogatoryv1.Receipts, error) {
	list, err := o.prove([]int64{place})
	if err != nil || len(list) != 1 {
		return nil, errors.Join(err, store.ErrNotFound)
	}
	return list[0], nil
}

// proveIn returns the receipts that leaves of one log are, in its tree of a size.
func (o *Office) proveIn(log store.Log, note []byte, size int64, places []int64) (*rogatoryv1.Receipts, error) {
	out := &rogatoryv1.Receipts{Checkpoint: note}
	err := o.cfg.Store.View(func(r *store.Reader) error {
		for _, place := range places {
			index := place - log.Base
			leaf, err := r.Leaf(place)
			if err != nil {
				return err
			}
			proof, err := r.In(log).Inclusion(index, size)
			if err != nil {
				return err
			}
			one := &rogatoryv1.Receipt{Leaf: leaf, Index: uint64(index), Hashes: make([][]byte, len(proof))}
			for i := range proof {
				one.Hashes[i] = proof[i][:]
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
	at    place // of our message, for all but Whole

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
	cp, note, err := l.checkpointOf(rs.GetCheckpoint())
	if errors.Is(err, ErrStranger) {
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
		hashes, ok := hashList(r.GetHashes())
		if !ok || r.GetIndex() > translog.MaxInt {
			l.o.stray("receipt-proof")
			continue
		}
		leaf, name, err := translog.VerifyReceipt(translog.Receipt{Leaf: r.GetLeaf(), Index: int64(r.GetIndex()), Hashes: hashes}, cp)
		if err != nil {
			l.o.stray("receipt-proof")
			continue
		}
		p := proof{index: int64(r.GetIndex()), raw: r.GetLeaf(), path: hashes, leaf: leaf, msg: envelope.Name(name)}
		if _, whole := leaf.Entry.(*translog.Whole); !whole {
			if p.at, ok = l.find(p.msg); !ok {
				continue // settled before: the receipt came twice
			}
		} else {
			if partial == nil {
				partial = l.partial()
			}
			if !partial[name] {
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

// maxOrigin bounds the first line of a checkpoint.
const maxOrigin = 256

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
func (l *lane) settle(tx *store.Tx, b *bundle, p *proof) error {
	p.outcome = 0
	tx.GuardLater() // no byte leaves that depends on it before the next checkpoint
	if w, ok := p.leaf.Entry.(*translog.Whole); ok {
		return l.settleWhole(tx, b, p, w)
	}
	entry, err := tx.OutboxEntry(l.country, p.at.epoch, p.at.seq)
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
		if err := tx.PutSide(index, SideLeaf, p.raw); err != nil {
			return err
		}
	}
	if err := tx.Receipted(l.country, p.at.epoch, p.at.seq, index, p.raw); err != nil {
		return err
	}
	if err := b.keep(tx, index, p); err != nil {
		return err
	}
	p.outcome = settled
	return l.o.cfg.Desk.Delivered(tx, d)
}

// Side records of `rcpt` leaves: what proves the receipt to whoever reads the log.
const (
	// SideLeaf is the peer's leaf, where no message keeps it: see store.LoggedMessage.
	SideLeaf = store.SideLeaf
	// SidePath is the inclusion proof's hashes, one after another.
	SidePath = "path"
	// SideCheckpoint is the checkpoint that the proof leads to, as it came. Receipts that came together share one, which
	// stands beside the first of them.
	SideCheckpoint = "checkpoint"
)

// keep puts the proof of a receipt beside its leaf.
func (b *bundle) keep(tx *store.Tx, index int64, p *proof) error {
	path := make([]byte, 0, len(p.path)*translog.HashSize)
	for i := range p.path {
		path = append(path, p.path[i][:]...)
	}
	if err := tx.PutSide(index, SidePath, path); err != nil {
		return err
	}
	// What an earlier run of the transaction has kept is gone with it.
	if note, err := tx.Side(b.kept, SideCheckpoint); err == nil && bytes.Equal(note, b.note) {
		return nil
	}
	b.kept = index
	return tx.PutSide(index, SideCheckpoint, b.note)
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
					l.o.log.Warn("receipt refused", "peer", l.country, "msg", p.msg.String(), "err", ErrReceipt)
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
	if err := errors.Join(tx.PutSide(index, SideLeaf, p.raw), b.keep(tx, index, p)); err != nil {
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
