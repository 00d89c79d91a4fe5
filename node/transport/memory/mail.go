package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/call"
)

// A mailbox holds one sender's frames for one recipient until they are acked. Its fields are guarded by Backbone.mu.
type mailbox struct {
	frames []*letter
	waiter chan struct{} // closed when something changed; nil when nobody waits
}

// A letter is a frame in a mailbox.
type letter struct {
	data []byte
	due  time.Time // not delivered before: the link's delay, a nak's, or the wait for an ack
	gone bool
}

// inFlight is how many delivered frames may wait for their ack, as in backbone.StreamOptions.
const inFlight = 64

// box returns the mailbox of a direction. The caller holds mu.
func (m *Backbone) box(d pair) *mailbox {
	b := m.boxes[d]
	if b == nil {
		b = &mailbox{}
		m.boxes[d] = b
	}
	return b
}

// sweep removes what was acked. The caller holds mu.
func (b *mailbox) sweep() {
	b.frames = slices.DeleteFunc(b.frames, func(l *letter) bool { return l.gone })
}

// poke wakes who waits for frames. The caller holds mu.
func (b *mailbox) poke() {
	if b.waiter != nil {
		close(b.waiter)
		b.waiter = nil
	}
}

func (b *mailbox) changed() <-chan struct{} {
	if b.waiter == nil {
		b.waiter = make(chan struct{})
	}
	return b.waiter
}

// Publish puts a frame into the mailbox of country to.
func (p *Port) Publish(ctx context.Context, to string, frame []byte) error {
	if err := transport.CheckPeer(p.self, to); err != nil {
		return err
	}
	switch {
	case len(frame) == 0:
		return fmt.Errorf("publishing to %s: %w", to, transport.ErrEmpty)
	case len(frame) > transport.MaxFrame:
		return fmt.Errorf("frame of %d bytes: %w", len(frame), transport.ErrTooLarge)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err := p.line.Ready(); err != nil {
		return fmt.Errorf("publishing to %s: %w", to, err)
	}
	m, d := p.m, pair{p.self, to}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.countries[to] {
		return fmt.Errorf("publishing to %s: %w", to, transport.ErrUnavailable)
	}
	b := m.box(d)
	b.sweep()
	if len(b.frames) >= m.limits.FramesPerSender {
		return fmt.Errorf("publishing to %s: %w", to, transport.ErrFull)
	}
	n, overtake := m.copies()
	for range n {
		b.frames = append(b.frames, &letter{data: slices.Clone(frame), due: time.Now().Add(m.delay[d])})
	}
	if last := len(b.frames) - 1; overtake && last > 0 {
		b.frames[last], b.frames[last-1] = b.frames[last-1], b.frames[last]
	}
	b.poke()
	return nil
}

// Receive returns what country from has sent, at least one frame.
func (p *Port) Receive(ctx context.Context, from string, maxBytes int) ([]transport.Frame, error) {
	if err := transport.CheckPeer(p.self, from); err != nil {
		return nil, err
	}
	maxBytes = min(max(maxBytes, transport.MinReceive), transport.MaxReceive)
	direct := p.line.Mail(from)
	for {
		changed := p.Changed()
		if err := p.line.Ready(); err != nil {
			return nil, fmt.Errorf("receiving from %s: %w", from, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		frames, more, next := p.collect(from, maxBytes)
		if len(frames) > 0 {
			return frames, nil
		}
		timer := time.NewTimer(next)
		select {
		case b := <-direct:
			timer.Stop()
			return call.Frames(b, direct), nil
		case <-more:
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// collect takes what is due now; if nothing is, more and next tell what to wait for.
func (p *Port) collect(from string, maxBytes int) (frames []transport.Frame, more <-chan struct{}, next time.Duration) {
	m, d := p.m, pair{from, p.self}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.box(d)
	b.sweep()
	next = transport.AckWait
	if m.cut[d] {
		return nil, b.changed(), next
	}
	now := time.Now()
	for i, l := range b.frames {
		if i >= inFlight || maxBytes < len(l.data) {
			break
		}
		if wait := l.due.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		l.due = now.Add(transport.AckWait)
		maxBytes -= len(l.data)
		frames = append(frames, p.frame(b, l))
	}
	return frames, b.changed(), next
}

func (p *Port) frame(b *mailbox, l *letter) transport.Frame {
	answer := func(change func()) error {
		if err := p.line.Ready(); err != nil {
			return err
		}
		p.m.mu.Lock()
		defer p.m.mu.Unlock()
		change()
		b.poke()
		return nil
	}
	return transport.NewFrame(slices.Clone(l.data), func() error { return answer(func() { l.gone = true }) }, func(d time.Duration) error {
		return answer(func() { l.due = time.Now().Add(max(d, 0)) })
	})
}
