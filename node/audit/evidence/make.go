package evidence

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/federation"
)

// Options say what evidence is of. One of Msg and Case is set.
type Options struct {
	Msg  translog.Hash // name of a message
	Case string        // token of a case
	// Open are contents to show: salt (32 bytes) and content, each of one of the messages.
	Open [][]byte
	// Small leaves out directories, witnesses, and manifests where the directory has the key.
	Small bool
	// Language of coded terms in the reports, BCP 47; empty is English.
	Language string
}

// Make returns the evidence file of a message or case that own has, and what checking it comes to. peer, the export of the other country,
// may be nil: then the other country's half is the receipt. Nothing is made of what does not check: the error is then ErrUnsound.
func Make(ctx context.Context, a *audit.Anchor, own, peer *archive.Reader, o Options) ([]byte, *Result, error) {
	w := &wanted{names: map[translog.Hash]bool{}, local: map[translog.Hash]bool{}, token: o.Case}
	w.add(o.Msg)
	digest := a.Newest().Digest()
	x := &Index{
		About: AboutMessage, Subject: o.Msg.String(), Directory: hex.EncodeToString(digest[:]), DirectoryVersion: a.Newest().Version(),
		Format: format, Language: cmp.Or(o.Language, "en"), Small: o.Small, Withheld: []Withheld{},
	}
	if o.Case != "" {
		x.About, x.Subject = AboutCase, o.Case
		if err := w.seek(ctx, own); err != nil {
			return nil, nil, err
		}
	}
	m := &maker{a: a, x: x, s: sources{}, small: o.Small, own: own.Info().Country}
	for _, r := range []*archive.Reader{own, peer} {
		if r == nil {
			continue
		}
		h, err := gather(ctx, r, w)
		if err != nil {
			return nil, nil, err
		}
		if len(h.of) == 0 && len(h.leaves) == 0 {
			return nil, nil, notFound(a, x, r, own, peer)
		}
		m.halves = append(m.halves, h)
	}
	if len(m.halves) == 2 && m.halves[0].country == m.halves[1].country {
		return nil, nil, fmt.Errorf("both exports are of %s: %w", m.own, ErrPeer)
	}
	if err := m.all(w); err != nil {
		return nil, nil, err
	}
	if err := m.open(o.Open); err != nil {
		return nil, nil, err
	}
	var err error
	if m.s[indexName], err = x.marshal(); err != nil {
		return nil, nil, err
	}
	f := verify(m.s, x, a)
	res := f.result()
	if res.Status == audit.Findings {
		return nil, res, fmt.Errorf("%s %s: %w", x.About, x.Subject, ErrUnsound)
	}
	files, err := f.files()
	if err != nil {
		return nil, nil, err
	}
	b, err := pack(files)
	return b, res, err
}

// A maker puts the sources together.
type maker struct {
	a      *audit.Anchor
	x      *Index
	s      sources
	small  bool
	own    string
	halves []*half
	oldest uint64 // directory version that something rests on
}

func (m *maker) all(w *wanted) error {
	type head struct {
		note []byte
		size int64
	}
	heads := map[*half]head{}
	m.oldest = m.a.Newest().Version()
	var witnessed [][]byte
	for _, h := range m.halves {
		note, size, err := h.head()
		if err != nil {
			return err
		}
		heads[h] = head{note, size}
		if !m.small {
			m.s[dirHeads+"/"+h.country+extHead] = note
			witnessed = append(witnessed, note)
		}
		for index, leaf := range h.leaves {
			p, err := h.proof(index, leaf, note, size)
			if err != nil {
				return fmt.Errorf("proving leaf %d: %w", index, err)
			}
			m.s[fmt.Sprintf("%s/%s-%d%s", dirLeaves, h.country, index, extProof)] = p
		}
		if err := m.stamp(h, size); err != nil {
			return fmt.Errorf("looking for a time token: %w", err)
		}
		for _, index := range h.withheld {
			m.x.Withheld = append(m.x.Withheld, Withheld{index, h.r.Info().Log})
		}
	}
	for i, name := range w.order {
		dir := folder(i)
		for _, h := range m.halves {
			t := h.of[name]
			if t == nil || t.index < 0 {
				continue
			}
			p, err := h.proof(t.index, t.leaf, heads[h].note, heads[h].size)
			if err != nil {
				return fmt.Errorf("proving leaf %d: %w", t.index, err)
			}
			m.s[dir+"/"+h.country+extProof] = p
			m.put(dir+"/"+fileMessage, t.message)
			m.put(dir+"/"+fileDocket, t.docket)
			if t.msg != nil {
				m.oldest = min(m.oldest, uint64(t.msg.DirectoryVersion))
			}
			if t.receiptAt < 0 {
				continue
			}
			receipt, err := audit.ProveReceipt(h.r, t.receiptAt)
			if err != nil {
				return err
			}
			m.put(dir+"/"+fileReceipt, receipt)
		}
		if m.s[dir+"/"+fileMessage] == nil {
			return fmt.Errorf("message %s: %w", name, ErrNotFound)
		}
		if err := m.attempt(dir, name, func(h *half, a *attempt) ([]byte, error) {
			return h.proof(a.index, a.leaf, heads[h].note, heads[h].size)
		}); err != nil {
			return err
		}
	}
	if len(w.order) == 0 && len(m.s.under(dirLeaves)) == 0 {
		return ErrNotFound
	}
	return m.keys(witnessed)
}

// put adds a file, unless it is empty or there.
func (m *maker) put(name string, b []byte) {
	if len(b) > 0 && m.s[name] == nil {
		m.s[name] = b
	}
}

// attempt adds the statement that arrived; when nothing says which that was, the first.
func (m *maker) attempt(dir string, name translog.Hash, prove func(*half, *attempt) ([]byte, error)) error {
	var arrived translog.Hash
	for _, h := range m.halves {
		if t := h.of[name]; t != nil {
			if t.receipt != nil {
				if in, ok := t.receipt.Entry.(*translog.Msg); ok {
					arrived = in.Stmt
				}
			}
			if t.msg != nil && t.msg.Dir == translog.In {
				arrived = t.msg.Stmt
			}
		}
	}
	for _, exact := range []bool{true, false} {
		for _, h := range m.halves {
			t := h.of[name]
			if t == nil {
				continue
			}
			for i := range t.attempts {
				a := &t.attempts[i]
				if exact && a.stmt != arrived || a.statement == nil || a.signature == nil {
					continue
				}
				m.s[dir+"/"+fileStatement], m.s[dir+"/"+fileSignature] = a.statement, a.signature
				if !a.resealed {
					return nil
				}
				if a.index >= sizeOfHead(h) { // the head does not hold it: the recipient's leaf names the statement
					return nil
				}
				var err error
				m.s[dir+"/"+fileReseal], err = prove(h, a)
				return err
			}
		}
	}
	return nil
}

func sizeOfHead(h *half) int64 {
	_, size, err := h.head()
	if err != nil {
		return 0
	}
	return size
}

// open adds contents.
func (m *maker) open(contents [][]byte) error {
	for i, b := range contents {
		found := false
		if len(b) < saltSize {
			return fmt.Errorf("content %d: %w", i+1, ErrOpening)
		}
		commit := envelope.Commit(envelope.Salt(b[:saltSize]), envelope.Content, b[saltSize:])
		for _, dir := range m.s.messages() {
			msg, err := envelope.ParseMessage(m.s[dir+"/"+fileMessage])
			if err != nil {
				return err
			}
			if bytes.Equal(msg.GetContentCommit(), commit[:]) {
				m.s[dir+"/"+fileContent], found = b, true
			}
		}
		if !found {
			return fmt.Errorf("content %d: %w", i+1, ErrOpening)
		}
	}
	return nil
}

// keys adds what leads from the directory to the keys.
func (m *maker) keys(heads [][]byte) error {
	newest := m.a.Newest()
	var pool []pooled
	for _, h := range m.halves {
		for _, digest := range h.r.Manifests() {
			signed, err := h.r.Manifest(digest)
			if err != nil {
				return err
			}
			p, err := poolOf(signed, digest)
			if err != nil {
				return err
			}
			pool = append(pool, p)
		}
	}
	slices.SortFunc(pool, func(a, b pooled) int {
		return cmp.Or(cmp.Compare(a.country, b.country), cmp.Compare(a.version, b.version), bytes.Compare(a.digest[:], b.digest[:]))
	})
	take := func(good func(p *pooled) bool) {
		for i := range pool {
			if good(&pool[i]) {
				m.s[dirManifest+"/"+hex.EncodeToString(pool[i].digest[:])] = pool[i].signed
				m.oldest = min(m.oldest, pool[i].directory)
				return
			}
		}
	}
	for _, dir := range m.s.messages() {
		country, kid, versions := m.signer(dir)
		if member, err := newest.Member(country); m.small && err == nil && member.RootKey().KID() == kid {
			continue
		}
		take(func(p *pooled) bool {
			return p.country == country && slices.Contains(versions, p.version) && p.identities[kid]
		})
	}
	for _, origin := range m.origins() {
		if _, err := m.a.LogKeys(origin); errors.Is(err, audit.ErrUnknownLog) {
			take(func(p *pooled) bool { return p.log == origin })
		}
	}
	for _, note := range heads {
		for _, w := range witnessesOf(note) {
			take(func(p *pooled) bool { return slices.Contains(p.witnesses, w) })
		}
	}
	if m.small {
		return nil
	}
	for v := newest.Version(); v > 0 && v >= m.oldest; v-- {
		b := m.directory(v)
		if b == nil {
			break
		}
		m.s[fmt.Sprintf("%s/%d", dirDirs, v)] = b
	}
	return nil
}

// directory returns a version of the directory that an archive has.
func (m *maker) directory(v uint64) []byte {
	if v == m.a.Newest().Version() {
		return m.a.Newest().Signed()
	}
	for _, h := range m.halves {
		if slices.Contains(h.r.Directories(), v) {
			if b, err := h.r.Directory(v); err == nil {
				return b
			}
		}
	}
	return nil
}

// signer returns who signed a message's statement, with which key, and the versions of the manifest that leaves name.
func (m *maker) signer(dir string) (country string, kid keyring.KID, versions []uint64) {
	if s, err := envelope.ParseStatement(m.s[dir+"/"+fileStatement]); err == nil {
		if sealing, err := envelope.ParseSealing(s.GetSealing()); err == nil {
			kid = keyring.KID(sealing.GetFromKid())
		}
	}
	for _, name := range m.s.under(dir) {
		p, err := translog.ParseProof(m.s[name])
		if err != nil {
			continue
		}
		leaf, err := translog.ParseLeaf(p.Extra)
		if err != nil {
			continue
		}
		if l, ok := leaf.Entry.(*translog.Msg); ok {
			country, versions = l.From, append(versions, uint64(l.ManifestVersion))
		}
	}
	return country, kid, versions
}

// origins lists the logs that the proofs are of.
func (m *maker) origins() []string {
	var list []string
	for name, b := range m.s {
		if !bytes.HasPrefix(b, []byte("c2sp.org/tlog-proof@v1\n")) {
			continue
		}
		if p, err := translog.ParseProof(b); err == nil && name != indexName {
			if origin, err := translog.ReadOrigin(p.Checkpoint); err == nil {
				list = append(list, origin)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// memberOf returns a member's keys in a directory.
func memberOf(d *federation.Directory, country string) *federation.Member {
	m, err := d.Member(country)
	if err != nil {
		return nil
	}
	return m
}
