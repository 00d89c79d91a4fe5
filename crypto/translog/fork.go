package translog

import (
	"bytes"
	"fmt"
	"slices"
)

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

// CheckForkedTree reports, by a nil error, that a and b prove a fork: two checkpoints of one log, each with both signatures, b of the larger
// size, and a consistency proof that leads to b's root, but at a's size to another root than a's. No such proof exists when a's size
// is a power of two: a consistency proof does not hold that root then, and says nothing about it.
func CheckForkedTree(a, b []byte, proof []Hash, v *LogVerifier) error {
	ca, err := ParseCheckpoint(a, v)
	if err != nil {
		return fmt.Errorf("smaller head: %w", err)
	}
	cb, err := ParseCheckpoint(b, v)
	if err != nil {
		return fmt.Errorf("larger head: %w", err)
	}
	older, newer, ok := consistencyRoots(proof, ca.Size, cb.Size)
	if !ok || newer != cb.Root || older == ca.Root {
		return fmt.Errorf("heads of %s of sizes %d and %d: %w", v.Origin(), ca.Size, cb.Size, ErrNoFork)
	}
	return nil
}

// consistencyRoots returns the two roots that a consistency proof leads to, by RFC 9162, section 2.1.4.2; false when its number of hashes
// does not fit the sizes, or when the smaller size is a power of two.
func consistencyRoots(proof []Hash, older, newer int64) (olderRoot, newerRoot Hash, ok bool) {
	if older < 1 || newer <= older || newer > MaxInt || older&(older-1) == 0 || len(proof) == 0 {
		return Hash{}, Hash{}, false
	}
	fn, sn := older-1, newer-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for i := range proof[1:] {
		c := proof[i+1]
		switch {
		case sn == 0:
			return Hash{}, Hash{}, false
		case fn&1 == 1 || fn == sn:
			fr, sr = nodeHash(&c, &fr), nodeHash(&c, &sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		default:
			sr = nodeHash(&sr, &c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return fr, sr, sn == 0
}

// FormatHeads writes down two heads of one log, the smaller first, and perhaps the proof that was given for them: both notes, and then a
// line for each hash in standard base64, with a blank line between.
func FormatHeads(a, b []byte, proof []Hash) []byte {
	out := slices.Concat(a, []byte{'\n'}, b)
	if len(proof) > 0 {
		out = append(out, '\n')
	}
	return AppendHashes(out, proof)
}

// ParseHeads is the inverse of [FormatHeads]. Nothing is verified. Errors wrap [ErrNote], [ErrProof] or [ErrTooLarge].
func ParseHeads(text []byte) (a, b []byte, proof []Hash, err error) {
	if len(text) > 2*MaxNote {
		return nil, nil, nil, fmt.Errorf("reading two heads: %w", ErrTooLarge)
	}
	parts := bytes.SplitAfter(text, []byte("\n\n")) // text, signatures, text, signatures, hashes
	if len(parts) != 4 && len(parts) != 5 {
		return nil, nil, nil, fmt.Errorf("reading two heads: %w", ErrNote)
	}
	a = slices.Concat(parts[0], bytes.TrimSuffix(parts[1], []byte("\n")))
	if len(parts) == 4 {
		return a, slices.Concat(parts[2], parts[3]), nil, nil
	}
	b = slices.Concat(parts[2], bytes.TrimSuffix(parts[3], []byte("\n")))
	if proof, err = ParseHashes(parts[4]); err != nil || len(proof) == 0 {
		return nil, nil, nil, fmt.Errorf("reading two heads: %w", ErrProof)
	}
	return a, b, proof, nil
}
