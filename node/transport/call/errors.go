package call

import "errors"

// ErrNoSealer means that a call was tried or came although no Sealer was given.
var ErrNoSealer = errors.New("online lane has no sealer")

// When parts of a peer are read.
var (
	// ErrSpliced means that a part belongs to another call, direction or place than where it arrived.
	ErrSpliced = errors.New("call part out of place")
	// ErrWindow means that a peer sent more than it was allowed to.
	ErrWindow = errors.New("flow control window exceeded")
)
