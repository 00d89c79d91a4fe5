package replay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
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
	// keys are those of the manifests, by country and identifier; nil when no signature is to be checked.
	keys  map[string]map[keyring.KID][]*keyring.PublicKey
	roots *envelope.Verifier
	own   string
	from  int64 // signatures before are not checked
}

// make reads a tile, of which leaves from size on are left out.
func (p *parser) make(n, size int64) (*tile, error) {
	t := &tile{}
	entries, err := p.r.Tile(n, nil)
	if err != nil {
		var f *archive.FormatError
		if !errors.As(err, &f) {
			return nil, err
		}
		t.note(audit.Code(f.Code), n*archive.TileWidth, f.Path+": "+f.Err.Error(), "", "")
		return t, nil
	}
	for i := range entries {
		if entries[i].Index < size {
			t.lines = append(t.lines, line{index: entries[i].Index})
			p.entry(t, entries, i)
		}
	}
	return t, nil
}

func (p *parser) entry(t *tile, entries []archive.Entry, i int) {
	e, l := &entries[i], &t.lines[len(t.lines)-1]
	leaf, err := translog.ParseLeaf(e.Leaf)
	if err != nil || leaf.Index != e.Index {
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
		p.docket(t, e, l, k.DocketCommit)
		if raw := e.Side("message"); raw != nil && translog.Hash(envelope.MessageName(raw)) == k.Msg {
			l.message, _ = envelope.ParseMessage(raw)
		}
		if l.message == nil {
			t.note(audit.CodeMissing, e.Index, "the message is not beside its leaf", k.Msg.String(), "")
		}
		if p.keys != nil && e.Index >= p.from && !k.Stmt.IsZero() {
			p.signature(t, entries, i, k.From, k.Sig)
		}
	case *translog.Reseal:
		if p.keys != nil && e.Index >= p.from {
			p.signature(t, entries, i, p.own, k.Sig)
		}
	case *translog.Rcpt:
		if raw := e.Side("leaf"); raw != nil {
			if of, err := translog.ParseLeaf(raw); err == nil {
				l.receipt = &of
			}
		}
	case *translog.Case:
		p.docket(t, e, l, k.Docket)
		l.deed = readDeed(e, k.Assertion)
	case *translog.Op:
		l.deed = readDeed(e, k.Assertion)
		l.list = names(e, k.Of, k.OfDigest)
	case *translog.Erase:
		l.deed = readDeed(e, k.Assertion)
		l.list = names(e, k.Of, k.OfDigest)
	case *translog.Policy:
		if b := e.Side("policy"); b != nil && translog.Hash(exchange.PolicyDigest(b)) == k.Digest {
			l.record = bytes.Clone(b)
		}
	case *translog.Actor:
		l.record = bytes.Clone(e.Side("enrolment"))
	case *translog.State:
		p.snapshot(t, e, l, k)
	}
}

func (p *parser) snapshot(t *tile, e *archive.Entry, l *line, k *translog.State) {
	b := e.Side("snapshot")
	if b == nil || k.Snapshot.IsZero() {
		return
	}
	list, err := exchange.ParseSnapshot(b)
	switch {
	case err != nil:
		t.note(audit.CodeState, e.Index, err.Error(), "", "")
	case translog.Hash(exchange.SnapshotDigest(list)) != k.Snapshot:
		t.note(audit.CodeState, e.Index, "the snapshot beside the leaf is another one", k.Snapshot.String(), "")
	default:
		for i := range list {
			list[i].Body = bytes.Clone(list[i].Body)
		}
		l.snapshot = list
	}
}

// docket reads the docket beside a leaf that commits to it.
func (p *parser) docket(t *tile, e *archive.Entry, l *line, commit translog.Hash) {
	b := e.Side("docket")
	if b == nil {
		l.gone = true
		return
	}
	if len(b) < 32 || translog.Hash(envelope.Commit(envelope.Salt(b[:32]), envelope.Docket, b[32:])) != commit {
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

// readDeed reads the assertion that a leaf names; nil when it is not there, or not the one.
func readDeed(e *archive.Entry, digest translog.Hash) *deed {
	b := e.Side("assertion")
	if digest.IsZero() || b == nil {
		return nil
	}
	a := new(rogatoryv1.Assertion)
	if envelope.StrictUnmarshal(b, a, 32<<10) != nil {
		return nil
	}
	if h, err := federation.AssertionDigest(a); err != nil || translog.Hash(h) != digest {
		return nil
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

// signature checks a statement with whatever key of the sender any manifest of the archive names.
func (p *parser) signature(t *tile, entries []archive.Entry, i int, from string, digest translog.Hash) {
	e := &entries[i]
	statement, signature := e.Side("statement"), e.Side("signature")
	if at := e.Side("root-at"); at != nil && len(at) == 1 && int(at[0]) < len(entries) {
		signature = slices.Concat(rootField(entries[at[0]].Side("signature")), signature)
	}
	if statement == nil || translog.Hash(envelope.SignatureHash(signature)) != digest {
		t.note(audit.CodeLeafSig, e.Index, "statement or signature are not those of the leaf", digest.String(), "")
		return
	}
	s, err := envelope.ParseStatement(statement)
	if err == nil {
		var sealing *rogatoryv1.Sealing
		if sealing, err = envelope.ParseSealing(s.GetSealing()); err == nil {
			err = errors.New("no such key in any manifest")
			for _, k := range p.keys[from][keyring.KID(sealing.GetFromKid())] {
				if err = p.roots.VerifyStatement(k, statement, signature); err == nil {
					return
				}
			}
		}
	}
	t.note(audit.CodeLeafSig, e.Index, fmt.Sprintf("signature of %s: %v", from, err), "", "")
}

// rootField is the first field of a BatchSignature, with its tag and length.
func rootField(signature []byte) []byte {
	num, typ, n := protowire.ConsumeTag(signature)
	if n < 0 || num != 1 || typ != protowire.BytesType {
		return nil
	}
	size := protowire.ConsumeFieldValue(num, typ, signature[n:])
	if size < 0 {
		return nil
	}
	return signature[:n+size]
}

// identities reads the identity keys of all manifests of an archive.
func identities(r *archive.Reader) (map[string]map[keyring.KID][]*keyring.PublicKey, error) {
	all := map[string]map[keyring.KID][]*keyring.PublicKey{}
	known := map[string]bool{}
	for _, digest := range r.Manifests() {
		m, err := readManifest(r, digest)
		if err != nil {
			return nil, err
		}
		for _, id := range m.GetIdentities() {
			if known[string(id.GetPublicKey())] {
				continue
			}
			known[string(id.GetPublicKey())] = true
			key, err := keyring.ParsePublicKey(id.GetPublicKey())
			if err != nil {
				continue // audit.Verify says so
			}
			of := all[m.GetCountry()]
			if of == nil {
				of = map[keyring.KID][]*keyring.PublicKey{}
				all[m.GetCountry()] = of
			}
			of[key.KID()] = append(of[key.KID()], key)
		}
	}
	return all, nil
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
