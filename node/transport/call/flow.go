package call

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// A Wire carries frames between two countries' endpoints. It may lose, repeat and reorder them.
type Wire interface {
	// Send hands one frame to the backbone without waiting for anyone.
	Send(l Lane, to string, frame []byte) error
	// MaxFrame is the largest frame that Send takes, in bytes.
	MaxFrame() int
}

// An inflow is one direction of one call, as its receiver sees it: chunks come in any order, parts go out in theirs.
type inflow struct {
	budget *budget // shared by all inbound calls of a peer; nil for replies to own calls

	ready chan struct{} // has room for one; signalled when something changed
	ended chan struct{} // closed when the last chunk has come or the flow failed

	mu       sync.Mutex
	next     uint32           // number of the next chunk in order
	early    map[uint32]chunk // chunks that came before their turn
	queue    []chunk          // in order, unread
	held     int64            // cost of what is in early and queue
	received uint64           // cost of all chunks accepted so far
	allowed  uint64           // what the sender was told it may send in total
	taken    uint64           // cost of what was given to the reader
	over     bool             // ended is closed
	err      error            // why the flow failed
}

type chunk struct {
	kind frames.Kind
	body []byte
}

// maxEarly bounds the chunks held before their turn.
const maxEarly = 256

// chunkCost is charged for each chunk beside its bytes, by sender and receiver alike, so that a flood of tiny chunks
// meets the limits too.
const chunkCost = 64

// errBudget means that a peer's calls hold more bytes here than they may.
var errBudget = errors.New("peer's buffer exhausted")

func newInflow(b *budget) *inflow {
	return &inflow{budget: b, ready: make(chan struct{}, 1), ended: make(chan struct{}), allowed: Window}
}

// push takes one chunk. It never waits. An error means that the call must end.
func (f *inflow) push(seq uint32, c chunk) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || seq < f.next {
		return nil
	}
	if _, dup := f.early[seq]; dup {
		return nil
	}
	cost := chunkCost + int64(len(c.body))
	f.received += uint64(cost)
	if f.received > f.allowed || len(f.early) >= maxEarly {
		return ErrWindow
	}
	if !f.budget.take(cost) {
		return errBudget
	}
	f.held += cost
	if seq != f.next {
		if f.early == nil {
			f.early = map[uint32]chunk{}
		}
		f.early[seq] = c
		return nil
	}
	for ok := true; ok; c, ok = f.early[f.next] {
		delete(f.early, f.next)
		f.next++
		f.queue = append(f.queue, c)
		if c.kind == frames.ChunkLast {
			f.closeEnded()
		}
	}
	f.signal()
	return nil
}

// fail ends the flow: the reader gets err after what has come in order.
func (f *inflow) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		f.closeEnded()
		f.signal()
	}
}

// drop gives back what the flow holds. Nothing may be read afterwards.
func (f *inflow) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.budget.give(f.held)
	f.held, f.queue, f.early = 0, nil, nil
	if f.err == nil {
		f.err = context.Canceled
		f.closeEnded()
		f.signal()
	}
}

func (f *inflow) closeEnded() {
	if !f.over {
		f.over = true
		close(f.ended)
	}
}

func (f *inflow) signal() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// part waits for the next whole sealed part. last tells that none follows. grant is not 0 when the sender should now be told that it
// may send that many bytes in total.
func (f *inflow) part(ctx context.Context) (sealed []byte, last bool, grant uint64, err error) {
	for {
		sealed, last, grant, ok, err := f.tryPart()
		if ok || err != nil {
			return sealed, last, grant, err
		}
		select {
		case <-f.ready:
		case <-ctx.Done():
			return nil, false, 0, ctx.Err()
		}
	}
}

func (f *inflow) tryPart() (sealed []byte, last bool, grant uint64, ok bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size, n := 0, 0
	for _, c := range f.queue {
		n++
		if size += len(c.body); size > maxSealed {
			return nil, false, 0, false, transport.ErrTooLarge
		}
		if c.kind != frames.ChunkMore {
			ok = true
			break
		}
	}
	if !ok {
		return nil, false, 0, false, f.err
	}
	last = f.queue[n-1].kind == frames.ChunkLast
	if n == 1 {
		sealed = f.queue[0].body
	} else {
		sealed = make([]byte, 0, size)
		for _, c := range f.queue[:n] {
			sealed = append(sealed, c.body...)
		}
	}
	clear(f.queue[:n])
	f.queue = f.queue[n:]
	if len(f.queue) == 0 {
		f.queue = nil
	}
	cost := int64(size + n*chunkCost)
	f.held -= cost
	f.budget.give(cost)
	f.taken += uint64(cost)
	if f.taken+Window-f.allowed >= Window/2 && !last {
		f.allowed = f.taken + Window
		grant = f.allowed
	}
	return sealed, last, grant, true, nil
}

// An outflow is one direction of one call, as its sender sees it. Owned by the one goroutine that sends, except for grant.
type outflow struct {
	chunks uint32 // sent so far
	parts  uint32
	sent   uint64

	mu      sync.Mutex
	allowed uint64
	changed chan struct{} // has room for one
}

func newOutflow() *outflow {
	return &outflow{allowed: Window, changed: make(chan struct{}, 1)}
}

// grant notes that sending up to total bytes is allowed. Totals only rise, so that a repeated or late credit does no harm.
func (f *outflow) grant(body []byte) {
	total := binary.BigEndian.Uint64(body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if total > f.allowed {
		f.allowed = total
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
}

func (f *outflow) may(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent+uint64(n) <= f.allowed
}

// acquire waits until a chunk of n bytes may be sent, stop closes, or ctx ends. It reports whether it may.
func (f *outflow) acquire(ctx context.Context, stop <-chan struct{}, n int) bool {
	n += chunkCost
	for !f.may(n) {
		select {
		case <-f.changed:
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
	f.sent += uint64(n)
	return true
}

// A budget counts bytes up to a limit. A nil budget is endless.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b == nil {
		return true
	}
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}
