package replay

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

type sum [sha256.Size]byte

func (s sum) head() []byte { return s[:16] }

func hashOf(parts ...[]byte) sum { return sum(sha256.Sum256(slices.Concat(parts...))) }

// Who and why of what a node does by itself.
const (
	byNode      = "node"
	byTerm      = "docket-term"
	byRestore   = "restore" // what a restored backup, or a peer after a recovery, brought back and had been erased before
	forRecovery = "recovery"
)

// op judges a line of the statutory log.
func (c *course) op(l *line, e *translog.Op, transfers *line) {
	if e.Verb == translog.Disclose && e.Who == byNode && e.Assertion.IsZero() {
		for _, of := range l.list {
			// After a recovery its sender gets its own message back.
			s, ok := c.sent.get(of)
			back := e.Why == forRecovery && s.from == e.Recipient && e.Recipient != c.country
			if !ok || !back && (s.to != e.Recipient && s.to != "" || s.token != e.Case) {
				c.note(audit.CodeRight, l.index, "disclosed to a country that the message did not go to", s.to, e.Recipient)
			}
		}
		return
	}
	if l.deed == nil {
		c.note(audit.CodeRight, l.index, e.Verb+" without justification: no assertion of "+e.Who+" stands behind it", "", "")
		return
	}
	act := l.deed.act
	var names []byte
	for _, of := range l.list {
		names = append(names, of[:]...)
	}
	t := task{kind: taskOp, token: e.Case, line: l}
	t.reused = c.reused(l.deed, "op."+e.Verb, e.Case, translog.Hash(hashOf(names)))
	if act.GetActor() != e.Who {
		c.note(audit.CodeRight, l.index, "signed by somebody else", e.Who, act.GetActor())
	}
	switch e.Verb {
	case translog.Consult:
		t.verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_READ, rogatoryv1.Verb_VERB_SUPERVISE}
		if act.GetReason() != e.Why || act.GetCaseToken() != e.Case {
			c.note(audit.CodeRight, l.index, "the reading that was signed is another one", e.Case+" "+e.Why, act.GetCaseToken()+" "+act.GetReason())
		}
	case translog.Transfer:
		t.verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_TRANSFER}
		switch {
		case c.governance[e.Case]: // a notice has no steps
		case c.world.goesOn && !c.opening.tokens[e.Case]: // a notice of the log before
		case transfers == nil || transfers.deed == nil || transfers.deed.digest != l.deed.digest:
			c.note(audit.CodeRight, l.index, "handed over without a step of the case", "", "")
		default:
			t.unit = transfers.docket.GetFromUnit()
		}
		if e.Recipient != c.country+"/"+act.GetReason() {
			c.note(audit.CodeRight, l.index, "handed to another unit than was signed", act.GetReason(), e.Recipient)
		}
	case translog.Disclose:
		t.verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_SEND, rogatoryv1.Verb_VERB_APPROVE}
		for _, of := range l.list {
			t.unit = c.released(l, e, of)
		}
	case translog.EraseOp:
		t.verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_ERASE}
	}
	c.give(t)
}

// released judges that a person has let a notice go, and returns the unit that sent it. It takes two people, unless the country's policy lets one.
func (c *course) released(l *line, e *translog.Op, of translog.Hash) (unit string) {
	n, ok := c.notices[of]
	if !ok {
		c.note(audit.CodeRight, l.index, "disclosed by a person what is no notice that waits", "", of.String())
		return ""
	}
	delete(c.notices, of)
	act, unit := l.deed.act, n.docket.GetFromUnit()
	target := targets(act, n.leaf.DocketCommit[:])
	if n.docket.GetCaseToken() != e.Case || n.leaf.To != e.Recipient || target.GetTo() != e.Recipient ||
		!bytes.Equal(target.GetContentCommit(), n.leaf.ContentCommit[:]) {
		c.note(audit.CodeRight, l.index, "what was signed is not the notice that was sent", of.String(), "")
	}
	drafter := n.docket.GetActor()
	switch {
	case act.GetVerb() == rogatoryv1.Verb_VERB_APPROVE:
		if drafter == act.GetActor() {
			c.note(audit.CodeRight, l.index, "a notice approved by its drafter", "", drafter)
		}
	case drafter != act.GetActor():
		c.note(audit.CodeRight, l.index, "a notice released by another than its docket names", drafter, act.GetActor())
	case !n.docket.GetBreakGlass() && !c.world.house.Alone(unit, drafter, n.docket.GetActorKind() == rogatoryv1.ActorKind_ACTOR_KIND_AGENCY, false, n.docket):
		c.note(audit.CodeRight, l.index, "a notice released by one person", "", drafter)
	}
	return unit
}

// erase judges a tombstone. Content goes by a step of its case that two people made; what is left of a case goes with its dockets, when their term
// is over.
func (c *course) erase(l *line, e *translog.Erase) {
	c.entomb(l, e)
	if !e.Assertion.IsZero() {
		step := c.erasing
		if step == nil || step.deed == nil || step.deed.digest != e.Assertion {
			c.note(audit.CodeRight, l.index, "a tombstone without a step that erases", "", e.By)
			return
		}
		c.tombed = append(c.tombed, l.list...)
		token := step.leaf.Entry.(*translog.Case).Case
		for _, of := range l.list {
			switch s, ok := c.sent.get(of); {
			case ok && s.token != token:
				c.note(audit.CodeRight, l.index, "a message of another case was erased", token, s.token)
			case !ok && !c.world.goesOn:
				c.note(audit.CodeRight, l.index, "a message that is not here was erased", "", of.String())
			}
		}
		return
	}
	if e.By == byRestore && !slices.Contains(e.What, "docket") && c.world.goesOn {
		c.erasedAgain(l)
		return
	}
	if e.By != byTerm {
		c.note(audit.CodeRight, l.index, "erased without justification", "", e.By)
		return
	}
	tokens := map[string]bool{}
	for _, of := range l.list {
		if s, ok := c.sent.get(of); ok && !tokens[s.token] {
			tokens[s.token] = true
			c.give(task{kind: taskTerm, token: s.token, line: l})
		}
	}
}

// erasedAgain judges a tombstone that a recovery answers for: a message was erased in the time that was lost, and its content came back with the backup or
// from a peer. It was there before the recovery, and the node erases it as soon as it runs, or has it again.
func (c *course) erasedAgain(l *line) {
	for _, of := range l.list {
		c.again[of] = true
		switch s, ok := c.sent.get(of); {
		case ok && s.after:
			c.note(audit.CodeRight, l.index, "erased as before the recovery, and submitted after it", "", of.String())
		case c.awake.over(s.hour):
			c.note(audit.CodeRight, l.index, "erased as before the recovery, hours after the message was here again", "", of.String())
		}
	}
}

// act judges who stands behind a line of the statutory log.
func (f *folder) act(t *task) {
	d := t.line.deed
	unit := t.unit
	if k := f.cases[t.token]; k != nil && unit == "" {
		unit = k.unit
	}
	if d.act.GetVerb() == rogatoryv1.Verb_VERB_SUPERVISE || unit == "" {
		if o, err := t.world.register.Officer(d.act.GetActor()); err == nil && len(o.GetUnits()) > 0 {
			unit = o.GetUnits()[0]
		}
	}
	// What was approved may wait for its recipient before it goes; what is signed binds it to one message.
	e := t.line.leaf.Entry.(*translog.Op)
	f.signed(t, unit, t.verbs, e.Verb == translog.Disclose && int64(d.act.GetAtMs()) <= t.line.leaf.At)
}

// targets finds what an act says of a message by the commitment to its docket.
func targets(act *rogatoryv1.Act, docket []byte) *rogatoryv1.ActTarget {
	for _, t := range act.GetTargets() {
		if bytes.Equal(t.GetDocketCommit(), docket) {
			return t
		}
	}
	return nil
}
