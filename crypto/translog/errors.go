package translog

import "errors"

// Errors of reading and writing leaves.
var (
	// ErrCanon says that the bytes are not in the one canonical form: a second spelling, white space, an order, an
	// extra line. Auditors report it as E-CANON.
	ErrCanon = errors.New("not in canonical form")
	// ErrSchema says that a canonical leaf has an unknown kind, or a member that is unknown, missing, out of its
	// bounds or of another type. Auditors report it as E-SCHEMA.
	ErrSchema = errors.New("leaf does not fit its schema")
	// ErrVersion says that the leaf's schema version is newer than this program knows.
	ErrVersion = errors.New("unknown schema version")
	// ErrTooLarge says that a leaf, note or proof is larger than its limit.
	ErrTooLarge = errors.New("larger than its limit")
)

// Errors of keys, checkpoints and cosignatures.
var (
	// ErrKey says that a key, its name or its text form is malformed, or does not belong to what it is used for.
	ErrKey = errors.New("malformed key")
	// ErrNote says that the bytes are no C2SP signed note with a checkpoint of three lines as its text.
	ErrNote = errors.New("malformed checkpoint")
	// ErrOrigin says that the checkpoint belongs to another log.
	ErrOrigin = errors.New("checkpoint of another log")
	// ErrUnsigned says that one of the two signatures of the log is missing.
	ErrUnsigned = errors.New("a signature of the log is missing")
	// ErrSignature says that a signature by a known key does not verify.
	ErrSignature = errors.New("signature does not verify")
	// ErrOwnLog says that a member was asked to be a witness of its own log.
	ErrOwnLog = errors.New("nobody is a witness of its own log")
)

// Errors of proofs and receipts.
var (
	// ErrProof says that a proof is malformed, or does not lead from the leaf to the root.
	ErrProof = errors.New("proof does not verify")
	// ErrRange says that an index or size is negative, beyond 2^53-1, or outside the tree.
	ErrRange = errors.New("index or size out of range")
	// ErrNotReceipt says that the leaf in a receipt is of a kind that acknowledges nothing.
	ErrNotReceipt = errors.New("leaf acknowledges nothing")
	// ErrNoFork says that what was given as proof of a fork proves none.
	ErrNoFork = errors.New("no fork is proven")
)
