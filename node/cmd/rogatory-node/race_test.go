//go:build race

package main

// raced says that the race detector watches: scrypt takes twenty times as long then.
const raced = true
