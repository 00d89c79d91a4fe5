package seal

import "errors"

var (
	// ErrReplayed means that a sealed part was opened before.
	ErrReplayed = errors.New("sealed part was opened before")
	// ErrPart means that a sealed part does not hold what this package puts into one.
	ErrPart = errors.New("sealed part is malformed")
	// ErrMethod means that a part was sealed for another method than the one that is called.
	ErrMethod = errors.New("sealed for another method")
)
