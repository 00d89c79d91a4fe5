package store

import (
	"bytes"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Kinds of fork proofs by which the cosigning of a log stops.
const (
	// ForkLog: two checkpoints of one log with one size and two roots, in the form of translog.FormatHeads.
	ForkLog = "log"
	// ForkTree: two checkpoints of one log and a consistency proof that leads to the larger, and at the size of the smaller to another one; in
	// that form as well.
	ForkTree = "tree"
	// ForkUnproven: two checkpoints of one log, of different sizes, for which the log has given no consistency proof that verifies, asked again
	// and again; in that form, without hashes. It proves a fork to whoever has the log.
	ForkUnproven = "unproven"
)

// maxForks bounds the proofs of one kind that are kept of one peer: one is enough.
const maxForks = 8

// PutWitnessed keeps the head of a peer's log that this node cosigns, which stands in a `wit` leaf of this transaction. A smaller one than
// was cosigned before, or one of the same size and another root, is [ErrExists]: the guarantee of a witness is that this never happens.
func (t *Tx) PutWitnessed(origin string, w *storev1.Witnessed) error {
	if err := checkName("origin", origin); err != nil {
		return err
	}
	old, ok, err := t.Witnessed(origin)
	if err != nil {
		return err
	}
	if ok && (old.Size > w.Size || old.Size != 0 && old.Size == w.Size && !bytes.Equal(old.Root, w.Root)) {
		return fmt.Errorf("cosigning %s at %d after %d: %w", origin, w.Size, old.Size, ErrExists)
	}
	return t.putRow(bucketWitnessed, []byte(origin), w)
}

// Witnessed returns the largest head of a peer's log that this node has cosigned, and whether it cosigns that log no more; ok is false when
// there is neither.
func (r *Reader) Witnessed(origin string) (w *storev1.Witnessed, ok bool, err error) {
	return rows.Get[storev1.Witnessed](r.b.Bucket(bucketWitnessed), []byte(origin))
}

// EachWitnessed calls each with what is known of every log that this node cosigns, by origin, until it returns false.
func (r *Reader) EachWitnessed(each func(origin string, w *storev1.Witnessed) bool) error {
	return rows.Each(r.b.Bucket(bucketWitnessed), nil, nil, func(k []byte, w *storev1.Witnessed) bool { return each(string(k), w) })
}

// StopCosigning keeps the proof that a log shows two histories and cosigns that log no more; of a log that is stopped already one proof of each kind is
// enough. It reports whether the log was cosigned until now.
func (t *Tx) StopCosigning(origin, peer, kind string, proof []byte) (stopped bool, err error) {
	known := 0
	if err := t.EachForkProof(func(p *storev1.ForkProof) bool {
		if p.Peer == peer && p.Kind == kind {
			known++
		}
		return true
	}); err != nil {
		return false, err
	}
	w, ok, err := t.Witnessed(origin)
	if err != nil {
		return false, err
	}
	stopped = !ok || w.Stopped == ""
	if known == 0 || stopped && known < maxForks {
		if err := t.PutForkProof(&storev1.ForkProof{Peer: peer, Kind: kind, Proof: proof, AtMs: uint64(t.At())}); err != nil {
			return false, err
		}
	}
	if !stopped {
		return false, nil
	}
	w.Peer, w.Stopped, w.StoppedMs = peer, kind, uint64(t.At())
	return true, t.putRow(bucketWitnessed, []byte(origin), w)
}

// ResumeCosigning takes up again what StopCosigning has stopped, by an operator's word, and returns the kind of the proof that stood in the
// way; empty when none did.
func (t *Tx) ResumeCosigning(origin string) (kind string, err error) {
	w, ok, err := t.Witnessed(origin)
	if err != nil || !ok || w.Stopped == "" {
		return "", err
	}
	kind, w.Stopped, w.StoppedMs = w.Stopped, "", 0
	return kind, t.putRow(bucketWitnessed, []byte(origin), w)
}

// PutCosignedHead keeps the newest head of the log that is written which has reached its quorum, in export form. A smaller one than is kept is
// ignored; one of the same size takes its place.
func (t *Tx) PutCosignedHead(size int64, note []byte) error {
	old, _, err := t.CosignedHead()
	if err != nil || size < old {
		return err
	}
	v, err := rows.Marshal(&storev1.CosignedHead{Size: uint64(size), Checkpoint: note})
	if err != nil {
		return err
	}
	if _, err := t.putPieces(bucketCheckpoint, rowCosigned, v); err != nil {
		return fmt.Errorf("keeping cosigned head %d: %w", size, err)
	}
	return nil
}

// CosignedHead returns the newest head of the log that is written which has reached its quorum of cosignatures: its size, and the checkpoint in
// export form (translog.ParseExport) with all cosignatures that have come; 0 and nil when there is none.
func (r *Reader) CosignedHead() (size int64, note []byte, err error) {
	v := rows.ReadPieces(r.b.Bucket(bucketCheckpoint), rowCosigned)
	if v == nil {
		return 0, nil, nil
	}
	h := new(storev1.CosignedHead)
	if err := rows.Parse(v, h); err != nil {
		return 0, nil, err
	}
	if origin, err := translog.ReadOrigin(h.Checkpoint); err != nil || origin != r.s.current.Origin {
		return 0, nil, err // of the log before a recovery
	}
	return int64(h.Size), h.Checkpoint, nil
}
