package translog

import (
	"bytes"
	"fmt"
)

// CheckCanonical reports, as an error that wraps [ErrCanon], whether b is not a leaf in canonical form, whatever its
// kind: one JSON object without white space, members strictly ascending by name, integers from 0 to 2^53-1 without
// leading zeros, strings of the bytes 0x20-0x7E without quote and backslash, and lists of these, at most two deep.
// [ParseLeaf] does not need it: it accepts less.
func CheckCanonical(b []byte) error {
	if len(b) > MaxLeaf {
		return ErrTooLarge
	}
	s := scanner{b: b}
	if !s.object() || s.pos != len(b) {
		return fmt.Errorf("byte %d: %w", s.pos, ErrCanon)
	}
	return nil
}

type scanner struct {
	b   []byte
	pos int
}

func (s *scanner) is(ch byte) bool {
	if s.pos < len(s.b) && s.b[s.pos] == ch {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) object() bool {
	if !s.is('{') {
		return false
	}
	var last []byte
	for {
		start := s.pos
		if !s.text() {
			return false
		}
		name := s.b[start+1 : s.pos-1]
		if len(name) == 0 || last != nil && bytes.Compare(last, name) >= 0 {
			return false
		}
		last = name
		if !s.is(':') || !s.value(0) {
			return false
		}
		if s.is('}') {
			return true
		}
		if !s.is(',') {
			return false
		}
	}
}

func (s *scanner) value(depth int) bool {
	switch {
	case s.pos >= len(s.b):
		return false
	case s.b[s.pos] == '"':
		return s.text()
	case s.b[s.pos] == '[':
		return depth < 2 && s.list(depth+1)
	}
	_, used := readInt(s.b[s.pos:])
	s.pos += used
	return used > 0
}

func (s *scanner) list(depth int) bool {
	s.pos++
	if s.is(']') {
		return true
	}
	for {
		if !s.value(depth) {
			return false
		}
		if s.is(']') {
			return true
		}
		if !s.is(',') {
			return false
		}
	}
}

func (s *scanner) text() bool {
	if !s.is('"') {
		return false
	}
	for ; s.pos < len(s.b); s.pos++ {
		switch c := s.b[s.pos]; {
		case c == '"':
			s.pos++
			return true
		case c < 0x20 || c > 0x7E || c == '\\':
			return false
		}
	}
	return false
}
