package replay

import (
	"maps"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A message is what the log says of one whose step has not come yet.
type message struct {
	index, at int64
	leaf      *translog.Msg
	docket    *rogatoryv1.Docket
	submitted int64
	hour      uint32   // messages of its sender within the hour before
	sender    *shelved // its sender's manifest, nil when the log has named none
	own       []*shelved
}

// A notice has no steps: a line of the statutory log says who released it.
type notice struct {
	index  int64
	leaf   *translog.Msg
	docket *rogatoryv1.Docket
}

// A receipt is what a `rcpt` leaf says.
type receipt struct {
	index, at int64
	of        translog.Hash
	peerAt    int64
	rejected  bool
	known     bool // the peer's leaf stands beside it
}

// count notes that a message of a peer was logged.
func (c *course) count(peer string, at int64) {
	list := append(c.hours[peer], at)
	old, _ := slices.BinarySearch(list, at-hour)
	if old > len(list)/2 {
		list = slices.Clone(list[old:])
	}
	c.hours[peer] = list
}

func (c *course) message(l *line, e *translog.Msg) {
	m := &message{index: l.index, at: l.leaf.At, leaf: e, docket: l.docket}
	if l.message != nil {
		m.submitted = int64(l.message.GetSubmittedMs())
	}
	if e.Dir == translog.In {
		list := c.hours[e.From]
		old, _ := slices.BinarySearch(list, m.at-hour)
		m.hour = uint32(len(list) - old)
		c.count(e.From, m.at)
		for _, s := range slices.Backward(c.shelves[e.From]) {
			if s.version == e.ManifestVersion {
				m.sender = s
				break
			}
		}
		m.own = inForce(c.shelves[c.country], m.at)
	}
	token := l.docket.GetCaseToken()
	if l.docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE {
		c.sent.put(e.Msg, sent{token: token, from: e.From, to: e.To})
		c.governance[token] = true
		if e.Dir == translog.Out && e.FirstAt == 0 { // who released what was given back after a rollback stood in the part that was lost
			c.notices[e.Msg] = notice{l.index, e, l.docket}
		}
		return
	}
	if e.Dir == translog.Out && asks(l.docket) {
		c.asked[e.Msg] = federation.Question{Docket: l.docket, From: e.From, To: e.To}
	}
	if e.Msg != (translog.Hash{}) && c.pending[e.Msg] == nil {
		c.pending[e.Msg] = m
		if e.Dir == translog.Out && e.FirstAt != 0 && m.docket != nil {
			c.returned = m
		}
	}
}

func (c *course) receipt(l *line, e *translog.Rcpt) {
	r := &receipt{index: l.index, at: l.leaf.At, of: e.Of}
	if l.receipt != nil {
		r.peerAt = l.receipt.At
		switch p := l.receipt.Entry.(type) {
		case *translog.Msg:
			r.known = p.Msg == e.Of && e.Rej == ""
			if p.FirstAt != 0 {
				r.peerAt = min(r.peerAt, p.FirstAt)
			}
		case *translog.Rej:
			r.known, r.rejected = p.Msg == e.Of && e.Rej == p.Code, true
			c.refused(l, e.Of, p)
		}
	}
	delete(c.asked, e.Of)
	c.receipted = r
}

// unreceipted looks whether the step that a receipt makes has come right after it.
func (c *course) unreceipted(l *line) {
	r := c.receipted
	if r == nil {
		return
	}
	if e, ok := l.leaf.Entry.(*translog.Case); ok && e.Of == r.of && (e.Event == string(exchange.EventReceived) || e.Event == string(exchange.EventRejected)) {
		return // step takes it
	}
	c.receipted = nil
	if s, ok := c.sent.get(r.of); ok && r.known {
		c.give(task{kind: taskReceipt, token: s.token, receipt: r})
	}
}

// tombless looks whether a tombstone has come right after a step that erases.
func (c *course) tombless(l *line) {
	e := c.erasing
	if e == nil {
		return
	}
	if tomb, ok := l.leaf.Entry.(*translog.Erase); ok && e.deed != nil && tomb.Assertion == e.deed.digest {
		return
	}
	c.erasing = nil
	buried := slices.AppendSeq(slices.Clone(c.tombed), maps.Keys(c.again))
	c.give(task{kind: taskBuried, token: e.leaf.Entry.(*translog.Case).Case, line: e, buried: buried})
}

func (c *course) step(l *line, e *translog.Case) {
	t := task{kind: taskStep, token: e.Case, line: l}
	if c.world.goesOn {
		c.opening.tokens[e.Case] = true
	}
	kind, _, _ := strings.Cut(e.Event, ".")
	switch exchange.EventKind(kind) {
	case exchange.EventSent, exchange.EventArrived:
		if m := c.pending[e.Of]; m != nil {
			t.message = m
			delete(c.pending, e.Of)
			known := sent{token: e.Case, from: m.leaf.From, to: m.leaf.To}
			if c.world.goesOn {
				known.hour, known.after = c.awake.n, m.submitted-c.began > federation.ClockSkew.Milliseconds()
			}
			c.sent.put(e.Of, known)
			m.consult()
		}
	case exchange.EventRegister:
		t.message = c.pending[e.Of] // only a message that was given back after a rollback takes a case up by itself
	case exchange.EventReceived, exchange.EventRejected:
		t.receipt, c.receipted = c.receipted, nil
	case exchange.EventErase, exchange.EventEraseItem:
		c.erasing, c.tombed = l, nil
	case exchange.EventForward:
		c.transfers = l
	}
	t.reused = c.reused(l.deed, e.Event, e.Case, e.Of)
	c.give(t)
}
