package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk"
	"github.com/rogatory/rogatory/node/desk/standing"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/online"
	"github.com/rogatory/rogatory/node/online/recovery"
	"github.com/rogatory/rogatory/node/online/seal"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Errors of a recovery.
var (
	// ErrNothingLost means that neither the head guard nor a peer knows anything that the store does not.
	ErrNothingLost = errors.New("nothing is known to be lost")
	// ErrUnheard means that too few peers have said what they have of this node.
	ErrUnheard = errors.New("too few peers have said what they have of this node")
)

// RecoverOptions say how a recovery goes.
type RecoverOptions struct {
	Options
	// Wait is how long peers are waited for; 0 means a minute.
	Wait time.Duration
	// Alone recovers without a majority of the peers: the number of the new log may then be one that somebody has seen.
	Alone bool
	// Ground is why, as a code; By who orders it, as a pseudonym or another token without a name.
	Ground, By string
	// Confirm is asked before anything changes; nil agrees.
	Confirm func(*RecoverPlan) error
}

// RecoverPlan is what a recovery is going to do.
type RecoverPlan struct {
	// Why is what proves the loss, in words.
	Why []string `json:"why"`
	// Log is the log that the store has, Size the number of its leaves, Guard and GuardSize what the head guard has seen.
	Log       string `json:"log"`
	Size      int64  `json:"size"`
	Guard     string `json:"guard"`
	GuardSize int64  `json:"guard_size"`
	// Next is the log that is opened.
	Next string `json:"next"`
	// Heard are the peers that have said what they have of us, Unheard the other members.
	Heard   []string `json:"heard"`
	Unheard []string `json:"unheard"`

	number uint64
}

// recoverNote stands beside the `node` leaf that opens a log.
type recoverNote struct {
	Ground string       `json:"ground"`
	By     string       `json:"by"`
	Plan   *RecoverPlan `json:"plan"`
	Closed int64        `json:"closed_size"`
	Moved  int64        `json:"moved"`
	// Base is how many leaves the logs before have together: what state leaves count as a leaf's place is its index and this.
	Base int64 `json:"base"`
}

// Recover closes the log of a node whose store is older than what it has signed, and opens the next one. The node must not run. It asks the peers what
// they have of ours, so that the number of the new log is one that nobody has seen. Then the node is started: it asks its peers for what was lost,
// and its report says what came back. Done once more when it was done, it returns ErrNothingLost and changes nothing.
func Recover(ctx context.Context, cfg *configs.Node, opts RecoverOptions) (*store.Recovered, *RecoverPlan, error) {
	r := &reopening{cfg: cfg, opts: opts, log: opts.Logger, plan: &RecoverPlan{}}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := r.open(); err != nil {
		return nil, nil, err
	}
	if err := r.look(); err != nil {
		return nil, nil, err
	}
	if err := r.survey(ctx); err != nil {
		return nil, r.plan, err
	}
	switch {
	case len(r.plan.Why) == 0 && len(r.plan.Unheard) == 0:
		return nil, r.plan, ErrNothingLost
	case len(r.plan.Why) == 0:
		return nil, r.plan, fmt.Errorf("%w; %s did not answer", ErrNothingLost, strings.Join(r.plan.Unheard, ", "))
	case !r.enough && !opts.Alone:
		return nil, r.plan, fmt.Errorf("%d of %d members: %w", len(r.plan.Heard), len(r.plan.Heard)+len(r.plan.Unheard), ErrUnheard)
	}
	r.plan.number++
	r.plan.Next = federation.Origin(cfg.Federation, cfg.Country, r.plan.number)
	if opts.Confirm != nil {
		if err := opts.Confirm(r.plan); err != nil {
			return nil, r.plan, err
		}
	}
	done, err := store.Recover(ctx, r.storeOptions(), store.Recovery{
		Number: r.plan.number, Close: r.close, Genesis: r.genesis, Note: r.note, Opening: desk.Opening, Moved: standing.Moved, Peers: r.others(),
		Endorse: func(leaf []byte) ([]byte, error) { return federation.EndorseGenesis(leaf, r.ring.Identity()) },
	})
	return done, r.plan, err
}

// reopening is what Recover works with.
type reopening struct {
	cfg  *configs.Node
	opts RecoverOptions
	log  *slog.Logger

	ring    *keyring.Ring
	sealing *keyring.SealingKeys
	dir     *federation.Directory
	current store.Log
	given   map[string]given
	kept    uint64 // version of our manifest

	mu     sync.Mutex
	plan   *RecoverPlan
	enough bool
}

// given is what the store knows of a peer: what a node shows in Head.
type given struct {
	request   *peerv1.HeadRequest
	epoch     uint32 // of the last message to it
	next      uint64
	manifests []byte
}

func (r *reopening) storeOptions() store.Options {
	opts := StoreOptions(r.cfg, r.ring)
	opts.Logger, opts.Step = r.log, r.opts.Step
	return opts
}

func (r *reopening) others() []string {
	var list []string
	for _, m := range r.dir.Members() {
		if m.Country() != r.cfg.Country {
			list = append(list, m.Country())
		}
	}
	return list
}

func (r *reopening) open() (err error) {
	if r.ring, err = keyring.OpenRing(r.cfg.RingFile(), r.opts.Lock); err != nil {
		return err
	}
	if r.sealing, err = r.ring.OpenSealing(r.cfg.SealingFile()); err != nil {
		return err
	}
	r.dir, err = readDirectory(r.cfg)
	return err
}

// look reads the store and the guard as they are.
func (r *reopening) look() error {
	r.given = map[string]given{}
	lost, err := store.Look(r.storeOptions(), func(rd *store.Reader, log store.Log) error {
		r.current = log
		if why := rd.RollbackNoted(); why != "" {
			r.plan.Why = append(r.plan.Why, why)
		}
		if latest, _, err := rd.LatestManifest(r.cfg.Country); err == nil {
			r.kept = latest.GetVersion()
		}
		for _, peer := range r.others() {
			g := given{request: &peerv1.HeadRequest{}}
			var err error
			if g.epoch, g.next, _, err = rd.NextOutgoing(peer); err != nil {
				return err
			}
			member, err := r.dir.Member(peer)
			if err != nil {
				return err
			}
			origin := member.Log().Origin()
			if _, signed, err := rd.LatestManifest(peer); err == nil {
				g.manifests = signed
			}
			if head, ok, err := rd.PeerHead(origin); err != nil {
				return err
			} else if ok {
				g.request.Held = head.GetCheckpoint()
			}
			if epoch := rd.LatestEpoch(peer); epoch != 0 {
				in, err := rd.Incoming(peer, epoch)
				if err != nil {
					return err
				}
				g.request.SeenEpoch, g.request.SeenSeq = epoch, in.GetLargest()
				if seen, ok, err := rd.Seen(peer, epoch, in.GetLargest()); err == nil && ok {
					g.request.SeenStatement, g.request.SeenSignature, _ = rd.Came(seen)
				}
			}
			r.given[peer] = g
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.plan.Log, r.plan.Size, r.plan.number = r.current.Origin, r.current.Size, r.current.Number
	if lost != nil {
		r.plan.Guard, r.plan.GuardSize = lost.GuardLog, lost.Guard.Size
		r.prove(lost.GuardLog, "the head guard has %d leaves of %s", lost.Guard.Size, lost.GuardLog)
	}
	return nil
}

// prove notes what proves the loss, and the log that it names.
func (r *reopening) prove(origin, format string, args ...any) {
	r.heard(origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	if why := fmt.Sprintf(format, args...); !slices.Contains(r.plan.Why, why) {
		r.plan.Why = append(r.plan.Why, why)
	}
}

// heard notes a log of ours that somebody knows.
func (r *reopening) heard(origin string) {
	n, err := federation.LogNumber(r.cfg.Federation, r.cfg.Country, origin)
	if err == nil {
		r.number(n)
	}
}

func (r *reopening) number(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan.number = max(r.plan.number, n)
}

// survey asks the peers what they have of ours.
func (r *reopening) survey(ctx context.Context) error {
	book := peers.New(r.cfg.Country, r.dir)
	sealer := seal.New(book, r.ring.Identity, r.sealing)
	n := &node{cfg: r.cfg, log: r.log}
	calls := transport.CallOptions{Sealer: sealer}
	net, err := n.openNet(calls, r.opts.Net)
	if err != nil {
		return err
	}
	defer net.Close()
	for _, g := range r.given {
		if g.manifests != nil { // what the statement store may have lost
			r.learn(book, g.manifests)
		}
	}
	wait := cmp.Or(r.opts.Wait, time.Minute)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answered := map[string]bool{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		_ = net.Serve(ctx) // answers come in over it
		return nil
	})
	g.Go(func() error {
		for ctx.Err() == nil {
			_ = net.WatchStatements(ctx, "manifest", func(from string, b []byte) {
				if from == r.cfg.Country {
					r.published(b)
					return
				}
				r.learn(book, b)
			})
		}
		return nil
	})
	g.Go(func() error {
		defer cancel()
		for {
			var asks errgroup.Group
			open := slices.DeleteFunc(r.others(), func(peer string) bool { return answered[peer] })
			for _, peer := range open {
				asks.Go(func() error {
					call, done := context.WithTimeout(ctx, 5*time.Second)
					defer done()
					answer, err := peerv1.NewPeerServiceClient(seal.Dial(net, peer)).Head(call, r.given[peer].request)
					if err != nil {
						r.log.Debug("asking a peer what it has of us failed", "peer", peer, "err", err)
						return nil
					}
					r.judge(peer, answer)
					mu.Lock()
					answered[peer] = true
					mu.Unlock()
					return nil
				})
			}
			_ = asks.Wait()
			if len(open) == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Second):
			}
		}
	})
	_ = g.Wait()
	for _, peer := range r.others() {
		if answered[peer] {
			r.plan.Heard = append(r.plan.Heard, peer)
		} else {
			r.plan.Unheard = append(r.plan.Unheard, peer)
		}
	}
	r.enough = len(r.plan.Heard) >= online.Needed(len(r.others()))
	return nil
}

func (r *reopening) learn(book *peers.Book, signed []byte) {
	for _, peer := range r.others() {
		if _, err := book.Learn(signed, peer, time.Now()); err == nil {
			return
		}
	}
}

// published looks at our own manifest as others see it.
func (r *reopening) published(signed []byte) {
	m, err := federation.ParseManifest(signed, r.dir, time.Now(), nil)
	if err != nil || m.Country() != r.cfg.Country {
		return
	}
	if m.Version() > r.kept && m.Epoch() >= r.current.Epoch { // an older one is of a log that is closed
		r.prove(m.Log().Origin(), "manifest %d of %s is published, the store has %d", m.Version(), m.Log().Origin(), r.kept)
		return
	}
	r.heard(m.Log().Origin())
}

// judge looks at what a peer has of ours.
func (r *reopening) judge(peer string, answer *peerv1.HeadResponse) {
	g := r.given[peer]
	r.number(uint64(answer.GetSeenEpoch()))
	if answer.GetSeenEpoch() > g.epoch || answer.GetSeenEpoch() == g.epoch && answer.GetSeenSeq() >= g.next {
		r.prove(r.current.Origin, "%s has message %d.%d, the store has given out %d.%d", peer, answer.GetSeenEpoch(), answer.GetSeenSeq(), g.epoch, g.next-1)
	}
	origin, _, _ := bytes.Cut(answer.GetHeld(), []byte("\n"))
	number, err := federation.LogNumber(r.cfg.Federation, r.cfg.Country, string(origin))
	if err != nil {
		return
	}
	signer, err := r.signer(string(origin))
	if err != nil {
		return
	}
	cp, err := translog.ParseCheckpoint(answer.GetHeld(), signer.Verifier())
	if err != nil {
		r.log.Warn("a peer shows a checkpoint of ours that we have not signed", "peer", peer, "err", err)
		return
	}
	r.number(number)
	if number > r.current.Number || number == r.current.Number && (cp.Size > r.current.Size || r.rootAt(cp.Size) != cp.Root) {
		r.prove(cp.Origin, "%s has %d leaves of %s", peer, cp.Size, cp.Origin)
	}
}

// rootAt returns the root that the store's log had at a size.
func (r *reopening) rootAt(size int64) (root translog.Hash) {
	_, _ = store.Look(r.storeOptions(), func(rd *store.Reader, _ store.Log) error {
		head, err := rd.HeadAt(size)
		root = head.Root
		return err
	})
	return root
}

func (r *reopening) signer(origin string) (*translog.LogSigner, error) {
	seeds := r.ring.Log()
	return translog.NewLogSigner(origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
}

// close signs the checkpoint with which the old log is closed.
func (r *reopening) close(origin string, head store.Head) ([]byte, error) {
	signer, err := r.signer(origin)
	if err != nil {
		return nil, err
	}
	return translog.SignCheckpoint(translog.Checkpoint{Origin: origin, Size: head.Size, Root: head.Root}, signer)
}

// genesis is leaf 0 of the new log.
func (r *reopening) genesis(closed string, head store.Head) (*translog.Genesis, error) {
	leaf, err := genesisOf(r.cfg.Country, r.dir)
	if err != nil {
		return nil, err
	}
	leaf.Log, leaf.Epoch = r.plan.Next, int64(r.plan.number)
	leaf.PrevLog, leaf.PrevSize, leaf.PrevRoot = closed, head.Size, head.Root
	return leaf, nil
}

// note is the `node` leaf that says so, and what stands beside it.
func (r *reopening) note(done *store.Recovered) (*translog.Node, []byte, error) {
	b, err := json.Marshal(&recoverNote{Ground: r.opts.Ground, By: r.opts.By, Plan: r.plan, Closed: done.Closed.Size, Moved: done.Moved, Base: done.Log.Base})
	if err != nil {
		return nil, nil, err
	}
	return &translog.Node{Event: translog.NodeRecover, Program: programCode(), Digest: sha256.Sum256(b)}, b, nil
}

// RecoverReport returns the report of the last recovery of a node that does not run; store.ErrNotFound when there was none.
func RecoverReport(cfg *configs.Node, lock keyring.Lock) (report *recovery.Report, err error) {
	ring, err := keyring.OpenRing(cfg.RingFile(), lock)
	if err != nil {
		return nil, err
	}
	_, err = store.Look(StoreOptions(cfg, ring), func(r *store.Reader, _ store.Log) (err error) {
		report, err = recovery.ReadReport(r)
		return err
	})
	return report, err
}

// GiveUp has the recovery of a node that does not run wait for a peer no more: at its next start what does not come back from the peer is named as lost.
// It returns store.ErrNotFound when nothing is waited for.
func GiveUp(ctx context.Context, cfg *configs.Node, lock keyring.Lock, peer string) (err error) {
	ring, err := keyring.OpenRing(cfg.RingFile(), lock)
	if err != nil {
		return err
	}
	s, err := store.Open(StoreOptions(cfg, ring))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, err = s.Update(ctx, func(tx *store.Tx) error {
		row, ok, err := tx.Recovery(peer)
		if err != nil {
			return err
		}
		if !ok || row.GetStage() == store.StageDone {
			return fmt.Errorf("waiting for %s: %w", peer, store.ErrNotFound)
		}
		return tx.GiveUp(peer)
	})
	return err
}

// closeLogs takes up the logs that peers have closed.
func (n *node) closeLogs() error {
	return n.store.View(func(r *store.Reader) error {
		var bad error
		if err := r.EachPeerLog(func(origin string, row *storev1.PeerLog) bool {
			if len(row.GetKeys()) != 2 {
				return true
			}
			log, err := translog.ParseLogVerifier(row.GetKeys()[0], row.GetKeys()[1])
			if err != nil {
				bad = fmt.Errorf("reading the keys of %s: %w", origin, err)
				return false
			}
			n.book.Close(peers.Closed{Country: row.GetPeer(), Log: log, Size: int64(row.GetSize())})
			return true
		}); err != nil {
			return err
		}
		return bad
	})
}
