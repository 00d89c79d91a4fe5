package online

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
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
	limit limits
	kib   limits
	bell  bell

	mu      sync.Mutex
	offered map[string][]byte
}

func (o *learner) init() {
	o.limit = limits{burst: learnBurst, every: learnEvery}
	o.kib = limits{burst: learnKiB, every: 24 * time.Hour / learnKiBDaily}
	o.bell = newBell()
	o.offered = map[string][]byte{}
}

// offer takes what is said to be the newest manifest of a country. It keeps b. What is known already, too large or a stranger's is passed over in silence:
// statements come again and again, and there may be many strangers.
func (l *Lane) offer(from string, b []byte) {
	if len(b) > maxOffer || from == l.country {
		return
	}
	if _, err := l.cfg.Peers.Directory().Member(from); err != nil {
		return
	}
	if have := l.cfg.Peers.Manifest(from); have != nil && string(have.Signed()) == string(b) {
		return
	}
	l.learner.mu.Lock()
	l.learner.offered[from] = b
	l.learner.mu.Unlock()
	l.learner.bell.ring()
}

// take returns what may be looked at now, and how long the next one must wait.
func (o *learner) take(now time.Time) (due map[string][]byte, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	due, wait = map[string][]byte{}, time.Hour
	for from, b := range o.offered {
		w := o.limit.take(from, now)
		if w == 0 {
			w = o.kib.takeN(from, len(b)>>10+1, now)
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
func (l *Lane) learnLoop(ctx context.Context) error {
	for {
		due, wait := l.learner.take(time.Now())
		for from, b := range due {
			err := l.learn(ctx, from, b)
			switch {
			case err == nil || ctx.Err() != nil:
			case ends(err):
				return err
			case errors.Is(err, store.ErrDisk):
				l.log.Error("keeping a manifest failed", "peer", from, "err", err, "hint", store.Hint(err))
				l.offer(from, b)
				pause(ctx, retryPublish)
			default:
				l.complain("manifest refused", from, err)
			}
		}
		if !pause(ctx, wait, l.learner.bell) {
			return nil
		}
	}
}

// learn judges what a country published. A manifest is in the log before anything is judged by it.
func (l *Lane) learn(ctx context.Context, from string, signed []byte) error {
	dir, have := l.cfg.Peers.Directory(), l.cfg.Peers.Manifest(from)
	m, err := federation.ParseManifest(signed, dir, time.Now(), have)
	switch {
	case errors.Is(err, federation.ErrSame), errors.Is(err, federation.ErrOlder):
		return nil
	case err != nil:
		return err
	case m.Country() != from:
		return fmt.Errorf("manifest of %s: %w", m.Country(), federation.ErrStranger)
	}
	if err := l.keepManifest(ctx, m, have); err != nil {
		return err
	}
	if have != nil && have.Log().Origin() != m.Log().Origin() {
		if _, known := l.cfg.Peers.Closed(from, have.Log().Origin()); !known {
			l.cfg.Peers.Close(peers.Closed{Country: from, Log: have.Log()})
		}
	}
	_, err = l.cfg.Peers.Learn(signed, from, time.Now())
	if cp, note, ok := m.Head(); ok && err == nil {
		l.watch.See(from, cp, note)
	}
	if errors.Is(err, federation.ErrSame) || errors.Is(err, federation.ErrOlder) {
		return nil
	}
	return err
}

// keyHash returns the digest by which leaves name a sealing key.
func keyHash(k *rogatoryv1.SealingKey) translog.Hash {
	return sha256.Sum256(k.GetPublicKey())
}
