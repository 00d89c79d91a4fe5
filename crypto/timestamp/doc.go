// Package timestamp reads time tokens of RFC 3161: an authority's signed word that a hash existed at a time.
//
// It asks for tokens over SHA-256 imprints and takes what is needed to believe one years later without asking anybody: a token that holds
// its signer's certificate, whose one signature verifies by it, and which [Roots] vouch for at the time that it says. It does no input or
// output and reads no clock. Whether a certificate was revoked it cannot know.
//
// Form: DER without a second spelling where this package looks (RFC 3161, 5652, 5816), nothing before or behind it, at most [MaxToken] bytes, an accuracy, if any is said, of a minute or better. Digests are SHA-256, SHA-384 and
// SHA-512; signatures RSA (PKCS #1 v1.5, from 2,048 bits), ECDSA and Ed25519.
package timestamp
