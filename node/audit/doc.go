// Package audit reads an exported log and says what is wrong with it, trusting nobody who had a hand in it.
//
// [Verify] checks integrity: that every leaf is canonical and stands where it says, that all leaves hash to the root which the
// log signed and its peers cosigned, that every message and every attempt to carry it was signed by a key that was valid at
// that point of the log, that numbers and times run forward, that every receipt is a leaf of the peer's log, and that what
// stands beside a leaf is what the leaf commits to. Whether what was done was lawful is judged by package replay; what two
// logs say of each other, by package reconcile.
//
// All trust comes from an [Anchor]: the newest directory that the auditor holds. Keys of members lead back to it, by the
// manifests that the log names; keys that stand in the archive prove nothing.
//
// What is found are Findings with stable codes, each explained by [Explain]. The same archive and anchor give the same
// findings in the same order, for any number of workers. Nothing here reads a clock.
package audit
