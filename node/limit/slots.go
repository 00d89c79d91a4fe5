package limit

import (
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Slots bounds how many streams of one peer run at the same time: Max. Its methods may be called by several goroutines.
type Slots struct {
	Max int

	mu    sync.Mutex
	peers map[string]int
}

// Take takes a slot, which Give returns. The error is a status that the peer may see.
func (s *Slots) Take(peer string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[peer] >= s.Max {
		return status.Errorf(codes.ResourceExhausted, "%d streams are open: read one to its end first", s.Max)
	}
	if s.peers == nil {
		s.peers = map[string]int{}
	}
	s.peers[peer]++
	return nil
}

// Give returns a slot.
func (s *Slots) Give(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[peer]--
}
