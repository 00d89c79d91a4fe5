//go:build !many && !long

package attack_test

// How many honest histories, and how many lies: enough for every day. scripts/test has all of them, with the tag many.
const (
	histories = 60
	lies      = 200
)

// smallStep is of how many bytes of a small export one has its bits flipped.
const smallStep = 64
