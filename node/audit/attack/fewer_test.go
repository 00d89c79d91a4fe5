//go:build race && !long

package attack_test

// How many honest histories, and how many lies: the race detector makes signatures eight times as slow.
const (
	histories = 250
	lies      = 250
)

// smallStep is of how many bytes of a small export one has its bits flipped.
const smallStep = 8
