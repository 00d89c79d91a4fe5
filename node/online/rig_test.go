package online

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/federation/founding"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/online/seal"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/memory"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const testFederation = founding.Federation

// A rig is a federation over a backbone in memory.
type rig struct {
	t     testing.TB
	net   *memory.Backbone
	round time.Duration
	free  configs.Size // what attachments leave free on the disk
	burst int          // how many calls and streams a peer makes at once, 0 for as many as ever
	dir   *federation.Directory
	nodes map[string]*node
}

// A node is one country: what survives a restart, and the process that runs, if one does.
type node struct {
	*founding.Member
	r       *rig
	country string
	folder  string
	ring    *keyring.Ring
	log     *translog.LogSigner
	witness *translog.WitnessSigner
	hollow  bool // numbers were given out without messages: the store is not checked

	step func(point string) // called at each step of the store

	*process
}

type process struct {
	store   *store.Store
	keys    *keyring.SealingKeys
	book    *peers.Book
	sealer  *seal.Sealer
	port    *memory.Port
	office  *office
	lane    *Lane
	cancel  context.CancelFunc
	running sync.WaitGroup
	ended   chan error // of Run
	wholes  chan int64
	gaps    chan []uint64
}

// office signs checkpoints as package post does.
type office struct {
	store   *store.Store
	log     *translog.LogSigner
	cleared atomic.Bool
	clear   chan struct{}
	heard   atomic.Int64
	open    sync.Map // by peer: whether its messages get numbers
}

func (o *office) Checkpoint(size int64) ([]byte, int64, error) {
	if !o.cleared.Load() {
		return nil, 0, errors.New("uncleared")
	}
	head, err := o.store.Guard(context.Background())
	if err != nil {
		return nil, 0, err
	}
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: o.log.Verifier().Origin(), Size: head.Size, Root: head.Root}, o.log)
	return note, head.Size, err
}

func (o *office) Clear() {
	o.cleared.Store(true)
	close(o.clear)
}

func (o *office) Confirm(peer string) { o.open.Store(peer, true) }
func (o *office) Doubt(peer string)   { o.open.Store(peer, false) }

// mayNumber reports whether messages to a peer get numbers.
func (o *office) mayNumber(peer string) bool {
	open, _ := o.open.Load(peer)
	return o.Cleared() && open == true
}

func (o *office) Cleared() bool { return o.cleared.Load() }
func (o *office) Heard(string)  { o.heard.Add(1) }

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// newRig makes nodes that share a directory; none runs.
func newRig(t testing.TB, countries ...string) *rig {
	t.Helper()
	r := &rig{t: t, round: 2 * time.Second, net: memory.New(memory.Options{Seed: 1}, countries...), nodes: map[string]*node{}}
	dir, members := founding.New(t, countries...)
	r.dir = dir
	for c, m := range members {
		r.nodes[c] = &node{r: r, Member: m, country: c, folder: t.TempDir(), ring: m.Ring, log: m.Log, witness: m.Witness}
	}
	return r
}

func (n *node) config() *configs.Node {
	return &configs.Node{
		Country: n.country, Federation: testFederation, Zone: "Europe/Belgrade", Languages: []string{"en"}, Round: n.r.round,
		Limits:          configs.Limits{DiskFree: n.r.free},
		CapacityPerHour: 1000, Regimes: []configs.Regime{"REGIME_EGMONT"},
		Units: []configs.Unit{{Name: "police", Authority: "AUTHORITY_POLICE"}},
	}
}

// open opens what a process opens before it calls anybody.
func (n *node) open() {
	t := n.r.t
	t.Helper()
	n.process = &process{ended: make(chan error, 1), wholes: make(chan int64, 100), gaps: make(chan []uint64, 100)}
	n.store = must(store.Open(store.Options{
		Dir: filepath.Join(n.folder, "data"), GuardPath: filepath.Join(n.folder, "guard"), Country: n.country,
		Origin: n.log.Verifier().Origin(), Epoch: 1,
		UnitKeys: func(unit string) (store.UnitKey, error) { return store.UnitKey(sha256.Sum256([]byte(unit))), nil },
		Step:     n.step,
		Order:    store.DatabaseFirst, // what is copied at a step is one state
	}))(t)
	n.keys = must(n.ring.OpenSealing(filepath.Join(n.folder, keyring.SealingFile)))(t)
	n.book = peers.New(n.country, n.r.dir)
	n.restore()
	n.sealer = seal.New(n.book, n.ring.Identity, n.keys)
	n.port = n.r.net.PortWith(n.country, transport.CallOptions{Sealer: n.sealer})
	n.office = &office{store: n.store, log: n.log, clear: make(chan struct{})}
	n.lane = New(Config{
		Node: n.config(), Epoch: 1, Store: n.store, Net: n.port, Peers: n.book, Ring: n.ring, Sealing: n.keys,
		Log: n.log, Witness: n.witness, Office: n.office, Version: "test", Logger: slog.New(slog.DiscardHandler),
		Gaps:  func(_ string, _ uint32, seqs []uint64) { n.gaps <- seqs },
		Whole: func(_ string, leaf int64) { n.wholes <- leaf },
	})
	if n.r.burst > 0 {
		n.lane.calls.Burst, n.lane.streams.Burst = n.r.burst, n.r.burst
	}
	n.lane.Register(n.port)
}

// restore takes the manifests that were kept into the book, as a node's start does.
func (n *node) restore() {
	n.r.t.Helper()
	if err := n.store.View(func(r *store.Reader) error {
		return r.EachLatestManifest(func(peer string, latest *storev1.LatestManifest, signed []byte) bool {
			n.book.Restore(must(federation.KnownManifest(signed, n.r.dir, [32]byte(latest.GetDigest())))(n.r.t))
			return true
		})
	}); err != nil {
		n.r.t.Fatal(err)
	}
}

// start runs a process; stop or the end of the test ends it.
func (n *node) start() {
	n.r.t.Helper()
	n.open()
	ctx, cancel := context.WithCancel(context.Background())
	p := n.process
	p.cancel = cancel
	p.running.Go(func() { _ = p.port.Serve(ctx) })
	p.running.Go(func() { p.ended <- p.lane.Run(ctx) })
}

// stop ends the process and closes its store, which is checked.
func (n *node) stop() {
	n.r.t.Helper()
	p := n.process
	if p == nil || p.lane == nil {
		return
	}
	if p.cancel != nil {
		p.cancel()
	}
	p.running.Wait()
	p.port.Close()
	if err := p.store.Check(context.Background()); err != nil && !n.hollow {
		n.r.t.Error(n.country, err)
	}
	if err := p.store.Close(); err != nil {
		n.r.t.Error(err)
	}
	n.process = nil
}

// restart is stop and start.
func (n *node) restart() {
	n.stop()
	n.start()
}

func (r *rig) start(countries ...string) {
	for _, c := range countries {
		r.nodes[c].start()
	}
}

func (r *rig) stop() {
	for _, n := range r.nodes {
		n.stop()
	}
	time.Sleep(time.Second) // what is still on its way ends too, as a bubble wants
}

// cleared waits until the node is cleared.
func (n *node) cleared() {
	n.r.t.Helper()
	select {
	case <-n.office.clear:
	case err := <-n.ended:
		n.r.t.Fatalf("%s ended: %v", n.country, err)
	case <-time.After(time.Minute):
		n.r.t.Fatalf("%s is not cleared after a minute", n.country)
	}
}

// append appends a leaf that means nothing.
func (n *node) append() {
	n.r.t.Helper()
	if _, err := n.store.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Append(&translog.Node{Event: translog.NodeStart, Program: "test"})
		return err
	}); err != nil {
		n.r.t.Fatal(err)
	}
}

// number gives a message to a peer the next number, as the durable lane does before it is sent, and returns the number.
func (n *node) number(to string) (seq uint64) {
	n.r.t.Helper()
	n.hollow = true
	if _, err := n.store.Update(context.Background(), func(tx *store.Tx) error {
		epoch, next, _, err := tx.NextOutgoing(to)
		if err != nil {
			return err
		}
		seq = next
		msg := translog.Hash{byte(next)}
		index, err := tx.Append(&translog.Rej{Code: "test", From: to, Msg: msg})
		if err != nil {
			return err
		}
		return tx.PutOutbox(&storev1.OutboxEntry{To: to, Epoch: epoch, Seq: next, Msg: msg[:], LeafIndex: uint64(index)})
	}); err != nil {
		n.r.t.Fatal(err)
	}
	return seq
}

// take notes a message of a peer as arrived, with its proof.
func (n *node) take(from string, epoch uint32, seq uint64) {
	n.r.t.Helper()
	statement, signature := n.r.nodes[from].Statement(n.r.t, n.country, epoch, seq)
	if _, err := n.store.Update(context.Background(), func(tx *store.Tx) error {
		msg := translog.Hash{byte(seq)}
		index, err := tx.Append(&translog.Rej{Code: "test", From: from, Msg: msg})
		if err != nil {
			return err
		}
		if err := tx.PutStatement(index, &storev1.LoggedStatement{Msg: msg[:], Statement: statement, Signature: signature}); err != nil {
			return err
		}
		return tx.PutSeen(from, epoch, seq, seen(msg, index))
	}); err != nil {
		n.r.t.Fatal(err)
	}
}

// published returns the statement of a country as the statement store has it.
func (n *node) published(country string) (b []byte) {
	n.r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = n.port.WatchStatements(ctx, "manifest", func(from string, now []byte) {
		if from == country {
			b = now
		}
	})
	return b
}

// publish puts a statement of a node that does not run into the statement store.
func (n *node) publish(b []byte) {
	n.r.t.Helper()
	n.open()
	if err := n.port.PutStatement(context.Background(), "manifest", b); err != nil {
		n.r.t.Fatal(err)
	}
	n.stop()
}

// rolledBack waits until Run ends with a rollback.
func (n *node) rolledBack() *rollback.Error {
	n.r.t.Helper()
	select {
	case err := <-n.process.ended:
		var found *rollback.Error
		if !errors.Is(err, rollback.Err) || !errors.As(err, &found) {
			n.r.t.Fatalf("%s ended with %v, not with a rollback", n.country, err)
		}
		return found
	case <-time.After(time.Minute):
		n.r.t.Fatalf("%s still runs", n.country)
		return nil
	}
}

// leaves returns what the log says of a kind.
func leaves[E translog.Entry](n *node) []E {
	n.r.t.Helper()
	var list []E
	err := n.store.View(func(r *store.Reader) error {
		list = nil
		var bad error
		r.Leaves(0, func(_ int64, b []byte) bool {
			leaf, err := translog.ParseLeaf(b)
			if err != nil {
				bad = err
				return false
			}
			if e, ok := leaf.Entry.(E); ok {
				list = append(list, e)
			}
			return true
		})
		return bad
	})
	if err != nil {
		n.r.t.Fatal(err)
	}
	return list
}

// copyFolder copies data and guard of a node that does not run.
func (n *node) copyFolder() string {
	n.r.t.Helper()
	to := n.r.t.TempDir()
	if err := os.CopyFS(to, os.DirFS(n.folder)); err != nil {
		n.r.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, keyring.SealingFile), 0o600); err != nil {
		n.r.t.Fatal(err)
	}
	return to
}

type forkProof = storev1.ForkProof

func seen(msg translog.Hash, index int64) *storev1.Seen {
	return &storev1.Seen{Msg: msg[:], LeafIndex: uint64(index)}
}
