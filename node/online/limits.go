package online

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// limits lets each peer make burst calls at once and then one every so often.
type limits struct {
	burst int
	every time.Duration

	mu    sync.Mutex
	peers map[string]*bucket
}

// take takes one call, or says how long until there is room for one.
func (l *limits) take(peer string, now time.Time) time.Duration { return l.takeN(peer, 1, now) }

// takeN is take for what weighs n calls, at most burst.
func (l *limits) takeN(peer string, n int, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.peers[peer]
	if b == nil {
		if l.peers == nil {
			l.peers = map[string]*bucket{}
		}
		b = &bucket{burst: l.burst, every: l.every}
		l.peers[peer] = b
	}
	return b.take(n, now)
}

// allow is take for a call's handler.
func (l *limits) allow(peer string, now time.Time) error {
	if wait := l.take(peer, now); wait > 0 {
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

// slots bounds what runs for one peer at the same time.
type slots struct {
	max int

	mu    sync.Mutex
	peers map[string]int
}

// take takes a slot, which give returns.
func (s *slots) take(peer string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[peer] >= s.max {
		return status.Errorf(codes.ResourceExhausted, "%d streams are open: read one to its end first", s.max)
	}
	if s.peers == nil {
		s.peers = map[string]int{}
	}
	s.peers[peer]++
	return nil
}

func (s *slots) give(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[peer]--
}
