//go:build !race || long

package attack_test

// How many honest histories, and how many lies.
const (
	histories = 1000
	lies      = 1000
)
