package node_test

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/memory"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	deadline = 60 * time.Second
	name     = "test.example"
)

// federationOf is a few countries with real stores on a backbone in memory.
type federationOf struct {
	t    *testing.T
	dir  string
	net  *memory.Backbone
	node map[string]*country
	// directory is the version in force, nil before the first was signed.
	directory *federation.Directory
}

// country is one node: its folder outlives its runs.
type country struct {
	f      *federationOf
	code   string
	dir    string
	config string
	stop   func() error // nil while it does not run
}

// federate sets up countries, each with units police and fiu, and signs their directory. Nobody runs yet.
func federate(t *testing.T, codes ...string) *federationOf {
	t.Helper()
	return federateBy(t, nil, codes...)
}

// federateBy is federate; change, unless nil, may alter the directory before it is signed.
func federateBy(t *testing.T, change func(*rogatoryv1.Directory), codes ...string) *federationOf {
	t.Helper()
	dir, err := os.MkdirTemp("", "rog") // short: the path of a socket has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	f := &federationOf{t: t, dir: dir, node: map[string]*country{}, net: memory.New(memory.Options{Seed: 1}, codes...)}
	now := time.Now()
	draft := &rogatoryv1.Directory{
		Federation: name, ValidFromMs: uint64(now.Add(-time.Hour).UnixMilli()), ValidUntilMs: uint64(now.Add(10000 * time.Hour).UnixMilli()),
		Threshold: uint32(len(codes)/2 + 1), Tzdata: "2026a",
	}
	for _, code := range codes {
		c := &country{f: f, code: code, dir: filepath.Join(dir, code)}
		made, err := setup.Init(setup.Options{
			Dir: c.dir, Country: code, Federation: name, Zone: rules.DefaultZones()[code],
			Units: []setup.Unit{{Name: "police"}, {Name: "fiu"}},
			Lock:  keyring.Plain(), Insecure: true, NATS: []string{"nats://127.0.0.1:4222"}, InsecureNATS: true,
			Round: time.Second, Now: now,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.config = made.Config
		draft.Members = append(draft.Members, made.Member)
		f.node[code] = c
	}
	if change != nil {
		change(draft)
	}
	f.sign(draft)
	t.Cleanup(func() {
		for _, c := range f.node {
			c.halt()
			c.check()
		}
	})
	return f
}

// sign has every member sign the next version of the directory and installs it everywhere.
func (f *federationOf) sign(draft *rogatoryv1.Directory) {
	f.t.Helper()
	signed, err := federation.Propose(f.directory, draft)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range f.node {
		ring, err := keyring.OpenRing(filepath.Join(c.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
		if err != nil {
			f.t.Fatal(err)
		}
		if signed, err = federation.SignDirectory(f.directory, signed, c.code, ring.Identity()); err != nil {
			f.t.Fatal(err)
		}
	}
	_, digest, err := federation.ReadDirectory(signed)
	if err != nil {
		f.t.Fatal(err)
	}
	if f.directory == nil {
		f.directory, err = federation.ParseDirectory(signed, digest)
	} else {
		f.directory, err = federation.Advance(f.directory, signed, time.Now())
	}
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range f.node {
		cfg := c.load()
		if err := errors.Join(
			os.WriteFile(cfg.Directory, signed, 0o644),
			os.WriteFile(cfg.Pin, []byte(hex.EncodeToString(digest[:])+"\n"), 0o644),
		); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (c *country) load() *configs.Node {
	c.f.t.Helper()
	cfg, err := configs.Load(c.config)
	if err != nil {
		c.f.t.Fatal(err)
	}
	return cfg
}

// start runs the node and waits until it answers. change may alter its configuration.
func (c *country) start(change ...func(*configs.Node)) {
	c.f.t.Helper()
	cfg := c.load()
	for _, f := range change {
		f(cfg)
	}
	logger := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- node.Run(ctx, cfg, node.Options{
			Lock: keyring.Plain(), Logger: logger, Ready: func() { close(ready) },
			Net: func(o transport.CallOptions) (transport.Net, error) { return c.f.net.PortWith(c.code, o), nil },
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		c.f.t.Fatalf("%s stopped at its start: %v", c.code, err)
	}
	c.stop = func() error {
		cancel()
		return <-done
	}
}

// halt stops the node, if it runs.
func (c *country) halt() {
	c.f.t.Helper()
	if c.stop == nil {
		return
	}
	if err := c.stop(); err != nil {
		c.f.t.Errorf("%s stopped with: %v", c.code, err)
	}
	c.stop = nil
}

// open opens the store of a node that does not run.
func (c *country) open() *store.Store {
	c.f.t.Helper()
	ring, err := keyring.OpenRing(filepath.Join(c.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
	if err != nil {
		c.f.t.Fatal(err)
	}
	s, err := store.Open(node.StoreOptions(c.load(), ring))
	if err != nil {
		c.f.t.Fatal(err)
	}
	return s
}

// check holds everything in the store against everything else.
func (c *country) check() {
	c.f.t.Helper()
	if _, err := os.Stat(c.load().MainDB()); err != nil {
		return
	}
	s := c.open()
	if err := s.Check(context.Background()); err != nil {
		c.f.t.Errorf("store of %s: %v", c.code, err)
	}
	if err := s.Close(); err != nil {
		c.f.t.Error(err)
	}
}

// founder returns a client as the country's first or second founder.
func (c *country) founder(n int) *client.Client {
	c.f.t.Helper()
	keys, err := filepath.Glob(filepath.Join(c.dir, setup.PeopleFolder, "*founder-"+string(rune('0'+n))+"*.key"))
	if err != nil || len(keys) == 0 {
		c.f.t.Fatalf("no key of founder %d in %s: %v", n, c.dir, err)
	}
	officer, err := client.OpenOfficer(keys[0], keyring.Plain())
	if err != nil {
		c.f.t.Fatal(err)
	}
	cl, err := client.Dial(client.Options{Socket: c.load().Socket, Officer: officer})
	if err != nil {
		c.f.t.Fatal(err)
	}
	c.f.t.Cleanup(func() { _ = cl.Close() })
	return cl
}

// status asks the node how it is.
func (c *country) status() *nodev1.StatusResponse {
	c.f.t.Helper()
	cl, err := client.Dial(client.Options{Socket: c.load().Socket})
	if err != nil {
		c.f.t.Fatal(err)
	}
	defer cl.Close()
	s, err := cl.Operator.Status(context.Background(), &nodev1.StatusRequest{})
	if err != nil {
		c.f.t.Fatal(err)
	}
	return s
}

// cleared waits until the node's peers have confirmed its head.
func (c *country) cleared() {
	c.f.t.Helper()
	c.f.until("clearing of "+c.code, func() bool { return c.status().GetCleared() })
}

// until waits for something that is bound to become true, and fails after the deadline.
func (f *federationOf) until(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("waited %v for %s", deadline, what)
		}
	}
}

// example reads a request file of the public examples.
func example(t *testing.T, file string) *rogatoryv1.RequestFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "configs", "examples", file))
	if err != nil {
		t.Fatal(err)
	}
	f, err := lint.ParseFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// row returns a case as a client lists it, or nil.
func row(t *testing.T, cl *client.Client, token string) *nodev1.CaseRow {
	t.Helper()
	list, err := cl.List(context.Background(), &nodev1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list.GetCases() {
		if r.GetCaseToken() == token {
			return r
		}
	}
	return nil
}

// inState waits until a case is in a state.
func (f *federationOf) inState(cl *client.Client, token, state string) {
	f.t.Helper()
	last := ""
	defer func() {
		if f.t.Failed() {
			f.t.Logf("case %s was %q last", token, last)
		}
	}()
	f.until("case "+token+" to be "+state, func() bool {
		if r := row(f.t, cl, token); r != nil {
			last = r.GetState()
		}
		return last == state
	})
}
