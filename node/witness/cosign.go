package witness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// What a peer is told that gets no cosignature.
var (
	errUncleared = status.Error(codes.Unavailable, "this node has just started and has not been cleared by its peers: call again")
	errStopped   = status.Error(codes.FailedPrecondition, "this log has shown two histories here and is cosigned no more: its operator and ours must speak")
	errProof     = status.Error(codes.InvalidArgument, "the consistency proof does not lead from the head that was cosigned last to this one")
	errGenesis   = status.Error(codes.InvalidArgument, "the log does not begin with the leaf that the directory names, or that was shown as its genesis")
	errUnopened  = status.Error(codes.NotFound, "the directory does not name this log, and nobody has shown its genesis: call Recover")
	errOwes      = status.Error(codes.Unavailable, "heads of this log that were seen here are not proven to belong to one tree: answer Consistency")
	errUnguarded = status.Error(codes.Unavailable, "the cosignature is not safe on this node's disk yet: call again")
)

// Cosign answers a peer that asks for a cosignature of its round head. The error is a status error, or a [RollbackError], which ends the node.
func (w *Watch) Cosign(ctx context.Context, peer string, r *peerv1.CosignRequest) (*peerv1.CosignResponse, error) {
	if !w.cfg.Office.Cleared() {
		return nil, errUncleared
	}
	log := w.cfg.Peers.Log(peer)
	if log == nil {
		return nil, status.Error(codes.PermissionDenied, "caller keeps no log")
	}
	if len(r.GetCheckpoint()) > maxNote {
		return nil, status.Error(codes.InvalidArgument, "checkpoint is too large")
	}
	proof, ok := hashes(r.GetProof())
	first, ok2 := hashes(r.GetGenesis())
	if !ok || !ok2 || r.GetOldSize() > translog.MaxInt {
		return nil, status.Error(codes.InvalidArgument, "proof is malformed")
	}
	cp, err := translog.ParseCheckpoint(r.GetCheckpoint(), log)
	if err != nil || cp.Size == 0 {
		return nil, status.Error(codes.InvalidArgument, "checkpoint is not one of the caller's log")
	}
	note, err := translog.AddCosignatures(r.GetCheckpoint(), log, nil) // without the lines of others
	if err != nil {
		return nil, err
	}
	v, err := w.view(peer, cp.Origin)
	if err != nil {
		return nil, err
	}
	v.signing.Lock()
	defer v.signing.Unlock()
	old, seen, err := w.known(cp.Origin)
	if err != nil {
		return nil, err
	}
	if len(r.GetCosigned()) > 0 {
		if old, err = w.recall(ctx, peer, log, old, r.GetCosigned()); err != nil {
			return nil, err
		}
	}
	switch {
	case old.GetStopped() != "":
		return nil, errStopped
	case seen.GetSize() == uint64(cp.Size) && !bytes.Equal(seen.GetRoot(), cp.Root[:]):
		return nil, cmp.Or(w.stop(ctx, v, store.ForkLog, translog.FormatHeads(seen.GetCheckpoint(), note, nil)), errStopped)
	case old.GetSize() == uint64(cp.Size) && !bytes.Equal(old.GetRoot(), cp.Root[:]):
		return nil, cmp.Or(w.stop(ctx, v, store.ForkLog, translog.FormatHeads(old.GetCheckpoint(), note, nil)), errStopped)
	case old.GetSize() == uint64(cp.Size) && len(old.GetCosignature()) > 0:
		// The answer was lost: the same lines again, once the guard knows them.
		if _, err := w.cfg.Store.Guard(ctx); err != nil {
			return nil, errUnguarded
		}
		return &peerv1.CosignResponse{Cosignature: old.GetCosignature()}, nil
	case old.GetSize() != r.GetOldSize() || uint64(cp.Size) <= old.GetSize():
		return &peerv1.CosignResponse{HeldSize: old.GetSize()}, nil
	}
	if w.owes(v) {
		return nil, errOwes
	}
	if err := w.follows(ctx, v, old, cp, note, proof, first); err != nil {
		return nil, err
	}
	if err := w.cfg.Room(peer); err != nil {
		return nil, err
	}
	lines, err := w.sign(ctx, peer, old, cp, note)
	if err != nil {
		return nil, err
	}
	w.witnessed(v, int64(old.GetSize()), cp, note)
	return &peerv1.CosignResponse{Cosignature: lines}, nil
}

// known returns the largest head of a log that we have cosigned, and the largest that we have seen; both empty for none.
func (w *Watch) known(origin string) (cosigned *storev1.Witnessed, seen *storev1.PeerHead, err error) {
	err = w.cfg.Store.View(func(r *store.Reader) (err error) {
		if cosigned, _, err = r.Witnessed(origin); err != nil {
			return err
		}
		seen, _, err = r.PeerHead(origin)
		return err
	})
	return cosigned, seen, err
}

// follows checks that a head continues the one that was cosigned last; or, if it is the first, that it begins as the directory says. The empty tree
// is in front of all others.
func (w *Watch) follows(ctx context.Context, v *view, old *storev1.Witnessed, cp translog.Checkpoint, note []byte, proof, first []translog.Hash) error {
	if old.GetSize() == 0 {
		if len(proof) > 0 {
			return errProof
		}
		member, err := w.cfg.Peers.Directory().Member(v.peer)
		if err != nil {
			return status.Error(codes.PermissionDenied, "caller is no member")
		}
		genesis, named := member.Genesis()
		if named && member.Log().Origin() == cp.Origin && translog.CheckInclusion(first, cp.Size, cp.Root, 0, genesis) != nil {
			v.foreign.Do(func() {
				w.log.Error("the peer's log does not begin with the leaf that the directory names: it is not cosigned", "peer", v.peer)
			})
			return errGenesis
		}
		if member.Log().Origin() != cp.Origin {
			return w.continues(v, cp, first)
		}
		return nil
	}
	if translog.CheckConsistency(proof, int64(old.GetSize()), translog.Hash(old.GetRoot()), cp.Size, cp.Root) == nil {
		w.mu.Lock()
		v.refused = 0
		w.mu.Unlock()
		return nil
	}
	if w.showsFork(v, old.GetCheckpoint(), note, proof) {
		return cmp.Or(w.stop(ctx, v, store.ForkTree, translog.FormatHeads(old.GetCheckpoint(), note, proof)), errStopped)
	}
	return cmp.Or(w.strike(ctx, v, &v.refused, old.GetCheckpoint(), note), errProof)
}

// continues checks that the first head of a log which the directory does not name begins with a genesis that was accepted: it names, and is endorsed to
// go on from, a log before that holds all that is known of it.
func (w *Watch) continues(v *view, cp translog.Checkpoint, first []translog.Hash) error {
	genesis, err := w.cfg.Genesis(v.peer, cp.Origin)
	switch {
	case err != nil:
		return err
	case genesis == nil:
		return errUnopened
	case translog.CheckInclusion(first, cp.Size, cp.Root, 0, translog.LeafHash(genesis)) != nil:
		return errGenesis
	}
	return nil
}

// sign cosigns a head behind another. The lines come back when they are committed and the guard knows it.
func (w *Watch) sign(ctx context.Context, peer string, old *storev1.Witnessed, cp translog.Checkpoint, note []byte) ([]byte, error) {
	// Times do not go back, whatever the clock does.
	seconds := max(time.Now().Unix(), int64(old.GetTime()))
	lines, err := translog.Cosign(cp, seconds, w.cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("cosigning for %s: %w", peer, err)
	}
	_, err = w.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		now, _, err := tx.Witnessed(cp.Origin)
		if err != nil {
			return err
		}
		if now.GetSize() != old.GetSize() || !bytes.Equal(now.GetRoot(), old.GetRoot()) || now.GetStopped() != "" {
			return errChanged
		}
		place, err := tx.Append(&translog.Wit{Log: cp.Origin, Size: cp.Size, Root: cp.Root, Time: seconds})
		if err != nil {
			return err
		}
		if err := tx.PutWitnessed(cp.Origin, &storev1.Witnessed{
			Peer: peer, Size: uint64(cp.Size), Root: cp.Root[:], Checkpoint: note, Cosignature: lines, Time: uint64(seconds), LeafIndex: uint64(place),
		}); err != nil {
			return err
		}
		// A larger one that was seen stays; another root of this size was looked for.
		return tx.PutPeerHead(cp.Origin, &storev1.PeerHead{
			Peer: peer, Size: uint64(cp.Size), Root: cp.Root[:], Checkpoint: note, ReceivedMs: uint64(tx.At()),
		})
	})
	switch {
	case err == nil:
		return lines, nil
	case errors.Is(err, store.ErrUnguarded):
		return nil, errUnguarded
	case errors.Is(err, errChanged), errors.Is(err, store.ErrExists):
		return nil, status.Error(codes.Aborted, "another head of this log came meanwhile: call again")
	}
	return nil, fmt.Errorf("cosigning for %s: %w", peer, err)
}

// recall looks at a cosignature of ours that a log has and that we did not name as our last. One that our store does not know was given by a
// newer store: a rollback. But one that is older than our log, which was begun anew after a rollback, is what that had cost: it counts.
func (w *Watch) recall(ctx context.Context, peer string, log *translog.LogVerifier, old *storev1.Witnessed, note []byte) (*storev1.Witnessed, error) {
	if len(note) > maxNote {
		return nil, status.Error(codes.InvalidArgument, "cosigned checkpoint is too large")
	}
	own := w.cfg.Signer.Verifier()
	cp, by, err := translog.Cosigned(note, log, []*translog.WitnessVerifier{own})
	if err != nil || len(by) != 1 {
		return nil, status.Error(codes.InvalidArgument, "what is shown as cosigned by this node is not")
	}
	if uint64(cp.Size) < old.GetSize() || uint64(cp.Size) == old.GetSize() && bytes.Equal(cp.Root[:], old.GetRoot()) {
		return old, nil
	}
	found := &RollbackError{Peer: peer, Note: bytes.Clone(note), Head: cp, Size: int64(old.GetSize())}
	if w.cfg.Epoch == 1 || uint64(cp.Size) == old.GetSize() {
		return nil, found
	}
	began, err := w.began()
	if err != nil {
		return nil, err
	}
	if time.Unix(by[0].Time, 0).After(began) {
		return nil, found
	}
	bare, err := translog.AddCosignatures(note, log, nil)
	if err != nil {
		return nil, err
	}
	recalled := &storev1.Witnessed{
		Peer: peer, Size: uint64(cp.Size), Root: cp.Root[:], Checkpoint: bare, Cosignature: linesOf(note, own.Name()), Time: uint64(by[0].Time),
		Stopped: old.GetStopped(), StoppedMs: old.GetStoppedMs(),
	}
	if _, err := w.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.PutWitnessed(cp.Origin, recalled) }); err != nil {
		return nil, fmt.Errorf("recalling a cosignature for %s: %w", peer, err)
	}
	w.log.Info("a cosignature that was lost in the rollback counts again", "peer", peer, "size", cp.Size)
	return recalled, nil
}

// began returns when our log began, by its first leaf.
func (w *Watch) began() (time.Time, error) {
	var at int64
	err := w.cfg.Store.View(func(r *store.Reader) error {
		raw, err := r.Leaf(w.cfg.Store.Log().Base)
		if err != nil {
			return err
		}
		leaf, err := translog.ParseLeaf(raw)
		at = leaf.At
		return err
	})
	return time.UnixMilli(at), err
}
