// Package wait holds how the loops of a node wait: for a time, for a sign that comes earlier, and a little apart from each other.
package wait

import (
	"context"
	"math/rand/v2"
	"time"
)

// For waits for d, or until one of at most two others is closed or receives; a nil one never does. It returns false when ctx has ended.
func For(ctx context.Context, d time.Duration, early ...<-chan struct{}) bool {
	var wake [2]<-chan struct{}
	copy(wake[:], early)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake[0]:
	case <-wake[1]:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// Jitter spreads d by a tenth, so that nodes which started together do not call together.
func Jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// A Bell wakes one waiting goroutine; rings in between are one.
type Bell chan struct{}

// NewBell returns a Bell that has not rung.
func NewBell() Bell { return make(Bell, 1) }

// Ring wakes who waits, or who waits next.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
