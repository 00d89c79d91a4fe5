package call

import "errors"

// ErrNoSealer means that a call was tried or came although no Sealer was given.
var ErrNoSealer = errors.New("online lane has no sealer")

// When bytes of a peer are read.
var (
	// ErrFrame means that a frame of the online lane does not parse.
	ErrFrame = errors.New("malformed call frame")
	// ErrPart means that an opened part of a call does not parse.
	ErrPart = errors.New("malformed call part")
	// ErrSpliced means that a part belongs to another call, direction or place than where it arrived.
	ErrSpliced = errors.New("call part out of place")
	// ErrWindow means that a peer sent more than it was allowed to.
	ErrWindow = errors.New("flow control window exceeded")
)
