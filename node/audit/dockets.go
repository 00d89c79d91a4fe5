package audit

import (
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
)

// listed returns the hashes of a list beside a leaf, or in it.
func listed(of []translog.Hash, beside []byte) []translog.Hash {
	for ; len(beside) >= translog.HashSize; beside = beside[translog.HashSize:] {
		of = append(of, translog.Hash(beside))
	}
	return of
}

// bury notes what a tombstone says was destroyed.
func (p *pass) bury(it *item, e *translog.Erase) {
	if !slices.Contains(e.What, "docket") {
		return
	}
	for _, h := range listed(slices.Clone(e.Of), it.list) {
		p.buried[shorten(h)] = struct{}{}
		_, kept := p.dockets[shorten(h)]
		if m := p.messages.find(h); m != nil && m.docket {
			kept = true
		}
		if kept {
			p.note(CodeExtra, p.next, "a docket that this tombstone says was destroyed is still here, with its salt", "", h.String())
		}
	}
}

// docket notes that a docket is there, or is to be looked for.
func (p *pass) docket(it *item, commit, name translog.Hash) {
	if it.docket {
		p.dockets[shorten(commit)] = struct{}{}
		return
	}
	if _, ok := p.dockets[shorten(commit)]; ok && name.IsZero() {
		return
	}
	p.missing = append(p.missing, lost{p.next, shorten(name), shorten(commit)})
}

// dig looks for the dockets that were not beside their leaves.
func (p *pass) dig() {
	if p.limited {
		return // the leaf that has it may lie outside
	}
	// A docket that went goes for all leaves that name it.
	gone := map[short]struct{}{}
	for _, l := range p.missing {
		_, byName := p.buried[l.name]
		_, byCommit := p.buried[l.commit]
		if l.name != (short{}) && byName || byCommit {
			gone[l.commit] = struct{}{}
		}
	}
	for _, l := range p.missing {
		_, there := p.dockets[l.commit]
		if l.name != (short{}) {
			there = false // a message has its own
		}
		if _, buried := gone[l.commit]; !there && !buried {
			p.note(CodeMissing, l.index, "the docket is not here, and no tombstone says that it was erased", "docket", "")
		}
	}
}
