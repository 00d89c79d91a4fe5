package forge

import (
	"crypto/sha256"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// This file holds what only an operator can do who has all keys of a country: not what a node does.

// Reissue alters a message that the country sent, in a history of it, and signs it anew with the country's identity key. Its name changes; what
// names it elsewhere in the history is made to follow, but for what peers have signed.
func (w *World) Reissue(c *Country, h *History, i int, change func(*rogatoryv1.Message)) {
	w.T.Helper()
	m, err := envelope.ParseMessage(h.Entries[i].Sides["message"])
	w.must(err)
	old := translog.Hash(envelope.MessageName(h.Entries[i].Sides["message"]))
	change(m)
	raw, err := envelope.Marshal(m)
	w.must(err)
	name := translog.Hash(envelope.MessageName(raw))
	statement, signature := w.Statement(c, raw)
	h.Alter(i, func(e *Entry) {
		e.Sides["message"], e.Sides["statement"], e.Sides["signature"] = raw, statement, signature
		l := e.Body.(*translog.Msg)
		l.Msg, l.From, l.To, l.Epoch, l.Seq = name, m.GetFrom(), m.GetTo(), int64(m.GetEpoch()), int64(m.GetSeq())
		l.Prev, l.DocketCommit, l.ContentCommit = translog.Hash(m.GetPrev()), translog.Hash(m.GetDocketCommit()), translog.Hash(m.GetContentCommit())
		l.Stmt, l.Sig = envelope.StatementHash(statement), envelope.SignatureHash(signature)
	})
	for k, e := range h.Entries {
		switch l := e.Body.(type) {
		case *translog.Rcpt:
			if l.Of == old {
				h.Alter(k, func(e *Entry) { e.Body.(*translog.Rcpt).Of = name })
			}
		case *translog.Case:
			if l.Of == old {
				h.Alter(k, func(e *Entry) { e.Body.(*translog.Case).Of = name })
			}
		}
	}
}

// Statement returns a statement that carries a message, of a ciphertext that nobody has, and the country's signature of it.
func (w *World) Statement(c *Country, message []byte) (statement, signature []byte) {
	w.T.Helper()
	kid, digest := c.Identities[0].Key.KID(), sha256.Sum256(message)
	sealing, err := envelope.Marshal(&rogatoryv1.Sealing{
		Suite: 1, Message: message, FromKid: kid[:], ToKid: kid[:], SealedMs: uint64(w.Now), ExpiresMs: uint64(w.Now + 3600_000),
		ManifestVersion: 1, ManifestDigest: digest[:],
	})
	w.must(err)
	statement, err = envelope.Marshal(&rogatoryv1.Statement{Sealing: sealing, CtDigest: digest[:], CtLen: 1, WrapDigest: digest[:]})
	w.must(err)
	signed, err := envelope.SignBatch(c.Identities[0].Key, []*envelope.Sealed{{Statement: statement, From: kid}})
	w.must(err)
	return statement, signed[0].Signature
}

// Show gives the head of a history of the country to honest witnesses and returns the cosignatures of those who find it consistent with what
// they cosigned before, by witness: two histories shown to two peers are a split view.
func (w *World) Show(h *History, to ...string) map[string][]byte {
	w.T.Helper()
	w.tick()
	pairs := map[string][]byte{}
	for _, code := range to {
		o := w.Country(code)
		if pair := o.cosign(h, h.Head()); pair != nil {
			pairs[o.Witness.Verifier().Name()] = pair
		}
	}
	return pairs
}

// Collude returns the cosignatures of witnesses who sign whatever they are shown, and log nothing.
func (w *World) Collude(h *History, by ...string) map[string][]byte {
	w.T.Helper()
	w.tick()
	pairs := map[string][]byte{}
	for _, code := range by {
		o := w.Country(code)
		pair, err := translog.Cosign(h.Head(), w.Now/1000, o.Witness)
		w.must(err)
		pairs[o.Witness.Verifier().Name()] = pair
	}
	return pairs
}

// Cosign puts cosignatures under a history's head, as its archive shows it.
func (w *World) Cosign(h *History, pairs map[string][]byte) {
	w.T.Helper()
	h.Cosigned = w.Export(h.Signer.Verifier(), h.Note(), pairs)
}
