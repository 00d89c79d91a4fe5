package casefile

import (
	"log/slog"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/store"
)

// Times by which a case moves on by itself.
const (
	// closeAfter is how long an ended case stays open for feedback, reopening and objection.
	closeAfter = 90 * 24 * time.Hour
	// reviewAfter is when a closed or kept case is reviewed: six months (Regulation (EU) 2024/982 speaks of regular review).
	reviewAfter = 183 * 24 * time.Hour
)

// wakes returns when the node looks at the case again by itself, 0 for never.
func (c *File) wakes(undelivered time.Duration) uint64 {
	var next int64
	sooner := func(ms int64) {
		if next == 0 || ms < next {
			next = ms
		}
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.Out && m.Received == 0 && !m.Rejected && !m.Undelivered {
			sooner(m.Sent + undelivered.Milliseconds())
		}
	}
	if c.Notice() {
		if c.State == exchange.Sent {
			sooner(c.Changed + undelivered.Milliseconds())
		}
		return uint64(max(next, 0))
	}
	switch c.State {
	case exchange.Answered, exchange.NoInformation, exchange.Refused, exchange.Withdrawn, exchange.Rejected,
		exchange.Acknowledged, exchange.Useful, exchange.NotUseful:
		sooner(c.Changed + closeAfter.Milliseconds())
	case exchange.Closed, exchange.Kept, exchange.Evaluated:
		sooner(c.Changed + reviewAfter.Milliseconds())
	}
	if until := c.DocketsUntil(); until != 0 {
		sooner(until)
	}
	return uint64(max(next, 0))
}

// Wake makes the steps whose time has come: messages that nobody receipts, and a case that ends or comes up for review by itself.
func (c *File) Wake(tx *store.Tx, now time.Time, undelivered time.Duration, rules rules.Rules, log *slog.Logger) error {
	ms := now.UnixMilli()
	due := func(kind exchange.EventKind, of exchange.Name) error {
		return c.Step(tx, exchange.Event{Kind: kind, At: tx.At(), Index: uint64(tx.Size()), Of: of, Who: exchange.Timer}, rules, Why{})
	}
	if c.Notice() {
		if c.State != exchange.Sent || c.Changed+undelivered.Milliseconds() > ms {
			return nil
		}
		log.Warn("undelivered", "case", c.Token, "peer", c.Peer)
		return due(exchange.EventUndelivered, exchange.Name{})
	}
	for _, m := range c.Messages {
		if m.Out && m.Received == 0 && !m.Rejected && !m.Undelivered && m.Sent+undelivered.Milliseconds() <= ms {
			log.Warn("undelivered", "case", c.Token, "peer", c.Peer)
			if err := due(exchange.EventUndelivered, m.Name); err != nil {
				return err
			}
		}
	}
	switch since := c.Changed; {
	case since+closeAfter.Milliseconds() <= ms && c.wakesTo(exchange.EventClose):
		return due(exchange.EventClose, exchange.Name{})
	case since+reviewAfter.Milliseconds() <= ms && c.wakesTo(exchange.EventReview):
		return due(exchange.EventReview, exchange.Name{})
	}
	return nil
}

// wakesTo reports whether the timer may make this step now.
func (c *File) wakesTo(kind exchange.EventKind) bool {
	return slices.Contains(exchange.May(c.Case, exchange.Step(kind)), exchange.Timer)
}
