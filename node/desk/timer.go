package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/store"
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
		if ended, err := d.shredder.EndTerm(ctx, token, now); err != nil || ended {
			if err != nil {
				errs = append(errs, fmt.Errorf("case %s: %w", token, err))
			}
			continue
		}
		if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error { return d.wakeCase(tx, token, now) }); err != nil {
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
			return drafts.DropOld(tx, until)
		}); err != nil {
			return err
		}
		if !full {
			return errors.Join(d.shredder.EntombRestored(ctx), d.files.Free(ctx, now), d.expireBackups(now))
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

func (d *Desk) wakeCase(tx *store.Tx, token string, now time.Time) error {
	c, err := casefile.Load(&tx.Reader, token)
	if err != nil || !c.Told || c.Expired {
		return err
	}
	if err := c.Wake(tx, now, d.cfg.Node.UndeliveredAfter, d.house.Rules(false), d.log); err != nil {
		return err
	}
	return c.Save(tx, d.cfg.Node.UndeliveredAfter)
}
