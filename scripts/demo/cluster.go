package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/broker"
)

// federationName names the demo's federation; the name is reserved for examples (RFC 2606).
const federationName = "rogatory.example"

const (
	hubFolder = "hub"
	// round is how often heads of logs are exchanged: a demo waits for nothing.
	round = 2 * time.Second
	// patience bounds the start and the end of all nodes together.
	patience = 2 * time.Minute
	// witnessPatience is how long cosignatures are waited for at the end.
	witnessPatience = 10 * round
	// lastPatience is how long receipts are waited for after an interrupt.
	lastPatience = 10 * time.Second
	// maxSocket is the longest path that a unix socket can have everywhere.
	maxSocket = 100
)

// members is the demo's federation.
var members = []string{"AL", "BA", "BG", "GR", "HU", "IT", "ME", "MK", "RO", "RS", "SI", "TR"}

var (
	errForeign  = errors.New("the folder is not empty and holds no demo; name another, or one that does not exist yet")
	errHalf     = errors.New("the folder holds a demo that was never finished; remove the folder and start again")
	errTooLong  = errors.New("the path is too long for a unix socket; name a shorter --dir")
	errTaken    = errors.New("the hub's port is taken: a demo runs on this folder already, or another program has the port")
	errNoMember = errors.New("no such member")
)

// A cluster is a federation in one folder: the hub's, and one for each member. What lies in a member's folder is what `rogatory-node init` and
// `rogatory-node directory` make, so every command of rogatory-node works on it.
type cluster struct {
	dir     string
	members []*member // by country code
	hub     *broker.Broker
}

// openCluster opens the federation in dir, or founds one when the folder is empty or missing. The backbone runs then, the nodes do not.
func openCluster(ctx context.Context, dir string, countries []string) (c *cluster, founded bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, false, err
	}
	c = &cluster{dir: dir}
	if socket := filepath.Join(dir, countries[0], "node.sock"); len(socket) > maxSocket {
		return nil, false, fmt.Errorf("%s: %w", socket, errTooLong)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, false, err
	}
	founded = len(entries) == 0
	if founded {
		err = c.found(ctx, countries)
	} else {
		err = c.reopen(ctx)
	}
	if err != nil {
		return nil, false, errors.Join(err, c.close())
	}
	return c, founded, nil
}

// close stops the backbone.
func (c *cluster) close() error {
	if c.hub != nil {
		c.hub.Shutdown()
		c.hub = nil
	}
	return nil
}

// found makes the hub, every member's folder and the directory that all of them sign. Its last act writes the mark by which reopen knows a whole
// federation.
func (c *cluster) found(ctx context.Context, countries []string) error {
	if err := os.MkdirAll(filepath.Join(c.dir, hubFolder), 0o700); err != nil {
		return err
	}
	if err := c.startHub(ctx, countries, 0); err != nil {
		return err
	}
	authority, err := broker.OpenAuthority(filepath.Join(c.dir, hubFolder))
	if err != nil {
		return err
	}
	c.members = make([]*member, len(countries))
	made := make([]*setup.Made, len(countries))
	var g errgroup.Group
	for i, country := range countries {
		g.Go(func() error {
			m := &member{country: country, dir: filepath.Join(c.dir, country)}
			var err error
			if made[i], err = m.make(c.url(), authority); err != nil {
				return fmt.Errorf("setting up %s: %w", country, err)
			}
			c.members[i] = m
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := c.foundDirectory(made); err != nil {
		return err
	}
	if err := c.load(countries); err != nil {
		return err
	}
	return os.WriteFile(c.mark(), []byte(strings.Join(countries, " ")+"\n"), 0o600)
}

func (c *cluster) mark() string { return filepath.Join(c.dir, hubFolder, "members") }

// reopen opens a federation that an earlier run has founded, at the address that its members' configurations name.
func (c *cluster) reopen(ctx context.Context) error {
	text, err := os.ReadFile(c.mark())
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(c.dir, hubFolder)); err == nil {
			return fmt.Errorf("%s: %w", c.dir, errHalf)
		}
		return fmt.Errorf("%s: %w", c.dir, errForeign)
	}
	if err != nil {
		return err
	}
	countries := strings.Fields(string(text))
	if len(countries) == 0 {
		return fmt.Errorf("%s: %w", c.dir, errHalf)
	}
	if err := c.load(countries); err != nil {
		return err
	}
	u, err := url.Parse(c.members[0].cfg.NATS.URLs[0])
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return fmt.Errorf("reading the hub's port: %w", err)
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		return fmt.Errorf("%w: %w", errTaken, err)
	}
	if err := l.Close(); err != nil {
		return err
	}
	return c.startHub(ctx, countries, port)
}

func (c *cluster) load(countries []string) error {
	c.members = c.members[:0]
	for _, country := range countries {
		m := &member{country: country, dir: filepath.Join(c.dir, country)}
		var err error
		if m.cfg, err = configs.Load(filepath.Join(m.dir, setup.ConfigFile)); err != nil {
			return err
		}
		c.members = append(c.members, m)
	}
	return nil
}

// startHub starts the backbone's server and makes the members' mailboxes.
func (c *cluster) startHub(ctx context.Context, countries []string, port int) error {
	dir := filepath.Join(c.dir, hubFolder)
	authority, err := broker.OpenAuthority(dir)
	if err != nil {
		return err
	}
	server, err := authority.Server("127.0.0.1")
	if err != nil {
		return err
	}
	certificate, err := server.Certificate()
	if err != nil {
		return err
	}
	if c.hub, err = broker.Start(broker.Options{
		Dir: filepath.Join(dir, "jetstream"), Port: port, Countries: countries, Certificate: certificate, Roots: authority.Roots(),
	}); err != nil {
		return fmt.Errorf("on port %d: %w", port, err)
	}
	operator, err := authority.Operator()
	if err != nil {
		return err
	}
	if certificate, err = operator.Certificate(); err != nil {
		return err
	}
	client, err := backbone.ClientTLS(certificate, authority.Roots())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.hub.EnsureStreams(ctx, client, countries, backbone.StreamOptions{})
}

// url is the hub's address as a configuration takes it.
func (c *cluster) url() string {
	_, host, _ := strings.Cut(c.hub.URL(), "://")
	return "tls://" + host
}

// countries lists the members.
func (c *cluster) countries() []string {
	var out []string
	for _, m := range c.members {
		out = append(out, m.country)
	}
	return out
}

// member returns the node of a country.
func (c *cluster) member(country string) (*member, error) {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.country == country })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", country, errNoMember)
	}
	return c.members[i], nil
}

// start starts every node, and returns when each answers and its peers have confirmed the head of its log.
func (c *cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.each(func(m *member) error { return m.start(ctx) }); err != nil {
		return err
	}
	return c.each(func(m *member) error { return m.waitCleared(ctx) })
}

// drain waits until no node has a message without receipt, or ctx ends. What does not run is passed over.
func (c *cluster) drain(ctx context.Context) error {
	return c.each(func(m *member) error {
		if !m.running() {
			return nil
		}
		return m.waitEmpty(ctx)
	})
}

// witnessed waits until the newest round head of every node covers all that is not a cosignature itself, and enough others have cosigned it; but not
// longer than some rounds, nor than limit.
func (c *cluster) witnessed(ctx context.Context, limit time.Duration) error {
	limit = min(limit, witnessPatience)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	return c.each(func(m *member) error {
		if !m.running() {
			return nil
		}
		return m.waitWitnessed(ctx)
	})
}

// stop stops every node.
func (c *cluster) stop() error { return c.each((*member).stop) }

// each does something with all members at once.
func (c *cluster) each(do func(*member) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(c.members))
	for i, m := range c.members {
		wg.Go(func() {
			if err := do(m); err != nil {
				errs[i] = fmt.Errorf("node %s: %w", m.country, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
