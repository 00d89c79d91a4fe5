package desk

import (
	"context"
	"errors"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
)

// wake moves the cases whose time has come, and forgets what has expired.
func (d *Desk) wake(ctx context.Context, now time.Time) error {
	var tokens []string
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		tokens, _ = r.CasesToWake(uint64(now.UnixMilli()), 256)
		return nil
	}); err != nil {
		return err
	}
	for _, token := range tokens {
		if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error { return d.wakeCase(tx, token, now.UnixMilli()) }); err != nil {
			return err
		}
	}
	_, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.ForgetNonces(uint64(now.UnixMilli()), 1000); err != nil {
			return err
		}
		_, err := tx.ForgetSubmissions(uint64(now.Add(-submissionLife).UnixMilli()), 1000)
		return err
	})
	return err
}

// submissionLife is how long an idempotency key is remembered.
const submissionLife = 30 * 24 * time.Hour

func (d *Desk) wakeCase(tx *store.Tx, token string, now int64) error {
	c, err := load(&tx.Reader, token)
	if err != nil || !c.told {
		return err
	}
	due := func(kind exchange.EventKind, of exchange.Name) error {
		err := c.step(tx, exchange.Event{Kind: kind, At: tx.At(), Index: uint64(tx.Size()), Of: of, Who: exchange.Timer}, d.ruleset(false), because{})
		var t *exchange.TransitionError
		if errors.As(err, &t) {
			c.Changed = tx.At() // looked at; the next look comes a term later
			return nil
		}
		return err
	}
	for _, m := range c.Messages {
		if m.Out && m.Received == 0 && !m.Rejected && !m.Undelivered && m.Sent+d.cfg.Node.UndeliveredAfter.Milliseconds() <= now {
			d.log.Warn("undelivered", "case", token, "peer", c.Peer)
			if err := due(exchange.EventUndelivered, m.Name); err != nil {
				return err
			}
		}
	}
	if w := c.Case.Changed; w+closeAfter.Milliseconds() <= now && c.wakesTo(exchange.EventClose) {
		err = due(exchange.EventClose, exchange.Name{})
	} else if w+reviewAfter.Milliseconds() <= now && c.wakesTo(exchange.EventReview) {
		err = due(exchange.EventReview, exchange.Name{})
	}
	if err != nil {
		return err
	}
	return c.save(tx, d.cfg.Node.UndeliveredAfter)
}

// wakesTo reports whether the timer may make this step now.
func (c *held) wakesTo(kind exchange.EventKind) bool {
	for _, m := range exchange.Moves(c.Case) {
		if m.Step == exchange.Step(kind) {
			for _, w := range m.Who {
				if w == exchange.Timer {
					return true
				}
			}
		}
	}
	return false
}
