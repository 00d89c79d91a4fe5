//go:build !long

package evidence_test

const long = false
