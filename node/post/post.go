// Package post is the durable lane: it numbers messages, seals and signs them, carries them until the recipient's receipt is
// here, and takes in what peers send, exactly once.
//
// # The road of a message
//
//	Submit   number, seal, sign; ONE transaction: `out` leaf, outbox entry, content, and what the caller does with its case
//	carry    publish in frames; publish again until the receipt is here; seal anew when the day's key, the clock or our own key changed
//	take     bound, verify, decrypt, not seen; ONE transaction: `msg` leaf, seen, content, and what the desk does with the case
//	receipt  commit → guard → sign the checkpoint → send: a leaf, its path, a checkpoint
//	settle   check the receipt; ONE transaction: `rcpt` leaf, outbox entry gone, and what the desk does with the case
//
// Nothing gets a number before the node is cleared and the recipient confirmed: [Office.Clear], [Office.Confirm].
//
// A crash between any two steps leaves either nothing or an outbox entry, which is carried again. What arrives twice finds its
// number in `seen` and is answered with the same receipt. A broker that loses a frame costs a resend.
//
// Nothing is ever given up: an entry leaves the outbox by its receipt alone. Numbers detect, they never block: what comes out of order
// is taken and receipted; a gap is reported to the sender, who sends again what still waits. No more is under way to one peer than it
// takes in a second or two, so a long backlog is carried once, not over and over.
//
// What is not authentic never grows the log: it is counted, and once an hour the counts become one `stray` leaf.
package post

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/wait"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Desk decides what a message does to its case. Its methods run inside a transaction, which may run them again; they write through
// that transaction only. A message for which one of them fails is left out of the transaction and comes again later.
type Desk interface {
	// Admit judges a new message. A message that is refused changes nothing; its code becomes the `rej` leaf.
	Admit(tx *store.Tx, a *Arrival) (Admission, error)
	// Returned judges a message of ours that its recipient gave back after a rollback, as Admit does; Reject says that the case does not allow it now.
	Returned(tx *store.Tx, r *Returned) (Admission, error)
	// Delivered tells that the peer's receipt for a message of ours is here. code is the refusal's, or empty.
	Delivered(tx *store.Tx, d Delivery) error
}

// Arrival is a message that is authentic, addressed to us, understood and new.
type Arrival struct {
	From    string
	Name    envelope.Name
	Message *rogatoryv1.Message
	Docket  *rogatoryv1.Docket
	Content *rogatoryv1.Content
	// Index is the place that it gets, At its time: that of the leaf, or of the one that was lost in a rollback and had receipted it.
	Index, At int64
	// Fresh is false when the sender's manifest is older than a day: nothing is answered automatically then.
	Fresh bool

	docket, content      envelope.Part
	raw                  []byte // the Message's bytes
	manifest             uint64 // version of the sender's
	statement, signature []byte
}

// DocketCommit returns the docket's commitment.
func (a *Arrival) DocketCommit() translog.Hash { return translog.Hash(a.Message.GetDocketCommit()) }

// Admission is what becomes of an arrival.
type Admission struct {
	// Reject is why it is refused for good; empty when it is taken.
	Reject string
	// CaseToken and Unit say where it goes.
	CaseToken, Unit string
	// Record writes what it does to its case; it runs after the message's leaf was appended.
	Record func(tx *store.Tx) error
}

// Delivery is a peer's receipt for a message of ours.
type Delivery struct {
	To        string
	Name      envelope.Name
	CaseToken string
	// At is when it arrived, by the recipient's leaf, milliseconds since 1970 UTC: the earliest time that leaf owns to.
	At int64
	// Reject is the code of a final refusal; empty when it was taken.
	Reject string
	// Whole: all attachments are there; the message itself was receipted before.
	Whole bool
}

// Config is what an Office works with.
type Config struct {
	Country string
	Store   *store.Store
	Net     transport.Net
	Peers   *peers.Book
	// Identity returns the key that signs now.
	Identity func() *keyring.Identity
	Sealing  *keyring.SealingKeys
	Log      *translog.LogSigner
	Desk     Desk
	Logger   *slog.Logger
	// OutboxPerPeer and ParkedMax bound what waits for, or of, one peer; 0 means 100,000 and 1,000.
	OutboxPerPeer, ParkedMax int
	// ParkedBytes bounds the envelopes of one peer that are parked; 0 means 64 MiB.
	ParkedBytes int64
	// CapacityPerHour is how many new messages of one peer are taken an hour, of 16 KiB each on average; 0 sets no limit.
	CapacityPerHour int
	// Room, when set, returns an error unless so many bytes may be kept on the disk that nobody here has asked for.
	Room func(bytes int64) error
	// Seen, when set, is told of the heads of peers' logs that receipts stand on, after the commit: their signatures are checked, and nothing else.
	Seen func(peer string, cp translog.Checkpoint, note []byte)
	// Step, when set, is called at each of Steps. Tests crash there.
	Step func(point string)
}

// Office is the durable lane of one node. Its methods may be called by several goroutines.
type Office struct {
	cfg      Config
	log      *slog.Logger
	verifier envelope.Verifier
	jobs     chan *job
	lanes    map[string]*lane // by peer, made at New
	cpu      chan struct{}    // one token a core, for opening and sealing
	cleared  atomic.Bool
	clear    chan struct{} // closed when cleared
	confirm  chan struct{} // holds something when a peer was confirmed
	stopped  chan struct{} // closed when Run has returned

	notary *receipt.Notary
	strays strays

	// Duplicates counts messages that had arrived before; Inauthentic what was not authentic. Both since the start.
	Duplicates, Inauthentic atomic.Uint64
}

// New returns an Office for the members that the directory names. It stands still until Run.
func New(cfg Config) *Office {
	if cfg.OutboxPerPeer == 0 {
		cfg.OutboxPerPeer = 100_000
	}
	if cfg.ParkedMax == 0 {
		cfg.ParkedMax = 1_000
	}
	if cfg.ParkedBytes == 0 {
		cfg.ParkedBytes = 64 << 20
	}
	o := &Office{
		cfg: cfg, log: cfg.Logger,
		jobs:    make(chan *job, 2*envelope.MaxBatch),
		lanes:   map[string]*lane{},
		cpu:     make(chan struct{}, runtime.GOMAXPROCS(0)),
		clear:   make(chan struct{}),
		confirm: make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	o.notary = receipt.NewNotary(receipt.Config{Store: cfg.Store, Log: cfg.Log, Ready: o.ready, Step: func() { o.step(StepCheckpoint) }})
	o.strays.counts = map[string]int64{}
	for _, country := range cfg.Peers.Countries() {
		if country != cfg.Country {
			o.lanes[country] = newLane(o, country)
		}
	}
	return o
}

// Run numbers, carries and takes messages until ctx ends. It is called once. An error means that the store can no longer be trusted: the
// process stops and the restart repairs.
func (o *Office) Run(ctx context.Context) error {
	defer close(o.stopped)
	for _, l := range o.lanes {
		if err := l.load(); err != nil {
			return err
		}
	}
	if err := o.loadParked(); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return o.numberLoop(ctx) })
	g.Go(func() error { return o.strayLoop(ctx) })
	for _, l := range o.lanes {
		g.Go(func() error { return l.carryLoop(ctx) })
		g.Go(func() error { return l.takeLoop(ctx) })
	}
	return g.Wait()
}

// Heard tells that a peer was heard of, by whatever way: what waits for it is carried soon.
func (o *Office) Heard(country string) {
	if l := o.lanes[country]; l != nil {
		l.heard()
	}
}

// spread calls f with 0 to n-1 on as many goroutines as there are cores and waits. Each call holds one core's token, so that
// cryptography for many peers does not starve the loops that commit.
func (o *Office) spread(n int, f func(i int)) {
	one := func(i int) {
		o.cpu <- struct{}{}
		defer func() { <-o.cpu }()
		f(i)
	}
	if n == 1 {
		one(0)
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, cap(o.cpu)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				one(i)
			}
		})
	}
	wg.Wait()
}

// guarded waits until the head guard knows what an Update has committed, whose error is err: nothing that depends on it may be sent
// before. ErrUnguarded comes back only when ctx ends.
func (o *Office) guarded(ctx context.Context, err error) error {
	for errors.Is(err, store.ErrUnguarded) {
		o.log.Error("committed, but the head guard could not be written", "err", err, "hint", store.Hint(err))
		if !wait.For(ctx, retryPause) {
			return err
		}
		_, err = o.cfg.Store.Guard(ctx)
	}
	if err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

func (o *Office) step(point string) {
	if o.cfg.Step != nil {
		o.cfg.Step(point)
	}
}

// The points of the road at which tests crash, beside those of the store.
const (
	StepSealed     = "post:sealed"     // sealed and signed, nothing committed: nothing happened, the caller tries again
	StepSubmitted  = "post:submitted"  // committed, not published: the outbox is carried at the start
	StepPublished  = "post:published"  // published: carried again at the start, the recipient has seen it
	StepOpened     = "post:opened"     // verified and decrypted, nothing committed: the frame comes again
	StepTaken      = "post:taken"      // committed, no receipt sent, frame not acked: it comes again and is answered from `seen`
	StepReceipted  = "post:receipted"  // receipt sent, the sender may not have it yet: it sends again and is answered from `seen`
	StepProven     = "post:proven"     // the peer's receipt is checked, not committed: the message is sent again, its receipt comes again
	StepSettled    = "post:settled"    // committed, frame not acked: the receipt comes again and finds nothing to do
	StepResealed   = "post:resealed"   // a new sealing is in the log and was not sent: the next one is sent instead
	StepCheckpoint = "post:checkpoint" // guard written, checkpoint signed, nothing sent: signed again
)

// Steps lists them.
func Steps() []string {
	return []string{StepSealed, StepSubmitted, StepPublished, StepOpened, StepTaken, StepReceipted, StepProven, StepSettled, StepResealed, StepCheckpoint}
}
