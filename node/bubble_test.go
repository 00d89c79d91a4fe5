package node_test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// inside is a node in a bubble of synctest: no sockets, time moves by itself.
type inside struct {
	*country
	desk nodev1.DeskServiceServer
	op   nodev1.OperatorServiceServer
	key  *keyring.Officer
	who  string
	wait func(time.Duration) error // until the node stops by itself
}

// run starts the node in the bubble; its units send by one officer.
func (c *country) run(change ...func(*configs.Node)) *inside {
	c.f.t.Helper()
	in, err := c.tryRun(change...)
	if err != nil {
		c.f.t.Fatalf("%s stopped at its start: %v", c.code, err)
	}
	return in
}

// startErr starts the node and returns why it stops at once.
func (c *country) startErr() error {
	c.f.t.Helper()
	in, err := c.tryRun()
	if err == nil {
		in.halt()
	}
	return err
}

func (c *country) tryRun(change ...func(*configs.Node)) (*inside, error) {
	c.f.t.Helper()
	cfg := c.load()
	alone(cfg)
	cfg.Round = time.Minute // days pass in a bubble
	for _, f := range change {
		f(cfg)
	}
	in := &inside{country: c}
	ctx, cancel := context.WithCancel(context.Background())
	served, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- node.Run(ctx, cfg, node.Options{
			Lock: keyring.Plain(), Logger: verbose(),
			Net: func(o transport.CallOptions) (transport.Net, error) { return c.f.net.PortWith(c.code, o), nil },
			Serve: func(d nodev1.DeskServiceServer, op nodev1.OperatorServiceServer) {
				in.desk, in.op = d, op
				close(served)
			},
		})
	}()
	select {
	case <-served:
	case err := <-done:
		cancel()
		return nil, err
	}
	c.stop = func() error {
		cancel()
		return <-done
	}
	in.wait = func(d time.Duration) error {
		defer cancel()
		c.stop = nil
		select {
		case err := <-done:
			return err
		case <-time.After(d):
			cancel()
			return errors.Join(errStillRuns, <-done)
		}
	}
	keys, err := filepath.Glob(filepath.Join(c.dir, setup.PeopleFolder, "*founder-1*.key"))
	if err != nil || len(keys) != 1 {
		c.f.t.Fatalf("keys of the founder: %v %v", keys, err)
	}
	if in.key, err = keyring.OpenOfficer(keys[0], keyring.Plain()); err != nil {
		c.f.t.Fatal(err)
	}
	officers, err := in.desk.Officers(context.Background(), &nodev1.OfficersRequest{})
	if err != nil {
		c.f.t.Fatal(err)
	}
	for _, o := range officers.GetOfficers() {
		if public := in.key.Public(); slices.Equal(o.GetPublicKey(), public[:]) {
			in.who = o.GetPseudonym()
		}
	}
	return in, nil
}

var errStillRuns = errors.New("node still runs")

// sign makes an assertion of an act outside Prepare.
func (in *inside) sign(act *rogatoryv1.Act) *rogatoryv1.Assertion {
	in.f.t.Helper()
	act.Actor = in.who
	var nonce [16]byte
	crand.Read(nonce[:])
	b, err := federation.NewAct(act, nonce, time.Now())
	if err != nil {
		in.f.t.Fatal(err)
	}
	a, err := federation.SignAct(b, in.key)
	if err != nil {
		in.f.t.Fatal(err)
	}
	return a
}

// verbose logs to the terminal when the tests do.
func verbose() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	return slog.New(slog.DiscardHandler)
}

// alone lets every unit send by one officer, so that a test needs no approver.
func alone(cfg *configs.Node) {
	for i := range cfg.Units {
		cfg.Units[i].FourEyes = false
	}
}

// send prepares, signs and commits a file and returns its case.
func (in *inside) send(f *rogatoryv1.RequestFile) (string, error) {
	ctx := context.Background()
	r := &nodev1.PrepareRequest{Actor: in.who, File: f}
	if f.GetCaseToken() != "" {
		r.Reading = in.sign(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: f.GetCaseToken(), Reason: "drafting"})
	}
	p, err := in.desk.Prepare(ctx, r)
	if err != nil {
		return "", err
	}
	if len(p.GetAct()) == 0 {
		return "", fmt.Errorf("linter: %v", p.GetFindings())
	}
	a, err := federation.SignAct(p.GetAct(), in.key)
	if err != nil {
		return "", err
	}
	done, err := in.desk.Commit(ctx, &nodev1.CommitRequest{Assertion: a, Messages: p.GetMessages()})
	if err != nil {
		return "", err
	}
	return done.GetCases()[0].GetCaseToken(), nil
}

// settled waits, in the bubble's time, until nothing waits in any outbox, or for a number.
func settled(t *testing.T, nodes []*inside) {
	t.Helper()
	for end := time.Now().Add(24 * time.Hour); ; time.Sleep(time.Second) {
		waiting := uint64(0)
		for _, in := range nodes {
			s, err := in.op.Status(context.Background(), &nodev1.StatusRequest{})
			if err != nil {
				t.Fatal(err)
			}
			waiting += s.GetOutbox() + s.GetHeld()
		}
		if waiting == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages without a receipt after a day", waiting)
		}
	}
}

// seeds of the storms; many_test.go has more.
var seeds = []uint64{1}

// Three nodes send one another requests while links are cut, frames are lost, repeated and reordered, and nodes restart. In the end each
// message has exactly one effect and one receipt.
func TestEveryMessageHasOneEffectWhateverTheBackboneDoes(t *testing.T) {
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { storm(t, seed) }) })
	}
}

func storm(t *testing.T, seed uint64) {
	time.Sleep(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))) // a bubble begins in 2000, the examples are younger
	codes := []string{"RS", "BG", "HU"}
	f := federate(t, codes...)
	random := rand.New(rand.NewPCG(seed, 7))
	var nodes []*inside
	for _, code := range codes {
		nodes = append(nodes, f.node[code].run())
	}
	f.net.Duplicate(0.2)
	f.net.Reorder(0.2)
	f.net.Drop(0.1)
	sent := map[string]string{} // case token to "from-to"
	for range 100 {
		i := random.IntN(3)
		j := (i + 1 + random.IntN(2)) % 3
		switch random.IntN(6) {
		case 0:
			f.net.Cut(codes[i], codes[j])
		case 1:
			f.net.Heal(codes[i], codes[j])
		case 2:
			nodes[i].halt()
			time.Sleep(time.Duration(random.IntN(600)) * time.Second)
			nodes[i] = f.node[codes[i]].run()
		default:
			file := example(t, "police-request-normal.json")
			file.To, file.FromUnit = []string{codes[j] + "/police"}, "police"
			token, err := nodes[i].send(file)
			if err != nil {
				t.Fatalf("sending from %s: %v", codes[i], err)
			}
			sent[token] = codes[i] + "-" + codes[j]
		}
		time.Sleep(time.Duration(random.IntN(30)) * time.Second)
	}
	for i := range codes {
		for j := range codes {
			f.net.Heal(codes[i], codes[j])
		}
	}
	f.net.Drop(0)
	settled(t, nodes)
	for _, in := range nodes {
		in.halt()
	}
	oneEffect(t, f, sent)
}

// oneEffect compares what was sent with what all stores say.
func oneEffect(t *testing.T, f *federationOf, sent map[string]string) {
	t.Helper()
	type trace struct{ out, in, receipts int }
	found := map[string]*trace{}
	at := func(token string) *trace {
		if found[token] == nil {
			found[token] = &trace{}
		}
		return found[token]
	}
	for _, c := range f.node {
		s := c.open()
		err := s.View(func(r *store.Reader) error {
			var bad error
			receipts := map[translog.Hash]int{}
			r.Leaves(0, func(_ int64, raw []byte) bool {
				leaf, err := translog.ParseLeaf(raw)
				bad = errors.Join(bad, err)
				if rcpt, ok := leaf.Entry.(*translog.Rcpt); ok {
					receipts[rcpt.Of]++
				}
				return true
			})
			return errors.Join(bad, r.EachMessage(0, func(_ int64, m *storev1.LoggedMessage) bool {
				if m.GetOutgoing() {
					at(m.GetCaseToken()).out++
					at(m.GetCaseToken()).receipts += receipts[translog.Hash(m.GetMsg())]
				} else {
					at(m.GetCaseToken()).in++
				}
				return true
			}))
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for token, way := range sent {
		if *at(token) != (trace{1, 1, 1}) {
			t.Errorf("%s (%s) has %+v, not one of each", token, way, *at(token))
		}
	}
	if len(found) != len(sent) {
		t.Errorf("%d cases in the stores, %d were sent", len(found), len(sent))
	}
}
