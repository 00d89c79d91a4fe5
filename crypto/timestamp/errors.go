package timestamp

import "errors"

// Errors of reading.
var (
	ErrForm      = errors.New("not a time token in form")
	ErrTooLarge  = errors.New("time token is too large")
	ErrSignature = errors.New("signature of the time token does not verify")
	ErrRefused   = errors.New("the time-stamping authority refused")
)

// Errors of believing.
var (
	ErrRoots     = errors.New("not a list of certificates in PEM")
	ErrUntrusted = errors.New("no trusted root vouches for the time token")
)
