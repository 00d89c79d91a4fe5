package evidence

import (
	"crypto/ed25519"
	"crypto/sha512"
)

// composed is M' of id-MLDSA65-Ed25519-SHA512 (IETF LAMPS pq-composite-sigs) with an empty context.
func composed(message []byte) []byte {
	digest := sha512.Sum512(message)
	return append([]byte("CompositeAlgorithmSignatures2025COMPSIG-MLDSA65-Ed25519-SHA512\x00"), digest[:]...)
}

func edKey(raw []byte) ed25519.PublicKey { return ed25519.PublicKey(raw) }
