// Package batch hands over together what waits at the same moment: many wait for one flush of a disk instead of each for its own.
package batch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed says that the queue was closed.
var ErrClosed = errors.New("store is closed")

const (
	// most is how many calls are handed over together at most.
	most = 1024
	// linger is how long a batch waits for as many calls as the one before it had.
	linger = time.Millisecond
)

// A Queue is where calls wait. [Queue.Do] may be called by several goroutines; one runs [Queue.Run].
type Queue[C any] struct {
	wake  chan struct{}
	ended chan struct{} // Run has returned

	mu      sync.Mutex
	closed  bool
	waiting []*item[C]
}

type item[C any] struct {
	call  C
	taken atomic.Bool // by Run, or by a caller that waits no longer
	done  chan struct{}
}

// New returns an empty queue.
func New[C any]() *Queue[C] {
	return &Queue[C]{wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Do waits until a batch with this call is done. It returns [ErrClosed], or the error of ctx when that ends before the call was taken: then it never is.
func (q *Queue[C]) Do(ctx context.Context, call C) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	i := &item[C]{call: call, done: make(chan struct{})}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	q.waiting = append(q.waiting, i)
	q.mu.Unlock()
	q.signal()
	select {
	case <-i.done:
	case <-ctx.Done():
		if i.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-i.done
	}
	return nil
}

// Closed reports whether the queue takes no more.
func (q *Queue[C]) Closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// Close takes no more, and waits until Run is done with what waits.
func (q *Queue[C]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	<-q.ended
}

// signal wakes Run.
func (q *Queue[C]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run gives do what waits, a batch at a time, until the queue is closed and empty. When nothing waits it asks idle: after the time that idle returns, unless a
// call comes before, it calls due, which may be nil.
func (q *Queue[C]) Run(do func([]C), idle func() (after time.Duration, due func())) {
	defer close(q.ended)
	company := 0 // how many calls the last batch had
	for {
		batch, closed := q.take(nil)
		switch {
		case len(batch) > 0:
			if company > 1 && !closed {
				batch = q.linger(batch, company)
			}
			company = len(batch)
			calls := make([]C, company)
			for n, i := range batch {
				calls[n] = i.call
			}
			do(calls)
			for _, i := range batch {
				close(i.done)
			}
		case closed:
			return
		default:
			q.rest(idle())
		}
	}
}

// take moves what waits into batch.
func (q *Queue[C]) take(batch []*item[C]) (_ []*item[C], closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, i := range q.waiting {
		if len(batch) == most {
			break
		}
		n++
		if i.taken.CompareAndSwap(false, true) {
			batch = append(batch, i)
		}
	}
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return batch, q.closed
}

// rest waits for a call, or until something is due.
func (q *Queue[C]) rest(after time.Duration, due func()) {
	if due == nil {
		<-q.wake
		return
	}
	t := time.NewTimer(after)
	defer t.Stop()
	select {
	case <-q.wake:
	case <-t.C:
		due()
	}
}

// linger waits for as much company as there was the last time, but not long: those who were answered a moment ago come
// back with the next step of what they do.
func (q *Queue[C]) linger(batch []*item[C], company int) []*item[C] {
	t := time.NewTimer(linger)
	defer t.Stop()
	for len(batch) < company {
		select {
		case <-q.wake:
			batch, _ = q.take(batch)
		case <-t.C:
			return batch
		}
	}
	return batch
}
