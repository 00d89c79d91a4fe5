package post

import (
	"errors"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// ForkSequence is the kind of proof that two messages of one sender with one number are: a Frame with two Envelopes that hold statement and signature.
// Those of logs are package store's.
const ForkSequence = "sequence"

// maxForks bounds the proofs of one kind that are kept of one peer: one is enough.
const maxForks = 8

// keepFork keeps the proof that a sender has signed two messages with one number. Of what was refused by an older version no statement is kept: a
// message in its place proves nothing to others.
func (l *lane) keepFork(tx *store.Tx, o *envelope.Opening, seen *storev1.Seen) error {
	if l.refusals.First("fork") {
		l.o.log.Error("two messages with one number", "peer", l.country, "seq", o.Message().GetSeq())
	}
	first, firstSignature, err := tx.Came(seen)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	signature, err := o.Signature()
	if err != nil {
		return err
	}
	proof, err := bothStatements(first, firstSignature, o.Statement(), signature)
	if err != nil {
		return err
	}
	return l.putForkProof(tx, ForkSequence, proof)
}

// putForkProof keeps a proof, if there are not enough of its kind.
func (l *lane) putForkProof(tx *store.Tx, kind string, proof []byte) error {
	known := 0
	if err := tx.EachForkProof(func(p *storev1.ForkProof) bool {
		if p.GetPeer() == l.country && p.GetKind() == kind {
			known++
		}
		return known < maxForks
	}); err != nil || known >= maxForks {
		return err
	}
	return tx.PutForkProof(&storev1.ForkProof{Peer: l.country, Kind: kind, Proof: proof, AtMs: uint64(tx.At())})
}

func bothStatements(stmt1, sig1, stmt2, sig2 []byte) ([]byte, error) {
	f := &rogatoryv1.Frame{}
	for _, pair := range [][2][]byte{{stmt1, sig1}, {stmt2, sig2}} {
		sig := &rogatoryv1.BatchSignature{}
		if err := envelope.StrictUnmarshal(pair[1], sig, 8<<10); err != nil {
			return nil, err
		}
		b, err := envelope.Marshal(&rogatoryv1.Envelope{Statement: pair[0], Sig: sig})
		if err != nil {
			return nil, err
		}
		f.Envelopes = append(f.Envelopes, b)
	}
	return envelope.Marshal(f)
}
