// Package giveback answers a peer that has lost a part of its log, closed it and opened the next one: package recovery of that peer asks.
//
// A Keeper first judges the genesis of the new log: every head of the old one that it knows, from what the peer showed, from receipts and from
// cosignatures in its own log, must be in what the new one continues. A second genesis of that name is refused. Then it tells which of its own
// messages the lost part had receipted, and gives back the peer's that the peer does not know, behind an `op disclose` leaf for each 64. Resend puts
// its own into the outbox again, on the ordinary road, where the new log receipts them.
package giveback

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Office is what a Keeper needs of the durable lane: *post.Office.
type Office interface {
	// Again carries what was put into the outbox again.
	Again(peer string) error
	// Receipt returns the receipt that a leaf of ours is.
	Receipt(place int64) (*rogatoryv1.Receipts, error)
}

// Config is what a Keeper works with. All fields are needed.
type Config struct {
	Federation string
	Store      *store.Store
	Peers      *peers.Book
	Office     Office
	// Fetch asks a peer for its newest manifest.
	Fetch  func(ctx context.Context, peer string)
	Logger *slog.Logger
}

// Keeper gives back what this node keeps of its peers. Its methods may be called by several goroutines.
type Keeper struct {
	cfg Config
	log *slog.Logger
}

// New returns a Keeper.
func New(cfg Config) *Keeper { return &Keeper{cfg: cfg, log: cfg.Logger} }

// scanAtOnce is how many leaves or messages are read in one View.
const scanAtOnce = 4096

// errNotOpened is told to who asks for messages before its new log was accepted.
var errNotOpened = status.Error(codes.FailedPrecondition, "show the genesis of that log first")

// Recover tells a peer what we have of the part of its log that it has lost: its messages that it does not know, and which of ours it had receipted.
func (k *Keeper) Recover(caller string, r *peerv1.RecoverRequest, out grpc.ServerStreamingServer[peerv1.RecoverResponse]) error {
	ctx := out.Context()
	g, want, err := k.accept(ctx, caller, r)
	if err != nil {
		return err
	}
	if want > 0 {
		return out.Send(&peerv1.RecoverResponse{WantSize: uint64(want)})
	}
	lost, err := k.receipted(caller, g)
	if err != nil {
		return err
	}
	for _, m := range lost {
		if err := out.Send(&peerv1.RecoverResponse{Receipted: m.say}); err != nil {
			return err
		}
	}
	return k.giveBack(ctx, caller, r, out)
}

// Resend puts what the lost part of a peer's log had receipted into the outbox again.
func (k *Keeper) Resend(ctx context.Context, caller string, r *peerv1.ResendRequest) (*peerv1.ResendResponse, error) {
	var g *translog.Genesis
	if err := k.cfg.Store.View(func(rd *store.Reader) error {
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
	lost, err := k.receipted(caller, g)
	if err != nil {
		return nil, err
	}
	n := 0
	if _, err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
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
	if err := k.cfg.Office.Again(caller); err != nil {
		return nil, err
	}
	k.log.Info("messages are sent again to a peer that has lost a part of its log", "peer", caller, "messages", n)
	return &peerv1.ResendResponse{Messages: uint64(n)}, nil
}
