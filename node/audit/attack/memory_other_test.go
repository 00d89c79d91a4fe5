//go:build !linux

package attack_test

// memory is a folder in memory: none.
func memory() string { return "" }
