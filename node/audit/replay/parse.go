package replay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxDocket bounds a docket's bytes.
const maxDocket = 16 << 10

// A line is a leaf with what stands beside it, read.
type line struct {
	index int64
	leaf  translog.Leaf // Entry is nil when it cannot be judged

	docket   *rogatoryv1.Docket // nil when it is not there, or not the one
	gone     bool               // no docket stands beside the leaf
	message  *rogatoryv1.Message
	deed     *deed
	receipt  *translog.Leaf // the peer's leaf
	list     []translog.Hash
	snapshot []exchange.Changed
	record   []byte // enrolment or policy
}

// A deed is an assertion with its act, read; whether it was signed, and by whom, depends on the register.
type deed struct {
	assertion *rogatoryv1.Assertion
	act       *rogatoryv1.Act
	digest    translog.Hash
}

// A tile is what a parser makes of 256 leaves.
type tile struct {
	lines    []line
	findings []audit.Finding
}

func (t *tile) note(code audit.Code, index int64, detail, wanted, found string) {
	t.findings = append(t.findings, audit.Finding{Code: code, Index: index, Detail: detail, Wanted: wanted, Found: found})
}

// A parser reads tiles. It is safe for concurrent use.
type parser struct {
	r *archive.Reader
	// verified: the archive is verified beside, which tells of what is damaged.
	verified bool
}

// make reads a tile, of which leaves from size on are left out, in the memory of a buffer. Nothing of the tile refers to it.
func (p *parser) make(n, size int64, buf *archive.Buffer) (*tile, error) {
	entries, err := p.r.TileIn(n, buf)
	if err != nil {
		var f *archive.FormatError
		if !errors.As(err, &f) {
			return nil, err
		}
		t := &tile{}
		t.note(audit.Code(f.Code), n*archive.TileWidth, f.Path+": "+f.Err.Error(), "", "")
		return t, nil
	}
	return p.read(n, size, entries, nil), nil
}

// read reads the entries of tile n. What audit.Verify has read of them need not be read again.
func (p *parser) read(n, size int64, entries []archive.Entry, known []audit.Read) *tile {
	t := &tile{lines: make([]line, max(0, min(int64(len(entries)), size-n*archive.TileWidth)))}
	none := &audit.Read{}
	for i := range t.lines {
		t.lines[i].index = entries[i].Index
		if known == nil {
			p.entry(t, &entries[i], &t.lines[i], none)
			continue
		}
		p.entry(t, &entries[i], &t.lines[i], &known[i])
	}
	return t
}

func (p *parser) entry(t *tile, e *archive.Entry, l *line, known *audit.Read) {
	leaf, err := known.Leaf, error(nil)
	if leaf.Entry == nil {
		leaf, err = translog.ParseLeaf(e.Leaf)
	}
	if err != nil || leaf.Index != e.Index {
		if p.verified {
			return
		}
		code := audit.CodeSchema
		switch {
		case err == nil:
			code, err = audit.CodeSeq, fmt.Errorf("the leaf says that it stands at %d", leaf.Index)
		case errors.Is(err, translog.ErrVersion):
			code = audit.CodeUnknown
		case errors.Is(err, translog.ErrCanon), errors.Is(err, translog.ErrTooLarge):
			code = audit.CodeCanon
		}
		t.note(code, e.Index, err.Error(), "", "")
		return
	}
	l.leaf = leaf
	switch k := leaf.Entry.(type) {
	case *translog.Msg:
		p.docket(t, e, l, k.DocketCommit, known.Docket)
		if l.message = known.Message; l.message != nil {
			break
		}
		if raw := e.Side("message"); raw != nil && translog.Hash(envelope.MessageName(raw)) == k.Msg {
			l.message, _ = envelope.ParseMessage(raw)
		}
		if l.message == nil && !p.verified {
			t.note(audit.CodeMissing, e.Index, "the message is not beside its leaf", k.Msg.String(), "")
		}
	case *translog.Rcpt:
		if l.receipt = known.Receipt; l.receipt != nil {
			break
		}
		if raw := e.Side("leaf"); raw != nil {
			if of, err := translog.ParseLeaf(raw); err == nil {
				l.receipt = &of
			}
		}
	case *translog.Case:
		p.docket(t, e, l, k.Docket, known.Docket)
		l.deed = readDeed(e, k.Assertion, known.Assertion)
	case *translog.Op:
		l.deed = readDeed(e, k.Assertion, known.Assertion)
		l.list = names(e, k.Of, k.OfDigest)
	case *translog.Erase:
		l.deed = readDeed(e, k.Assertion, known.Assertion)
		l.list = names(e, k.Of, k.OfDigest)
	case *translog.Policy:
		if b := e.Side("policy"); b != nil && translog.Hash(rules.PolicyDigest(b)) == k.Digest {
			l.record = bytes.Clone(b)
		}
	case *translog.Actor:
		l.record = bytes.Clone(e.Side("enrolment"))
	case *translog.State:
		p.snapshot(t, e, l, k, known.Snapshot)
	}
}

func (p *parser) snapshot(t *tile, e *archive.Entry, l *line, k *translog.State, known []exchange.Changed) {
	b := e.Side("snapshot")
	if b == nil || k.Snapshot.IsZero() {
		return
	}
	list, err := known, error(nil)
	if list == nil {
		list, err = exchange.ParseSnapshot(b)
	}
	switch {
	case err != nil:
		t.note(audit.CodeState, e.Index, err.Error(), "", "")
	case known == nil && translog.Hash(exchange.SnapshotDigest(list)) != k.Snapshot:
		t.note(audit.CodeState, e.Index, "the snapshot beside the leaf is another one", k.Snapshot.String(), "")
	default:
		for i := range list {
			list[i].Body = bytes.Clone(list[i].Body)
		}
		l.snapshot = list
	}
}

// docket reads the docket beside a leaf that commits to it.
func (p *parser) docket(t *tile, e *archive.Entry, l *line, commit translog.Hash, known bool) {
	b := e.Side("docket")
	if b == nil {
		l.gone = true
		return
	}
	if !known && (len(b) < 32 || translog.Hash(envelope.Commit(envelope.Salt(b[:32]), envelope.Docket, b[32:])) != commit) {
		// Word for word as audit.Verify says it, so that it is said once.
		t.note(audit.CodeLeafSig, e.Index, "the docket beside the leaf is not what it commits to", commit.String(), "")
		return
	}
	d := new(rogatoryv1.Docket)
	if err := envelope.StrictUnmarshal(b[32:], d, maxDocket); err != nil && !errors.Is(err, envelope.ErrNotUnderstood) {
		t.note(audit.CodeSchema, e.Index, "the docket beside the leaf: "+err.Error(), "", "")
		return
	}
	l.docket = d
}

// maxAssertion bounds an assertion's bytes.
const maxAssertion = 32 << 10

// readDeed reads the assertion that a leaf names; nil when it is not there, or not the one.
func readDeed(e *archive.Entry, digest translog.Hash, a *rogatoryv1.Assertion) *deed {
	b := e.Side("assertion")
	if digest.IsZero() || b == nil || len(b) > maxAssertion {
		return nil
	}
	if a == nil {
		a = new(rogatoryv1.Assertion)
		if envelope.StrictUnmarshal(b, a, maxAssertion) != nil {
			return nil
		}
		if h, err := federation.AssertionDigest(a); err != nil || translog.Hash(h) != digest {
			return nil
		}
	}
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return nil
	}
	return &deed{a, act, digest}
}

// names are those that a leaf is about: its own, or those beside it.
func names(e *archive.Entry, of []translog.Hash, digest translog.Hash) []translog.Hash {
	b := e.Side("of")
	if digest.IsZero() || len(b)%translog.HashSize != 0 || translog.Hash(sha256.Sum256(b)) != digest {
		return of
	}
	for ; len(b) > 0; b = b[translog.HashSize:] {
		of = append(of, translog.Hash(b[:translog.HashSize]))
	}
	return of
}

// readManifest returns a manifest by its digest; an empty one when it is not there or cannot be read.
func readManifest(r *archive.Reader, digest [32]byte) (*rogatoryv1.Manifest, error) {
	empty := &rogatoryv1.Manifest{}
	signed, err := r.Manifest(digest)
	if err != nil {
		var f *archive.FormatError
		if errors.As(err, &f) {
			return empty, nil
		}
		return nil, err
	}
	s, m := new(rogatoryv1.SignedManifest), new(rogatoryv1.Manifest)
	if envelope.StrictUnmarshal(signed, s, archive.MaxFile) != nil || sha256.Sum256(s.GetManifest()) != digest ||
		envelope.StrictUnmarshal(s.GetManifest(), m, archive.MaxFile) != nil {
		return empty, nil
	}
	return m, nil
}
