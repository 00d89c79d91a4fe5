package evidence

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const saltSize = 32

// facts are what the sources prove, and what is wrong with them.
type facts struct {
	s        sources
	x        *Index
	findings []audit.Finding
	trust    trust

	messages []*message
	leaves   []*proven // tombstones and steps
	heads    []*head
	stamps   []*timed
	logs     map[string]*translog.LogVerifier // that proofs are of
}

// A message is one message with its halves.
type message struct {
	dir       string
	name      translog.Hash
	pb        *rogatoryv1.Message
	docket    *rogatoryv1.Docket // nil when it is not here
	content   int                // bytes of the opened content; -1 when it is not here
	halves    []*proven          // leaves of the countries, and the receipt
	sealed    int64
	key       *keyring.PublicKey
	keyFrom   string
	signed    []byte // what the sender's two keys have signed
	signature bool   // and verify
}

// A proven is a leaf that stands in a log, or does not.
type proven struct {
	name string // file
	role string // country code, receipt or reseal
	cp   translog.Checkpoint
	leaf translog.Leaf
	raw  []byte
	path int // hashes between leaf and root
}

// A head is one country's cosigned head.
type head struct {
	country string
	cp      translog.Checkpoint
	by      []translog.Cosignature
	quorum  int
}

func (f *facts) note(code audit.Code, file, detail string) {
	f.findings = append(f.findings, audit.Finding{Code: code, Index: -1, Detail: file + ": " + detail})
}

// verify judges sources by an anchor.
func verify(s sources, x *Index, a *audit.Anchor) *facts {
	f := &facts{s: s, x: x, logs: map[string]*translog.LogVerifier{}}
	f.lead(a)
	for _, dir := range s.messages() {
		if m := f.message(dir); m != nil {
			f.messages = append(f.messages, m)
		}
	}
	for i, m := range f.messages {
		if m.dir != folder(i) {
			f.note(audit.CodeExtra, m.dir, "messages are numbered from one")
		}
	}
	for _, name := range s.under(dirLeaves) {
		if p := f.proof(name); p != nil {
			f.leaves = append(f.leaves, p)
		}
	}
	slices.SortFunc(f.leaves, func(a, b *proven) int { return byLog(a, b) })
	f.beside()
	f.about()
	for _, name := range s.under(dirHeads) {
		f.head(name)
	}
	f.times(a)
	return f
}

func byLog(a, b *proven) int {
	if c := strings.Compare(a.cp.Origin, b.cp.Origin); c != 0 {
		return c
	}
	return int(a.leaf.Index - b.leaf.Index)
}

// proof checks that a leaf stands in its log.
func (f *facts) proof(name string) *proven {
	p, err := translog.ParseProof(f.s[name])
	if err != nil {
		f.note(audit.CodeCanon, name, err.Error())
		return nil
	}
	origin, err := translog.ReadOrigin(p.Checkpoint)
	if err != nil {
		f.note(audit.CodeCanon, name, err.Error())
		return nil
	}
	if !bytes.Equal(bare(p.Checkpoint), p.Checkpoint) {
		f.note(audit.CodeCanon, name, "other signatures than the log's under its head")
		return nil
	}
	v := f.trust.log(origin)
	if v == nil {
		f.note(audit.CodeKey, name, "log "+origin+": "+errNoKey.Error())
		return nil
	}
	cp, err := p.Verify(p.Extra, v)
	if err != nil {
		f.note(audit.CodeRoot, name, err.Error())
		return nil
	}
	if canonical, _, err := translog.ParseExport(p.Checkpoint, v, nil); err != nil || canonical != cp {
		f.note(audit.CodeCanon, name, fmt.Sprintf("head: %v", err))
		return nil
	}
	leaf, err := translog.ParseLeaf(p.Extra)
	if err != nil {
		f.note(audit.CodeSchema, name, err.Error())
		return nil
	}
	if leaf.Index != p.Index {
		f.note(audit.CodeSeq, name, "the leaf says that it stands elsewhere")
		return nil
	}
	f.logs[origin] = v
	return &proven{name: name, role: stem(name, extProof), cp: cp, leaf: leaf, raw: p.Extra, path: len(p.Hashes)}
}

// message checks one message with its halves.
func (f *facts) message(dir string) *message {
	raw := f.s[dir+"/"+fileMessage]
	pb, err := envelope.ParseMessage(raw)
	if err != nil {
		f.note(audit.CodeLeafSig, dir+"/"+fileMessage, err.Error())
		return nil
	}
	m := &message{dir: dir, name: nameOf(raw), pb: pb, content: -1}
	stmts := map[translog.Hash]translog.Hash{} // statement: signature, as leaves name them
	var version uint64
	var at int64
	for _, name := range f.s.under(dir) {
		if path.Ext(name) != extProof {
			continue
		}
		p := f.proof(name)
		if p == nil {
			continue
		}
		m.halves = append(m.halves, p)
		f.half(m, p)
		switch l := p.leaf.Entry.(type) {
		case *translog.Msg:
			stmts[l.Stmt] = l.Sig
			if version == 0 || l.Dir == translog.In {
				version, at = uint64(l.ManifestVersion), p.leaf.At
			}
		case *translog.Reseal:
			stmts[l.Stmt] = l.Sig
		}
	}
	if len(m.halves) == 0 {
		f.note(audit.CodeMissing, dir, "no leaf of any log stands behind this message")
	}
	f.parts(m)
	f.signed(m, stmts, version, at)
	return m
}

// half checks that a leaf is of this message, and in the log where it belongs.
func (f *facts) half(m *message, p *proven) {
	country := countryOf(p.cp.Origin)
	want := country
	if p.role == stem(fileReceipt, extProof) {
		want = m.pb.GetTo()
	}
	if p.role == stem(fileReseal, extProof) {
		want = m.pb.GetFrom()
	}
	if country != want || p.role != country && p.name != m.dir+"/"+fileReceipt && p.name != m.dir+"/"+fileReseal {
		f.note(audit.CodeRcptOther, p.name, "a leaf of the log of "+country)
	}
	switch l := p.leaf.Entry.(type) {
	case *translog.Msg:
		is := &translog.Msg{
			Msg: m.name, From: m.pb.GetFrom(), To: m.pb.GetTo(), Epoch: int64(m.pb.GetEpoch()), Seq: int64(m.pb.GetSeq()),
			Prev: toHash(m.pb.GetPrev()), DocketCommit: toHash(m.pb.GetDocketCommit()), ContentCommit: toHash(m.pb.GetContentCommit()),
		}
		keeper := m.pb.GetFrom()
		if l.Dir == translog.In {
			keeper = m.pb.GetTo()
		}
		if !translog.SameMessage(l, is) || l.Msg != m.name || country != keeper || p.role == stem(fileReseal, extProof) {
			f.note(audit.CodeDiff, p.name, "the leaf is of another message, or in a log where it does not belong")
		}
	case *translog.Rej:
		if l.Msg != m.name || l.From != m.pb.GetFrom() || country != m.pb.GetTo() {
			f.note(audit.CodeDiff, p.name, "the refusal is of another message")
		}
	case *translog.Reseal:
		if l.Of != m.name || p.role != stem(fileReseal, extProof) {
			f.note(audit.CodeDiff, p.name, "the attempt is of another message")
		}
	default:
		f.note(audit.CodeExtra, p.name, "a leaf of kind "+p.leaf.Kind)
	}
}

// parts checks the openings of docket and content against their commitments.
func (f *facts) parts(m *message) {
	for _, part := range []struct {
		file   string
		kind   envelope.Kind
		commit []byte
	}{{fileDocket, envelope.Docket, m.pb.GetDocketCommit()}, {fileContent, envelope.Content, m.pb.GetContentCommit()}} {
		b := f.s[m.dir+"/"+part.file]
		if b == nil {
			continue
		}
		if len(b) < saltSize {
			f.note(audit.CodeCanon, m.dir+"/"+part.file, "no salt")
			continue
		}
		if commit := envelope.Commit(envelope.Salt(b[:saltSize]), part.kind, b[saltSize:]); !bytes.Equal(commit[:], part.commit) {
			f.note(audit.CodeLeafSig, m.dir+"/"+part.file, "not what the message commits to")
			continue
		}
		if part.kind == envelope.Content {
			m.content = len(b) - saltSize
			continue
		}
		d := new(rogatoryv1.Docket)
		if err := envelope.StrictUnmarshal(b[saltSize:], d, archive.MaxRecord); err != nil {
			f.note(audit.CodeCanon, m.dir+"/"+part.file, err.Error())
			continue
		}
		m.docket = d
	}
}

// signed checks the sender's statement: that a leaf names it, and that a key of the sender has signed it.
func (f *facts) signed(m *message, stmts map[translog.Hash]translog.Hash, version uint64, at int64) {
	name := m.dir + "/" + fileStatement
	statement, signature := f.s[name], f.s[m.dir+"/"+fileSignature]
	if statement == nil && signature == nil {
		f.note(audit.CodeUnknown, name, "the sender's statement is not here: nothing but the log that holds the message says who sent it")
		return
	}
	sig, ok := stmts[translog.Hash(envelope.StatementHash(statement))]
	if !ok || sig != translog.Hash(envelope.SignatureHash(signature)) {
		f.note(audit.CodeLeafSig, name, "no leaf here names this statement and signature")
		return
	}
	s, err := envelope.ParseStatement(statement)
	var sealing *rogatoryv1.Sealing
	if err == nil {
		sealing, err = envelope.ParseSealing(s.GetSealing())
	}
	if err != nil {
		f.note(audit.CodeLeafSig, name, err.Error())
		return
	}
	if nameOf(sealing.GetMessage()) != m.name {
		f.note(audit.CodeLeafSig, name, "the statement carries another message")
		return
	}
	m.sealed = int64(min(sealing.GetSealedMs(), translog.MaxInt))
	key, from, err := f.trust.signer(m.pb.GetFrom(), keyring.KID(sealing.GetFromKid()), version, at)
	if err != nil {
		f.note(audit.CodeKey, name, err.Error())
		return
	}
	if err := new(envelope.Verifier).VerifyStatement(key, statement, signature); err != nil {
		f.note(audit.CodeLeafSig, name, err.Error())
		return
	}
	m.key, m.keyFrom, m.signature = key, from, true
	m.signed = compositeMessage(statement, signature)
}

// compositeMessage returns M' of the composite signature over a batch: what both of the sender's keys have signed. The signature has been
// verified, so its path is good.
func compositeMessage(statement, signature []byte) []byte {
	signed, err := envelope.SignedBatch(statement, signature)
	if err != nil {
		return nil
	}
	return composed(signed)
}

// beside judges the leaves that are of no message: tombstones of what is here, and steps of the case.
func (f *facts) beside() {
	here := map[translog.Hash]bool{}
	for _, m := range f.messages {
		here[m.name] = true
	}
	for _, p := range f.leaves {
		if l, ok := p.leaf.Entry.(*translog.Case); ok {
			here[l.Docket] = true
		}
	}
	for _, p := range f.leaves {
		if p.name != fmt.Sprintf("%s/%s-%d%s", dirLeaves, countryOf(p.cp.Origin), p.leaf.Index, extProof) {
			f.note(audit.CodeExtra, p.name, "another leaf than its name says")
		}
		switch l := p.leaf.Entry.(type) {
		case *translog.Erase:
			for _, name := range l.Of {
				if !here[name] {
					f.note(audit.CodeExtra, p.name, "a tombstone of something else")
				}
			}
		case *translog.Case:
			if f.x.About != AboutCase || l.Case != f.x.Subject {
				f.note(audit.CodeExtra, p.name, "a step of another case")
			}
		default:
			f.note(audit.CodeExtra, p.name, "a leaf of kind "+p.leaf.Kind)
		}
	}
}

// about judges that all that is here is about the subject.
func (f *facts) about() {
	if f.x.About == AboutMessage {
		if len(f.messages) != 1 || f.messages[0].name.String() != f.x.Subject {
			f.note(audit.CodeExtra, indexName, "evidence of a message has this one and no other")
		}
		return
	}
	of := map[translog.Hash]bool{}
	for _, p := range f.leaves {
		if l, ok := p.leaf.Entry.(*translog.Case); ok {
			of[l.Of] = true
		}
	}
	for _, m := range f.messages {
		if m.docket != nil && m.docket.GetCaseToken() != f.x.Subject || m.docket == nil && !of[m.name] {
			f.note(audit.CodeExtra, m.dir, "a message of another case")
		}
	}
}

// head checks one country's head with its witnesses. The quorum is that of the directory which the maker trusted.
func (f *facts) head(name string) {
	origin, err := translog.ReadOrigin(f.s[name])
	if err != nil {
		f.note(audit.CodeCanon, name, err.Error())
		return
	}
	v := f.trust.log(origin)
	if v == nil {
		f.note(audit.CodeKey, name, errNoKey.Error())
		return
	}
	cp, by, err := translog.ParseExport(f.s[name], v, f.trust.witnesses())
	if err != nil {
		f.note(audit.CodeHead, name, err.Error())
		return
	}
	country := stem(name, extHead)
	if country != countryOf(cp.Origin) {
		f.note(audit.CodeExtra, name, "a head of another log")
	}
	d := f.trust.version(f.x.DirectoryVersion)
	if d == nil {
		d = f.trust.chain[len(f.trust.chain)-1]
	}
	h := &head{country: country, cp: cp, by: by}
	n := 0
	for _, m := range d.Members() {
		if m.Country() != country {
			n++
		}
	}
	h.quorum = translog.Quorum(n)
	f.heads = append(f.heads, h)
	under := false
	for _, m := range f.messages {
		for _, p := range m.halves {
			under = under || p.cp == cp
		}
	}
	for _, p := range f.leaves {
		under = under || p.cp == cp
	}
	if !under {
		f.note(audit.CodeExtra, name, "nothing here stands under this head")
	}
}

func toHash(b []byte) (h translog.Hash) {
	copy(h[:], b)
	return h
}
