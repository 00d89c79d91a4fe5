package translog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Limits of a proof: no tree of 2^53-1 leaves needs more hashes.
const (
	MaxProofHashes = 53
	maxExtra       = 65536
)

const proofHeader = "c2sp.org/tlog-proof@v1\n"

// A Proof shows that a leaf is in a log: C2SP tlog-proof. What it says is believed after [Proof.Verify].
type Proof struct {
	Extra      []byte // opaque and not authenticated; empty for none
	Index      int64
	Hashes     []Hash // from the leaf's sibling up to the root's child
	Checkpoint []byte // the signed note, as issued
}

// Marshal returns the text of the proof.
func (p *Proof) Marshal() ([]byte, error) {
	if p.Index < 0 || p.Index >= MaxInt || len(p.Hashes) > MaxProofHashes || len(p.Extra) > maxExtra || len(p.Checkpoint) > MaxNote {
		return nil, fmt.Errorf("writing proof: %w", ErrRange)
	}
	b := make([]byte, 0, 64+45*len(p.Hashes)+len(p.Checkpoint)+2*len(p.Extra))
	b = append(b, proofHeader...)
	if len(p.Extra) > 0 {
		b = append(b, "extra "...)
		b = base64.StdEncoding.AppendEncode(b, p.Extra)
		b = append(b, '\n')
	}
	b = append(b, "index "...)
	b = strconv.AppendInt(b, p.Index, 10)
	b = append(b, '\n')
	b = AppendHashes(b, p.Hashes)
	b = append(b, '\n')
	return append(b, p.Checkpoint...), nil
}

// ParseProof is the strict inverse of [Proof.Marshal]. It reads the form only: the checkpoint's signatures and the path
// are judged by [Proof.Verify].
func ParseProof(b []byte) (Proof, error) {
	if len(b) > MaxNote+2*maxExtra {
		return Proof{}, fmt.Errorf("reading proof: %w", ErrTooLarge)
	}
	bad := fmt.Errorf("reading proof: %w", ErrProof)
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	rest, ok2 := strings.CutPrefix(string(head)+"\n", proofHeader)
	if !ok || !ok2 {
		return Proof{}, bad
	}
	var p Proof
	line, rest, _ := strings.Cut(rest, "\n")
	if b64, ok := strings.CutPrefix(line, "extra "); ok {
		if p.Extra, ok = decodeBase64([]byte(b64)); !ok || len(p.Extra) > maxExtra {
			return Proof{}, bad
		}
		line, rest, _ = strings.Cut(rest, "\n")
	}
	n, ok := strings.CutPrefix(line, "index ")
	used := 0
	if p.Index, used = readInt([]byte(n)); !ok || used == 0 || used != len(n) || p.Index == MaxInt {
		return Proof{}, bad
	}
	var err error
	if p.Hashes, err = ParseHashes([]byte(rest)); err != nil {
		return Proof{}, bad
	}
	text, _, err := splitNote(checkpoint)
	if err != nil {
		return Proof{}, bad
	}
	if _, err := ParseText(text); err != nil {
		return Proof{}, bad
	}
	p.Checkpoint = bytes.Clone(checkpoint)
	return p, nil
}

// AppendHashes appends a line of standard base64 for each hash, as proofs have them.
func AppendHashes(dst []byte, hashes []Hash) []byte {
	for i := range hashes {
		dst = base64.StdEncoding.AppendEncode(dst, hashes[i][:])
		dst = append(dst, '\n')
	}
	return dst
}

// ParseHashes is the strict inverse of [AppendHashes], of at most [MaxProofHashes]. The error is [ErrProof].
func ParseHashes(text []byte) (hashes []Hash, err error) {
	for line := range bytes.Lines(text) {
		b64, whole := bytes.CutSuffix(line, []byte("\n"))
		h, ok := decodeBase64(b64)
		if !whole || !ok || len(h) != HashSize || len(hashes) == MaxProofHashes {
			return nil, ErrProof
		}
		hashes = append(hashes, Hash(h))
	}
	return hashes, nil
}

// Verify checks both signatures of the checkpoint and the path from the leaf to its root, and returns the checkpoint.
func (p *Proof) Verify(leaf []byte, v *LogVerifier) (Checkpoint, error) {
	return p.verifyHash(LeafHash(leaf), v)
}

func (p *Proof) verifyHash(leaf Hash, v *LogVerifier) (Checkpoint, error) {
	cp, err := ParseCheckpoint(p.Checkpoint, v)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verifying proof: %w", err)
	}
	if err := CheckInclusion(p.Hashes, cp.Size, cp.Root, p.Index, leaf); err != nil {
		return Checkpoint{}, fmt.Errorf("verifying proof: %w", err)
	}
	return cp, nil
}
