package audit

import (
	"fmt"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
)

// This file judges external time: tokens of time-stamping authorities over heads of the log.

// rfc3161 is the one type of time token there is.
const rfc3161 = "rfc3161"

// Timed is what time tokens say of a log.
type Timed struct {
	Size int64  `json:"size"`         // what is below existed…
	At   int64  `json:"at"`           // …at this time, in milliseconds since 1970
	By   string `json:"by,omitempty"` // name in the certificate of the authority that says so
	// Unjudged are tokens that nobody looked at, for the auditor gave no roots.
	Unjudged int64 `json:"unjudged,omitempty"`
}

// TrustTime adds who is believed about time: tokens that these roots vouch for. Without it none is judged. It is not to be called while the
// anchor is in use.
func (a *Anchor) TrustTime(r *timestamp.Roots) { a.times = r }

// Times returns who is believed about time; nil: nobody.
func (a *Anchor) Times() *timestamp.Roots { return a.times }

// tokened is a token beside a `time` leaf that has the digest which the leaf names.
type tokened struct {
	good bool   // it was judged, and is
	by   string // name of the authority then
}

// time checks the token beside a `time` leaf.
func (w *worker) time(t *tile, e *archive.Entry, it *item, l *translog.Time) {
	b := e.Side("token")
	if b == nil {
		t.missing(e.Index, "token")
		return
	}
	if h := translog.Hash(sum(b)); h != l.Digest {
		t.note(CodeLeafSig, e.Index, "the time token beside the leaf is another one", l.Digest.String(), h.String())
		return
	}
	it.token = &tokened{}
	if w.chain.times == nil || l.Type != rfc3161 {
		return
	}
	token, err := timestamp.Parse(b)
	if err != nil {
		t.note(CodeLeafSig, e.Index, "time token: "+err.Error(), "", "")
		return
	}
	if want := (translog.Checkpoint{Origin: w.info.Log, Size: l.Size, Root: l.Root}).Imprint(); token.Imprint != want {
		t.note(CodeLeafSig, e.Index, "the time token stands over something else than the head that the leaf names", fmt.Sprintf("%x", want), fmt.Sprintf("%x", token.Imprint))
		return
	}
	if at := token.Time.UnixMilli(); at != l.Time {
		t.note(CodeLeafSig, e.Index, "the time token says another time than the leaf", fmt.Sprint(l.Time), fmt.Sprint(at))
		return
	}
	if err := token.Verify(w.chain.times); err != nil {
		t.note(CodeKey, e.Index, "time token: "+err.Error(), "", token.Signer())
		return
	}
	it.token.good, it.token.by = true, token.Signer()
}

// time judges a time token in its place: it is over a head of this log, and its time lies between the leaves below that and its own leaf.
func (p *pass) time(it *item, e *translog.Time) error {
	if e.Type != rfc3161 {
		p.note(CodeUnknown, p.next, "a time token of a type that is not known", rfc3161, e.Type)
		return nil
	}
	if !p.headOf("time token", e.Size, e.Root) {
		return nil
	}
	last, known, err := p.timeOf(e.Size - 1)
	if err != nil {
		return err
	}
	fits := e.Time <= it.leaf.At+skew
	if !fits {
		p.note(CodeTime, p.next, "the leaf is older than the time token that it names", fmt.Sprintf("from %d", e.Time-skew), fmt.Sprint(it.leaf.At))
	}
	if known && last > e.Time+skew {
		p.note(CodeTime, p.next, fmt.Sprintf("leaf %d says that it is younger than a time token over a head that holds it", e.Size-1), fmt.Sprintf("until %d", e.Time+skew), fmt.Sprint(last))
		fits = false
	}
	switch {
	case it.token == nil:
	case p.chain.times == nil:
		p.timed.Unjudged++
	case fits && it.token.good && e.Size > p.timed.Size:
		p.timed.Size, p.timed.At, p.timed.By = e.Size, e.Time, it.token.by
	}
	return nil
}

// timeOf returns the `at` of a leaf before this one: of the latest from memory, of older ones, over which a token was put late, from the archive.
func (p *pass) timeOf(index int64) (at int64, ok bool, err error) {
	if at, ok = p.times.get(index); ok || index < 0 || p.limited {
		return at, ok, nil
	}
	entries, err := p.r.Tile(index/archive.TileWidth, nil)
	if err != nil {
		if _, ok := formatFinding(err); ok {
			return 0, false, nil // it is found elsewhere
		}
		return 0, false, err
	}
	leaf, err := translog.ParseLeaf(entries[index%archive.TileWidth].Leaf)
	return leaf.At, err == nil, nil
}
