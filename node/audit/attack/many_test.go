//go:build many || long

package attack_test

// How many honest histories, and how many lies.
const (
	histories = 1000
	lies      = 1000
)

// smallStep is of how many bytes of a small export one has its bits flipped.
const smallStep = 1
