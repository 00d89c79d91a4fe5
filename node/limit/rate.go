// Package limit bounds what one peer can cost: how often it calls ([Rate]) and how much of that runs at once ([Slots]), how many messages and
// bytes of it are taken ([Quota]), and how many lines of the process's log it causes ([Refusals]). node/README.md lists the bounds.
package limit

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Rate lets each peer do Burst things at once and then one Every so often. Its methods may be called by several goroutines.
type Rate struct {
	Burst int
	Every time.Duration

	mu    sync.Mutex
	peers map[string]*bucket
}

// Take takes one, or says how long until there is room for one.
func (r *Rate) Take(peer string, now time.Time) time.Duration { return r.TakeN(peer, 1, now) }

// TakeN is Take for what weighs n, at most Burst.
func (r *Rate) TakeN(peer string, n int, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.peers[peer]
	if b == nil {
		if r.peers == nil {
			r.peers = map[string]*bucket{}
		}
		b = &bucket{burst: r.Burst, every: r.Every}
		r.peers[peer] = b
	}
	return b.take(n, now)
}

// Allow is Take for a call: the error is a status that the peer may see.
func (r *Rate) Allow(peer string, now time.Time) error {
	if wait := r.Take(peer, now); wait > 0 {
		return status.Errorf(codes.ResourceExhausted, "too many calls: the next one may come in %s", wait.Round(time.Millisecond))
	}
	return nil
}

// A bucket holds burst tokens and gets one back every so often. Not safe for several goroutines.
type bucket struct {
	burst int
	every time.Duration
	full  time.Time // when it is full again
}

func (b *bucket) take(n int, now time.Time) time.Duration {
	if b.full.Before(now) {
		b.full = now
	}
	next := b.full.Add(time.Duration(n) * b.every)
	if over := next.Sub(now) - time.Duration(b.burst)*b.every; over > 0 {
		return over
	}
	b.full = next
	return 0
}
