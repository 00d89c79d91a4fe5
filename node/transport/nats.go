package transport

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
	"google.golang.org/grpc"
)

// NATSOptions say how a country reaches the backbone.
type NATSOptions struct {
	// Country is this node's code. The user that Servers know the connection by must have [Permissions] of it.
	Country string
	// Servers are URLs, tls://host:4222; one is enough, the others of a cluster are learnt.
	Servers []string
	// TLS holds the client certificate that names the country's user and the roots that the servers' certificates chain to.
	TLS *tls.Config
	// Connect adds options, such as credentials. They come last and win.
	Connect []nats.Option
	// Calls bound the online lane.
	Calls CallOptions
	// Log gets connection changes and the backbone's complaints. Nil discards them.
	Log *slog.Logger
}

// NATS is a [Net] over NATS and JetStream.
type NATS struct {
	*endpoint
	nc  *nats.Conn
	js  jetstream.JetStream
	log *slog.Logger

	subscribed  chan struct{} // closed when OpenNATS has subscribed
	state       state
	lastFailure string // owned by the client's callback goroutine

	mu    sync.Mutex
	pulls map[string]*puller // by sender
}

var _ Net = (*NATS)(nil)

const (
	ackTimeout = 5 * time.Second // for the backbone's answer to a publish, pull or get

	minRetry = 250 * time.Millisecond // between attempts to connect
	maxRetry = 2 * time.Second
)

// OpenNATS connects in the background and for ever: a backbone away at start is no error. Errors are those of the options.
func OpenNATS(o NATSOptions) (*NATS, error) {
	if err := checkCountry(o.Country); err != nil {
		return nil, err
	}
	n := &NATS{log: o.Log, pulls: map[string]*puller{}, subscribed: make(chan struct{})}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.state.init()
	w := &natsWire{self: o.Country}
	n.endpoint = newEndpoint(o.Country, w, o.Calls)
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
		nats.ClosedHandler(func(*nats.Conn) { n.down(ErrClosed) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			n.log.Warn("backbone complains", "error", err)
		}),
	}
	if o.TLS != nil {
		opts = append(opts, nats.Secure(o.TLS))
	}
	nc, err := nats.Connect(strings.Join(o.Servers, ","), append(opts, o.Connect...)...)
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
func (n *NATS) subscribe(self string) error {
	for _, l := range []lane{laneCall, laneReply} {
		sub, err := n.nc.Subscribe(subject(self, l, "*"), func(m *nats.Msg) {
			if from, err := sender(m.Subject); err == nil {
				n.deliver(l, from, m.Data)
			}
		})
		if err != nil {
			return err
		}
		if err := sub.SetPendingLimits(1<<16, 4*window); err != nil {
			return err
		}
	}
	return nil
}

// up and down run on the client's callback goroutine, in order.
func (n *NATS) up(nc *nats.Conn) {
	n.lastFailure = ""
	<-n.subscribed
	// Connected means that peers' calls arrive: the server has answered after it took the subscriptions.
	if err := nc.FlushTimeout(ackTimeout); err != nil {
		n.log.Warn("backbone does not answer", "error", err)
	}
	if nc.IsConnected() && n.state.set(true) { // otherwise up comes again
		n.log.Info("backbone connected", "server", nc.ConnectedUrlRedacted())
	}
}

func (n *NATS) down(err error) {
	if !n.state.set(false) {
		return
	}
	n.log.Warn("backbone disconnected", "error", err)
	n.endpoint.down(ErrUnavailable)
}

// tryFailed logs why connecting fails, once for each reason in a row. It runs where up and down do.
func (n *NATS) tryFailed(err error) {
	if text := err.Error(); text != n.lastFailure {
		n.lastFailure = text
		n.log.Warn("backbone cannot be reached, trying again", "error", err)
	}
}

// Connected tells whether the backbone can be reached at this moment.
func (n *NATS) Connected() bool { return n.state.get() }

// Changed returns a channel that is closed at the next change of Connected.
func (n *NATS) Changed() <-chan struct{} { return n.state.changed() }

// Dial returns a connection to country to.
func (n *NATS) Dial(to string) grpc.ClientConnInterface {
	return &conn{ep: n.endpoint, peer: to, err: checkPeer(n.self, to)}
}

// Close ends the connection; it does not wait for handlers, Serve does.
func (n *NATS) Close() error {
	n.state.close()
	n.nc.Close()
	n.endpoint.down(ErrClosed)
	return nil
}

// ready returns why the backbone cannot be asked now, if it cannot.
func (n *NATS) ready() error {
	switch {
	case n.state.closed():
		return ErrClosed
	case !n.state.get():
		return ErrUnavailable
	}
	return nil
}

// clientError turns an error of the NATS client into one of this package.
func clientError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrBadSubscription):
		return ErrClosed
	case errors.Is(err, nats.ErrMaxPayload):
		return ErrTooLarge
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// natsWire carries the online lane's frames as plain NATS messages.
type natsWire struct {
	nc   *nats.Conn
	self string
}

// send names no reply subject: across accounts, no server tells that nobody listens, and it would keep a route for the answer.
func (w *natsWire) send(l lane, to string, frame []byte) error {
	if !w.nc.IsConnected() {
		return ErrUnavailable
	}
	return clientError(w.nc.Publish(subject(to, l, w.self), frame))
}

// maxFrame is what the server announced, within what this package would use anyway.
func (w *natsWire) maxFrame() int {
	announced := w.nc.MaxPayload()
	if announced < 4<<10 {
		announced = 4 << 10 // not connected yet, or a server nobody could use
	}
	return int(min(announced, 1<<20))
}

// A state is a boolean whose changes can be waited for.
type state struct {
	mu   sync.Mutex
	on   bool
	over bool
	next chan struct{}
}

func (s *state) init() { s.next = make(chan struct{}) }

// set reports whether the state changed.
func (s *state) set(on bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == on || s.over && on {
		return false
	}
	s.on = on
	s.announce()
	return true
}

func (s *state) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.on = false
	s.announce()
}

func (s *state) announce() {
	close(s.next)
	s.next = make(chan struct{})
}

func (s *state) get() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

func (s *state) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

func (s *state) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// untilLost returns a context that ends, with cause ErrUnavailable or ErrClosed, when the connection is lost or closed.
func (n *NATS) untilLost(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	changed := n.Changed()
	if err := n.ready(); err != nil {
		cancel(err)
	} else {
		go func() {
			select {
			case <-changed:
				err := n.ready()
				if err == nil {
					err = ErrUnavailable
				}
				cancel(err)
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(context.Canceled) }
}
