package online

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/witness"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
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

// Config is what a Lane works with. All fields but the callbacks are needed.
type Config struct {
	Node  *configs.Node
	Epoch uint32
	Store *store.Store
	Net   transport.Net
	// Sealer is the one that Net was opened with.
	Sealer *Sealer
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

	answers answers
	shown   shown
	own     ownManifest
	learner learner
	puller  puller
	watch   *witness.Watch
	lost    recovering
	erased  map[[32]byte]bool // names of messages whose contents were erased here
	calls   limits            // Ping, Head, Manifest, Cosign, Consistency
	heads   limits            // further heads of a peer that are cosigned
	streams limits            // Attachment
	busy    slots             // Attachment
	loud    limits            // lines of the process's log about one peer
	fatal   chan error

	verifier envelope.Verifier // of our own signatures
}

// New returns a Lane. It answers once it is registered and does nothing else until Run.
func New(cfg Config) *Lane {
	l := &Lane{
		cfg: cfg, country: cfg.Node.Country, log: cfg.Logger,
		calls:   limits{burst: 100, every: 50 * time.Millisecond},
		streams: limits{burst: 64, every: 5 * time.Second},
		busy:    slots{max: maxStreams},
		loud:    limits{burst: 4, every: 15 * time.Minute},
		heads:   limits{burst: 8, every: cfg.Node.Round / 2},
		fatal:   make(chan error, 1),
	}
	l.watch = witness.New(witness.Config{
		Country: l.country, Epoch: cfg.Epoch, Round: cfg.Node.Round, Store: cfg.Store, Peers: cfg.Peers,
		Log: cfg.Log.Verifier(), Signer: cfg.Witness, Office: cfg.Office, Client: l.client, Ready: l.ready,
		Genesis: l.genesisOf, Show: l.showGenesis,
		Room: func(peer string) error { return l.heads.allow(peer, time.Now()) }, Logger: cfg.Logger,
	})
	l.answers.init()
	l.own.init()
	l.learner.init()
	l.puller.init()
	return l
}

// Register adds PeerService to what peers may call. It comes before Net.Serve.
func (l *Lane) Register(r grpc.ServiceRegistrar) {
	peerv1.RegisterPeerServiceServer(r, &server{l: l})
}

// client returns a stub for a peer.
func (l *Lane) client(peer string) peerv1.PeerServiceClient {
	return peerv1.NewPeerServiceClient(Dial(l.cfg.Net, peer))
}

// Run publishes our manifest, learns those of the peers, has them clear us, and then exchanges heads and fetches attachments until ctx
// ends. An error ends the node: a [RollbackError], or a store that can no longer be trusted.
func (l *Lane) Run(ctx context.Context) error {
	if err := l.recall(); err != nil {
		return err
	}
	if err := l.renew(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("making our manifest: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.watchLoop(ctx) })
	g.Go(func() error { return l.learnLoop(ctx) })
	g.Go(func() error { return l.publishLoop(ctx) })
	g.Go(func() error { return l.askLoop(ctx) })
	g.Go(func() error { return l.recoverLoop(ctx) })
	g.Go(func() error {
		select {
		case err := <-l.fatal:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	g.Go(func() error {
		if err := l.Clear(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		g.Go(func() error { return l.pullLoop(ctx) })
		g.Go(func() error { return l.watch.Run(ctx) })
		return l.roundLoop(ctx)
	})
	return g.Wait()
}

// Watch returns the witness of this node.
func (l *Lane) Watch() *witness.Watch { return l.watch }

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

// recall takes up our manifest as the store kept it.
func (l *Lane) recall() error {
	var latest *storev1.LatestManifest
	var signed []byte
	err := l.cfg.Store.View(func(r *store.Reader) (err error) {
		latest, signed, err = r.LatestManifest(l.country)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := federation.KnownManifest(signed, l.cfg.Peers.Directory(), [32]byte(latest.GetDigest()))
	if err != nil {
		return fmt.Errorf("reading our manifest: %w", err)
	}
	l.own.kept = m.Version()
	l.own.set(m)
	return nil
}

// pause waits for d, or until one of at most two others is closed or receives; false when ctx has ended.
func pause(ctx context.Context, d time.Duration, wake ...<-chan struct{}) bool {
	var early [2]<-chan struct{} // nil never receives
	copy(early[:], wake)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early[0]:
	case <-early[1]:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// A bell wakes one waiting goroutine; rings in between are one.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// shown remembers the checkpoints of ours that peers have shown and that our log contains: it only grows while we run.
type shown struct {
	mu   sync.Mutex
	good map[string]string // by peer
}

func (s *shown) known(peer string, note []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good[peer] == string(note)
}

func (s *shown) put(peer string, note []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.good == nil {
		s.good = map[string]string{}
	}
	s.good[peer] = string(note)
}

// maxNote bounds a checkpoint as it comes: two signatures of the log, and cosignatures.
const maxNote = 64 << 10
