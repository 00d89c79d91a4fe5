package replay

import (
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
)

// effectless looks whether the step that a message makes which was given back has come right after it. One that its case does not allow any more stands in
// the log without.
func (c *course) effectless(l *line) {
	m := c.returned
	if m == nil {
		return
	}
	if e, ok := l.leaf.Entry.(*translog.Case); ok && e.Of == m.leaf.Msg {
		if e.Event != string(exchange.EventRegister) { // which comes before it
			c.returned = nil
		}
		return
	}
	c.returned = nil
	if c.pending[m.leaf.Msg] == m {
		delete(c.pending, m.leaf.Msg)
		c.give(task{kind: taskEffectless, token: m.docket.GetCaseToken(), message: m})
	}
}

// effectless judges that: what the case takes was hidden from it.
func (f *folder) effectless(t *task) {
	m := t.message
	x := exchange.Event{
		Kind: exchange.EventSent, At: m.leaf.FirstAt, Index: uint64(f.base + m.index), Msg: exchange.Name(m.leaf.Msg), Sent: m.submitted,
		From: m.leaf.From, To: m.leaf.To, Docket: m.docket,
	}
	x.Actor, x.Who = sender(m.docket)
	var c exchange.Case
	if k := f.cases[t.token]; k != nil {
		if k.lost {
			return
		}
		c = *f.get(k)
	} else if !exchange.Opens(m.docket) {
		return
	}
	if name := exchange.Name(m.leaf.DocketCommit); slices.ContainsFunc(c.Drafts, func(d exchange.DraftRecord) bool { return d.Name == name }) {
		x.Draft = name
	}
	rules := t.world.rules.Alike(true)
	if c.Kind == exchange.KindRequest && c.Side == exchange.Answering && c.State == exchange.Received {
		taken := exchange.Event{Kind: exchange.EventRegister, At: x.At, Index: x.Index, Of: x.Msg, Actor: x.Actor, Who: x.Who}
		if next, _, err := exchange.Apply(c, taken, rules); err == nil {
			c = next
		}
	}
	if _, _, err := exchange.Apply(c, x, rules); err == nil {
		f.note(audit.CodeState, m.index, "a message without its step", "out of "+m.leaf.Msg.String(), "")
	}
}
