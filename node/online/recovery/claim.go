package recovery

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/wait"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Office is what a recovery after a rollback needs of the durable lane: *post.Office.
type Office interface {
	// Bar has nothing of a peer taken until Unbar.
	Bar(peer string, erased map[[32]byte]bool)
	Unbar(peer string)
	// GiveBack gives the messages their places that a peer gave back and that were submitted up to a time.
	GiveBack(ctx context.Context, peer string, until int64) error
	// Keep keeps the content of a message that was given back.
	Keep(tx *store.Tx, unit string, content envelope.Part) (uint64, error)
}

// Config is what a Claim works with. All fields are needed, but Office.
type Config struct {
	Node  *configs.Node
	Epoch uint32
	// Version is the program's, for the `node` leaf.
	Version string
	Store   *store.Store
	Net     transport.Net
	Peers   *peers.Book
	Judge   *rollback.Judge
	// Office is the durable lane; nil recovers nothing.
	Office Office
	// Client returns the stub by which a peer is called.
	Client func(peer string) peerv1.PeerServiceClient
	// Cleared reports whether the peers have confirmed our head since the start.
	Cleared func() bool
	// Here is told when all that a peer gives back is here.
	Here   func(peer string)
	Logger *slog.Logger
}

// Claim is what this node has lost and asks of its peers, if it has lost anything. Its methods may be called by several goroutines.
type Claim struct {
	cfg    Config
	log    *slog.Logger
	erased map[[32]byte]bool // names of messages whose contents were erased here

	mu    sync.Mutex
	peers map[string]bool // those that have not yet given back what they have
}

// New returns a Claim. Bar comes next.
func New(cfg Config) *Claim { return &Claim{cfg: cfg, log: cfg.Logger, peers: map[string]bool{}} }

// Awaits reports whether a peer has not yet given back what it has.
func (c *Claim) Awaits(peer string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peers[peer]
}

func (c *Claim) set(peer string, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peers[peer] = waits
}

const (
	// firstRecover and lastRecover are the pauses between two attempts to ask a peer for what was lost.
	firstRecover = time.Second
	lastRecover  = time.Minute
	// recoverTimeout bounds one attempt.
	recoverTimeout = 30 * time.Minute
	// maxExpected is how many messages of one peer come again after a recovery.
	maxExpected = 1 << 20
)

// Bar keeps the durable lane from taking anything of peers before they have given back what was lost. It comes before the office runs.
func (c *Claim) Bar() error {
	rows, err := c.recoveries()
	if err != nil || len(rows) == 0 {
		return err
	}
	if c.erased, err = c.cfg.Store.ErasedMessages(); err != nil {
		return err
	}
	for _, row := range rows {
		if row.GetStage() == store.StageDone {
			continue
		}
		c.cfg.Office.Bar(row.GetPeer(), c.erased)
		if row.GetStage() == store.StageResend {
			c.cfg.Office.Unbar(row.GetPeer())
		} else {
			c.set(row.GetPeer(), true)
		}
	}
	return err
}

func (c *Claim) recoveries() (rows []*storev1.Recovery, err error) {
	if c.cfg.Office == nil {
		return nil, nil
	}
	err = c.cfg.Store.View(func(r *store.Reader) (err error) {
		rows, err = r.Recoveries()
		return err
	})
	return rows, err
}

// Run has the peers give back what was lost, and writes the report when all have. An error means that the store can no longer be trusted.
func (c *Claim) Run(ctx context.Context) error {
	rows, err := c.recoveries()
	if err != nil || len(rows) == 0 {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, row := range rows {
		if row.GetStage() < store.StageResend {
			g.Go(func() error { return c.recoverFrom(gctx, row.GetPeer()) })
		}
	}
	g.Go(func() error { return c.reportLoop(gctx) })
	return g.Wait()
}

// recoverFrom asks one peer until it has answered.
func (c *Claim) recoverFrom(ctx context.Context, peer string) error {
	for rest := firstRecover; ctx.Err() == nil; rest = min(2*rest, lastRecover) {
		book, net := c.cfg.Peers.Changed(), c.cfg.Net.Changed()
		if _, ok := c.cfg.Peers.SealingKey(peer, time.Now()); ok && c.cfg.Net.Connected() && c.cfg.Cleared() {
			call, cancel := context.WithTimeout(ctx, recoverTimeout)
			err := c.recoverOnce(call, peer)
			cancel()
			switch {
			case err == nil:
				c.set(peer, false)
				c.cfg.Office.Unbar(peer)
				c.cfg.Here(peer)
				return nil
			case store.Fatal(err):
				return err
			}
			c.log.Warn("asking a peer for what was lost failed", "peer", peer, "err", err)
		}
		wait.For(ctx, rest, book, net)
	}
	return nil
}

// recoverOnce makes the steps that are left with a peer.
func (c *Claim) recoverOnce(ctx context.Context, peer string) error {
	var row *storev1.Recovery
	if err := c.cfg.Store.View(func(r *store.Reader) (err error) {
		row, _, err = r.Recovery(peer)
		return err
	}); err != nil {
		return err
	}
	if row.GetStage() == store.StageAsk {
		err := c.askBack(ctx, peer, row)
		if status.Code(err) == codes.Unimplemented {
			return c.stage(ctx, peer, []*storev1.LostMessage{{Why: store.LostPeer}}, func(row *storev1.Recovery) { row.Stage = store.StageDone })
		}
		if err != nil {
			return err
		}
	}
	first := int64(math.MaxInt64)
	if err := c.cfg.Store.View(func(r *store.Reader) error {
		return r.EachExpected(peer, func(_ uint32, _ uint64, e *storev1.Expected) bool {
			first = min(first, int64(e.GetFirstAt()))
			return true
		})
	}); err != nil {
		return err
	}
	if err := c.cfg.Office.GiveBack(ctx, peer, first); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := c.cfg.Client(peer).Resend(call, &peerv1.ResendRequest{Log: c.cfg.Store.Log().Origin}); err != nil {
		return err
	}
	if err := c.stage(ctx, peer, nil, func(row *storev1.Recovery) {
		row.Stage, row.AskedMs = store.StageResend, uint64(time.Now().UnixMilli())
	}); err != nil {
		return err
	}
	return c.cfg.Office.GiveBack(ctx, peer, first) // that may be all
}

// stage notes how far the recovery has come with a peer, and what does not come back from it.
func (c *Claim) stage(ctx context.Context, peer string, lost []*storev1.LostMessage, change func(*storev1.Recovery)) error {
	_, err := c.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, m := range lost {
			if err := tx.PutLost(peer, m); err != nil {
				return err
			}
		}
		row, _, err := tx.Recovery(peer)
		if err != nil {
			return err
		}
		change(row)
		return tx.PutRecovery(row)
	})
	return err
}
