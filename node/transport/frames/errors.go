package frames

import "errors"

var (
	// ErrFrame means that a frame of the online lane does not parse.
	ErrFrame = errors.New("malformed call frame")
	// ErrPart means that an opened part of a call does not parse.
	ErrPart = errors.New("malformed call part")
)
