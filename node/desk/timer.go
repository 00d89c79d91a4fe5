package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// wake moves the cases whose time has come.
func (d *Desk) wake(ctx context.Context, now time.Time) error {
	var tokens []string
	var errs []error
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		tokens, _ = r.CasesToWake(uint64(now.UnixMilli()), 256)
		return nil
	}); err != nil {
		return err
	}
	for _, token := range tokens {
		// One case that cannot move does not hold up the others.
		if ended, err := d.endTerm(ctx, token, now); err != nil || ended {
			if err != nil {
				errs = append(errs, fmt.Errorf("case %s: %w", token, err))
			}
			continue
		}
		if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error { return d.wakeCase(tx, token, now.UnixMilli()) }); err != nil {
			errs = append(errs, fmt.Errorf("case %s: %w", token, err))
		}
	}
	return errors.Join(errs...)
}

const (
	// tidyEvery is how often what has expired is looked for.
	tidyEvery = time.Hour
	// tidyAtOnce is how much of it one transaction takes away.
	tidyAtOnce = 1000
	// submissionLife is how long an idempotency key is remembered.
	submissionLife = 30 * 24 * time.Hour
	// declinedLife is how long a declined draft waits for its drafter.
	declinedLife = 30 * 24 * time.Hour
)

// tidy forgets nonces and idempotency keys that have expired, drafts that nobody mended since they were declined, and attachments whose time has
// come.
func (d *Desk) tidy(ctx context.Context, now time.Time) error {
	for {
		full := false
		if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			nonces, err := tx.ForgetNonces(uint64(now.UnixMilli()), tidyAtOnce)
			if err != nil {
				return err
			}
			keys, err := tx.ForgetSubmissions(uint64(now.Add(-submissionLife).UnixMilli()), tidyAtOnce)
			if err != nil {
				return err
			}
			full = nonces == tidyAtOnce || keys == tidyAtOnce
			until := uint64(now.Add(-declinedLife).UnixMilli())
			return dropDeclined(tx, func(row *storev1.Draft) bool { return row.GetUpdatedMs() < until })
		}); err != nil {
			return err
		}
		if !full {
			return errors.Join(d.entombRestored(ctx), d.freeAttachments(ctx, now), d.expireBackups(now))
		}
	}
}

// expireBackups takes the keys out of copies that are too old to be restored.
func (d *Desk) expireBackups(now time.Time) error {
	n, err := d.cfg.Store.ExpireBackups(now)
	if n > 0 {
		d.log.Info("keys of backups were destroyed: their 14 days are over", "backups", n)
	}
	return err
}

// freeAttachments removes the ciphertexts that no content lists in time, and ours that all recipients have.
func (d *Desk) freeAttachments(ctx context.Context, now time.Time) error {
	over := func(a *storev1.Attachment) bool {
		return a.GetFreeMs() != 0 && a.GetFreeMs() <= uint64(now.UnixMilli())
	}
	var ids [][]byte
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		return r.EachAttachment(func(a *storev1.Attachment) bool {
			if over(a) {
				ids = append(ids, a.GetId())
			}
			return true
		})
	}); err != nil {
		return err
	}
	for _, id := range ids {
		gone := false
		if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			gone = false
			a, err := tx.Attachment(id)
			if err != nil || !over(a) {
				return err // a content has listed it in the meantime
			}
			gone = true
			return tx.DeleteAttachment(id)
		}); err != nil {
			return err
		}
		if !gone {
			continue
		}
		if err := d.cfg.Store.RemoveBlob(id); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) wakeCase(tx *store.Tx, token string, now int64) error {
	c, err := load(&tx.Reader, token)
	if err != nil || !c.told || c.expired {
		return err
	}
	due := func(kind exchange.EventKind, of exchange.Name) error {
		return c.step(tx, exchange.Event{Kind: kind, At: tx.At(), Index: uint64(tx.Size()), Of: of, Who: exchange.Timer}, d.ruleset(false), because{})
	}
	if c.notice() {
		if c.State == exchange.Sent && c.Changed+d.cfg.Node.UndeliveredAfter.Milliseconds() <= now {
			d.log.Warn("undelivered", "case", token, "peer", c.Peer)
			if err := due(exchange.EventUndelivered, exchange.Name{}); err != nil {
				return err
			}
		}
		return c.save(tx, d.cfg.Node.UndeliveredAfter)
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
