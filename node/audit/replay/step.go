package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// pass takes from a step before the saved state what the state does not hold.
func (f *folder) pass(t *task) {
	k, e := f.of(t.token), t.line.leaf.Entry.(*translog.Case)
	k.track(t, e)
}

// track follows the unit that has the case, and whether it may be answered without an officer.
func (k *caseOf) track(t *task, e *translog.Case) {
	kind, _, _ := strings.Cut(e.Event, ".")
	switch exchange.EventKind(kind) {
	case exchange.EventArrived:
		if e.Unit != "" {
			k.unit = e.Unit
		}
		if t.message != nil && exchange.Opens(t.message.docket) {
			k.answer = e.Decision == "answer"
		}
	case exchange.EventSent:
		if t.message != nil && t.message.docket.GetFromUnit() != "" {
			k.unit = t.message.docket.GetFromUnit()
		}
	case exchange.EventDraft:
		if k.unit == "" {
			k.unit = t.line.docket.GetFromUnit()
		}
	case exchange.EventForward:
		if unit := t.line.docket.GetToUnit(); unit != "" {
			k.unit = unit
		}
	}
}

// step makes the step of a `case` leaf.
func (f *folder) step(t *task) {
	e := t.line.leaf.Entry.(*translog.Case)
	if f.cases[t.token] == nil && t.world.goesOn && !t.world.opened && e.FromState != "" {
		k := f.of(t.token)
		f.lose(k, t.line.index)
		f.gone[len(f.gone)-1].judged = true
	}
	k := f.of(t.token)
	f.touch(k)
	k.move(t, e)
	was := k.said
	k.said = e.ToState
	if len(k.expect) > 0 {
		want := k.expect[0]
		if want.event == e.Event && want.of == e.Of {
			k.expect = k.expect[1:]
			f.undecided(t, e)
			f.compare(t, &want, e)
			return
		}
		f.note(audit.CodeState, t.line.index, "a step that follows by itself is missing", want.event, e.Event)
		k.expect = nil
	}
	if k.lost {
		if t.line.gone && t.message == nil && t.receipt == nil && !standsElsewhere(e) {
			f.gone = append(f.gone, gone{index: t.line.index, token: k.token, names: []translog.Hash{e.Docket}})
		}
		f.bare(t, k, e, was)
		k.track(t, e)
		return
	}
	event, alone, ok := f.event(t, k, e)
	if !ok {
		if !k.lost {
			k.track(t, e)
			return
		}
		f.bare(t, k, e, was)
		return
	}
	before := f.get(k)
	next, changes, err := exchange.Apply(*before, event, t.world.rules.Alike(alone))
	if err != nil {
		f.refused(t, err)
		return
	}
	f.erasure(t, k, before, &next, &event)
	*before = next
	due := next.Due()
	for i, ch := range changes {
		want := expected{event: string(ch.Step), of: translog.Hash(ch.Msg), from: string(ch.From), to: ch.To.Code(), due: due}
		switch {
		case !want.of.IsZero():
		case event.Draft != exchange.Name{}:
			want.of = translog.Hash(event.Draft)
		default:
			want.of = translog.Hash(ch.Of)
		}
		if i == 0 {
			want.docket = e.Docket // event has looked at it
			if ch.Waiting {
				if k.commits == nil {
					k.commits = map[exchange.Name]translog.Hash{}
				}
				k.commits[ch.Msg] = e.Docket
			}
			f.compare(t, &want, e)
			continue
		}
		if ch.Refused == "" {
			want.docket = k.commits[ch.Msg]
		}
		delete(k.commits, ch.Msg)
		k.expect = append(k.expect, want)
	}
	k.track(t, e)
	if next.OwnUnit != "" {
		k.unit = next.OwnUnit
	}
}

// compare holds a leaf against the step that it must be.
func (f *folder) compare(t *task, want *expected, e *translog.Case) {
	index := t.line.index
	differ := func(what, wanted, found string) {
		if wanted != found {
			f.note(audit.CodeState, index, what+" of case "+t.token, wanted, found)
		}
	}
	differ("step", want.event, e.Event)
	if want.of != e.Of {
		differ("object of the step", hashText(want.of), hashText(e.Of))
	}
	differ("state before the step", want.from, e.FromState)
	differ("state after the step", want.to, e.ToState)
	if !want.docket.IsZero() && want.docket != e.Docket {
		differ("docket", want.docket.String(), e.Docket.String())
	}
	if want.due != e.Due {
		f.note(audit.CodeDeadline, index, "the next limit of case "+t.token, timeText(want.due), timeText(e.Due))
	}
}

// refused notes a step that the rules do not allow.
func (f *folder) refused(t *task, err error) {
	code := audit.CodeTrans
	var bad *exchange.TransitionError
	if errors.As(err, &bad) {
		switch bad.Code {
		case exchange.CodeFourEyes, exchange.CodeNotApproved, exchange.CodeActorMissing, exchange.CodeBreakGlassUrgency, exchange.CodeLegalHold:
			code = audit.CodeRight
		}
	}
	f.note(code, t.line.index, "case "+t.token+": "+err.Error(), "", "")
}

// unreceipted judges a receipt that no step followed: one that the case takes was hidden from it.
func (f *folder) unreceipted(t *task) {
	k := f.cases[t.token]
	if k == nil || k.lost {
		return
	}
	c := f.get(k)
	e := f.delivery(c, t.receipt, t.receipt.index, t.receipt.at)
	if _, _, err := exchange.Apply(*c, e, t.world.rules); err == nil {
		f.note(audit.CodeState, t.receipt.index, "a receipt without its step in case "+t.token, string(e.Kind), "")
	}
}

// delivery is the event that a receipt is: at the recipient's time, which is not long before the message was made and not after we heard of it.
func (f *folder) delivery(c *exchange.Case, r *receipt, index, at int64) exchange.Event {
	when := r.peerAt
	if m, ok := c.Message(exchange.Name(r.of)); ok {
		when = max(when, m.Sent-federation.ClockSkew.Milliseconds())
	}
	e := exchange.Event{Kind: exchange.EventReceived, At: min(when, at), Index: uint64(f.base + index), Of: exchange.Name(r.of), Who: exchange.Peer}
	if r.rejected {
		e.Kind = exchange.EventRejected
	}
	return e
}

// second judges that another person stands behind a step than behind the one that it completes.
func (f *folder) second(t *task, k *caseOf, e *translog.Case, x *exchange.Event) {
	of := exchange.Name(e.Of)
	switch x.Kind {
	case exchange.EventProposeErase, exchange.EventProposeEraseItem, exchange.EventDraft:
		if k.first == nil {
			k.first = map[exchange.Name]string{}
		}
		k.first[of] = x.Actor
		return
	case exchange.EventErase, exchange.EventEraseItem, exchange.EventApprove:
	default:
		return
	}
	by, ok := k.first[of]
	switch {
	case ok && by == x.Actor && by != "":
		f.note(audit.CodeRight, t.line.index, "case "+t.token+": "+e.Event+" by the one who began it", "", by)
	case !ok && x.Kind == exchange.EventErase && !t.world.goesOn:
		f.note(audit.CodeRight, t.line.index, "case "+t.token+": "+e.Event+" that nobody has proposed", "", x.Actor)
	case k.held && x.Kind != exchange.EventApprove:
		f.note(audit.CodeRight, t.line.index, "case "+t.token+": "+e.Event+" while it is on hold", "", "")
	}
	delete(k.first, of)
}

// move notes when somebody did something in the case: receipts may come late, and what was given back after a rollback happened before.
func (k *caseOf) move(t *task, e *translog.Case) {
	kind, _, _ := strings.Cut(e.Event, ".")
	switch exchange.EventKind(kind) {
	case exchange.EventReceived, exchange.EventRejected, exchange.EventUndelivered:
		return
	}
	if t.message == nil || t.message.leaf.FirstAt == 0 {
		k.moved = t.line.leaf.At
	}
	switch exchange.EventKind(kind) {
	case exchange.EventHold:
		k.held = true
	case exchange.EventRelease:
		k.held = false
	}
}

// bare judges a step of a case whose dockets are gone, as far as leaves and assertions tell: that each begins where the one before it ended (was), that a message, a
// receipt or a person stands behind it, and that it takes two people to send and to erase. The folding has judged the rest while the dockets were there.
func (f *folder) bare(t *task, k *caseOf, e *translog.Case, was string) {
	l := t.line
	if was != "" && was != exchange.State(e.FromState).Code() {
		f.note(audit.CodeState, l.index, "state before the step of case "+t.token, was, e.FromState)
	}
	kind, _, _ := strings.Cut(e.Event, ".")
	x := exchange.Event{Kind: exchange.EventKind(kind)}
	verbs := localVerbs[x.Kind]
	switch m := t.message; x.Kind {
	case exchange.EventSent, exchange.EventArrived:
		if m == nil || (m.leaf.Dir == translog.Out) != (x.Kind == exchange.EventSent) {
			f.note(audit.CodeTrans, l.index, e.Event+" in case "+t.token+" of a message that is not in the log", hashText(e.Of), "")
			return
		}
		if x.Kind == exchange.EventArrived || m.leaf.FirstAt != 0 {
			return
		}
		verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_SEND, rogatoryv1.Verb_VERB_APPROVE}
	case exchange.EventReceived, exchange.EventRejected:
		if t.receipt == nil || !t.receipt.known {
			f.note(audit.CodeRcptMissing, l.index, "a step of case "+t.token+" by a receipt that is not there", "rcpt", "")
		}
		return
	case exchange.EventUndelivered, exchange.EventClose, exchange.EventReview:
		return
	case exchange.EventRegister:
		if l.deed == nil && m != nil && m.leaf.FirstAt != 0 {
			return
		}
	}
	if len(verbs) == 0 {
		f.note(audit.CodeTrans, l.index, "no such step", "", e.Event)
		return
	}
	unit := k.unit
	if d := l.deed; d != nil && t.world.register != nil {
		if o, err := t.world.register.Officer(d.act.GetActor()); err == nil && len(o.GetUnits()) > 0 && !slices.Contains(o.GetUnits(), unit) {
			unit = o.GetUnits()[0] // which one had the case is not known
		}
	}
	f.actor(t, k, &x, unit, x.Kind == exchange.EventSent, verbs...)
	f.second(t, k, e, &x)
}

func hashText(h translog.Hash) string {
	if h.IsZero() {
		return "-"
	}
	return h.String()
}

func timeText(ms int64) string {
	if ms == 0 {
		return "none"
	}
	return fmt.Sprint(ms)
}
