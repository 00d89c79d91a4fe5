package translog

import "fmt"

// A Receipt is a leaf of the recipient's log with its path. On the wire one signed checkpoint is followed by many of
// them. The receipt is the leaf; hashes and checkpoint may be newer each time it is sent.
type Receipt struct {
	Leaf   []byte
	Index  int64
	Hashes []Hash
}

// VerifyReceipt checks that r's leaf stands at its index in the tree of cp, which the caller has from [ParseCheckpoint],
// says that index itself, and acknowledges a message: a [Msg] with dir in, a [Whole] or a [Rej]. It returns the leaf and
// the name of the message. The caller compares the message, its sequence and commitments with what was sent.
func VerifyReceipt(r Receipt, cp Checkpoint) (Leaf, Hash, error) {
	if len(r.Hashes) > MaxProofHashes || len(r.Leaf) > MaxLeaf {
		return Leaf{}, Hash{}, fmt.Errorf("verifying receipt of %s: %w", cp.Origin, ErrTooLarge)
	}
	if err := CheckInclusion(r.Hashes, cp.Size, cp.Root, r.Index, LeafHash(r.Leaf)); err != nil {
		return Leaf{}, Hash{}, fmt.Errorf("verifying receipt of %s: %w", cp.Origin, err)
	}
	leaf, err := ParseLeaf(r.Leaf)
	if err != nil {
		return Leaf{}, Hash{}, fmt.Errorf("verifying receipt of %s: %w", cp.Origin, err)
	}
	if leaf.Index != r.Index {
		return Leaf{}, Hash{}, fmt.Errorf("verifying receipt of %s: the leaf names another index: %w", cp.Origin, ErrProof)
	}
	switch e := leaf.Entry.(type) {
	case *Msg:
		if e.Dir == In {
			return leaf, e.Msg, nil
		}
	case *Whole:
		return leaf, e.Msg, nil
	case *Rej:
		return leaf, e.Msg, nil
	}
	return Leaf{}, Hash{}, fmt.Errorf("verifying receipt of %s: %s: %w", cp.Origin, leaf.Kind, ErrNotReceipt)
}

// SameMessage reports whether the leaf of the sender and that of the recipient speak of one message: all that the message
// fixes is equal. Statement and signature may be those of different sealings.
func SameMessage(sent, arrived *Msg) bool {
	return sent.Msg == arrived.Msg && sent.From == arrived.From && sent.To == arrived.To &&
		sent.Epoch == arrived.Epoch && sent.Seq == arrived.Seq && sent.Prev == arrived.Prev &&
		sent.DocketCommit == arrived.DocketCommit && sent.ContentCommit == arrived.ContentCommit
}

// RcptOf returns the entry by which we log a receipt that [VerifyReceipt] accepted: its leaf and message, the checkpoint
// of the peer, and the index of our own out leaf.
func RcptOf(leaf Leaf, msg Hash, cp Checkpoint, ref int64) *Rcpt {
	e := &Rcpt{Index: leaf.Index, Log: cp.Origin, Of: msg, Ref: ref, Root: cp.Root, Size: cp.Size}
	switch l := leaf.Entry.(type) {
	case *Whole:
		e.Whole = true
	case *Rej:
		e.Rej = l.Code
	}
	return e
}

// Proof returns the receipt as C2SP tlog-proof, for export, above the signed checkpoint that covers it.
func (r Receipt) Proof(checkpoint []byte) Proof {
	return Proof{Index: r.Index, Hashes: r.Hashes, Checkpoint: checkpoint}
}
