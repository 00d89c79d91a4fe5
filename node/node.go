// Package node is one country's node: it opens the store, joins the backbone, and runs until its context ends.
//
// The parts, each a package of its own:
//
//	store     what must not be lost, and the signed log above it
//	peers     what is known of the other members now
//	post      the durable lane: messages until their receipts are here
//	online    the short sealed calls between nodes: heads, manifests, attachments, what is given back after a rollback
//	witness   what makes every member a witness of every other one's log
//	desk      officers and agencies, and what messages do to cases
//	transport the backbone
//
// Run holds the life cycle. At the start the node is uncleared: until its peers have confirmed the head of its log it signs no
// checkpoint, numbers no message and takes none. An error of Run means stop; the start is the repair.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/online"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/online/seal"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// Version is the program's version, set by the linker at release.
var Version = "0.1.0"

// Options are what a configuration file does not say. The zero value is what a daemon uses.
type Options struct {
	// Lock opens the key ring.
	Lock keyring.Lock
	// Logger receives what the process says about itself; nil discards it.
	Logger *slog.Logger
	// Net, when set, makes the backbone instead of NATS: tests use an in-memory one.
	Net func(transport.CallOptions) (transport.Net, error)
	// Serve, when set, is given the services instead of a socket: for programs that hold a node within themselves.
	Serve func(nodev1.DeskServiceServer, nodev1.OperatorServiceServer)
	// Step, when set, is called at each step of store and post. Tests crash there.
	Step func(point string)
	// Ready, when set, is called when the node answers at its socket.
	Ready func()
}

// GCPercent is the collector's setting (debug.SetGCPercent) for a process that is a node and nothing else. A message's garbage is short-lived and the
// live heap small: a seventh of the CPU for some 80 MiB under full load, and nothing for an idle node; `go run ./scripts/bench exchange` shows it.
const GCPercent = 400

// drain is how long calls that are under way may take when the node stops.
const drain = 5 * time.Second

// node is what Run puts together.
type node struct {
	cfg     *configs.Node
	opts    Options
	log     *slog.Logger
	started time.Time

	ring    *keyring.Ring
	sealing *keyring.SealingKeys
	signer  *translog.LogSigner
	store   *store.Store
	book    *peers.Book
	desk    *desk.Desk
	office  *post.Office
	lane    *online.Lane
	net     transport.Net
}

// Run runs a node until ctx ends; then it drains and returns nil. Any other error is why it stopped.
func Run(ctx context.Context, cfg *configs.Node, opts Options) (err error) {
	n := &node{cfg: cfg, opts: opts, log: opts.Logger, started: time.Now()}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.log = n.log.With("node", cfg.Country)
	if err := n.open(ctx); err != nil {
		return errors.Join(err, n.close())
	}
	defer func() { err = errors.Join(err, n.close()) }()
	err = n.run(ctx)
	if errors.Is(err, rollback.Err) {
		_, noted := n.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.NoteRollback(err.Error()) })
		err = errors.Join(err, noted)
	}
	return err
}

// open opens everything that may refuse to open, in the order in which a person would mend it: keys, directory, store, backbone.
func (n *node) open(ctx context.Context) error {
	var err error
	if n.ring, err = keyring.OpenRing(n.cfg.RingFile(), n.opts.Lock); err != nil {
		return err
	}
	if n.sealing, err = n.ring.OpenSealing(n.cfg.SealingFile()); err != nil {
		return err
	}
	dir, err := readDirectory(n.cfg)
	if err != nil {
		return err
	}
	opts := StoreOptions(n.cfg, n.ring)
	opts.Logger, opts.Step = n.log, n.opts.Step
	if err := n.checkMember(dir); err != nil {
		return err
	}
	if n.store, err = store.Open(opts); err != nil {
		return err
	}
	if err := n.checkLog(dir); err != nil {
		return err
	}
	if n.signer, err = n.signerOf(n.store.Log().Origin); err != nil {
		return err
	}
	n.book = peers.New(n.cfg.Country, dir)
	if err := n.closeLogs(); err != nil {
		return err
	}
	if err := n.begin(ctx, dir); err != nil {
		return err
	}
	if n.desk, err = desk.New(desk.Config{Node: n.cfg, Store: n.store, Peers: n.book, Logger: n.log}); err != nil {
		return err
	}
	return n.join()
}

// StoreOptions are those that a node opens its store with: whose it is, by the configuration, and its units' keys, from the ring. Whoever
// looks into the store of a node that does not run opens it so too.
func StoreOptions(cfg *configs.Node, ring *keyring.Ring) store.Options {
	return store.Options{
		Dir: cfg.Data, GuardPath: cfg.Guard, Country: cfg.Country,
		Origin: federation.Origin(cfg.Federation, cfg.Country, 1), Epoch: 1,
		UnitKeys: func(unit string) (store.UnitKey, error) {
			secret, ok := ring.UnitKey(unit)
			if !ok {
				return store.UnitKey{}, fmt.Errorf("unit %s has no key in the ring: %w", unit, store.ErrKey)
			}
			return store.UnitKey(secret.Bytes()), nil
		},
	}
}

// join connects to the backbone; one that is away is no error.
func (n *node) join() error {
	sealer := seal.New(n.book, n.ring.Identity, n.sealing)
	calls := transport.CallOptions{Sealer: sealer}
	var err error
	if n.net, err = n.openNet(calls, n.opts.Net); err != nil {
		return err
	}
	n.office = post.New(post.Config{
		Country: n.cfg.Country, Store: n.store, Net: n.net, Peers: n.book,
		Identity: n.ring.Identity, Sealing: n.sealing, Log: n.signer, Desk: n.desk, Logger: n.log,
		OutboxPerPeer: n.cfg.Limits.OutboxPerPeer, ParkedMax: n.cfg.Limits.ParkedMax, CapacityPerHour: n.cfg.CapacityPerHour,
		Seen: func(peer string, cp translog.Checkpoint, note []byte) { n.lane.Watch().See(peer, cp, note) },
		Room: n.desk.Room, Step: n.opts.Step,
	})
	seeds := n.ring.Witness()
	origin := n.signer.Verifier().Origin()
	var closed []string
	for number := range n.store.Log().Number - 1 {
		closed = append(closed, federation.Origin(n.cfg.Federation, n.cfg.Country, number+1))
	}
	witness, err := translog.NewWitnessSigner(n.cfg.Federation+"/"+n.cfg.Country+"/witness", origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes(), closed...)
	if err != nil {
		return err
	}
	n.lane = online.New(online.Config{
		Node: n.cfg, Epoch: n.store.Log().Epoch, Store: n.store, Net: n.net, Peers: n.book, Ring: n.ring, Sealing: n.sealing,
		Log: n.signer, Witness: witness, Office: n.office, Version: Version, Logger: n.log,
		Gaps: n.office.Resend, Whole: n.office.Prove, Recovery: n.office,
	})
	if err := n.lane.BarLost(); err != nil {
		return err
	}
	n.desk.Connect(n.office)
	n.desk.Pull, n.desk.FetchNow = n.lane.Attachments().Pull, n.lane.Attachments().FetchNow
	n.lane.Register(n.net)
	return nil
}

// openNet opens the backbone: the one that a test gives, or NATS.
func (n *node) openNet(calls transport.CallOptions, given func(transport.CallOptions) (transport.Net, error)) (transport.Net, error) {
	if given != nil {
		return given(calls)
	}
	return n.openNATS(calls)
}

func (n *node) openNATS(calls transport.CallOptions) (transport.Net, error) {
	var tlsConfig *tls.Config
	if !n.cfg.NATS.Insecure {
		var err error
		if tlsConfig, err = backbone.LoadTLS(n.cfg.NATS.Cert, n.cfg.NATS.Key, n.cfg.NATS.CA); err != nil {
			return nil, err
		}
	}
	return backbone.Open(backbone.Options{
		Country: n.cfg.Country, Servers: n.cfg.NATS.URLs, TLS: tlsConfig, Calls: calls, Log: n.log,
	})
}

// run serves until ctx ends or a part fails.
func (n *node) run(ctx context.Context) error {
	var servers []*server
	if n.opts.Serve != nil {
		n.opts.Serve(n.desk, &operator{n})
	} else {
		var err error
		if servers, err = n.listen(); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range servers {
		g.Go(func() error {
			if err := s.Serve(s.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("serving %s: %w", s.listener.Addr(), err)
			}
			return nil
		})
	}
	g.Go(func() error { return n.office.Run(ctx) })
	g.Go(func() error { return n.desk.Run(ctx) })
	g.Go(func() error { return n.lane.Run(ctx) })
	g.Go(func() error { return n.watchDirectory(ctx) })
	g.Go(func() error {
		if err := n.net.Serve(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	})
	g.Go(func() error {
		select {
		case <-n.office.WhenCleared():
		case <-ctx.Done():
			return nil
		}
		if err := n.desk.Release(ctx); err != nil {
			n.log.Error("an approved message could not be sent; it is tried again", "err", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		stopServers(servers)
		return nil
	})
	if n.opts.Ready != nil {
		n.opts.Ready()
	}
	n.log.Info("node runs", "version", Version, "log_size", n.store.Head().Size, "directory", n.book.Directory().Version())
	return g.Wait()
}

// close closes what open opened. The last leaf says that the node stopped.
func (n *node) close() error {
	var errs []error
	if n.net != nil {
		errs = append(errs, n.net.Close())
	}
	if n.store != nil {
		if _, err := n.store.Update(context.Background(), func(tx *store.Tx) error {
			if tx.Size() == 0 {
				return nil
			}
			if err := tx.ReturnNumbers(); err != nil {
				return err
			}
			_, err := tx.Append(&translog.Node{Event: translog.NodeStop, Program: programCode()})
			return err
		}); err != nil && !errors.Is(err, store.ErrBroken) {
			errs = append(errs, err)
		} else if err == nil && n.office != nil {
			if err := n.keepCheckpoint(context.Background()); err != nil && !errors.Is(err, post.ErrUncleared) {
				errs = append(errs, err)
			}
		}
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

// server is a gRPC server and what it listens on.
type server struct {
	*grpc.Server
	listener net.Listener
}

func stopServers(servers []*server) {
	for _, s := range servers {
		stopped := make(chan struct{})
		go func() {
			s.GracefulStop()
			close(stopped)
		}()
		select {
		case <-stopped:
		case <-time.After(drain):
			s.Stop()
			<-stopped
		}
		if s.listener.Addr().Network() == "unix" {
			_ = os.Remove(s.listener.Addr().String())
		}
	}
}
