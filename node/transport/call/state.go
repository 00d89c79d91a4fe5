package call

import "sync"

// A state is a boolean whose changes can be waited for.
type state struct {
	mu   sync.Mutex
	on   bool
	over bool
	next chan struct{}
}

func (s *state) init() { s.next = make(chan struct{}) }

// set reports whether the state changed.
func (s *state) set(on bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == on || s.over && on {
		return false
	}
	s.on = on
	s.announce()
	return true
}

func (s *state) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.on = false
	s.announce()
}

func (s *state) announce() {
	close(s.next)
	s.next = make(chan struct{})
}

func (s *state) get() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

func (s *state) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

func (s *state) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}
