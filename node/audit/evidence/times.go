package evidence

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
)

// This file is about time tokens: of each log the first over a head that holds all that is here, for it says the most.

const (
	dirTimes = "times"
	extToken = ".tst"  // TimeStampToken
	extText  = ".head" // what it stands over: the text of a checkpoint
	extPath  = ".path" // consistency of that head with the signed one, a hash in base64 a line; not there when both are of one size
)

// A timeLeaf is a `time` leaf of a log: where it stands, and how large the head is that it names.
type timeLeaf struct {
	index, size int64
}

// A timed is what a time token says of one log.
type timed struct {
	country string
	head    translog.Checkpoint
	token   *timestamp.Token
}

// stamp adds the token of a log, if it has one that holds, with what ties it to the signed head.
func (m *maker) stamp(h *half, size int64) error {
	slices.SortFunc(h.times, func(a, b timeLeaf) int {
		return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.index, b.index))
	})
	for _, l := range h.times {
		if l.size <= h.last || l.size > h.r.Info().Size {
			continue
		}
		e, err := h.r.Entry(l.index)
		if err != nil {
			return err
		}
		b := bytes.Clone(e.Side("token"))
		token, err := timestamp.Parse(b)
		if err != nil {
			continue // the auditor's finding
		}
		cp := translog.Checkpoint{Origin: h.r.Info().Log, Size: l.size}
		if cp.Root, err = translog.Root(l.size, h.r.Hashes()); err != nil {
			return err
		}
		if token.Imprint != cp.Imprint() || m.a.Times() != nil && token.Verify(m.a.Times()) != nil {
			continue
		}
		path, err := translog.ProveConsistency(min(size, l.size), max(size, l.size), h.r.Hashes())
		if err != nil {
			return err
		}
		name := dirTimes + "/" + h.country
		m.s[name+extToken], m.s[name+extText] = b, []byte(cp.Text())
		m.put(name+extPath, translog.AppendHashes(nil, path))
		return nil
	}
	return nil
}

// times checks the tokens: that each stands over a head of a log that is here, which holds all its leaves, and, where the auditor trusts somebody about
// time, that they vouch for it.
func (f *facts) times(a *audit.Anchor) {
	for _, name := range f.s.under(dirTimes) {
		country, ok := strings.CutSuffix(name, extToken)
		if !ok {
			if base := strings.TrimSuffix(strings.TrimSuffix(name, extText), extPath); f.s[base+extToken] == nil {
				f.note(audit.CodeExtra, name, "it belongs to no time token")
			}
			continue
		}
		t := &timed{country: stem(name, extToken)}
		var err error
		if t.head, err = translog.ParseText(f.s[country+extText]); err != nil {
			f.note(audit.CodeCanon, country+extText, "not the text of a checkpoint")
			continue
		}
		if t.token, err = timestamp.Parse(f.s[name]); err != nil {
			f.note(audit.CodeLeafSig, name, err.Error())
			continue
		}
		if t.token.Imprint != t.head.Imprint() {
			f.note(audit.CodeLeafSig, name, "the time token stands over another head")
			continue
		}
		if why := f.holds(t, f.s[country+extPath]); why != "" {
			f.note(audit.CodeRoot, name, why)
			continue
		}
		if roots := a.Times(); roots != nil {
			if err := t.token.Verify(roots); err != nil {
				f.note(audit.CodeKey, name, err.Error())
				continue
			}
		}
		f.stamps = append(f.stamps, t)
	}
}

// holds says why a head does not hold all leaves of a country's log that are here; nothing when it does.
func (f *facts) holds(t *timed, text []byte) string {
	path, err := translog.ParseHashes(text)
	if err != nil {
		return "its path is not in form"
	}
	if countryOf(t.head.Origin) != t.country {
		return "a head of another log"
	}
	var own []*proven
	for _, m := range f.messages {
		for _, p := range m.halves {
			if p.name != m.dir+"/"+fileReceipt {
				own = append(own, p)
			}
		}
	}
	some := false
	for _, p := range append(own, f.leaves...) {
		if p.cp.Origin != t.head.Origin {
			continue
		}
		some = true
		if p.leaf.Index >= t.head.Size {
			return fmt.Sprintf("its head does not hold leaf %d", p.leaf.Index)
		}
		older, newer := p.cp, t.head
		if older.Size > newer.Size {
			older, newer = newer, older
		}
		if err := translog.CheckConsistency(path, older.Size, older.Root, newer.Size, newer.Root); err != nil {
			return "its head is of another history than the signed one: " + err.Error()
		}
	}
	if !some {
		return "nothing here stands under its head"
	}
	return ""
}

// existed tells what the tokens say. Who trusts their authority is not in it: that differs from reader to reader.
func (f *facts) existed() section {
	s := section{Title: "When it existed, by somebody else's clock", Text: []string{
		"A time-stamping authority, which has no part in the logs, signed the hash of a log's head. What stands below existed then at the latest. It is worth what " +
			"the authority is worth: rogatory-audit check --tsa ROOTS, or openssl as in VERIFY.sh, tells whether its certificate leads to one that you trust.",
	}}
	for _, t := range f.stamps {
		s.row(fmt.Sprintf("%s, below leaf %d", t.country, t.head.Size), fmt.Sprintf("at %s, says the certificate of %s", moment(t.token.Time.UnixMilli()), t.token.Signer()))
	}
	return s
}
