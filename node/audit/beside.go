package audit

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
)

// actor checks that an enrolment is the one that the leaf names. Its signatures are checked against the register of that point.
func (t *tile) actor(e *archive.Entry, it *item, l *translog.Actor) {
	b := e.Side("enrolment")
	if b == nil {
		t.missing(e.Index, "enrolment")
		return
	}
	p, err := federation.ParseEnrolment(b)
	var subject [32]byte
	if err == nil {
		subject, err = federation.EnrolmentSubject(p.GetOfficer())
	}
	if err != nil || translog.Hash(subject) != l.Digest || p.GetOfficer().GetPseudonym() != l.Who {
		t.note(CodeLeafSig, e.Index, "the enrolment beside the leaf is another one", l.Digest.String(), translog.Hash(subject).String())
		return
	}
	it.enrolment = bytes.Clone(b)
}

// policy checks a country's own policy against the digest in its leaf.
func (t *tile) policy(e *archive.Entry, l *translog.Policy) {
	b := e.Side("policy")
	if b == nil {
		t.missing(e.Index, "policy")
		return
	}
	if h := translog.Hash(rules.PolicyDigest(b)); h != l.Digest {
		t.note(CodeLeafSig, e.Index, "the policy beside the leaf is another one", l.Digest.String(), h.String())
	}
}

// report checks what a node says of its recovery against the digest in its leaf.
func (t *tile) report(e *archive.Entry, l *translog.Node) {
	b := e.Side("report")
	switch {
	case l.Digest.IsZero() && b == nil:
	case l.Digest.IsZero():
		t.note(CodeExtra, e.Index, "a report that the leaf does not name", "", "")
	case b == nil:
		t.missing(e.Index, "report")
	case translog.Hash(sum(b)) != l.Digest:
		t.note(CodeLeafSig, e.Index, "the report beside the leaf is another one", l.Digest.String(), translog.Hash(sum(b)).String())
	}
}

// snapshot checks the cases beside a `state` leaf against its digest. Whether they are what the log makes them, replay finds out.
func (t *tile) snapshot(e *archive.Entry, l *translog.State) {
	b := e.Side("snapshot")
	switch {
	case l.Snapshot.IsZero() && b == nil:
	case l.Snapshot.IsZero():
		t.note(CodeExtra, e.Index, "a snapshot that the leaf does not name", "", "")
	case b == nil:
		t.missing(e.Index, "snapshot")
	default:
		changed, err := exchange.ParseSnapshot(b)
		if err != nil {
			t.note(CodeLeafSig, e.Index, "the snapshot beside the leaf: "+err.Error(), "", "")
			return
		}
		if h := translog.Hash(exchange.SnapshotDigest(changed)); h != l.Snapshot {
			t.note(CodeLeafSig, e.Index, "the snapshot beside the leaf is another one", l.Snapshot.String(), h.String())
			return
		}
		t.read(e).Snapshot = changed
	}
}

// rcpt checks the receipt that a `rcpt` leaf says we hold: the peer's leaf, its path to the root, and the peer's signed head.
func (w *worker) rcpt(t *tile, e *archive.Entry, it *item, l *translog.Rcpt) {
	it.receipt = &receipt{}
	leaf, path := e.Side("leaf"), e.Side("path")
	if leaf == nil {
		t.note(CodeRcptMissing, e.Index, "the peer's leaf is not beside the rcpt", "leaf", "")
	}
	if path == nil {
		t.note(CodeRcptMissing, e.Index, "the path to the peer's head is not beside the rcpt", "path", "")
	}
	if leaf != nil && path != nil {
		w.received(t, it, e.Index, l, leaf, path)
	}
	note := e.Side("checkpoint")
	if note == nil {
		return
	}
	cp, _, keys, err := w.open(l.Log, note, nil)
	switch {
	case errors.Is(err, ErrUnknownLog):
		t.note(CodeKey, e.Index, err.Error(), "", "")
	case errors.Is(err, translog.ErrCanon):
		t.note(CodeCanon, e.Index, "checkpoint of the receipt: "+err.Error(), "", "")
	case err != nil:
		t.note(CodeRcptOther, e.Index, "checkpoint of the receipt: "+err.Error(), "", "")
	case cp.Size != l.Size || cp.Root != l.Root:
		t.note(CodeRcptOther, e.Index, "the receipt stands on another head than the leaf says", headText(l.Size, l.Root), headText(cp.Size, cp.Root))
	default:
		it.receipt.head, it.receipt.signed = true, keys
	}
}

// received checks that the peer's leaf is in the tree that the rcpt names, and is what the rcpt says of it.
func (w *worker) received(t *tile, it *item, index int64, l *translog.Rcpt, leaf, path []byte) {
	r := translog.Receipt{Leaf: leaf, Index: l.Index}
	if len(path)%translog.HashSize != 0 || len(path) > translog.MaxProofHashes*translog.HashSize {
		t.note(CodeRcptOther, index, fmt.Sprintf("path of %d bytes", len(path)), "", "")
		return
	}
	for ; len(path) > 0; path = path[translog.HashSize:] {
		r.Hashes = append(r.Hashes, translog.Hash(path))
	}
	cp := translog.Checkpoint{Origin: l.Log, Size: l.Size, Root: l.Root}
	parsed, name, err := translog.VerifyReceipt(r, cp)
	if err != nil {
		t.note(CodeRcptOther, index, err.Error(), "", "")
		return
	}
	if name != l.Of {
		t.note(CodeRcptOther, index, "the receipt is for another message", l.Of.String(), name.String())
		return
	}
	if want := translog.RcptOf(parsed, name, cp, l.Ref); *want != *l {
		t.note(CodeRcptOther, index, "the rcpt says something else than the receipt", fmt.Sprintf("rej %q whole %t", want.Rej, want.Whole), fmt.Sprintf("rej %q whole %t", l.Rej, l.Whole))
		return
	}
	it.receipt.leaf, it.receipt.whole = parsed, true
}

// open reads a signed head in export form with the keys that a directory gives to the log, or some manifest, which is then returned.
func (w *worker) open(origin string, note []byte, witnesses []*translog.WitnessVerifier) (cp translog.Checkpoint, by []translog.Cosignature, keys *logKeys, err error) {
	if v := w.chain.Log(origin); v != nil {
		cp, by, err = translog.ParseExport(note, v, witnesses)
		return cp, by, nil, err
	}
	err = fmt.Errorf("log %s: %w", origin, ErrUnknownLog)
	for _, k := range w.book.logs[origin] {
		if cp, by, err = translog.ParseExport(note, k.v, witnesses); err == nil {
			return cp, by, k, nil
		}
	}
	return translog.Checkpoint{}, nil, nil, err
}

// cos checks the cosigned head beside a `cos` leaf.
func (w *worker) cos(t *tile, e *archive.Entry, it *item, l *translog.Cos) {
	note := e.Side("checkpoint")
	if note == nil {
		t.missing(e.Index, "checkpoint")
		return
	}
	if h := translog.Hash(sum(note)); h != l.Digest {
		t.note(CodeLeafSig, e.Index, "the cosigned head beside the leaf is another one", l.Digest.String(), h.String())
		return
	}
	cp, by, keys, err := w.open(w.info.Log, note, w.book.witnesses)
	if err != nil {
		code := CodeHead
		if errors.Is(err, translog.ErrCanon) {
			code = CodeCanon
		}
		t.note(code, e.Index, "cosigned head: "+err.Error(), "", "")
		return
	}
	it.cosigned = &cosigned{cp, by, keys}
}

func headText(size int64, root translog.Hash) string { return fmt.Sprintf("%d %s", size, root) }
