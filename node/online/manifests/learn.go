package manifests

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/limit"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
)

const (
	// learnBurst manifests of one member are looked at at once, then one in learnEvery.
	learnBurst = 4
	learnEvery = time.Minute
	// learnKiB of one member's manifests are kept within a moment, and then learnKiBDaily a day: manifests stay for ever. An honest one has some 25 KiB
	// and is made some five times a day, and at each start.
	learnKiB      = 2 << 10
	learnKiBDaily = 4 << 10
	// maxOffer bounds a manifest as it comes.
	maxOffer = 256 << 10
)

// learner holds the newest statement of each member until it is looked at.
type learner struct {
	limit limit.Rate
	kib   limit.Rate
	bell  wait.Bell

	mu      sync.Mutex
	offered map[string][]byte
}

func (o *learner) init() {
	o.limit = limit.Rate{Burst: learnBurst, Every: learnEvery}
	o.kib = limit.Rate{Burst: learnKiB, Every: 24 * time.Hour / learnKiBDaily}
	o.bell = wait.NewBell()
	o.offered = map[string][]byte{}
}

// Offer takes what is said to be the newest manifest of a country. It keeps signed. What is known already, too large or a stranger's is passed over in silence:
// statements come again and again, and there may be many strangers.
func (b *Board) Offer(from string, signed []byte) {
	if len(signed) > maxOffer || from == b.cfg.Node.Country {
		return
	}
	if _, err := b.cfg.Peers.Directory().Member(from); err != nil {
		return
	}
	if have := b.cfg.Peers.Manifest(from); have != nil && string(have.Signed()) == string(signed) {
		return
	}
	b.learner.mu.Lock()
	b.learner.offered[from] = signed
	b.learner.mu.Unlock()
	b.learner.bell.Ring()
}

// take returns what may be looked at now, and how long the next one must wait.
func (o *learner) take(now time.Time) (due map[string][]byte, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	due, wait = map[string][]byte{}, time.Hour
	for from, b := range o.offered {
		w := o.limit.Take(from, now)
		if w == 0 {
			w = o.kib.TakeN(from, len(b)>>10+1, now)
		}
		if w > 0 {
			wait = min(wait, w)
			continue
		}
		due[from] = b
		delete(o.offered, from)
	}
	return due, wait
}

// learnLoop takes in what members publish.
func (b *Board) learnLoop(ctx context.Context) error {
	for {
		due, rest := b.learner.take(time.Now())
		for from, signed := range due {
			err := b.learn(ctx, from, signed)
			switch {
			case err == nil || ctx.Err() != nil:
			case store.Fatal(err):
				return err
			case errors.Is(err, store.ErrDisk):
				b.log.Error("keeping a manifest failed", "peer", from, "err", err, "hint", store.Hint(err))
				b.Offer(from, signed)
				wait.For(ctx, retryPublish)
			default:
				b.cfg.Complain("manifest refused", from, err)
			}
		}
		if !wait.For(ctx, rest, b.learner.bell) {
			return nil
		}
	}
}

// learn judges what a country published. A manifest is in the log before anything is judged by it.
func (b *Board) learn(ctx context.Context, from string, signed []byte) error {
	dir, have := b.cfg.Peers.Directory(), b.cfg.Peers.Manifest(from)
	m, err := federation.ParseManifest(signed, dir, time.Now(), have)
	switch {
	case errors.Is(err, federation.ErrSame), errors.Is(err, federation.ErrOlder):
		return nil
	case err != nil:
		return err
	case m.Country() != from:
		return fmt.Errorf("manifest of %s: %w", m.Country(), federation.ErrStranger)
	}
	if err := b.keepManifest(ctx, m, have); err != nil {
		return err
	}
	if have != nil && have.Log().Origin() != m.Log().Origin() {
		if _, known := b.cfg.Peers.Closed(from, have.Log().Origin()); !known {
			b.cfg.Peers.Close(peers.Closed{Country: from, Log: have.Log()})
		}
	}
	_, err = b.cfg.Peers.Learn(signed, from, time.Now())
	if cp, note, ok := m.Head(); ok && err == nil {
		b.cfg.See(from, cp, note)
	}
	if errors.Is(err, federation.ErrSame) || errors.Is(err, federation.ErrOlder) {
		return nil
	}
	return err
}
