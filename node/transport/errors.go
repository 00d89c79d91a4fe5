package transport

import "errors"

// When a node is opened or a name is checked.
var (
	// ErrCountry means that a country code is not two capital letters, not a member, or the node's own where a peer's is needed.
	ErrCountry = errors.New("not a peer's country code")
	// ErrKind means that a statement kind is not 1 to 16 small letters.
	ErrKind = errors.New("not a statement kind")
	// ErrClosed means that the Net was closed.
	ErrClosed = errors.New("transport is closed")
)

// When something is published or received.
var (
	// ErrUnavailable means that the backbone cannot be reached or did not answer; wait for Changed and try again.
	ErrUnavailable = errors.New("backbone unavailable")
	// ErrFull means that the recipient's mailbox holds as many frames of this sender as it may; try again later.
	ErrFull = errors.New("mailbox full")
	// ErrTooLarge means that a frame or message is above its limit; trying again is of no use.
	ErrTooLarge = errors.New("too large")
	// ErrEmpty means that a frame or statement holds no bytes; the backbone carries no empty ones.
	ErrEmpty = errors.New("empty frame")
)
