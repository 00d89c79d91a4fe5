package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A tile is what can be found out of 256 leaves without the others. Workers make tiles in any order; the ordered pass takes them
// in theirs.
type tile struct {
	items    []item
	findings []Finding
	err      error // of the disk: it ends the audit

	*scratch // while it is made
}

// An item is one leaf of a tile.
type item struct {
	hash   translog.Hash
	hashed bool          // hash is known: of the leaf, or where that cannot be read, as the archive has it
	leaf   translog.Leaf // Entry is nil when it is not there or not to be understood

	docket    bool               // its docket is beside it, and is the one
	key       *keyring.PublicKey // that signed the statement beside it
	sealed    int64              // when that says that it was sealed, in milliseconds
	receipt   *receipt
	cosigned  *cosigned
	token     *tokened
	enrolment []byte
	raw       []byte // of a genesis
	endorsed  []byte
	list      []byte // names that the leaf has no room for
}

// A receipt is what stands beside a `rcpt`.
type receipt struct {
	leaf   translog.Leaf
	whole  bool     // leaf and path are there and lead to the root
	head   bool     // a checkpoint of that head stands beside it
	signed *logKeys // keys of some manifest that verify it; nil: the directory's do
}

// cosigned is what stands beside a `cos`, or in the archive's checkpoint.
type cosigned struct {
	cp   translog.Checkpoint
	by   []translog.Cosignature
	keys *logKeys // keys of some manifest that verify it; nil: the directory's do
}

// A worker makes tiles. It may be used by several goroutines.
type worker struct {
	r     *archive.Reader
	info  archive.Info
	chain *Chain
	book  *book
	roots *envelope.Verifier
	also  func(n int64, entries []archive.Entry, reads []Read)
	tiles sync.Pool // of *tile, that the ordered pass is done with
}

// make reads and checks one tile.
func (w *worker) make(n int64, s *scratch) *tile {
	t, ok := w.tiles.Get().(*tile)
	if !ok {
		t = &tile{}
	}
	t.scratch = s
	defer func() { t.scratch = nil }()
	read, err := w.r.TileIn(n, &s.tile)
	entries := read
	if err != nil {
		f, ok := formatFinding(err)
		if !ok {
			return &tile{err: err}
		}
		t.findings = append(t.findings, f)
		read, entries = nil, w.unread(n)
	}
	t.items = slices.Grow(t.items[:0], len(entries))[:len(entries)]
	s.reads = slices.Grow(s.reads[:0], len(entries))[:len(entries)]
	clear(s.reads)
	clear(s.begun)
	for i := range entries {
		w.entry(t, entries, i)
	}
	w.compare(t, n)
	if w.also != nil {
		for i := range t.items {
			it, r := &t.items[i], &s.reads[i]
			if r.Leaf = it.leaf; it.receipt != nil && it.receipt.whole {
				r.Receipt = &it.receipt.leaf
			}
		}
		w.also(n, read, s.reads[:len(read)])
	}
	return t
}

// done takes a tile back. Nobody looks at it any more.
func (w *worker) done(t *tile) {
	clear(t.items)
	clear(t.findings)
	t.items, t.findings, t.err = t.items[:0], t.findings[:0], nil
	w.tiles.Put(t)
}

// read returns what is to be shown of a leaf.
func (t *tile) read(e *archive.Entry) *Read { return &t.reads[e.Index%archive.TileWidth] }

// unread returns the places of a tile whose leaves cannot be read.
func (w *worker) unread(n int64) []archive.Entry {
	width := min(archive.TileWidth, w.info.Size-n*archive.TileWidth)
	entries := make([]archive.Entry, width)
	for i := range entries {
		entries[i].Index = n*archive.TileWidth + int64(i)
	}
	return entries
}

// compare holds the hashes of the leaves against the archive's tile of them.
func (w *worker) compare(t *tile, n int64) {
	stored, err := w.r.LeafHashes(n, &t.tile)
	if err != nil {
		f, ok := formatFinding(err)
		if !ok {
			t.err = err
			return
		}
		t.findings = append(t.findings, f)
		return
	}
	for i := range t.items {
		h, it := translog.Hash(stored[i*translog.HashSize:]), &t.items[i]
		switch {
		case !it.hashed:
			it.hash, it.hashed = h, true
		case it.hash != h:
			t.note(CodeRoot, n*archive.TileWidth+int64(i), "the leaf is not the one whose hash stands in the tree", h.String(), it.hash.String())
		}
	}
}

func (t *tile) note(code Code, index int64, detail, wanted, found string) {
	t.findings = append(t.findings, Finding{Code: code, Index: index, Detail: detail, Wanted: wanted, Found: found})
}

// records are the names that may stand beside a leaf of a kind.
var records = map[string][]string{
	"actor":   {"enrolment"},
	"case":    {"assertion", "docket"},
	"cos":     {"checkpoint"},
	"erase":   {"assertion", "of"},
	"genesis": {"endorsement"},
	"msg":     {"docket", "message", "root-at", "signature", "statement"},
	"node":    {"report"},
	"op":      {"assertion", "of"},
	"policy":  {"assertion", "policy"},
	"rcpt":    {"checkpoint", "leaf", "path"},
	"reseal":  {"root-at", "signature", "statement"},
	"state":   {"snapshot"},
	"time":    {"token"},
}

// entry checks one leaf and what stands beside it.
func (w *worker) entry(t *tile, entries []archive.Entry, i int) {
	e, it := &entries[i], &t.items[i]
	if e.Leaf == nil {
		it.hash, it.hashed = e.Hash, !e.Hash.IsZero()
		return
	}
	it.hash, it.hashed = translog.LeafHash(e.Leaf), true
	leaf, err := translog.ParseLeaf(e.Leaf)
	if err != nil {
		code := CodeSchema
		switch {
		case errors.Is(err, translog.ErrVersion):
			code = CodeUnknown
		case errors.Is(err, translog.ErrCanon), errors.Is(err, translog.ErrTooLarge):
			code = CodeCanon
		}
		t.note(code, e.Index, err.Error(), "", "")
		return
	}
	it.leaf = leaf
	if leaf.Index != e.Index {
		t.note(CodeSeq, e.Index, "the leaf says that it stands elsewhere", fmt.Sprint(e.Index), fmt.Sprint(leaf.Index))
	}
	for _, r := range e.Sides {
		if !slices.Contains(records[leaf.Kind], r.Name) {
			t.note(CodeExtra, e.Index, fmt.Sprintf("record %s beside a %s", r.Name, leaf.Kind), "", "")
		}
	}
	switch l := leaf.Entry.(type) {
	case *translog.Msg:
		w.msg(t, entries, i, l)
	case *translog.Reseal:
		w.statement(t, entries, i, w.info.Country, l.Of, l.Stmt, l.Sig)
	case *translog.Rcpt:
		w.rcpt(t, e, it, l)
	case *translog.Cos:
		w.cos(t, e, it, l)
	case *translog.Time:
		w.time(t, e, it, l)
	case *translog.Case:
		t.docket(e, it, l.Docket)
		t.assertion(e, l.Assertion)
	case *translog.Op:
		t.list(e, it, l.OfCount, l.OfDigest)
		t.assertion(e, l.Assertion)
	case *translog.Erase:
		t.list(e, it, l.OfCount, l.OfDigest)
		t.assertion(e, l.Assertion)
	case *translog.Policy:
		t.policy(e, l)
		t.assertion(e, l.Assertion)
	case *translog.Actor:
		t.actor(e, it, l)
	case *translog.State:
		t.snapshot(e, l)
	case *translog.Node:
		t.report(e, l)
	case *translog.Genesis:
		it.raw, it.endorsed = bytes.Clone(e.Leaf), bytes.Clone(e.Side("endorsement"))
	}
}

// missing notes a record that is not there.
func (t *tile) missing(index int64, name string) {
	t.note(CodeMissing, index, "record "+name+" is not beside the leaf", name, "")
}

// msg checks a message with all that stands beside it.
func (w *worker) msg(t *tile, entries []archive.Entry, i int, l *translog.Msg) {
	e, it := &entries[i], &t.items[i]
	t.docket(e, it, l.DocketCommit)
	raw := e.Side("message")
	if raw == nil {
		t.missing(e.Index, "message")
	} else {
		t.message(e, l, it.leaf.At, raw)
	}
	if l.Stmt.IsZero() {
		for _, name := range []string{"statement", "signature", "root-at"} {
			if e.Side(name) != nil {
				t.note(CodeExtra, e.Index, fmt.Sprintf("record %s beside a msg that was not sealed", name), "", "")
			}
		}
		return
	}
	w.statement(t, entries, i, l.From, l.Msg, l.Stmt, l.Sig)
}

// message compares a message's own bytes with its leaf, which was made at a time.
func (t *tile) message(e *archive.Entry, l *translog.Msg, at int64, raw []byte) {
	index := e.Index
	if name := translog.Hash(envelope.MessageName(raw)); name != l.Msg {
		t.note(CodeLeafSig, index, "the message beside the leaf is another one", l.Msg.String(), name.String())
		return
	}
	m, err := envelope.ParseMessage(raw)
	if t.read(e).Message = m; err != nil {
		t.note(CodeLeafSig, index, "the message beside the leaf: "+err.Error(), "", "")
		return
	}
	is := translog.Msg{
		Msg: l.Msg, From: m.GetFrom(), To: m.GetTo(), Epoch: int64(m.GetEpoch()), Seq: int64(m.GetSeq()), Prev: toHash(m.GetPrev()),
		DocketCommit: toHash(m.GetDocketCommit()), ContentCommit: toHash(m.GetContentCommit()),
	}
	if !translog.SameMessage(l, &is) {
		t.note(CodeLeafSig, index, "the leaf says something else than the message that it names", saying(&is), saying(l))
	}
	if l.Dir == translog.In {
		return
	}
	submitted := int64(min(m.GetSubmittedMs(), translog.MaxInt))
	switch {
	case l.FirstAt != 0 && l.FirstAt != submitted:
		t.note(CodeTime, index, "first_at of a message that was given back is when it was submitted", fmt.Sprint(submitted), fmt.Sprint(l.FirstAt))
	case l.FirstAt == 0 && max(submitted-at, at-submitted) > skew:
		// Limits are kept or not by when a message says that it was submitted.
		t.note(CodeTime, index, "the message says another time of its submission than its leaf", fmt.Sprint(at), fmt.Sprint(submitted))
	}
}

func saying(m *translog.Msg) string {
	return fmt.Sprintf("%s to %s, %d/%d after %s", m.From, m.To, m.Epoch, m.Seq, m.Prev)
}

func toHash(b []byte) (h translog.Hash) {
	copy(h[:], b)
	return h
}

// statement checks one attempt to carry a message: its digest, whose it is, and who signed it.
func (w *worker) statement(t *tile, entries []archive.Entry, i int, from string, name, stmt, sig translog.Hash) {
	e, it := &entries[i], &t.items[i]
	statement, signature := e.Side("statement"), e.Side("signature")
	if statement == nil {
		t.missing(e.Index, "statement")
	}
	if signature == nil {
		t.missing(e.Index, "signature")
	}
	if statement == nil || signature == nil {
		return
	}
	if h := translog.Hash(envelope.StatementHash(statement)); h != stmt {
		t.note(CodeLeafSig, e.Index, "the statement beside the leaf is another one", stmt.String(), h.String())
		return
	}
	signature, h, ok := t.joinSignature(entries, i, signature)
	if !ok || h != sig {
		t.note(CodeLeafSig, e.Index, "the signature beside the leaf is another one", sig.String(), h.String())
		return
	}
	message, kid, sealed, err := envelope.Carried(statement)
	if err != nil {
		t.note(CodeLeafSig, e.Index, "the statement beside the leaf: "+err.Error(), "", "")
		return
	}
	if beside := t.read(e).Message != nil && bytes.Equal(message, e.Side("message")); !beside { // whose name was looked at
		if h := translog.Hash(envelope.MessageName(message)); h != name {
			t.note(CodeLeafSig, e.Index, "the statement carries another message", name.String(), h.String())
			return
		}
	}
	it.sealed = int64(min(sealed, translog.MaxInt))
	it.key, err = w.book.verify(w.roots, from, kid, statement, signature)
	switch {
	case errors.Is(err, errNoKey):
		t.note(CodeKey, e.Index, fmt.Sprintf("signing key %s of %s: %v", kid, from, err), "", "")
	case err != nil:
		t.note(CodeLeafSig, e.Index, fmt.Sprintf("signature of %s: %v", from, err), "", "")
	}
}

// joinSignature returns a BatchSignature in full, and its hash: the root's signature may stand with another leaf of the tile. It is good until the next call.
func (t *tile) joinSignature(entries []archive.Entry, i int, own []byte) ([]byte, translog.Hash, bool) {
	at := entries[i].Side("root-at")
	if at == nil {
		return own, envelope.SignatureHash(own), true
	}
	if len(at) != 1 || int(at[0]) >= len(entries) || int(at[0]) == i || entries[at[0]].Side("root-at") != nil {
		return own, envelope.SignatureHash(own), false
	}
	root := rootField(entries[at[0]].Side("signature"))
	begun, ok := t.begun[at[0]]
	if !ok {
		if t.begun == nil {
			t.begun = map[byte]envelope.BegunSignature{}
		}
		begun = envelope.BeginSignature(root)
		t.begun[at[0]] = begun
	}
	t.joined = append(append(t.joined[:0], root...), own...)
	return t.joined, begun.Hash(own), root != nil
}

// rootField returns the first field of a BatchSignature, the root's signature, with its tag and length.
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

// docket checks a docket with its salt against its commitment. Whether it may be missing, the whole log decides.
func (t *tile) docket(e *archive.Entry, it *item, commit translog.Hash) {
	b := e.Side("docket")
	if b == nil {
		return
	}
	it.docket = true
	t.read(e).Docket = len(b) >= 32 && translog.Hash(envelope.Commit(envelope.Salt(b[:32]), envelope.Docket, b[32:])) == commit
	if !t.read(e).Docket {
		t.note(CodeLeafSig, e.Index, "the docket beside the leaf is not what it commits to", commit.String(), "")
	}
}

// assertion checks the digest of an actor's assertion. Whether the actor had the right is for replay to say.
func (t *tile) assertion(e *archive.Entry, digest translog.Hash) {
	b := e.Side("assertion")
	switch {
	case digest.IsZero() && b == nil:
	case digest.IsZero():
		t.note(CodeExtra, e.Index, "an assertion that the leaf does not name", "", "")
	case b == nil:
		t.missing(e.Index, "assertion")
	default:
		a := new(rogatoryv1.Assertion)
		err := envelope.StrictUnmarshal(b, a, archive.MaxRecord)
		var h [32]byte
		if err == nil {
			h, err = federation.AssertionDigest(a)
		}
		if err != nil || translog.Hash(h) != digest {
			t.note(CodeLeafSig, e.Index, "the assertion beside the leaf is another one", digest.String(), translog.Hash(h).String())
			return
		}
		t.read(e).Assertion = a
	}
}

// list checks the names that an op or erase leaf has no room for.
func (t *tile) list(e *archive.Entry, it *item, count int64, digest translog.Hash) {
	b := e.Side("of")
	switch {
	case digest.IsZero() && b == nil:
	case digest.IsZero():
		t.note(CodeExtra, e.Index, "a list that the leaf does not name", "", "")
	case b == nil:
		t.missing(e.Index, "of")
	case int64(len(b)) != count*translog.HashSize || translog.Hash(sha256.Sum256(b)) != digest:
		t.note(CodeLeafSig, e.Index, "the list beside the leaf is another one", digest.String(), translog.Hash(sha256.Sum256(b)).String())
	default:
		it.list = bytes.Clone(b)
	}
}
