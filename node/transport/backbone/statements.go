package backbone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rogatory/rogatory/node/transport"
)

// refreshEvery is how often current statements are read again, for updates that came faster than they were
// taken.
const refreshEvery = 5 * time.Minute

// PutStatement replaces this country's statement of that kind on the backbone.
func (n *Conn) PutStatement(ctx context.Context, kind string, b []byte) error {
	if err := transport.CheckStatement(kind, b); err != nil {
		return err
	}
	if err := n.put(ctx, statementSubject(kind, n.self), b); err != nil {
		return fmt.Errorf("publishing the %s statement: %w", kind, err)
	}
	return nil
}

// WatchStatements subscribes to updates first and then reads what is there, so that none falls between; it reads again after each
// reconnect. It takes no consumer of its own: a country's user cannot create one.
func (n *Conn) WatchStatements(ctx context.Context, kind string, f func(from string, b []byte)) error {
	if err := transport.CheckKind(kind); err != nil {
		return err
	}
	in := make(chan *nats.Msg, 64)
	sub, err := n.nc.ChanSubscribe(statementSubject(kind, "*"), in)
	if err != nil {
		return clientError(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // a closed connection has none left
	show := func(subject string, b []byte) {
		if from, err := sender(subject); err == nil && len(b) > 0 && len(b) <= transport.MaxStatement {
			f(from, b)
		}
	}
	for {
		changed := n.Changed()
		wait := refreshEvery
		if n.line.Ready() == nil {
			if err := n.currentStatements(ctx, kind, show); err != nil {
				wait = maxRetry
				n.log.Warn("reading statements", "kind", kind, "error", err)
			}
		}
		timer := time.NewTimer(wait)
	updates:
		for {
			select {
			case m := <-in:
				show(m.Subject, m.Data)
			case <-changed:
				break updates
			case <-timer.C:
				break updates
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			}
		}
		timer.Stop()
		if errors.Is(n.line.Ready(), transport.ErrClosed) {
			return transport.ErrClosed
		}
	}
}

// currentStatements reads the last statement of each country by one batched direct get (NATS ADR-31).
func (n *Conn) currentStatements(ctx context.Context, kind string, show func(subject string, b []byte)) error {
	lost, cancel := n.untilLost(ctx)
	defer cancel()
	inbox := n.nc.NewInbox()
	in := make(chan *nats.Msg, 256)
	sub, err := n.nc.ChanSubscribe(inbox, in)
	if err != nil {
		return clientError(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // a closed connection has none left
	body := fmt.Appendf(nil, `{"multi_last":[%q],"batch":255}`, statementSubject(kind, "*"))
	if err := n.nc.PublishRequest("$JS.API.DIRECT.GET."+statementsStream, inbox, body); err != nil {
		return clientError(err)
	}
	timer := time.NewTimer(ackTimeout)
	defer timer.Stop()
	for {
		select {
		case m := <-in:
			switch s := m.Header.Get("Status"); s {
			case "":
				show(m.Header.Get("Nats-Subject"), m.Data)
			case "204", "404": // end of batch, nothing there
				return nil
			default:
				return fmt.Errorf("status %s %s: %w", s, m.Header.Get("Description"), transport.ErrUnavailable)
			}
		case <-timer.C:
			return fmt.Errorf("no answer: %w", transport.ErrUnavailable)
		case <-lost.Done():
			return context.Cause(lost)
		}
	}
}
