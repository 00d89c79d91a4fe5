package forge

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
)

// Round sends every country's head to all others, who cosign what is consistent with what they have cosigned before; who reaches its
// quorum logs that.
func (w *World) Round() {
	w.T.Helper()
	w.tick()
	type round struct {
		c     *Country
		head  translog.Checkpoint
		note  []byte
		pairs map[string][]byte
	}
	var rounds []*round
	for _, c := range w.Countries() {
		rounds = append(rounds, &round{c, c.Log.Head(), c.Log.Note(), map[string][]byte{}})
	}
	for _, r := range rounds {
		for _, o := range w.others(r.c) {
			if pair := o.cosign(r.c.Log, r.head); pair != nil {
				r.pairs[o.Witness.Verifier().Name()] = pair
			}
		}
	}
	for _, r := range rounds {
		w.tick()
		r.c.reached(r.head, r.note, r.pairs)
	}
}

// cosign is what an honest witness does: it cosigns a head that has the last one it cosigned as its beginning.
func (c *Country) cosign(h *History, head translog.Checkpoint) []byte {
	c.w.T.Helper()
	was := c.cosigned[head.Origin]
	if was.Size > 0 {
		if head.Size < was.Size {
			return nil
		}
		if root, err := translog.Root(was.Size, h); err != nil || root != was.Root {
			return nil
		}
	}
	if was == head {
		return nil
	}
	c.cosigned[head.Origin] = head
	seconds := c.w.Now / 1000
	pair, err := translog.Cosign(head, seconds, c.Witness)
	c.w.must(err)
	c.Log.Append(c.w.Now, &translog.Wit{Log: head.Origin, Root: head.Root, Size: head.Size, Time: seconds})
	return pair
}

// reached logs a head that a quorum has cosigned.
func (c *Country) reached(head translog.Checkpoint, note []byte, pairs map[string][]byte) {
	c.w.T.Helper()
	if len(pairs) < translog.Quorum(len(c.w.Countries())-1) {
		return
	}
	export := c.w.Export(c.Log.Signer.Verifier(), note, pairs)
	c.Log.Cosigned = export
	by := slices.SortedFunc(mapsKeys(pairs), strings.Compare)
	leaf := &translog.Cos{By: by, Count: int64(len(by)), Digest: sha256.Sum256(export), Log: head.Origin, Root: head.Root, Size: head.Size}
	c.Log.Entries[c.Log.Append(c.w.Now, leaf)].put("checkpoint", export)
}

// Export puts a head and cosignatures, by witness, into the form of export files.
func (w *World) Export(v *translog.LogVerifier, note []byte, pairs map[string][]byte) []byte {
	w.T.Helper()
	var witnesses []*translog.WitnessVerifier
	for _, c := range w.Countries() {
		witnesses = append(witnesses, c.Witness.Verifier())
	}
	var list [][]byte
	for _, p := range pairs {
		list = append(list, bytes.Clone(p))
	}
	b, err := translog.AddCosignatures(note, v, witnesses, list...)
	w.must(err)
	return b
}
