package store

import (
	"bytes"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// NextOutgoing returns the epoch, the sequence number and the name of the message before it that the next message to peer
// takes. Call it in the Update that calls [Tx.PutOutbox].
func (r *Reader) NextOutgoing(peer string) (epoch uint32, seq uint64, prev []byte, err error) {
	var o storev1.Outgoing
	ok, err := rows.Read(r.b.Bucket(bucketOutgoing), []byte(peer), &o)
	if err != nil {
		return 0, 0, nil, err
	}
	if !ok || o.Epoch < r.s.current.Epoch {
		return r.s.current.Epoch, 1, make([]byte, 32), nil
	}
	return o.Epoch, o.NextSeq, o.Prev, nil
}

// PutOutbox puts a new message into the outbox and moves the sequence to its recipient on. Epoch and seq must be those of
// [Reader.NextOutgoing].
func (t *Tx) PutOutbox(e *storev1.OutboxEntry) error {
	if err := checkName("recipient", e.To); err != nil {
		return err
	}
	epoch, seq, _, err := t.NextOutgoing(e.To)
	if err != nil {
		return err
	}
	if e.Epoch != epoch || e.Seq != seq || len(e.Msg) != 32 {
		return fmt.Errorf("putting message %d.%d to %s, next is %d.%d: %w", e.Epoch, e.Seq, e.To, epoch, seq, ErrInvalid)
	}
	if err := t.putRow(bucketOutgoing, []byte(e.To), &storev1.Outgoing{Epoch: epoch, NextSeq: seq + 1, Prev: e.Msg}); err != nil {
		return err
	}
	return t.putRow(bucketOutbox, place(e.To, e.Epoch, e.Seq), e)
}

// UpdateOutbox replaces an entry of the outbox: its attempts, its sealing, its advice. It returns [ErrNotFound] when the
// entry has gone since, which means that its receipt is there.
func (t *Tx) UpdateOutbox(e *storev1.OutboxEntry) error {
	old, err := t.OutboxEntry(e.To, e.Epoch, e.Seq)
	if err != nil {
		return err
	}
	if !bytes.Equal(old.Msg, e.Msg) || !bytes.Equal(old.Message, e.Message) {
		return fmt.Errorf("another message at %d.%d to %s: %w", e.Epoch, e.Seq, e.To, ErrExists)
	}
	return t.putRow(bucketOutbox, place(e.To, e.Epoch, e.Seq), e)
}

// Receipted takes a message out of the outbox and notes in the side record of its `out` leaf where the receipt stands:
// rcptLeaf is the index of the `rcpt` leaf, peerLeaf the recipient's leaf that it proves. It returns [ErrNotFound] when the
// message is not in the outbox.
func (t *Tx) Receipted(to string, epoch uint32, seq uint64, rcptLeaf int64, peerLeaf []byte) error {
	e, err := t.OutboxEntry(to, epoch, seq)
	if err != nil {
		return err
	}
	m, err := t.messageRow(int64(e.LeafIndex))
	if err != nil {
		return err
	}
	if m.ReceiptPlusOne != 0 { // the recipient had lost that one
		if err := t.PutSide(int64(m.ReceiptPlusOne)-1, SideLeaf, m.ReceiptLeaf); err != nil {
			return err
		}
	}
	m.ReceiptPlusOne, m.ReceiptLeaf = uint64(rcptLeaf)+1, peerLeaf
	if err := t.putRow(bucketSides, indexed(e.LeafIndex, endMessage), m); err != nil {
		return err
	}
	return t.delete(bucketOutbox, place(to, epoch, seq))
}

// OutboxEntry returns one entry, or [ErrNotFound].
func (r *Reader) OutboxEntry(to string, epoch uint32, seq uint64) (*storev1.OutboxEntry, error) {
	e, err := rows.Find[storev1.OutboxEntry](r.b.Bucket(bucketOutbox), place(to, epoch, seq))
	if err != nil {
		return nil, fmt.Errorf("reading message %d.%d to %s from the outbox: %w", epoch, seq, to, err)
	}
	return e, nil
}

// Outbox returns the entries for one recipient behind (afterEpoch, afterSeq), in order, at most limit.
func (r *Reader) Outbox(to string, afterEpoch uint32, afterSeq uint64, limit int) ([]*storev1.OutboxEntry, error) {
	var entries []*storev1.OutboxEntry
	after := place(to, afterEpoch, afterSeq)
	err := rows.Each(r.b.Bucket(bucketOutbox), rows.Named(to), after, func(k []byte, e *storev1.OutboxEntry) bool {
		if !bytes.Equal(k, after) {
			entries = append(entries, e)
		}
		return len(entries) < limit
	})
	return entries, err
}

// OutboxPeers returns the recipients for whom something waits, in order, and how many messages.
func (r *Reader) OutboxPeers() (peers []string, waiting map[string]int) {
	waiting = make(map[string]int)
	c := r.b.Bucket(bucketOutbox).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		peer := string(k[:bytes.IndexByte(k, 0)])
		if waiting[peer] == 0 {
			peers = append(peers, peer)
		}
		waiting[peer]++
	}
	return peers, waiting
}
