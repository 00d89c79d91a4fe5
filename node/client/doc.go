// Package client speaks to a node for a person: it dials the node's socket or its mTLS address, and whatever the person does it
// signs only after it has seen, itself, what is to be signed.
//
// A node is asked to prepare an act; it answers with the messages that would be sent, byte for byte, and the act that names them.
// The client parses both strictly, derives the cover sheet from the content once more, computes the commitments, and
// compares all of it with what the person asked for. Only then does the officer's key sign, and the node commits.
// So a node that is wrong, or a connection in wrong hands, can refuse an officer's act but never change it.
//
// The command line, the demo, the benchmarks and the tests use this package alone.
package client
