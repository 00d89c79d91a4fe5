package limit

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// Refusals keeps what a peer can have us say about it short: of each thing one line an hour, and at the end of the hour how often it was. Its
// methods may be called by several goroutines.
type Refusals struct {
	mu    sync.Mutex
	times map[string]int // by reason; reasons are constants
}

// First counts and reports whether it is the first time in this hour.
func (r *Refusals) First(reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.times == nil {
		r.times = map[string]int{}
	}
	r.times[reason]++
	return r.times[reason] == 1
}

// End logs what was not said in the hour that ends.
func (r *Refusals) End(log *slog.Logger, peer string) {
	r.mu.Lock()
	times := r.times
	r.times = nil
	r.mu.Unlock()
	for _, reason := range slices.Sorted(maps.Keys(times)) {
		if n := times[reason]; n > 1 {
			log.Warn("refused again and again within the hour", "peer", peer, "reason", reason, "times", n)
		}
	}
}
