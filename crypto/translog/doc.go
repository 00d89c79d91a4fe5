// Package translog is the mathematics of the signed log: leaves in one canonical text form, the RFC 6962 tree above
// them, checkpoints with two signatures, cosignatures of witnesses, proofs, receipts and fork proofs.
//
// Everything here is a pure function of its arguments: no file, no network, no clock, no goroutine. A node appends with
// it, a peer checks with it, and the offline auditor replays with it. README.md in this folder is the specification,
// from which a second implementation can be written without reading this code.
//
// What a caller may believe:
//
//   - a [Leaf] that [ParseLeaf] returns has exactly one spelling: [Marshal] of it gives the same bytes again;
//   - a [Checkpoint] that [ParseCheckpoint] returns carries both signatures of the log, Ed25519 and ML-DSA-44, and both
//     verified;
//   - [VerifyReceipt] and [Proof.Verify] say that a leaf is in the tree of such a checkpoint, at its own index.
//
// The formats are C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof, so that other people's tools check
// our logs: https://c2sp.org.
package translog
