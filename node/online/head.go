package online

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// maxGaps is how many missing messages one exchange of heads names.
const maxGaps = 64

// showing is what either side of Head shows of the other.
type showing interface {
	GetHeld() []byte
	GetSeenEpoch() uint32
	GetSeenSeq() uint64
	GetSeenStatement() []byte
	GetSeenSignature() []byte
}

// weigh judges what a peer shows of ours and does what follows: what is known here confirms our head, and messages to the peer get numbers; a number
// without proof closes the way to that peer alone. A [rollback.Error]
// ends the node. The error is that of the judge.
func (l *Lane) weigh(peer string, s showing) error {
	err := l.judge.Shown(peer, s.GetHeld(), rollback.Number{
		Epoch: s.GetSeenEpoch(), Seq: s.GetSeenSeq(), Statement: s.GetSeenStatement(), Signature: s.GetSeenSignature(),
	})
	switch {
	case err == nil:
		l.answers.add(peer)
		if !l.claim.Awaits(peer) { // what it gives back comes first
			l.cfg.Office.Confirm(peer)
		}
	case errors.Is(err, rollback.Err):
		l.stop(err)
	case errors.Is(err, rollback.ErrUnproven):
		l.cfg.Office.Doubt(peer)
		if l.answers.doubt(peer, s.GetSeenEpoch(), s.GetSeenSeq()) {
			l.complain("the peer claims what it does not prove: messages to it wait until it takes that back", peer, err)
		}
	}
	return err
}

// complain logs what a peer does wrong, a few times at once and then four times an hour: a peer does not fill the disk with what is said about it.
// It is no fault of a peer's that it knows nothing of a recovery of ours yet.
func (l *Lane) complain(what, peer string, err error) {
	switch {
	case l.loud.Take(peer, time.Now()) > 0:
	case errors.Is(err, rollback.ErrClosed):
		l.log.Info("a peer still knows the log that the recovery has closed; it is asked until it has taken up the next one", "peer", peer)
	default:
		l.log.Warn(what, "peer", peer, "err", err)
	}
}

// keepHead keeps a peer's own checkpoint if it is the largest so far, and has it proven. Another root at the same size is a fork of its log, kept
// as proof.
func (l *Lane) keepHead(ctx context.Context, peer string, note []byte) error {
	if len(note) == 0 {
		return nil
	}
	if len(note) > rollback.MaxNote {
		return fmt.Errorf("checkpoint of %s: %w", peer, translog.ErrTooLarge)
	}
	log := l.cfg.Peers.Log(peer)
	if log == nil {
		return fmt.Errorf("checkpoint of %s: %w", peer, translog.ErrOrigin)
	}
	held, known, err := l.heldOf(log.Origin())
	if err != nil {
		return err
	}
	if known && string(held.GetCheckpoint()) == string(note) {
		return nil
	}
	cp, err := translog.ParseCheckpoint(note, log)
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", peer, err)
	}
	l.watch.See(peer, cp, note)
	if known && (held.GetSize() > uint64(cp.Size) || held.GetSize() == uint64(cp.Size) && string(held.GetRoot()) == string(cp.Root[:])) {
		return nil
	}
	_, err = l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		var err error
		if held, _, err = tx.PeerHead(cp.Origin); err != nil {
			return err
		}
		return tx.PutPeerHead(cp.Origin, &storev1.PeerHead{
			Peer: peer, Size: uint64(cp.Size), Root: cp.Root[:], Checkpoint: note, ReceivedMs: uint64(tx.At()),
		})
	})
	if errors.Is(err, store.ErrExists) {
		return l.watch.Forked(ctx, peer, cp.Origin, held.GetCheckpoint(), note)
	}
	return err
}

// heldOf returns the largest checkpoint that we hold of a log.
func (l *Lane) heldOf(origin string) (h *storev1.PeerHead, ok bool, err error) {
	err = l.cfg.Store.View(func(r *store.Reader) (err error) {
		h, ok, err = r.PeerHead(origin)
		return err
	})
	return h, ok, err
}

// held returns the largest checkpoint that we hold of the log that a peer writes; nil for none.
func (l *Lane) held(peer string) ([]byte, error) {
	log := l.cfg.Peers.Log(peer)
	if log == nil {
		return nil, nil
	}
	h, ok, err := l.heldOf(log.Origin())
	if err != nil || !ok {
		return nil, err
	}
	return h.GetCheckpoint(), nil
}

// arrived is what has come of a peer's messages: the largest number in its largest epoch with the proof of it, and what is missing below.
type arrived struct {
	epoch                uint32
	seq                  uint64
	statement, signature []byte // of that number; nil when they were not kept
	gaps                 []uint64
}

func (l *Lane) arrived(peer string) (a arrived, err error) {
	err = l.cfg.Store.View(func(r *store.Reader) error {
		a = arrived{epoch: r.LatestEpoch(peer)}
		if a.epoch == 0 {
			return nil
		}
		in, err := r.Incoming(peer, a.epoch)
		if err != nil {
			return err
		}
		a.seq = in.GetLargest()
		if a.gaps, err = r.Gaps(peer, a.epoch, maxGaps); err != nil {
			return err
		}
		seen, ok, err := r.Seen(peer, a.epoch, a.seq)
		if err != nil || !ok {
			return err
		}
		if a.statement, a.signature, err = r.Came(seen); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return arrived{}, fmt.Errorf("reading the numbers of %s: %w", peer, err)
	}
	return a, nil
}

// checkpoint returns our newest checkpoint; nil while we are uncleared.
func (l *Lane) checkpoint() []byte {
	if !l.cfg.Office.Cleared() {
		return nil
	}
	note, _, err := l.cfg.Office.Checkpoint(l.cfg.Store.Head().Size)
	if err != nil {
		l.log.Error("signing a checkpoint failed", "err", err)
		return nil
	}
	return note
}

// exchange calls Head of a peer and does what follows from the answer.
func (l *Lane) exchange(ctx context.Context, peer string) error {
	held, err := l.held(peer)
	if err != nil {
		return err
	}
	had, err := l.arrived(peer)
	if err != nil {
		return err
	}
	gossip, told := l.watch.Gossip(peer)
	answer, err := l.client(peer).Head(ctx, &peerv1.HeadRequest{
		Held: held, Own: l.checkpoint(), Gossip: gossip,
		SeenEpoch: had.epoch, SeenSeq: had.seq, SeenStatement: had.statement, SeenSignature: had.signature,
	})
	if err != nil {
		return err
	}
	told()
	l.cfg.Office.Heard(peer)
	verdict := l.weigh(peer, answer)
	if verdict != nil && !errors.Is(verdict, rollback.ErrUnproven) {
		return verdict
	}
	if err := l.keepHead(ctx, peer, answer.GetOwn()); err != nil {
		l.complain("head refused", peer, err)
	}
	l.watch.Overhear(peer, answer.GetGossip())
	if gaps := answer.GetGaps(); len(gaps) > 0 && l.cfg.Gaps != nil {
		l.cfg.Gaps(peer, answer.GetSeenEpoch(), gaps[:min(len(gaps), maxGaps)])
	}
	if m := l.cfg.Peers.Manifest(peer); m == nil || m.Version() < answer.GetManifestVersion() {
		l.fetchManifest(ctx, peer)
	}
	return verdict
}

// fetchManifest asks a peer for its manifest, for the statement store has not shown the newest.
func (l *Lane) fetchManifest(ctx context.Context, peer string) {
	answer, err := l.client(peer).Manifest(ctx, &peerv1.ManifestRequest{})
	if err != nil {
		l.log.Debug("asking for the manifest failed", "peer", peer, "err", err)
		return
	}
	l.board.Offer(peer, answer.GetManifest())
}

// callTimeout bounds one short call.
const callTimeout = 4 * time.Second
