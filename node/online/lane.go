package online

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/limit"
	"github.com/rogatory/rogatory/node/online/attachment"
	"github.com/rogatory/rogatory/node/online/giveback"
	"github.com/rogatory/rogatory/node/online/manifests"
	"github.com/rogatory/rogatory/node/online/recovery"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/online/seal"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/witness"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
)

// Office is what the lane needs of the durable one: *post.Office.
type Office interface {
	// Checkpoint returns a signed checkpoint of at least size leaves, and its size; an error while uncleared.
	Checkpoint(size int64) ([]byte, int64, error)
	// Clear says that the peers have confirmed our head, Cleared whether it was said.
	Clear()
	Cleared() bool
	// Confirm says that our store knows all that a peer has shown of ours, so that messages to it may get numbers; Doubt takes it back.
	Confirm(country string)
	Doubt(country string)
	// Heard tells that a peer was heard of.
	Heard(country string)
}

// Recovery is what a recovery after a rollback needs of the durable lane, ours and a peer's: *post.Office.
type Recovery interface {
	recovery.Office
	giveback.Office
}

// Config is what a Lane works with. All fields but Recovery and the callbacks are needed.
type Config struct {
	Node  *configs.Node
	Epoch uint32
	Store *store.Store
	// Net was opened with a seal.Sealer.
	Net transport.Net
	// Peers holds the manifests that the store has kept.
	Peers   *peers.Book
	Ring    *keyring.Ring
	Sealing *keyring.SealingKeys
	Log     *translog.LogSigner
	Witness *translog.WitnessSigner
	Office  Office
	// Recovery is the durable lane as a recovery after a rollback needs it; nil gives nothing back and recovers nothing.
	Recovery Recovery
	// Version is the program's, for Ping.
	Version string
	Logger  *slog.Logger
	// Gaps is told which of our messages a peer has not seen although it has seen later ones; nil tells nobody.
	Gaps func(peer string, epoch uint32, seqs []uint64)
	// Whole is told of the `whole` leaf that proves to a peer that all attachments of its message are here; nil tells nobody. After a
	// start it is told again of leaves of the last days.
	Whole func(peer string, leafIndex int64)
}

// Lane is the online lane of one node. Its methods may be called by several goroutines.
type Lane struct {
	cfg     Config
	country string
	log     *slog.Logger

	judge  *rollback.Judge
	board  *manifests.Board
	puller *attachment.Puller
	claim  *recovery.Claim
	keeper *giveback.Keeper
	watch  *witness.Watch

	answers answers
	calls   limit.Rate  // Ping, Head, Manifest, Cosign, Consistency
	heads   limit.Rate  // further heads of a peer that are cosigned
	streams limit.Rate  // Attachment, Recover, Resend
	busy    limit.Slots // Attachment, Recover
	loud    limit.Rate  // lines of the process's log about one peer
	fatal   chan error
}

// maxStreams is how many attachments one peer may read here at once.
const maxStreams = 4

// New returns a Lane. It answers once it is registered and does nothing else until Run.
func New(cfg Config) *Lane {
	l := &Lane{
		cfg: cfg, country: cfg.Node.Country, log: cfg.Logger,
		calls:   limit.Rate{Burst: 100, Every: 50 * time.Millisecond},
		streams: limit.Rate{Burst: 64, Every: 5 * time.Second},
		busy:    limit.Slots{Max: maxStreams},
		loud:    limit.Rate{Burst: 4, Every: 15 * time.Minute},
		heads:   limit.Rate{Burst: 8, Every: cfg.Node.Round / 2},
		fatal:   make(chan error, 1),
	}
	l.answers.init()
	l.judge = rollback.New(rollback.Config{
		Country: l.country, Federation: cfg.Node.Federation, Store: cfg.Store, Peers: cfg.Peers, Ring: cfg.Ring, Log: cfg.Log.Verifier(),
	})
	l.board = manifests.New(manifests.Config{
		Node: cfg.Node, Epoch: cfg.Epoch, Store: cfg.Store, Net: cfg.Net, Peers: cfg.Peers, Ring: cfg.Ring, Sealing: cfg.Sealing,
		Log: cfg.Log.Verifier(), Witness: cfg.Witness.Verifier(), Checkpoint: l.checkpoint, Complain: l.complain, Stop: l.stop, Logger: cfg.Logger,
		See: func(peer string, cp translog.Checkpoint, note []byte) { l.watch.See(peer, cp, note) },
	})
	l.puller = attachment.New(attachment.Config{
		Store: cfg.Store, Changed: cfg.Net.Changed, Client: l.client, DiskFree: int64(cfg.Node.Limits.DiskFree), Whole: cfg.Whole, Logger: cfg.Logger,
	})
	l.claim = recovery.New(recovery.Config{
		Node: cfg.Node, Epoch: cfg.Epoch, Version: cfg.Version, Store: cfg.Store, Net: cfg.Net, Peers: cfg.Peers, Judge: l.judge, Office: cfg.Recovery,
		Client: l.client, Cleared: cfg.Office.Cleared, Logger: cfg.Logger,
		Here: func(peer string) {
			if l.answers.has(peer) {
				l.cfg.Office.Confirm(peer)
			}
		},
	})
	l.keeper = giveback.New(giveback.Config{
		Federation: cfg.Node.Federation, Store: cfg.Store, Peers: cfg.Peers, Office: cfg.Recovery, Fetch: l.fetchManifest, Logger: cfg.Logger,
	})
	l.watch = witness.New(witness.Config{
		Country: l.country, Epoch: cfg.Epoch, Round: cfg.Node.Round, Store: cfg.Store, Peers: cfg.Peers,
		Log: cfg.Log.Verifier(), Signer: cfg.Witness, Office: cfg.Office, Client: l.client, Ready: l.ready,
		Genesis: l.keeper.Genesis, Show: l.claim.ShowGenesis,
		Room: func(peer string) error { return l.heads.Allow(peer, time.Now()) }, Logger: cfg.Logger,
	})
	return l
}

// Watch returns the witness of this node.
func (l *Lane) Watch() *witness.Watch { return l.watch }

// Attachments returns what fetches those of messages that arrive.
func (l *Lane) Attachments() *attachment.Puller { return l.puller }

// BarLost keeps the durable lane from taking anything of peers before they have given back what was lost. It comes before the office runs.
func (l *Lane) BarLost() error { return l.claim.Bar() }

// Register adds PeerService to what peers may call. It comes before Net.Serve.
func (l *Lane) Register(r grpc.ServiceRegistrar) {
	peerv1.RegisterPeerServiceServer(r, &server{l: l})
}

// client returns a stub for a peer.
func (l *Lane) client(peer string) peerv1.PeerServiceClient {
	return peerv1.NewPeerServiceClient(seal.Dial(l.cfg.Net, peer))
}

// Run publishes our manifest, learns those of the peers, has them clear us, and then exchanges heads and fetches attachments until ctx
// ends. An error ends the node: a [rollback.Error], or a store that can no longer be trusted.
func (l *Lane) Run(ctx context.Context) error {
	if err := l.board.Load(); err != nil {
		return err
	}
	if err := l.board.Make(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("making our manifest: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.board.Run(ctx) })
	g.Go(func() error { return l.askLoop(ctx) })
	g.Go(func() error { return l.claim.Run(ctx) })
	g.Go(func() error {
		select {
		case err := <-l.fatal:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	g.Go(func() error {
		if err := l.untilCleared(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		g.Go(func() error { return l.puller.Run(ctx) })
		g.Go(func() error { return l.watch.Run(ctx) })
		return l.roundLoop(ctx)
	})
	return g.Wait()
}

// ready reports whether a call may reach a peer: the backbone is there, and a key to seal it with.
func (l *Lane) ready(peer string) bool {
	_, ok := l.cfg.Peers.SealingKey(peer, time.Now())
	return ok && l.cfg.Net.Connected()
}

// stop ends Run with an error. The first one counts.
func (l *Lane) stop(err error) {
	select {
	case l.fatal <- err:
	default:
	}
}

// others returns the other members, in order.
func (l *Lane) others() []string {
	var list []string
	for _, c := range l.cfg.Peers.Countries() {
		if c != l.country {
			list = append(list, c)
		}
	}
	return list
}
