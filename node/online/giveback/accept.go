package giveback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// maxEndorsement and maxGenesis bound what comes.
const maxEndorsement, maxGenesis = 8 << 10, 8 << 10

var (
	// errNoManifest is told to who asks before its manifest names the new log here.
	errNoManifest = status.Error(codes.Unavailable, "no manifest that names this log is known here yet: call again")
	// errContradicts means that a head which we know is not in what the peer's new log continues.
	errContradicts = errors.New("another head of that log is known")
)

// accept judges the genesis of a peer's new log and keeps it. want is the size from which a proof is missing.
func (k *Keeper) accept(ctx context.Context, caller string, r *peerv1.RecoverRequest) (g *translog.Genesis, want int64, err error) {
	if len(r.GetGenesis()) > maxGenesis || len(r.GetEndorsement()) > maxEndorsement || len(r.GetClosed()) > rollback.MaxNote || len(r.GetProof()) > translog.MaxProofHashes+1 {
		return nil, 0, status.Error(codes.InvalidArgument, "larger than a genesis and its proof are")
	}
	m := k.cfg.Peers.Manifest(caller)
	leaf, err := translog.ParseLeaf(r.GetGenesis())
	if err != nil {
		return nil, 0, status.Error(codes.InvalidArgument, "genesis is malformed")
	}
	if e, ok := leaf.Entry.(*translog.Genesis); ok && (m == nil || m.Log().Origin() != e.Log) {
		k.cfg.Fetch(ctx, caller)
		return nil, 0, errNoManifest
	}
	if g, err = federation.ParseGenesis(m, r.GetGenesis(), r.GetEndorsement(), time.Now()); err != nil {
		k.log.Warn("a peer's new log is refused", "peer", caller, "err", err)
		return nil, 0, status.Error(codes.InvalidArgument, err.Error())
	}
	refuse := func(why string) (*translog.Genesis, int64, error) {
		k.log.Error("a peer's new log is refused", "peer", caller, "log", g.Log, "why", why)
		return nil, 0, status.Error(codes.FailedPrecondition, why)
	}
	before := k.logOf(caller, g.PrevLog)
	if before == nil {
		return refuse("the log before it is not known here")
	}
	cp, err := translog.ParseCheckpoint(r.GetClosed(), before)
	if err != nil || cp.Size != g.PrevSize || cp.Root != g.PrevRoot {
		return refuse("the checkpoint is not that of the head which the genesis names")
	}
	known, ok, err := k.peerLog(g.PrevLog)
	if err != nil {
		return nil, 0, err
	}
	if ok && bytes.Equal(known.GetGenesis(), r.GetGenesis()) {
		return g, 0, nil // accepted before
	}
	taken, err := k.Genesis(caller, g.Log)
	if err != nil {
		return nil, 0, err
	}
	if taken != nil {
		return refuse("another genesis of that log was shown before")
	}
	base, err := k.prefix(g.PrevLog, cp)
	switch {
	case errors.Is(err, errContradicts):
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
	if _, err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.PutPeerLog(g.PrevLog, &storev1.PeerLog{
			Peer: caller, Keys: []string{ed, pq}, Size: uint64(cp.Size), Root: cp.Root[:], Next: g.Log,
			Genesis: r.GetGenesis(), Endorsement: r.GetEndorsement(), AtMs: uint64(tx.At()),
		})
	}); err != nil {
		return nil, 0, err
	}
	k.cfg.Peers.Close(peers.Closed{Country: caller, Log: before, Size: cp.Size})
	k.log.Warn("a peer has lost a part of its log and opened the next one", "peer", caller, "log", g.Log, "closed", g.PrevLog, "size", cp.Size)
	return g, 0, nil
}

// logOf returns the verifier of a log of a peer by its name: the one it writes, one that it has closed, or the directory's; nil for any other.
func (k *Keeper) logOf(peer, origin string) *translog.LogVerifier {
	if closed, ok := k.cfg.Peers.Closed(peer, origin); ok {
		return closed.Log
	}
	if log := k.cfg.Peers.Log(peer); log != nil && log.Origin() == origin {
		return log
	}
	if member, err := k.cfg.Peers.Directory().Member(peer); err == nil && member.Log().Origin() == origin {
		return member.Log()
	}
	return nil
}

func (k *Keeper) peerLog(origin string) (row *storev1.PeerLog, ok bool, err error) {
	err = k.cfg.Store.View(func(r *store.Reader) (err error) {
		row, ok, err = r.PeerLog(origin)
		return err
	})
	return row, ok, err
}

// Genesis returns the leaf that is the genesis of a log that a peer has opened after a rollback and that was accepted here; nil if none was.
func (k *Keeper) Genesis(peer, origin string) (genesis []byte, err error) {
	err = k.cfg.Store.View(func(r *store.Reader) error {
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
// in our log. errContradicts means that the checkpoint contradicts one.
func (k *Keeper) prefix(origin string, cp translog.Checkpoint) (base store.Head, err error) {
	see := func(size int64, root translog.Hash) {
		if size == cp.Size && root != cp.Root {
			err = fmt.Errorf("%s at %d: %w", origin, size, errContradicts)
		}
		if size <= cp.Size && size > base.Size {
			base = store.Head{Size: size, Root: root}
		}
	}
	size := int64(0)
	if bad := k.cfg.Store.View(func(r *store.Reader) error {
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
		if bad := k.cfg.Store.View(func(r *store.Reader) (bad error) {
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
