package giveback

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// giveAtOnce is how many messages go back under one `op` leaf.
	giveAtOnce = 64
	// pieceSize is what one answer holds of a content: with its part and docket it fills the padding to 256 KiB.
	pieceSize = 255 << 10
)

// receiptedMessage is a message of ours whose receipt stands in the lost part of a peer's log.
type receiptedMessage struct {
	index     int64 // of its `out` leaf
	rcpt      uint64
	submitted uint64
	say       *peerv1.ReceiptedMessage
}

// receipted returns the messages of ours to a peer whose receipts its new log does not continue.
func (k *Keeper) receipted(peer string, g *translog.Genesis) (list []receiptedMessage, err error) {
	federationName := k.cfg.Federation
	kept, err := federation.LogNumber(federationName, peer, g.PrevLog)
	if err != nil {
		return nil, err
	}
	next, err := federation.LogNumber(federationName, peer, g.Log)
	if err != nil {
		return nil, err
	}
	for from, more := int64(0), true; more; {
		if err := k.cfg.Store.View(func(r *store.Reader) error {
			more = false
			n := 0
			var bad error
			if err := r.EachMessage(from, func(index int64, m *storev1.LoggedMessage) bool {
				if n++; n > scanAtOnce {
					from, more = index, true
					return false
				}
				if !m.GetOutgoing() || m.GetPeer() != peer || m.GetReceiptPlusOne() == 0 {
					return true
				}
				place := int64(m.GetReceiptPlusOne()) - 1
				raw, err := r.Leaf(place)
				if err != nil {
					bad = err
					return false
				}
				leaf, err := translog.ParseLeaf(raw)
				rcpt, ok := leaf.Entry.(*translog.Rcpt)
				if err != nil || !ok {
					bad = errors.Join(err, store.ErrInconsistent)
					return false
				}
				number, err := federation.LogNumber(federationName, peer, rcpt.Log)
				if err != nil || number >= next || number < kept || number == kept && rcpt.Index < g.PrevSize {
					return true
				}
				one, err := k.tellReceipted(r, index, m, place, rcpt)
				if err != nil {
					bad = err
					return false
				}
				list = append(list, one)
				return true
			}); err != nil {
				return err
			}
			return bad
		}); err != nil {
			return nil, fmt.Errorf("looking for what %s had receipted: %w", peer, err)
		}
	}
	return list, nil
}

// tellReceipted says of one message of ours what the peer has lost: its own receipt, with the proof if that was kept.
func (k *Keeper) tellReceipted(r *store.Reader, index int64, m *storev1.LoggedMessage, place int64, rcpt *translog.Rcpt) (receiptedMessage, error) {
	message, err := envelope.ParseMessage(m.GetMessage())
	if err != nil {
		return receiptedMessage{}, err
	}
	one := receiptedMessage{
		index: index, rcpt: uint64(place), submitted: message.GetSubmittedMs(),
		say: &peerv1.ReceiptedMessage{Epoch: message.GetEpoch(), Seq: message.GetSeq(), Msg: m.GetMsg(), Gone: len(m.GetDocket()) == 0},
	}
	if head, err := r.ContentHead(m.GetContentId()); err != nil || head.GetErasedMs() != 0 {
		one.say.Gone = true
	}
	path, err := r.Side(place, receipt.SidePath)
	if err != nil || len(path)%translog.HashSize != 0 {
		return one, nil
	}
	// The checkpoint stands beside the first receipt of those that came together.
	for at := place; at >= max(0, place-scanAtOnce); at-- {
		note, err := r.Side(at, receipt.SideCheckpoint)
		if err != nil {
			continue
		}
		raw, err := r.Leaf(at)
		if err != nil {
			return one, err
		}
		leaf, err := translog.ParseLeaf(raw)
		if err != nil {
			return one, err
		}
		if first, ok := leaf.Entry.(*translog.Rcpt); !ok || first.Log != rcpt.Log || first.Size != rcpt.Size {
			continue
		}
		receipt := &rogatoryv1.Receipt{Leaf: m.GetReceiptLeaf(), Index: uint64(rcpt.Index)}
		for ; len(path) > 0; path = path[translog.HashSize:] {
			receipt.Hashes = append(receipt.Hashes, path[:translog.HashSize])
		}
		one.say.Receipt = &rogatoryv1.Receipts{Checkpoint: note, Receipts: []*rogatoryv1.Receipt{receipt}}
		break
	}
	return one, nil
}

// giveBack sends the messages of a peer behind the last that it knows.
func (k *Keeper) giveBack(ctx context.Context, peer string, r *peerv1.RecoverRequest, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	epoch, seq := r.GetGivenEpoch(), r.GetGivenSeq()
	for {
		var places []int64
		if err := k.cfg.Store.View(func(rd *store.Reader) error {
			return rd.EachSeen(peer, epoch, seq, func(e uint32, s uint64, seen *storev1.Seen) bool {
				epoch, seq = e, s
				places = append(places, int64(seen.GetLeafIndex()))
				return len(places) < giveAtOnce
			})
		}); err != nil {
			return err
		}
		if len(places) == 0 {
			return nil
		}
		if err := k.giveSome(ctx, peer, places, out); err != nil {
			return err
		}
	}
}

// giveSome sends some messages, behind the leaf that says so.
func (k *Keeper) giveSome(ctx context.Context, peer string, places []int64, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	type gift struct {
		say     *peerv1.ReturnedMessage
		content uint64
	}
	var gifts []gift
	op := &translog.Op{Verb: translog.Disclose, Who: "node", Why: "recovery", Basis: "none", Recipient: peer}
	for _, place := range places {
		say, content, name, err := k.gift(place)
		if err != nil {
			return err
		}
		gifts = append(gifts, gift{say, content})
		op.Of, op.OfCount = append(op.Of, name), op.OfCount+1
	}
	if _, err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Append(op)
		return err
	}); err != nil {
		return fmt.Errorf("logging that messages of %s go back to it: %w", peer, err)
	}
	for _, g := range gifts {
		if g.content != 0 {
			content, err := k.cfg.Store.Content(g.content)
			switch {
			case errors.Is(err, store.ErrErased):
				g.say.Erased = true
			case err != nil:
				return err
			}
			for ; len(content) > 0; content = content[min(len(content), pieceSize):] {
				if err := out.Send(&peerv1.RecoverResponse{Piece: content[:min(len(content), pieceSize)]}); err != nil {
					return err
				}
			}
		}
		if err := out.Send(&peerv1.RecoverResponse{Returned: g.say}); err != nil {
			return err
		}
	}
	return nil
}

// gift returns what is given back of the message whose leaf stands at a place.
func (k *Keeper) gift(place int64) (say *peerv1.ReturnedMessage, content uint64, name translog.Hash, err error) {
	receipt, err := k.cfg.Office.Receipt(place)
	if err != nil {
		return nil, 0, name, err
	}
	say = &peerv1.ReturnedMessage{Receipt: receipt}
	err = k.cfg.Store.View(func(r *store.Reader) error {
		m, err := r.Message(place)
		if err == nil {
			name, content = translog.Hash(m.GetMsg()), m.GetContentId()
			say.Message, say.Docket, say.DocketSalt, say.Statement, say.Signature = m.GetMessage(), m.GetDocket(), m.GetDocketSalt(), m.GetStatement(), m.GetSignature()
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		st, err := r.Statement(place) // it was refused
		if err != nil {
			return err
		}
		name = translog.Hash(st.GetMsg())
		say.Statement, say.Signature = st.GetStatement(), st.GetSignature()
		_, message, err := rollback.Carried(st.GetStatement())
		say.Message = message
		return err
	})
	return say, content, name, err
}
