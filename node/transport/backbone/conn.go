package backbone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/call"
)

// Options say how a country reaches the backbone.
type Options struct {
	// Country is this node's code. The user that Servers know the connection by must have [Permissions] of it.
	Country string
	// Servers are URLs, tls://host:4222; one is enough, the others of a cluster are learnt.
	Servers []string
	// TLS holds the client certificate that names the country's user and the roots that the servers' certificates chain to.
	TLS *tls.Config
	// Calls bound the online lane.
	Calls transport.CallOptions
	// Log gets connection changes and the backbone's complaints. Nil discards them.
	Log *slog.Logger
}

// Conn is a [transport.Net] over NATS and JetStream. Its methods may be called by several goroutines.
type Conn struct {
	*call.Endpoint
	line *call.Line
	self string
	nc   *nats.Conn
	js   jetstream.JetStream
	log  *slog.Logger

	subscribed  chan struct{} // closed when Open has subscribed
	lastFailure string        // owned by the client's callback goroutine

	mu    sync.Mutex
	pulls map[string]*puller // by sender
}

var _ transport.Net = (*Conn)(nil)

const (
	ackTimeout = 5 * time.Second // for the backbone's answer to a publish, pull or get

	minRetry = 250 * time.Millisecond // between attempts to connect
	maxRetry = 2 * time.Second
)

// Open connects in the background and for ever: a backbone away at start is no error. Errors are those of the options.
func Open(o Options) (*Conn, error) {
	if err := transport.CheckCountry(o.Country); err != nil {
		return nil, err
	}
	n := &Conn{self: o.Country, log: o.Log, pulls: map[string]*puller{}, subscribed: make(chan struct{})}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	w := &wire{self: o.Country}
	n.Endpoint, n.line = call.New(o.Country, w, o.Calls)
	opts := []nats.Option{
		nats.Name("rogatory " + o.Country),
		nats.CustomInboxPrefix(inboxPrefix(o.Country)),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		// The second refusal of credentials would otherwise end the connection for good; an operator may yet mend them.
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(func(int) time.Duration {
			return minRetry + rand.N(maxRetry-minRetry)
		}),
		// Nothing is kept while disconnected: the outbox is the buffer, and calls should fail at once.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(5 * time.Second),
		nats.ConnectHandler(n.up),
		nats.ReconnectHandler(n.up),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { n.tryFailed(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { n.down(err) }),
		nats.ClosedHandler(func(*nats.Conn) { n.down(transport.ErrClosed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			n.log.Warn("backbone complains", "error", err)
		}),
	}
	if o.TLS != nil {
		opts = append(opts, nats.Secure(o.TLS))
	}
	nc, err := nats.Connect(strings.Join(o.Servers, ","), opts...)
	if err != nil {
		return nil, fmt.Errorf("opening the backbone connection: %w", err)
	}
	n.nc, w.nc = nc, nc
	if n.js, err = jetstream.New(nc); err != nil {
		close(n.subscribed)
		nc.Close()
		return nil, fmt.Errorf("opening the backbone connection: %w", err)
	}
	err = n.subscribe(o.Country)
	close(n.subscribed)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("opening the backbone connection: %w", err)
	}
	return n, nil
}

// subscribe listens to the online lane. The client repeats subscriptions after each reconnect.
func (n *Conn) subscribe(self string) error {
	for _, l := range []call.Lane{call.LaneCall, call.LaneReply} {
		sub, err := n.nc.Subscribe(subject(self, l, "*"), func(m *nats.Msg) {
			if from, err := sender(m.Subject); err == nil {
				n.line.Deliver(l, from, m.Data)
			}
		})
		if err != nil {
			return err
		}
		if err := sub.SetPendingLimits(1<<16, 4*call.Window); err != nil {
			return err
		}
	}
	return nil
}

// up and down run on the client's callback goroutine, in order.
func (n *Conn) up(nc *nats.Conn) {
	n.lastFailure = ""
	<-n.subscribed
	// Connected means that peers' calls arrive: the server has answered after it took the subscriptions.
	if err := nc.FlushTimeout(ackTimeout); err != nil {
		n.log.Warn("backbone does not answer", "error", err)
	}
	if nc.IsConnected() && n.line.Set(true) { // otherwise up comes again
		n.log.Info("backbone connected", "server", nc.ConnectedUrlRedacted())
	}
}

func (n *Conn) down(err error) {
	if n.line.Set(false) {
		n.log.Warn("backbone disconnected", "error", err)
	}
}

// tryFailed logs why connecting fails, once for each reason in a row. It runs where up and down do.
func (n *Conn) tryFailed(err error) {
	if text := err.Error(); text != n.lastFailure {
		n.lastFailure = text
		n.log.Warn("backbone cannot be reached, trying again", "error", err)
	}
}

// Close ends the connection; it does not wait for handlers, Serve does.
func (n *Conn) Close() error {
	n.line.Close()
	n.nc.Close()
	return nil
}

// clientError turns an error of the NATS client into one of this package.
func clientError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrBadSubscription):
		return transport.ErrClosed
	case errors.Is(err, nats.ErrMaxPayload):
		return transport.ErrTooLarge
	}
	return fmt.Errorf("%w: %w", transport.ErrUnavailable, err)
}

// natsWire carries the online lane's frames as plain NATS messages.
type wire struct {
	nc   *nats.Conn
	self string
}

// Send names no reply subject: across accounts, no server tells that nobody listens, and it would keep a route for the answer.
func (w *wire) Send(l call.Lane, to string, frame []byte) error {
	if !w.nc.IsConnected() {
		return transport.ErrUnavailable
	}
	return clientError(w.nc.Publish(subject(to, l, w.self), frame))
}

// MaxFrame is what the server announced, within what this package would use anyway.
func (w *wire) MaxFrame() int {
	announced := w.nc.MaxPayload()
	if announced < 4<<10 {
		announced = 4 << 10 // not connected yet, or a server nobody could use
	}
	return int(min(announced, 1<<20))
}

// untilLost returns a context that ends, with cause ErrUnavailable or ErrClosed, when the connection is lost or closed.
func (n *Conn) untilLost(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	changed := n.Changed()
	if err := n.line.Ready(); err != nil {
		cancel(err)
	} else {
		go func() {
			select {
			case <-changed:
				err := n.line.Ready()
				if err == nil {
					err = transport.ErrUnavailable
				}
				cancel(err)
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(context.Canceled) }
}
