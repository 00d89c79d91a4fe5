package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

// Judgements of a way, in this order: of two shortages that of the earlier one counts.
const (
	ofSent = iota
	ofArrived
	ofHeads
	ofCosigned
)

// direction holds what one has sent and holds of the other against the other's log.
func (x *reconciler) direction(ctx context.Context, from, to *side) error {
	p := &pairing{reconciler: x, ctx: ctx, from: from, to: to, w: from.sends, lastSeq: map[int64]int64{}}
	err := p.all()
	return errors.Join(err, p.claims.close(), p.late.close(), p.w.heads.close(), p.w.cosigned.close(), p.w.messages.rest())
}

// A pairing finds together what both logs say of each message that one has sent to the other.
type pairing struct {
	*reconciler
	ctx      context.Context
	from, to *side
	w        *way

	name               translog.Hash
	sent, there        *message
	refused, elsewhere bool
	claimed, ends      bool // there are receipts; all of them are of leaves behind the export's end
	attempted          bool // the attempt by which it arrived is one that the sender has logged again

	lastSeq map[int64]int64 // by epoch, of what was sent
	open    []message       // sent, and of which nobody knows anything more
	claims  spill           // by index of the recipient's leaf
	late    spill           // what arrived and was not sent, where the sender's log may end before
}

// A message is what the leaf of one says, as far as two logs must agree.
type message struct {
	name                        translog.Hash
	index, at                   int64
	epoch, seq, size            int64
	prev, docket, content, stmt translog.Hash
	givenBack, plain            bool
}

func (m *message) read(name translog.Hash, f *fields) {
	m.name, m.index, m.at, m.epoch, m.seq, m.size = name, f.int(), f.int(), f.int(), f.int(), f.int()
	m.prev, m.docket, m.content, m.stmt, m.givenBack, m.plain = f.hash(), f.hash(), f.hash(), f.hash(), f.flag(), f.flag()
}

// same reports whether the leaves of both sides say the same of a message, as [translog.SameMessage] has it, and of its size.
func (m *message) same(o *message) bool {
	return m.plain && o.plain && m.epoch == o.epoch && m.seq == o.seq && m.size == o.size && m.prev == o.prev && m.docket == o.docket && m.content == o.content
}

func (m *message) String() string {
	return fmt.Sprintf("%d/%d after %s, docket %s, content %s, %d bytes", m.epoch, m.seq, m.prev, m.docket, m.content, m.size)
}

func (p *pairing) all() error {
	n := 0
	var own, other message
	err := p.w.messages.each(func(f fields) error {
		if n++; n%archive.TileWidth == 0 && p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		name := f.hash()
		if name != p.name {
			if err := p.judge(); err != nil {
				return err
			}
			p.name, p.sent, p.there = name, nil, nil
			p.refused, p.elsewhere, p.claimed, p.ends, p.attempted = false, false, false, true, false
		}
		switch kind(f.byte()) {
		case sent:
			if p.sent == nil {
				p.sent = &own
				own.read(name, &f)
				p.lastSeq[own.epoch] = max(p.lastSeq[own.epoch], own.seq)
			}
		case arrived:
			if p.there == nil {
				p.there = &other
				other.read(name, &f)
			}
		case refused:
			p.refused = true
		case elsewhere:
			p.elsewhere = true
		case again:
			f.int()
			p.attempted = p.attempted || p.there != nil && f.hash() == p.there.stmt
		case receipted:
			if p.sent != nil {
				return p.claim(&f)
			}
		}
		return nil
	})
	if err == nil {
		err = p.judge()
	}
	if err == nil {
		err = p.unknown()
	}
	if err == nil {
		err = p.claims.each(p.receipt)
	}
	if err == nil {
		err = p.late.each(p.behindEnd)
	}
	if err == nil {
		err = p.w.heads.each(p.head)
	}
	if err == nil {
		err = p.witnessed()
	}
	return err
}

// judge judges a message when all that is said of it is known.
func (p *pairing) judge() error {
	switch {
	case p.sent != nil:
		p.judgeSent(p.sent)
	case p.there != nil:
		return p.judgeArrived(p.there)
	}
	return nil
}

// judgeSent judges one message that was sent.
func (p *pairing) judgeSent(m *message) {
	switch {
	case p.there != nil:
		p.out.Messages++
		p.attempt(m, p.there)
		if !m.same(p.there) {
			p.note(audit.CodeDiff, p.from, m.index, fmt.Sprintf("message %s stands at %d of %s", m.name, p.there.index, p.to.info.Log), m.String(), p.there.String())
		}
	case p.refused:
		p.out.Messages++
	case p.claimed && p.ends: // receipt says that the export ends before
		return
	case p.claimed:
		p.note(audit.CodeAbsentPeer, p.from, m.index, "a message that "+p.to.info.Country+" has receipted", m.name.String(), "")
		return
	case p.elsewhere:
		return
	default:
		p.open = append(p.open, *m)
		return
	}
	if !p.claimed && !p.elsewhere {
		p.unreceipted(m)
	}
}

func (p *pairing) unreceipted(m *message) {
	p.note(audit.CodeUnreceipted, p.from, m.index, "no receipt of "+p.to.info.Country, m.name.String(), "")
}

// attempt judges that the sender has logged the attempt by which its message arrived. Attempts of another log stand there.
func (p *pairing) attempt(m, there *message) {
	if p.from.many || m.givenBack || there.givenBack || there.stmt == m.stmt || p.attempted {
		return
	}
	p.note(audit.CodeAbsentOwn, p.from, m.index, fmt.Sprintf("the attempt by which message %s arrived at %d of %s", m.name, there.index, p.to.info.Log), there.stmt.String(), "")
}

// judgeArrived judges a message that arrived and that the sender's log does not have.
func (p *pairing) judgeArrived(got *message) error {
	switch {
	case got.epoch != p.from.epoch && p.from.epoch != 0: // it stands in the log of its epoch
	case got.at+skew > p.from.lastAt: // whether others with larger numbers were sent is not known yet
		return p.late.add(p.make.begin().int(got.index, got.epoch, got.seq).hash(&got.name).b)
	default:
		p.absentOwn(got)
	}
	return nil
}

func (p *pairing) absentOwn(got *message) {
	p.note(audit.CodeAbsentOwn, p.from, -1, fmt.Sprintf("message %d/%d to %s, which the other received", got.epoch, got.seq, p.to.info.Country), got.name.String(),
		fmt.Sprintf("%s at %d", p.to.info.Log, got.index))
}

// behindEnd judges such a message when the numbers of all that was sent are known.
func (p *pairing) behindEnd(f fields) error {
	got := message{index: f.int(), epoch: f.int(), seq: f.int(), name: f.hash()}
	if got.seq > p.lastSeq[got.epoch] {
		p.short(p.from, p.w, [3]int64{ofArrived, got.index}, "the export ends before a message that the other has: "+got.name.String(), "", fmt.Sprint(got.index))
		return nil
	}
	p.absentOwn(&got)
	return nil
}

// unknown judges messages sent of which there is neither a receipt nor a trace on the other side: another may have their number there. There are as many
// as there will be findings.
func (p *pairing) unknown() error {
	if len(p.open) == 0 {
		return nil
	}
	taken := map[[2]int64]*message{}
	for i := range p.open {
		taken[[2]int64{p.open[i].epoch, p.open[i].seq}] = nil
	}
	var before translog.Hash
	if err := p.w.messages.each(func(f fields) error {
		name := f.hash()
		if kind(f.byte()) != arrived || name == before {
			return nil
		}
		before = name
		var m message
		m.read(name, &f)
		k := [2]int64{m.epoch, m.seq}
		if first, ok := taken[k]; ok && (first == nil || m.index < first.index) {
			taken[k] = &m
		}
		return nil
	}); err != nil {
		return err
	}
	for i := range p.open {
		m := &p.open[i]
		if o := taken[[2]int64{m.epoch, m.seq}]; o != nil {
			p.note(audit.CodeDiff, p.from, m.index, fmt.Sprintf("number %d/%d is another message in %s", m.epoch, m.seq, p.to.info.Log), m.name.String(), o.name.String())
			continue
		}
		p.unreceipted(m)
	}
	p.open = nil
	return nil
}

// claim takes a receipt of a message that was sent.
func (p *pairing) claim(f *fields) error {
	own, index := f.int(), f.int()
	p.claimed = true
	if index >= p.to.info.Size {
		p.short(p.to, p.w, [3]int64{ofSent, p.sent.index, own},
			fmt.Sprintf("the export ends before leaf %d, for which %s holds a receipt", index, p.from.info.Country), "", fmt.Sprint(p.to.info.Size))
		return nil
	}
	p.ends = false
	return p.claims.add(append(p.make.begin().int(index, own).hash(&p.name).b, f.b...))
}

// receipt judges one receipt that is claimed.
func (p *pairing) receipt(f fields) error {
	index, own, name, hash, whole, rej := f.int(), f.int(), f.hash(), f.hash(), f.flag(), f.text()
	e, err := p.to.entry(index)
	if err != nil {
		var format *archive.FormatError
		if errors.As(err, &format) {
			return nil // audit.Verify says what is the matter there
		}
		return err
	}
	leaf, err := translog.ParseLeaf(e.Leaf)
	fits := false
	if err == nil {
		switch k := leaf.Entry.(type) {
		case *translog.Msg:
			fits = k.Msg == name && k.Dir == translog.In && rej == "" && !whole
		case *translog.Rej:
			fits = k.Msg == name && rej == k.Code
		case *translog.Whole:
			fits = k.Msg == name && whole
		}
	}
	if is := translog.LeafHash(e.Leaf); !fits || !hash.IsZero() && hash != is {
		p.note(audit.CodeRcptOther, p.from, own, fmt.Sprintf("the receipt for %s is leaf %d of %s", name, index, p.to.info.Log), hash.String(), is.String())
	}
	return p.ctx.Err()
}

// head judges a head of the other that one holds.
func (p *pairing) head(f fields) error {
	own, size, is, at, signed := f.int(), f.int(), f.hash(), f.int(), f.flag()
	to := p.to
	switch {
	case size > to.info.Size && at != 0 && to.lastAt > at+skew:
		p.note(audit.CodeRollback, to, -1, fmt.Sprintf("%s held a head of %d leaves at %d, and the log has leaves that are younger", p.from.info.Country, size, own),
			fmt.Sprint(size), fmt.Sprint(to.info.Size))
		return nil
	case size > to.info.Size:
		p.short(to, p.w, [3]int64{ofHeads, own}, fmt.Sprintf("the export ends before a head that %s holds", p.from.info.Country), fmt.Sprint(size), fmt.Sprint(to.info.Size))
		return nil
	case size == 0:
		return nil
	}
	p.out.Heads++
	root, err := to.root(size)
	if err != nil || root == is {
		return p.ctx.Err() // audit.Verify says what is the matter with the tiles
	}
	code := audit.CodeHead
	if signed {
		code = audit.CodeFork
	}
	p.note(code, p.from, own, fmt.Sprintf("a head of %d leaves that %s never had", size, to.info.Log), root.String(), is.String())
	return p.ctx.Err()
}

// witnessOf is the name by which a country cosigns: that of its log without kind and number, and `witness`.
func witnessOf(i archive.Info) string {
	return strings.TrimSuffix(path.Dir(i.Log), "/log") + "/witness"
}

// witnessed judges that the other has logged what it cosigned. What it did in another log of its stands there.
func (p *pairing) witnessed() error {
	from, to := p.from, p.to
	if to.many || from.next != "" {
		return nil
	}
	known := false // that the other logged such a head
	var size int64
	var root translog.Hash
	return p.w.cosigned.each(func(f fields) error {
		s, r := f.int(), f.hash()
		if s != size || r != root {
			known, size, root = false, s, r
		}
		if byUs := f.flag(); !byUs {
			known = true
			return nil
		}
		own, at := f.int(), f.int()
		switch {
		case known:
		case at > to.lastAt: // by the other's own clock: logs never end together, and that it cosigned is proven here
		case at+skew > to.lastAt:
			p.short(to, p.w, [3]int64{ofCosigned, own}, "the export ends before a head of "+from.info.Country+" that it cosigned", fmt.Sprint(s), "")
		default:
			p.note(audit.CodeAbsentPeer, from, own, fmt.Sprintf("a head of %d leaves that %s cosigned and has not logged", s, to.info.Country), r.String(), "")
		}
		return nil
	})
}
