package replay

import "sync"

// A window holds tiles that were read, in any order, until their turn comes. Only so many ahead of that fit: who comes with a later one waits, which
// bounds the memory. Whoever reads tiles begins them in their order, so the one whose turn it is never waits behind others.
type window struct {
	mu     sync.Mutex
	moved  sync.Cond
	ahead  int64
	next   int64 // whose turn it is
	tiles  map[int64]*tile
	closed bool
}

func newWindow(ahead int) *window {
	w := &window{ahead: int64(ahead), tiles: map[int64]*tile{}}
	w.moved.L = &w.mu
	return w
}

// put brings tile n. It reports whether more are wanted.
func (w *window) put(n int64, t *tile) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n >= w.next+w.ahead && !w.closed {
		w.moved.Wait()
	}
	if w.closed {
		return false
	}
	w.tiles[n] = t
	w.moved.Broadcast()
	return true
}

// take returns the next tile in order, or nil when the window is closed.
func (w *window) take() *tile {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.tiles[w.next] == nil && !w.closed {
		w.moved.Wait()
	}
	if w.closed {
		return nil
	}
	t := w.tiles[w.next]
	delete(w.tiles, w.next)
	w.next++
	w.moved.Broadcast()
	return t
}

// close ends the waiting.
func (w *window) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.moved.Broadcast()
}

func (w *window) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.closed
}
