package audit

import (
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
)

// This file judges messages, their numbers, receipts and heads, in the order of the log.

// msg judges a message's place: its keys, its number, its name.
func (p *pass) msg(it *item, e *translog.Msg) {
	own, other := e.From, e.To
	if e.Dir == translog.In {
		own, other = e.To, e.From
	}
	if own != p.info.Country {
		p.note(CodeSchema, p.next, "a message that is not this country's", p.info.Country, own)
		return
	}
	p.versions(it, e)
	if e.FirstAt != 0 && !p.limited && (!p.givenBack(e) || e.FirstAt > it.leaf.At+skew) {
		p.note(CodeTime, p.next, "first_at of a message that no recovery gave back", "none", fmt.Sprint(e.FirstAt))
	}
	p.docket(it, e.DocketCommit, e.Msg)
	if e.Dir == translog.In && it.sealed > it.leaf.At+skew {
		p.note(CodeSkew, p.next, "accepted before it was sealed", fmt.Sprintf("until %d", it.leaf.At+skew), fmt.Sprint(it.sealed))
	}
	if p.limited {
		if p.messages.find(e.Msg) == nil {
			p.remember(it, e, other)
		}
		return
	}
	p.number(e)
	m := p.messages.find(e.Msg)
	if m == nil {
		p.remember(it, e, other)
		return
	}
	p.note(CodeDup, p.next, fmt.Sprintf("message %s stands at %d already", e.Msg, m.index), "", "")
}

func (p *pass) remember(it *item, e *translog.Msg, other string) {
	what := sentMsg
	if e.Dir == translog.In {
		what = arrivedMsg
	}
	at := it.leaf.At
	if e.Dir == translog.Out && p.givenBack(e) {
		at = e.FirstAt
	}
	p.messages.add(message{name: e.Msg, fixed: fixedOf(e), index: p.next, at: at, peer: p.id(other), what: what, docket: it.docket})
}

// givenBack reports whether a message stood in the part of a log before that was lost, and came back: only a log that goes on from another has
// such, and they have numbers of an epoch before.
func (p *pass) givenBack(e *translog.Msg) bool {
	return e.FirstAt != 0 && p.goesOn && (e.Dir == translog.In || p.genesis != nil && e.Epoch < p.genesis.Epoch)
}

// versions judges which directory and manifest a message goes by.
func (p *pass) versions(it *item, e *translog.Msg) {
	d := &p.directory
	if d.now != nil && !p.limited && uint64(e.DirectoryVersion) != d.now.Version() &&
		(d.before == nil || uint64(e.DirectoryVersion) != d.before.Version() || d.since+skew < it.leaf.At) && d.named == translog.Hash(d.now.Digest()) {
		p.note(CodeKey, p.next, "version of the directory in force", fmt.Sprint(d.now.Version()), fmt.Sprint(e.DirectoryVersion))
	}
	if e.Dir == translog.Out && p.givenBack(e) {
		p.signerAlone(it, e.From, 0, e.FirstAt) // it was signed in the log before
		return
	}
	if e.ManifestVersion < 1 { // 0 stands for none elsewhere
		p.note(CodeKey, p.next, "a message goes by no manifest", "from 1", fmt.Sprint(e.ManifestVersion))
		return
	}
	p.signer(it, e.From, e.ManifestVersion)
}

// number judges where a message stands in its sequence. What is sent runs on without a gap; what arrives may arrive out of order.
func (p *pass) number(e *translog.Msg) {
	k := laneKey{p.id(e.From), p.id(e.To), e.Epoch}
	l := p.lanes[k]
	if l == nil {
		l = &lane{}
		p.lanes[k] = l
	}
	if e.Dir == translog.Out && !p.givenBack(e) {
		if p.genesis != nil && e.Epoch != p.genesis.Epoch {
			p.note(CodeSeq, p.next, "epoch of a message sent", fmt.Sprint(p.genesis.Epoch), fmt.Sprint(e.Epoch))
		}
		if last, _ := l.last(); e.Seq > last+1 {
			p.note(CodeSeq, p.next, "number of a message to "+e.To, fmt.Sprint(last+1), fmt.Sprint(e.Seq))
		}
	}
	if e.Seq < 1 || (e.Seq == 1) != e.Prev.IsZero() {
		p.note(CodeSeq, p.next, "number and predecessor do not go together", "", fmt.Sprint(e.Seq))
	}
	dup, other := l.put(e.Seq, e.Msg, e.Prev)
	if dup {
		p.note(CodeDup, p.next, fmt.Sprintf("number %d from %s to %s is taken", e.Seq, e.From, e.To), "", "")
	}
	if other {
		p.note(CodePrev, p.next, fmt.Sprintf("message %d from %s to %s and its neighbour do not name each other", e.Seq, e.From, e.To), "", "")
	}
}

// reseal judges another attempt to carry a message of ours.
func (p *pass) reseal(it *item, e *translog.Reseal) {
	p.signer(it, p.info.Country, 0)
	if _, twice := p.sealings[shorten(e.Stmt)]; twice {
		p.note(CodeDup, p.next, "an attempt that was made before", "", e.Stmt.String())
	}
	p.sealings[shorten(e.Stmt)] = struct{}{}
	if m := p.messages.find(e.Of); (m == nil || m.what != sentMsg) && !p.limited && !p.goesOn {
		p.note(CodeMissing, p.next, "the message that was sealed anew is not in the log", e.Of.String(), "")
	}
}

// rcpt judges a receipt: that it is for a message of ours, and says of it what we said.
func (p *pass) rcpt(it *item, e *translog.Rcpt) {
	r := it.receipt
	p.peerHead(it, e)
	m := p.messages.find(e.Of)
	if m == nil || m.what != sentMsg {
		if !p.limited && !p.goesOn {
			p.note(CodeRcptOther, p.next, "the message that is receipted was never sent", e.Of.String(), "")
		}
		return
	}
	if m.index != e.Ref {
		p.note(CodeRcptOther, p.next, "index of the message that is receipted", fmt.Sprint(m.index), fmt.Sprint(e.Ref))
	}
	if country, ok := countryOf(e.Log); !ok || p.id(country) != m.peer {
		p.note(CodeRcptOther, p.next, "the receipt comes from a log that is not the recipient's", "", e.Log)
	}
	switch log := p.id(e.Log) + 1; {
	case e.Whole && m.whole, !e.Whole && m.rcptOf == log:
		p.note(CodeDup, p.next, fmt.Sprintf("message %s was receipted before", e.Of), "", "")
	case e.Whole:
		m.whole = true
	default:
		m.rcptOf = log
	}
	if !r.whole {
		return
	}
	switch l := r.leaf.Entry.(type) {
	case *translog.Msg:
		if fixedOf(l) != m.fixed {
			p.note(CodeRcptOther, p.next, "the peer receipted something else than was sent", "", saying(l))
		}
	case *translog.Rej:
		if l.From != p.info.Country {
			p.note(CodeRcptOther, p.next, "the peer refused a message of another country", p.info.Country, l.From)
		}
	}
	if at := r.leaf.At; at > it.leaf.At+skew || at < m.at-skew {
		p.note(CodeSkew, p.next, "the peer's time does not lie between sending and receipt", fmt.Sprintf("%d to %d", m.at, it.leaf.At), fmt.Sprint(at))
	}
}

// countryOf returns whose log an origin is, as rogatory.example/RS/log/1.
func countryOf(origin string) (string, bool) {
	stem, _, ok1 := cutLast(origin)
	stem, kind, ok2 := cutLast(stem)
	_, country, ok3 := cutLast(stem)
	return country, ok1 && ok2 && ok3 && kind == "log"
}

// peerHead judges the head that a receipt stands on: signed here, or beside an earlier receipt.
func (p *pass) peerHead(it *item, e *translog.Rcpt) {
	k := head{p.id(e.Log), e.Size}
	root, known := p.heads.find(k)
	switch {
	case it.receipt.head && !p.trusted(it.receipt.signed):
		p.note(CodeKey, p.next, "the keys of log "+e.Log+" do not lead to the directory here", "", "")
	case it.receipt.head && known && root != e.Root:
		p.note(CodeFork, p.next, "the peer signed two heads of one size", headText(e.Size, root), headText(e.Size, e.Root))
	case it.receipt.head:
		p.heads.put(k, e.Root)
	case !known && !p.limited:
		p.note(CodeRcptMissing, p.next, "the peer's signed head stands neither beside the rcpt nor beside one before it", headText(e.Size, e.Root), "")
	case known && root != e.Root:
		p.note(CodeRcptOther, p.next, "the peer's signed head has another root", headText(e.Size, root), headText(e.Size, e.Root))
	}
}

// seen takes a signed head from a manifest: one of ours is this tree's, one of a peer's has the root that it had elsewhere.
func (p *pass) seen(cp translog.Checkpoint) {
	if cp.Origin == p.info.Log {
		p.headOf("head in our manifest", cp.Size, cp.Root)
		return
	}
	k := head{p.id(cp.Origin), cp.Size}
	if root, known := p.heads.find(k); known && root != cp.Root {
		p.note(CodeFork, p.next, "the peer signed two heads of one size", headText(cp.Size, root), headText(cp.Size, cp.Root))
		return
	}
	p.heads.put(k, cp.Root)
}

// headOf judges a head of ours against this tree.
func (p *pass) headOf(what string, size int64, root translog.Hash) bool {
	if size > p.next {
		p.note(CodeHead, p.next, what+" is larger than the log was", fmt.Sprintf("until %d", p.next), fmt.Sprint(size))
		return false
	}
	have, err := translog.Root(size, p.r.Hashes())
	if err != nil {
		return false // the tile is found missing elsewhere
	}
	if have != root {
		p.note(CodeHead, p.next, what+" has another root than this tree", headText(size, have), headText(size, root))
	}
	return have == root
}

// whole judges that all attachments of a message are here.
func (p *pass) whole(e *translog.Whole) {
	m := p.messages.find(e.Msg)
	switch {
	case m == nil && !p.limited && !p.goesOn, m != nil && m.what != arrivedMsg:
		p.note(CodeMissing, p.next, "the message whose attachments are here did not arrive", e.Msg.String(), "")
	case m != nil && m.whole:
		p.note(CodeDup, p.next, fmt.Sprintf("the attachments of %s were here before", e.Msg), "", "")
	case m != nil:
		m.whole = true
	}
}

// rej judges a final refusal: what is refused was not accepted, nor refused before.
func (p *pass) rej(it *item, e *translog.Rej) {
	if m := p.messages.find(e.Msg); m != nil {
		p.note(CodeDup, p.next, fmt.Sprintf("message %s stands at %d already", e.Msg, m.index), "", "")
		return
	}
	p.messages.add(message{name: e.Msg, index: p.next, at: it.leaf.At, peer: p.id(e.From), what: rejectedMsg})
}

// wit judges what we cosigned: heads of one log that only grow.
func (p *pass) wit(e *translog.Wit) {
	if e.Log == p.info.Log {
		p.note(CodeHead, p.next, "the log cosigned itself", "", "")
		return
	}
	was, ok := p.cosigned[e.Log]
	switch {
	case ok && e.Size < was.Size:
		p.note(CodeRollback, p.next, "a smaller head of "+e.Log+" was cosigned after a larger one", fmt.Sprintf("from %d", was.Size), fmt.Sprint(e.Size))
		return
	case ok && e.Size == was.Size && e.Root != was.Root:
		p.note(CodeFork, p.next, "two heads of "+e.Log+" of one size were cosigned", headText(was.Size, was.Root), headText(e.Size, e.Root))
		return
	}
	p.cosigned[e.Log] = translog.Checkpoint{Origin: e.Log, Size: e.Size, Root: e.Root}
	if root, known := p.heads.find(head{p.id(e.Log), e.Size}); known && root != e.Root {
		p.note(CodeFork, p.next, "the head of "+e.Log+" that was cosigned is another than the one it signed", headText(e.Size, root), headText(e.Size, e.Root))
	}
}

// cos judges a head of ours that is said to have its quorum.
func (p *pass) cos(it *item, e *translog.Cos) {
	c := it.cosigned
	if c == nil {
		return
	}
	if e.Log != p.info.Log || c.cp.Size != e.Size || c.cp.Root != e.Root {
		p.note(CodeHead, p.next, "the cosigned head is another one than the leaf says", headText(e.Size, e.Root), headText(c.cp.Size, c.cp.Root))
		return
	}
	by := make([]string, len(c.by))
	for i := range c.by {
		by[i] = c.by[i].Witness
	}
	if int64(len(by)) != e.Count || len(e.By) > 0 && !slices.Equal(by, e.By) {
		p.note(CodeHead, p.next, "the leaf names other witnesses than the head has", fmt.Sprint(by), fmt.Sprint(e.By))
	}
	if !p.headOf("the cosigned head", e.Size, e.Root) {
		return
	}
	if n, quorum := p.countersigned(c), p.quorum(); n < quorum {
		p.note(CodeHead, p.next, "the leaf says that a quorum cosigned", fmt.Sprint(quorum), fmt.Sprint(n))
	} else {
		p.best = max(p.best, e.Size)
	}
	p.between(c, it.leaf.At)
}

// quorum returns how many members must cosign a head of ours, by the directory in force.
func (p *pass) quorum() int {
	d := p.directory.now
	if d == nil {
		d = p.chain.Newest()
	}
	n := 0
	for _, m := range d.Members() {
		if m.Country() != p.info.Country {
			n++
		}
	}
	return translog.Quorum(n)
}

// countersigned returns how many members of the directory in force cosigned, by keys that lead to it.
func (p *pass) countersigned(c *cosigned) int {
	if !p.trusted(c.keys) {
		p.note(CodeKey, min(p.next, p.info.Size-1), "the keys of this log do not lead to the directory here", "", "")
		return 0
	}
	d := p.directory.now
	if d == nil {
		d = p.chain.Newest()
	}
	countries := map[string]bool{}
	for _, s := range c.by {
		for _, w := range p.book.witnesses {
			if w.Name() != s.Witness {
				continue
			}
			ed, _ := w.VKeys()
			country := p.book.witnessOf[ed]
			if country == p.info.Country || !p.witness(ed) {
				continue
			}
			if _, err := d.Member(country); err == nil {
				countries[country] = true
			}
		}
	}
	p.seconded = p.seconded || len(countries) > 0
	return len(countries)
}

// witness reports whether a witness's key leads to the directory.
func (p *pass) witness(ed string) bool {
	if p.witnesses[ed] || !p.limited && !p.goesOn {
		return p.witnesses[ed]
	}
	for _, s := range p.book.manifests {
		if s.witness == ed && p.leads(s) {
			return true
		}
	}
	return false
}

// between judges time by witnesses: what a head holds is older than the cosignatures under it, by the clock of most of those who made
// them.
func (p *pass) between(c *cosigned, at int64) {
	if len(c.by) == 0 {
		return
	}
	times := make([]int64, len(c.by))
	for i := range c.by {
		times[i] = min(c.by[i].Time, translog.MaxInt/1000) * 1000
	}
	slices.Sort(times)
	most := times[len(times)/2]
	if last, ok := p.times.get(c.cp.Size - 1); ok && last > most+1000+skew {
		p.note(CodeSkew, p.next, fmt.Sprintf("leaf %d is younger than the cosignatures of a head that holds it", c.cp.Size-1), fmt.Sprintf("until %d", most+skew), fmt.Sprint(last))
	}
	if most > at+skew {
		p.note(CodeSkew, p.next, "cosigned later than logged", fmt.Sprintf("until %d", at+skew), fmt.Sprint(most))
	}
}
