package online

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// This file answers a peer that has lost a part of its log, closed it and opened the next one.

const (
	// scanAtOnce is how many leaves or messages are read in one View.
	scanAtOnce = 4096
	// giveAtOnce is how many messages go back under one `op` leaf.
	giveAtOnce = 64
	// maxEndorsement and maxGenesis bound what comes.
	maxEndorsement, maxGenesis = 8 << 10, 8 << 10
)

var (
	errNoManifest = status.Error(codes.Unavailable, "no manifest that names this log is known here yet: call again")
	errNotOpened  = status.Error(codes.FailedPrecondition, "show the genesis of that log first")
)

// Recover tells a peer what we have of the part of its log that it has lost: its messages that it does not know, and which of ours it had receipted.
func (s *server) Recover(r *peerv1.RecoverRequest, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	l, ctx := s.l, out.Context()
	caller, err := s.enter(ctx, &l.streams)
	if err != nil {
		return err
	}
	if l.cfg.Recovery == nil {
		return status.Error(codes.Unimplemented, "nothing is given back here")
	}
	if !l.cfg.Office.Cleared() {
		return status.Error(codes.Unavailable, "this node has just started and has not been cleared by its peers: call again")
	}
	if err := l.busy.take(caller); err != nil {
		return err
	}
	defer l.busy.give(caller)
	l.cfg.Office.Heard(caller)
	g, want, err := l.accept(ctx, caller, r)
	if err != nil {
		return err
	}
	if want > 0 {
		return out.Send(&peerv1.RecoverResponse{WantSize: uint64(want)})
	}
	lost, err := l.receipted(caller, g)
	if err != nil {
		return err
	}
	for _, m := range lost {
		if err := out.Send(&peerv1.RecoverResponse{Receipted: m.say}); err != nil {
			return err
		}
	}
	return l.giveBack(ctx, caller, r, out)
}

// Resend puts what the lost part of a peer's log had receipted into the outbox again.
func (s *server) Resend(ctx context.Context, r *peerv1.ResendRequest) (*peerv1.ResendResponse, error) {
	l := s.l
	caller, err := s.enter(ctx, &l.streams)
	if err != nil {
		return nil, err
	}
	if l.cfg.Recovery == nil {
		return nil, status.Error(codes.Unimplemented, "nothing is sent again here")
	}
	var g *translog.Genesis
	if err := l.cfg.Store.View(func(rd *store.Reader) error {
		return rd.EachPeerLog(func(_ string, closed *storev1.PeerLog) bool {
			if closed.GetPeer() == caller && closed.GetNext() == r.GetLog() {
				if leaf, err := translog.ParseLeaf(closed.GetGenesis()); err == nil {
					g, _ = leaf.Entry.(*translog.Genesis)
				}
			}
			return g == nil
		})
	}); err != nil {
		return nil, err
	}
	if g == nil {
		return nil, errNotOpened
	}
	lost, err := l.receipted(caller, g)
	if err != nil {
		return nil, err
	}
	n := 0
	if _, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		n = 0
		for _, m := range lost {
			if m.say.GetGone() {
				continue
			}
			// Its receipt may have come in the meantime.
			row, err := tx.Message(m.index)
			if err != nil {
				return err
			}
			if row.GetReceiptPlusOne() != m.rcpt+1 {
				continue
			}
			n++
			if err := tx.SendAgain(m.index, row, m.say.GetEpoch(), m.say.GetSeq(), m.submitted); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if err := l.cfg.Recovery.Again(caller); err != nil {
		return nil, err
	}
	l.log.Info("messages are sent again to a peer that has lost a part of its log", "peer", caller, "messages", n)
	return &peerv1.ResendResponse{Messages: uint64(n)}, nil
}

// accept judges the genesis of a peer's new log and keeps it. want is the size from which a proof is missing.
func (l *Lane) accept(ctx context.Context, caller string, r *peerv1.RecoverRequest) (g *translog.Genesis, want int64, err error) {
	if len(r.GetGenesis()) > maxGenesis || len(r.GetEndorsement()) > maxEndorsement || len(r.GetClosed()) > maxNote || len(r.GetProof()) > translog.MaxProofHashes+1 {
		return nil, 0, status.Error(codes.InvalidArgument, "larger than a genesis and its proof are")
	}
	m := l.cfg.Peers.Manifest(caller)
	leaf, err := translog.ParseLeaf(r.GetGenesis())
	if err != nil {
		return nil, 0, status.Error(codes.InvalidArgument, "genesis is malformed")
	}
	if e, ok := leaf.Entry.(*translog.Genesis); ok && (m == nil || m.Log().Origin() != e.Log) {
		l.fetchManifest(ctx, caller)
		return nil, 0, errNoManifest
	}
	if g, err = federation.ParseGenesis(m, r.GetGenesis(), r.GetEndorsement(), time.Now()); err != nil {
		l.log.Warn("a peer's new log is refused", "peer", caller, "err", err)
		return nil, 0, status.Error(codes.InvalidArgument, err.Error())
	}
	refuse := func(why string) (*translog.Genesis, int64, error) {
		l.log.Error("a peer's new log is refused", "peer", caller, "log", g.Log, "why", why)
		return nil, 0, status.Error(codes.FailedPrecondition, why)
	}
	before := l.logOf(caller, g.PrevLog)
	if before == nil {
		return refuse("the log before it is not known here")
	}
	cp, err := translog.ParseCheckpoint(r.GetClosed(), before)
	if err != nil || cp.Size != g.PrevSize || cp.Root != g.PrevRoot {
		return refuse("the checkpoint is not that of the head which the genesis names")
	}
	known, ok, err := l.peerLog(g.PrevLog)
	if err != nil {
		return nil, 0, err
	}
	if ok && bytes.Equal(known.GetGenesis(), r.GetGenesis()) {
		return g, 0, nil // accepted before
	}
	taken, err := l.genesisOf(caller, g.Log)
	if err != nil {
		return nil, 0, err
	}
	if taken != nil {
		return refuse("another genesis of that log was shown before")
	}
	base, err := l.prefix(g.PrevLog, cp)
	switch {
	case errors.Is(err, ErrHead):
		return refuse("a head of the log before that is known here is not in it")
	case err != nil:
		return nil, 0, err
	case base.Size > 0 && base.Size < cp.Size:
		proof := make([]translog.Hash, len(r.GetProof()))
		for i, h := range r.GetProof() {
			if len(h) != len(proof[i]) {
				return nil, 0, status.Error(codes.InvalidArgument, "proof is malformed")
			}
			proof[i] = translog.Hash(h)
		}
		if r.GetFromSize() != uint64(base.Size) {
			return nil, base.Size, nil
		}
		if err := translog.CheckConsistency(proof, base.Size, base.Root, cp.Size, cp.Root); err != nil {
			return refuse("a head of the log before that is known here is not in it")
		}
	}
	ed, pq := before.VKeys()
	if _, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutPeerLog(g.PrevLog, &storev1.PeerLog{
			Peer: caller, Keys: []string{ed, pq}, Size: uint64(cp.Size), Root: cp.Root[:], Next: g.Log,
			Genesis: r.GetGenesis(), Endorsement: r.GetEndorsement(), AtMs: uint64(tx.At()),
		})
	}); err != nil {
		return nil, 0, err
	}
	l.cfg.Peers.Close(peers.Closed{Country: caller, Log: before, Size: cp.Size})
	l.log.Warn("a peer has lost a part of its log and opened the next one", "peer", caller, "log", g.Log, "closed", g.PrevLog, "size", cp.Size)
	return g, 0, nil
}

// logOf returns the verifier of a log of a peer by its name: the one it writes, one that it has closed, or the directory's; nil for any other.
func (l *Lane) logOf(peer, origin string) *translog.LogVerifier {
	if closed, ok := l.cfg.Peers.Closed(peer, origin); ok {
		return closed.Log
	}
	if log := l.cfg.Peers.Log(peer); log != nil && log.Origin() == origin {
		return log
	}
	if member, err := l.cfg.Peers.Directory().Member(peer); err == nil && member.Log().Origin() == origin {
		return member.Log()
	}
	return nil
}

func (l *Lane) peerLog(origin string) (row *storev1.PeerLog, ok bool, err error) {
	err = l.cfg.Store.View(func(r *store.Reader) (err error) {
		row, ok, err = r.PeerLog(origin)
		return err
	})
	return row, ok, err
}

// genesisOf returns the genesis of a log that a peer has opened after a rollback and that was accepted here; nil if none was.
func (l *Lane) genesisOf(peer, origin string) (genesis []byte, err error) {
	err = l.cfg.Store.View(func(r *store.Reader) error {
		return r.EachPeerLog(func(_ string, row *storev1.PeerLog) bool {
			if row.GetPeer() == peer && row.GetNext() == origin {
				genesis = row.GetGenesis()
			}
			return genesis == nil
		})
	})
	return genesis, err
}

// prefix returns the largest head of a log up to a checkpoint that we know: by what it showed, what we cosigned, and the receipts and cosignatures
// in our log. ErrHead means that the checkpoint contradicts one.
func (l *Lane) prefix(origin string, cp translog.Checkpoint) (base store.Head, err error) {
	see := func(size int64, root translog.Hash) {
		if size == cp.Size && root != cp.Root {
			err = fmt.Errorf("%s at %d: %w", origin, size, ErrHead)
		}
		if size <= cp.Size && size > base.Size {
			base = store.Head{Size: size, Root: root}
		}
	}
	size := int64(0)
	if bad := l.cfg.Store.View(func(r *store.Reader) error {
		size = r.Size()
		head, ok, err := r.PeerHead(origin)
		if err == nil && ok {
			see(int64(head.GetSize()), translog.Hash(head.GetRoot()))
		}
		return err
	}); bad != nil {
		return base, bad
	}
	for from := int64(0); from < size; from += scanAtOnce {
		if bad := l.cfg.Store.View(func(r *store.Reader) (bad error) {
			r.Leaves(from, func(place int64, raw []byte) bool {
				var leaf translog.Leaf
				if leaf, bad = translog.ParseLeaf(raw); bad != nil {
					return false
				}
				switch e := leaf.Entry.(type) {
				case *translog.Rcpt:
					if e.Log == origin {
						see(e.Size, e.Root)
					}
				case *translog.Wit:
					if e.Log == origin {
						see(e.Size, e.Root)
					}
				}
				return place < from+scanAtOnce-1
			})
			return bad
		}); bad != nil {
			return base, bad
		}
	}
	return base, err
}

// receiptedMessage is a message of ours whose receipt stands in the lost part of a peer's log.
type receiptedMessage struct {
	index     int64 // of its `out` leaf
	rcpt      uint64
	submitted uint64
	say       *peerv1.ReceiptedMessage
}

// receipted returns the messages of ours to a peer whose receipts its new log does not continue.
func (l *Lane) receipted(peer string, g *translog.Genesis) (list []receiptedMessage, err error) {
	federationName := l.cfg.Node.Federation
	kept, err := federation.LogNumber(federationName, peer, g.PrevLog)
	if err != nil {
		return nil, err
	}
	next, err := federation.LogNumber(federationName, peer, g.Log)
	if err != nil {
		return nil, err
	}
	for from, more := int64(0), true; more; {
		if err := l.cfg.Store.View(func(r *store.Reader) error {
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
				one, err := l.tellReceipted(r, index, m, place, rcpt)
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
func (l *Lane) tellReceipted(r *store.Reader, index int64, m *storev1.LoggedMessage, place int64, rcpt *translog.Rcpt) (receiptedMessage, error) {
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
	path, err := r.Side(place, "path")
	if err != nil || len(path)%translog.HashSize != 0 {
		return one, nil
	}
	// The checkpoint stands beside the first receipt of those that came together.
	for at := place; at >= max(0, place-scanAtOnce); at-- {
		note, err := r.Side(at, "checkpoint")
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
func (l *Lane) giveBack(ctx context.Context, peer string, r *peerv1.RecoverRequest, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	epoch, seq := r.GetGivenEpoch(), r.GetGivenSeq()
	for {
		var places []int64
		if err := l.cfg.Store.View(func(rd *store.Reader) error {
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
		if err := l.giveSome(ctx, peer, places, out); err != nil {
			return err
		}
	}
}

// giveSome sends some messages, behind the leaf that says so.
func (l *Lane) giveSome(ctx context.Context, peer string, places []int64, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	type gift struct {
		say     *peerv1.ReturnedMessage
		content uint64
	}
	var gifts []gift
	op := &translog.Op{Verb: translog.Disclose, Who: "node", Why: "recovery", Basis: "none", Recipient: peer}
	for _, place := range places {
		say, content, name, err := l.gift(place)
		if err != nil {
			return err
		}
		gifts = append(gifts, gift{say, content})
		op.Of, op.OfCount = append(op.Of, name), op.OfCount+1
	}
	if _, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Append(op)
		return err
	}); err != nil {
		return fmt.Errorf("logging that messages of %s go back to it: %w", peer, err)
	}
	for _, g := range gifts {
		if g.content != 0 {
			content, err := l.cfg.Store.Content(g.content)
			switch {
			case errors.Is(err, store.ErrErased):
				g.say.Erased = true
			case err != nil:
				return err
			}
			for ; len(content) > 0; content = content[min(len(content), chunkSize):] {
				if err := out.Send(&peerv1.RecoverResponse{Piece: content[:min(len(content), chunkSize)]}); err != nil {
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
func (l *Lane) gift(place int64) (say *peerv1.ReturnedMessage, content uint64, name translog.Hash, err error) {
	receipt, err := l.cfg.Recovery.Receipt(place)
	if err != nil {
		return nil, 0, name, err
	}
	say = &peerv1.ReturnedMessage{Receipt: receipt}
	err = l.cfg.Store.View(func(r *store.Reader) error {
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
		_, message, err := carried(st.GetStatement())
		say.Message = message
		return err
	})
	return say, content, name, err
}

// carried returns the message in a statement, and its bytes.
func carried(statement []byte) (*rogatoryv1.Message, []byte, error) {
	st, sealing := &rogatoryv1.Statement{}, &rogatoryv1.Sealing{}
	if err := envelope.StrictUnmarshal(statement, st, maxProof); err != nil {
		return nil, nil, err
	}
	if err := envelope.StrictUnmarshal(st.GetSealing(), sealing, maxProof); err != nil {
		return nil, nil, err
	}
	m, err := envelope.ParseMessage(sealing.GetMessage())
	return m, sealing.GetMessage(), err
}
