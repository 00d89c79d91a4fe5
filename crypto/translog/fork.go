package translog

import "fmt"

// CheckForkedHeads reports, by a nil error, that a and b prove a fork: two checkpoints of one log and one size, each with
// both signatures, with different roots. Otherwise the error wraps [ErrNoFork] or says why one is no evidence.
func CheckForkedHeads(a, b []byte, v *LogVerifier) error {
	ca, err := ParseCheckpoint(a, v)
	if err != nil {
		return fmt.Errorf("first head: %w", err)
	}
	cb, err := ParseCheckpoint(b, v)
	if err != nil {
		return fmt.Errorf("second head: %w", err)
	}
	if ca.Size != cb.Size || ca.Root == cb.Root {
		return fmt.Errorf("heads of %s of sizes %d and %d: %w", v.Origin(), ca.Size, cb.Size, ErrNoFork)
	}
	return nil
}

// CheckForkedLeaves reports, by a nil error, that two proofs show a fork: one log, one index, different leaves. The
// leaves are given by their hashes, so that erasing never weakens the evidence.
func CheckForkedLeaves(a Proof, leafA Hash, b Proof, leafB Hash, v *LogVerifier) error {
	if _, err := a.verifyHash(leafA, v); err != nil {
		return fmt.Errorf("first proof: %w", err)
	}
	if _, err := b.verifyHash(leafB, v); err != nil {
		return fmt.Errorf("second proof: %w", err)
	}
	if a.Index != b.Index || leafA == leafB {
		return fmt.Errorf("leaves %d and %d of %s: %w", a.Index, b.Index, v.Origin(), ErrNoFork)
	}
	return nil
}
