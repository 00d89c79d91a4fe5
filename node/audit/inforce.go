package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
)

// This file follows directories, manifests and the register through the log: which keys counted at a leaf.

// dir takes a version of the directory, or a manifest, that is in force from here on.
func (p *pass) dir(it *item, e *translog.Dir) error {
	if e.What == translog.DirDirectory {
		p.takeDirectory(it, e)
		return nil
	}
	return p.takeManifest(it, e)
}

func (p *pass) takeDirectory(it *item, e *translog.Dir) {
	d := p.chain.Digest(e.Digest)
	known := p.chain.Version(uint64(e.Version))
	switch {
	case d != nil && d.Version() != uint64(e.Version):
		p.note(CodeKey, p.next, "version of the directory", fmt.Sprint(d.Version()), fmt.Sprint(e.Version))
	case d != nil:
	case known != nil:
		p.note(CodeKey, p.next, fmt.Sprintf("directory %d is not the one that leads to the auditor's", e.Version), hexOf(known.Digest()), hexOf(e.Digest))
	case uint64(e.Version) > p.chain.anchor:
		p.note(CodeUnknown, p.next, fmt.Sprintf("directory %d is newer than the auditor's, and not in the archive", e.Version), "", hexOf(e.Digest))
	default:
		p.note(CodeMissing, p.next, fmt.Sprintf("directory %d is not in the archive", e.Version), hexOf(e.Digest), "")
	}
	if !e.Prev.IsZero() && !p.limited && !p.goesOn && e.Prev != p.directory.named {
		p.note(CodeKey, p.next, "the directory before is another one", p.directory.named.String(), e.Prev.String())
	}
	p.directory.named = e.Digest
	if d == nil {
		return
	}
	now := p.directory.now
	if now != nil && d.Version() < now.Version() {
		p.note(CodeKey, p.next, "an older directory came into force again", fmt.Sprintf("from %d", now.Version()), fmt.Sprint(d.Version()))
		return
	}
	p.directory.before, p.directory.now, p.directory.since = now, d, it.leaf.At
	if p.register != nil {
		next, err := p.register.Follow(d)
		if err != nil {
			p.note(CodeKey, p.next, "register: "+err.Error(), "", "")
			return
		}
		p.register = next
	}
}

func (p *pass) takeManifest(it *item, e *translog.Dir) error {
	signed, err := p.r.Manifest(e.Digest)
	if err != nil {
		f, ok := formatFinding(err)
		if !ok {
			return err
		}
		f.Index = p.next
		p.add(f)
		return nil
	}
	said := p.book.manifests[e.Digest]
	if said == nil {
		return nil // it was found malformed
	}
	p.named[e.Digest] = true
	cur := p.members[e.Member]
	if cur == nil {
		cur = &inForce{}
		p.members[strings.Clone(e.Member)] = cur
	}
	if e.Member != said.country || uint64(e.Version) != said.version {
		p.note(CodeKey, p.next, "the leaf says something else than the manifest", fmt.Sprintf("%s %d", said.country, said.version), fmt.Sprintf("%s %d", e.Member, e.Version))
		return nil
	}
	switch {
	case p.limited: // the manifest before may lie outside
	case cur.now != nil && e.Prev != translog.Hash(cur.now.Digest()):
		p.note(CodeKey, p.next, "the manifest before is another one", translog.Hash(cur.now.Digest()).String(), e.Prev.String())
	case cur.now == nil && !e.Prev.IsZero() && !p.goesOn && cur.lastVersion == 0:
		p.note(CodeKey, p.next, "the first manifest of a member names one before it", "", e.Prev.String())
	}
	m, err := p.parse(signed, it.leaf.At, cur.now)
	if err != nil {
		cur.lastVersion = said.version
		p.note(CodeKey, p.next, fmt.Sprintf("manifest %d of %s: %v", said.version, said.country, err), "", "")
		return nil
	}
	cur.now, cur.had, cur.said, cur.since = m, cur.said, said, it.leaf.At
	p.prove(said)
	if p.goesOn && !p.vouched && e.Member == p.info.Country {
		_, err := federation.ParseGenesis(m, p.raw, p.endorsed, time.UnixMilli(it.leaf.At))
		p.vouched = err == nil
	}
	if head, _, ok := m.Head(); ok {
		p.seen(head)
	}
	return nil
}

// parse judges a manifest as the node had to, a moment before it wrote the leaf.
func (p *pass) parse(signed []byte, at int64, have *federation.Manifest) (m *federation.Manifest, err error) {
	dirs := []*federation.Directory{p.directory.now, p.directory.before}
	if p.directory.now == nil {
		dirs = []*federation.Directory{p.chain.Newest()}
	}
	for _, d := range dirs {
		for _, t := range []int64{at, at - skew} {
			if d == nil {
				continue
			}
			got, bad := federation.ParseManifest(signed, d, time.UnixMilli(t), have)
			if bad == nil {
				return got, nil
			}
			if err == nil {
				err = bad
			}
		}
	}
	return nil, err
}

// prove notes the keys of a manifest that leads to the directory.
func (p *pass) prove(s *statement) {
	p.proven[s.log] = true
	p.witnesses[s.witness] = true
	for _, id := range s.identities {
		p.signers[id.key] = true
	}
}

// current returns the manifests of a country that a leaf of this time may go by.
func (p *pass) current(country string, at int64) []*statement {
	cur := p.members[country]
	if cur == nil || cur.said == nil {
		return nil
	}
	list := []*statement{cur.said}
	if cur.had != nil && cur.since+skew >= at {
		list = append(list, cur.had)
	}
	return list
}

// signer judges the key that a statement was signed with: it stood in a manifest that was in force here. version is 0 where the leaf says none.
func (p *pass) signer(it *item, country string, version int64) {
	at := it.leaf.At
	list := p.current(country, at)
	if p.limited || p.goesOn && len(list) == 0 {
		p.signerAlone(it, country, version, at)
		return
	}
	if len(list) == 0 {
		p.note(CodeKey, p.next, "no manifest of "+country+" is in force", "", "")
		return
	}
	if version != 0 && !slices.ContainsFunc(list, func(s *statement) bool { return s.version == uint64(version) }) {
		p.note(CodeKey, p.next, "manifest of "+country, fmt.Sprint(list[0].version), fmt.Sprint(version))
		return
	}
	if it.key != nil && !slices.ContainsFunc(list, func(s *statement) bool { return s.has(it.key, at) }) {
		p.note(CodeKey, p.next, fmt.Sprintf("key %s of %s is not in force here", it.key.KID(), country), "", "")
	}
}

// signerAlone judges a key where the leaves that name manifests may lie outside, in a limited archive or at the beginning of a log that goes on
// from another: some manifest of that time that leads to the directory by itself has the key.
func (p *pass) signerAlone(it *item, country string, version, at int64) {
	if it.key == nil {
		return
	}
	for _, s := range p.book.manifests {
		if s.country == country && (version == 0 || s.version == uint64(version)) && s.has(it.key, at) && p.leads(s) {
			return
		}
	}
	p.note(CodeKey, p.next, fmt.Sprintf("no manifest in the archive leads key %s of %s to the directory", it.key.KID(), country), "", "")
}

// leads reports whether a manifest leads to the directory that it names, or to the newest, by itself.
func (p *pass) leads(s *statement) bool {
	ok, known := p.checked[s.digest]
	if known {
		return ok
	}
	if signed, err := p.r.Manifest(s.digest); err == nil {
		for _, d := range []*federation.Directory{p.chain.Version(s.directory), p.chain.Newest()} {
			if d != nil && !ok {
				_, err := federation.ParseManifest(signed, d, time.UnixMilli(s.made), nil)
				ok = err == nil
			}
		}
	}
	if p.checked[s.digest] = ok; ok {
		p.prove(s)
	}
	return ok
}

// trusted reports whether keys of a log lead to the directory: a directory names them, or a manifest that does.
func (p *pass) trusted(k *logKeys) bool {
	if k == nil || p.proven[k] {
		return true
	}
	if p.limited || p.goesOn {
		for _, s := range p.book.manifests {
			if s.log == k && p.leads(s) {
				return true
			}
		}
	}
	return false
}

// What stands behind the `node` leaf that opened a log after a rollback, up to the first leaf of another kind: the enrolments of the logs before,
// and how all cases stood.
const (
	ahead = iota
	within
	over
)

// open follows that.
func (p *pass) open(it *item) {
	switch e := it.leaf.Entry.(type) {
	case *translog.Node:
		if p.opening == ahead && e.Event == translog.NodeRecover {
			p.opening = within
			return
		}
	case *translog.Actor, *translog.State:
		return
	}
	if p.opening == within {
		p.opening = over
	}
}

// actor puts an enrolment on the register, whose signatures it must have.
func (p *pass) actor(it *item) {
	if it.enrolment == nil || p.register == nil || p.limited {
		return
	}
	next, err := p.register.Enrol(it.enrolment, time.UnixMilli(it.leaf.At))
	if p.opening == within {
		next, err = p.register.EnrolAgain(it.enrolment)
	}
	switch {
	case err == nil:
		p.register = next
	case p.goesOn && errors.Is(err, federation.ErrUnknownOfficer): // enrolled in the log before
	case errors.Is(err, federation.ErrSignature), errors.Is(err, keyring.ErrSignature):
		p.note(CodeLeafSig, p.next, err.Error(), "", "")
	default:
		p.note(CodeRight, p.next, err.Error(), "", "")
	}
}
