package witness

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
)

// Office is what a witness needs of the durable lane: *post.Office.
type Office interface {
	// Checkpoint returns a signed checkpoint of at least size leaves, and its size; an error while uncleared.
	Checkpoint(size int64) ([]byte, int64, error)
	// Cleared reports whether the peers have confirmed our head since the start.
	Cleared() bool
}

// Config is what a Watch works with. All fields are needed.
type Config struct {
	Country string
	// Epoch is that of our log: 1 for the country's first.
	Epoch uint32
	// Round is how often a round head goes out.
	Round  time.Duration
	Store  *store.Store
	Peers  *peers.Book
	Log    *translog.LogVerifier
	Signer *translog.WitnessSigner
	Office Office
	// Client returns the stub by which a peer is called, Ready whether a call may reach it now.
	Client func(peer string) peerv1.PeerServiceClient
	Ready  func(peer string) bool
	// Genesis returns the leaf with which a peer's log begins that it opened after a rollback, once it was shown here and accepted; nil before.
	Genesis func(peer, origin string) ([]byte, error)
	// Show shows a peer that of ours.
	Show func(ctx context.Context, peer string) error
	// Room returns why no further head of a peer may be cosigned now, as a status error, or nil: each is a leaf.
	Room   func(peer string) error
	Logger *slog.Logger
}

// Watch is the witness in one node, and what it asks of the other ones. Its methods may be called by several goroutines.
type Watch struct {
	cfg  Config
	log  *slog.Logger
	bell wait.Bell // rings when there is work before the next round

	passing sync.Mutex // held during a pass

	mu      sync.Mutex
	head    *head                       // the newest round head; nil before the first
	scanned int64                       // below it no leaf makes a round head due
	last    map[string]given            // by country: the largest head of ours that it has cosigned, as far as we know
	views   map[string]*view            // by origin of a peer's log
	told    map[string]map[string]int64 // by country, by origin: the size of the last head that it was told of
	away    map[string]absence          // by country: those who did not answer the last time
}

// absence is a peer that has not answered.
type absence struct {
	since time.Time // of the last call
	tried int       // how often in a row
	wait  int       // for how many rounds it is not called, unless it is heard of
}

// given is a head of ours and one peer's cosignature of it.
type given struct {
	size int64
	note []byte // with the two lines
}

const (
	// callTimeout bounds what is done with one peer in one round.
	callTimeout = 5 * time.Second
	// maxWait is how many rounds at most a peer is not called that does not answer.
	maxWait = 16
	// width is how many peers are called at once.
	width = 16
)

// New returns a Watch. It cosigns from then on, and asks nobody until Run.
func New(cfg Config) *Watch {
	return &Watch{
		cfg: cfg, log: cfg.Logger, bell: wait.NewBell(),
		last: map[string]given{}, views: map[string]*view{}, told: map[string]map[string]int64{}, away: map[string]absence{},
	}
}

// Run makes rounds until ctx ends. It starts when the node is cleared. An error means that the store can no longer be trusted.
func (w *Watch) Run(ctx context.Context) error {
	if err := w.restore(); err != nil {
		return err
	}
	due := time.NewTimer(wait.Jitter(w.cfg.Round))
	defer due.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-w.bell:
			err = w.prove(ctx, false)
		case <-due.C:
			err = w.Pass(ctx)
			due.Reset(wait.Jitter(w.cfg.Round))
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// Pass makes one round now; Run does it every round. Only errors that end the node come back.
func (w *Watch) Pass(ctx context.Context) error {
	w.passing.Lock()
	defer w.passing.Unlock()
	if !w.cfg.Office.Cleared() {
		return nil
	}
	if err := w.advance(ctx); err != nil {
		if ends(err) {
			return err
		}
		w.log.Error("making a round head failed", "err", err)
	}
	if err := w.collect(ctx); err != nil {
		return err
	}
	return w.prove(ctx, true)
}

// ends reports whether the node must stop for an error.
func ends(err error) bool {
	return store.Fatal(err) || errors.Is(err, ErrRollback)
}

// others returns the other members: those who may witness our log.
func (w *Watch) others() []string {
	var list []string
	for _, c := range w.cfg.Peers.Countries() {
		if c != w.cfg.Country {
			list = append(list, c)
		}
	}
	return list
}

// quorum returns how many of the other members must have cosigned a head of ours; 0 when there is none.
func (w *Watch) quorum() int {
	if n := len(w.others()); n > 0 {
		return translog.Quorum(n)
	}
	return 0
}

// hashes returns the hashes of a proof as they came, if they may be some.
func hashes(raw [][]byte) ([]translog.Hash, bool) {
	if len(raw) > maxHashes {
		return nil, false
	}
	list := make([]translog.Hash, len(raw))
	for i, b := range raw {
		if len(b) != translog.HashSize {
			return nil, false
		}
		list[i] = translog.Hash(b)
	}
	return list, true
}

func rawHashes(list []translog.Hash) [][]byte {
	raw := make([][]byte, len(list))
	for i := range list {
		raw[i] = list[i][:]
	}
	return raw
}

const (
	// maxHashes is the length of the longest consistency proof between sizes up to 2^53.
	maxHashes = translog.MaxProofHashes + 1
	// maxNote bounds a checkpoint as it comes.
	maxNote = 16 << 10
)
