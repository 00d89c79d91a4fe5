package replay

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// When a case moves by the clock: 90 days after its end it closes, 183 days later it is reviewed.
const (
	closeAfter  = int64(90 * 24 * time.Hour / time.Millisecond)
	reviewAfter = int64(183 * 24 * time.Hour / time.Millisecond)
)

// skew is how far an act's time may be from that of its leaf: what the node allows, and a while for the commit.
const skew = int64((federation.ActSkew + 2*federation.ClockSkew) / time.Millisecond)

// asks reports whether the rules decide about a message when it comes.
func asks(d *rogatoryv1.Docket) bool { return d.GetMethod() == lint.MethodAsk && exchange.Opens(d) }

// standsElsewhere reports whether the docket of a step stands beside another leaf: that of its message, or of its draft.
func standsElsewhere(e *translog.Case) bool {
	kind, _, _ := strings.Cut(e.Event, ".")
	return kind == string(exchange.EventSent) || kind == string(exchange.EventArrived) || kind == string(exchange.EventSubmit)
}

// event puts together what happened, and judges who did it. alone says that one person's word suffices for what is sent.
func (f *folder) event(t *task, k *caseOf, e *translog.Case) (x exchange.Event, alone, ok bool) {
	l := t.line
	kind, _, _ := strings.Cut(e.Event, ".")
	x = exchange.Event{Kind: exchange.EventKind(kind), At: l.leaf.At, Index: uint64(f.base + l.index)}
	if x.Kind != exchange.EventArrived {
		f.undecided(t, e)
	}
	switch x.Kind {
	case exchange.EventSent, exchange.EventArrived:
		return f.messageEvent(t, k, e, x)
	case exchange.EventReceived, exchange.EventRejected:
		f.plain(t)
		r := t.receipt
		if r == nil || !r.known {
			f.note(audit.CodeRcptMissing, l.index, "a step of case "+t.token+" by a receipt that is not there", "rcpt", "")
			return x, false, false
		}
		return f.delivery(f.get(k), r, l.index, l.leaf.At), false, true
	case exchange.EventUndelivered, exchange.EventClose, exchange.EventReview:
		x.Who, x.Of = exchange.Timer, exchange.Name(e.Of)
		f.plain(t)
		f.timer(t, k, &x)
		return x, false, true
	}
	return f.localEvent(t, k, e, x)
}

// plain judges the docket of a step that nobody here made: it names the case and nothing else.
func (f *folder) plain(t *task) {
	if d := t.line.docket; d != nil && !proto.Equal(d, &rogatoryv1.Docket{CaseToken: t.token}) {
		f.note(audit.CodeState, t.line.index, "the docket of a step that nobody here made says more than which case it is, or another", t.token, d.GetCaseToken())
	}
}

// route judges which unit a message went to: the one that it names when it opens a case, and that which has the case afterwards.
func (f *folder) route(t *task, k *caseOf, e *translog.Case) {
	d, want := t.message.docket, k.unit
	if exchange.Opens(d) {
		want = d.GetToUnit()
	}
	if want != "" && e.Unit != want {
		f.note(audit.CodeState, t.line.index, "the unit that a message of case "+t.token+" went to", want, e.Unit)
	}
}

// timer judges what the clock did: not before its time.
func (f *folder) timer(t *task, k *caseOf, x *exchange.Event) {
	after := int64(0)
	switch x.Kind {
	case exchange.EventClose:
		after = closeAfter
	case exchange.EventReview:
		after = reviewAfter
	}
	if due := f.get(k).Changed + after; after != 0 && x.At < due {
		f.note(audit.CodeDeadline, t.line.index, string(x.Kind)+" of case "+t.token+" before its time", timeText(due), timeText(x.At))
	}
}

// messageEvent is that of a message which was sent or has arrived.
func (f *folder) messageEvent(t *task, k *caseOf, e *translog.Case, x exchange.Event) (exchange.Event, bool, bool) {
	l, m := t.line, t.message
	dir := translog.In
	if x.Kind == exchange.EventSent {
		dir = translog.Out
	}
	if m == nil || m.leaf.Dir != dir {
		f.note(audit.CodeTrans, l.index, e.Event+" in case "+t.token+" of a message that is not in the log", hashText(e.Of), "")
		return x, false, false
	}
	if e.Docket != m.leaf.DocketCommit {
		f.note(audit.CodeState, l.index, "docket of the step of case "+t.token, m.leaf.DocketCommit.String(), e.Docket.String())
	}
	if m.docket == nil {
		f.lose(k, m.index, e.Of, e.Docket)
		return x, false, false
	}
	if token := m.docket.GetCaseToken(); token != t.token {
		f.note(audit.CodeState, l.index, "the message is of another case", token, t.token)
	}
	x.At, x.Index, x.Msg, x.Docket, x.Sent = m.at, uint64(f.base+m.index), exchange.Name(e.Of), m.docket, m.submitted
	x.From, x.To = m.leaf.From, m.leaf.To
	if l.leaf.At-m.at > skew { // both are written together
		f.note(audit.CodeState, l.index, "a step long after its message was logged", timeText(m.at), timeText(l.leaf.At))
	}
	if dir == translog.In {
		x.Who = exchange.Peer
		if m.leaf.FirstAt != 0 {
			x.At = min(x.At, m.leaf.FirstAt)
		} else {
			f.route(t, k, e)
		}
		f.decision(t, k, e)
		return x, false, true
	}
	if name := exchange.Name(e.Docket); slices.ContainsFunc(f.get(k).Drafts, func(d exchange.DraftRecord) bool { return d.Name == name }) {
		x.Draft = name
	}
	if m.leaf.FirstAt != 0 { // given back after a rollback: what stood behind it stood in the part of the log that was lost
		x.At = m.leaf.FirstAt
		x.Actor, x.Who = sender(m.docket)
		return x, true, true
	}
	unit := m.docket.GetFromUnit()
	act, known := k.acts[x.Draft]
	kept := x.Draft != exchange.Name{} && (act == e.Assertion || !known && k.before)
	officer := f.actor(t, k, &x, unit, kept, rogatoryv1.Verb_VERB_SEND, rogatoryv1.Verb_VERB_APPROVE)
	if x.Actor == "" {
		return x, false, false
	}
	if target := targets(l.deed.act, m.leaf.DocketCommit[:]); target == nil || !bytes.Equal(target.GetContentCommit(), m.leaf.ContentCommit[:]) ||
		target.GetTo() != m.leaf.To || target.GetUnit() != m.docket.GetToUnit() {
		f.note(audit.CodeRight, l.index, "what was signed is not what was sent", m.leaf.DocketCommit.String(), "")
	}
	if x.Draft != (exchange.Name{}) && !kept && !k.before && l.deed.act.GetVerb() == rogatoryv1.Verb_VERB_APPROVE {
		f.note(audit.CodeRight, l.index, "sent by an approval that is no step of its case", "", x.Actor)
	}
	if x.Draft == (exchange.Name{}) && m.docket.GetActor() != x.Actor {
		f.note(audit.CodeRight, l.index, "sent by another than its docket names", m.docket.GetActor(), x.Actor)
	}
	delete(k.acts, x.Draft)
	return x, t.world.house.Alone(unit, x.Actor, officer.GetAgency(), k.answer || k.before, m.docket), true
}

// sender is who a message's docket says has sent it.
func sender(d *rogatoryv1.Docket) (string, exchange.Who) {
	switch d.GetActorKind() {
	case rogatoryv1.ActorKind_ACTOR_KIND_AGENCY:
		return d.GetActor(), exchange.Agency
	case rogatoryv1.ActorKind_ACTOR_KIND_NODE:
		return d.GetActor(), exchange.Node
	}
	return d.GetActor(), exchange.Officer
}

// localVerbs are the acts that let a step of one's own desk be made.
var localVerbs = map[exchange.EventKind][]rogatoryv1.Verb{
	exchange.EventDraft:   {rogatoryv1.Verb_VERB_DRAFT, rogatoryv1.Verb_VERB_SEND},
	exchange.EventSubmit:  {rogatoryv1.Verb_VERB_DRAFT},
	exchange.EventApprove: {rogatoryv1.Verb_VERB_APPROVE},
	exchange.EventDecline: {rogatoryv1.Verb_VERB_DECLINE},
	exchange.EventDiscard: {rogatoryv1.Verb_VERB_DECLINE},
	exchange.EventRatify:  {rogatoryv1.Verb_VERB_RATIFY},
	// Whoever answers a request has taken it up.
	exchange.EventRegister:         {rogatoryv1.Verb_VERB_REGISTER, rogatoryv1.Verb_VERB_SEND, rogatoryv1.Verb_VERB_DRAFT},
	exchange.EventAssign:           {rogatoryv1.Verb_VERB_ASSIGN},
	exchange.EventForward:          {rogatoryv1.Verb_VERB_TRANSFER},
	exchange.EventHold:             {rogatoryv1.Verb_VERB_HOLD},
	exchange.EventRelease:          {rogatoryv1.Verb_VERB_RELEASE},
	exchange.EventKeep:             {rogatoryv1.Verb_VERB_KEEP},
	exchange.EventKeepItem:         {rogatoryv1.Verb_VERB_KEEP},
	exchange.EventProposeErase:     {rogatoryv1.Verb_VERB_ERASE},
	exchange.EventErase:            {rogatoryv1.Verb_VERB_ERASE},
	exchange.EventProposeEraseItem: {rogatoryv1.Verb_VERB_ERASE},
	exchange.EventEraseItem:        {rogatoryv1.Verb_VERB_ERASE},
}

// localEvent is that of a step of one's own desk.
func (f *folder) localEvent(t *task, k *caseOf, e *translog.Case, x exchange.Event) (exchange.Event, bool, bool) {
	l := t.line
	verbs, known := localVerbs[x.Kind]
	if !known {
		f.note(audit.CodeTrans, l.index, "no such step", "", e.Event)
		return x, false, false
	}
	if l.docket == nil && x.Kind != exchange.EventSubmit {
		if l.gone {
			f.lose(k, l.index, e.Docket)
		}
		return x, false, false
	}
	unit := k.unit
	if l.docket != nil {
		unit = l.docket.GetFromUnit()
		if l.docket.GetCaseToken() != t.token {
			f.note(audit.CodeState, l.index, "the docket is of another case", t.token, l.docket.GetCaseToken())
		}
		if k.unit != "" && unit != k.unit {
			f.note(audit.CodeRight, l.index, "a step of case "+t.token+" by another unit", k.unit, unit)
		}
	}
	if m := t.message; x.Kind == exchange.EventRegister && l.deed == nil && m != nil && m.leaf.Dir == translog.Out && m.leaf.FirstAt != 0 && m.docket != nil {
		// It takes up what the message answers, which was given back after a rollback.
		x.At, x.Of = m.leaf.FirstAt, exchange.Name(e.Of)
		x.Actor, x.Who = sender(m.docket)
		return x, false, true
	}
	f.actor(t, k, &x, unit, false, verbs...)
	if x.Actor == "" {
		return x, false, false
	}
	act := l.deed.act
	other := func(what, wanted, found string) {
		if wanted != found {
			f.note(audit.CodeRight, l.index, "the "+what+" that was signed is another one", wanted, found)
		}
	}
	if l.docket != nil && x.Kind != exchange.EventAssign {
		other("actor", l.docket.GetActor(), x.Actor)
	}
	switch x.Kind {
	case exchange.EventDraft, exchange.EventSubmit, exchange.EventApprove, exchange.EventDecline, exchange.EventDiscard:
		x.Draft = exchange.Name(e.Of)
		target := targets(act, e.Of[:])
		if target == nil {
			f.note(audit.CodeRight, l.index, "what was signed is another draft", hashText(e.Of), "")
		}
		switch x.Kind {
		case exchange.EventSubmit:
			other("draft", hashText(e.Docket), hashText(e.Of))
		case exchange.EventDraft:
			other("draft", hashText(e.Docket), hashText(e.Of))
			x.From, x.To, x.Docket = f.country, target.GetTo(), l.docket
			fallthrough
		case exchange.EventApprove:
			if k.acts == nil {
				k.acts = map[exchange.Name]translog.Hash{}
			}
			k.acts[x.Draft] = e.Assertion
		case exchange.EventDiscard:
			delete(k.acts, x.Draft)
		}
		return x, false, true
	}
	x.Of = exchange.Name(e.Of)
	if x.Kind == exchange.EventRegister && act.GetVerb() != rogatoryv1.Verb_VERB_REGISTER {
		// The message that takes it up follows, and names the case by its commitment.
		return x, false, true
	}
	other("case", t.token, act.GetCaseToken())
	subject := translog.Hash{}
	copy(subject[:], act.GetSubject())
	switch x.Kind {
	case exchange.EventRatify, exchange.EventProposeEraseItem, exchange.EventEraseItem, exchange.EventKeepItem:
		other("message", hashText(e.Of), hashText(subject))
	case exchange.EventErase, exchange.EventProposeErase, exchange.EventKeep:
		other("message", "-", hashText(subject))
	case exchange.EventAssign:
		other("officer", l.docket.GetActor(), act.GetReason())
		x.Docket = l.docket
	case exchange.EventForward:
		other("unit", l.docket.GetToUnit(), act.GetReason())
		x.Docket = l.docket
	}
	return x, false, true
}

// actor judges the assertion behind a step and notes in x who acted; nobody when there is none. kept: the act is that of the draft, which was in time
// when the draft was kept.
func (f *folder) actor(t *task, k *caseOf, x *exchange.Event, unit string, kept bool, verbs ...rogatoryv1.Verb) *rogatoryv1.Officer {
	d := t.line.deed
	if d == nil {
		f.note(audit.CodeRight, t.line.index, string(x.Kind)+" in case "+t.token+": nobody's assertion stands behind it", "", "")
		return nil
	}
	officer := f.signed(t, unit, verbs, kept)
	x.Actor, x.Who = d.act.GetActor(), exchange.Officer
	if officer.GetAgency() {
		x.Who = exchange.Agency
	}
	return officer
}

// signed judges an assertion: that its officer was on the register, had the right, belonged to the unit and signed this act, once, at this time. It
// returns the officer, nil when the register does not have one.
func (f *folder) signed(t *task, unit string, verbs []rogatoryv1.Verb, kept bool) *rogatoryv1.Officer {
	d, l := t.line.deed, t.line
	wrong := func(detail, wanted, found string) { f.note(audit.CodeRight, l.index, detail, wanted, found) }
	act := d.act
	if len(verbs) > 0 && !slices.Contains(verbs, act.GetVerb()) {
		wrong("the act that was signed is another one", fmt.Sprint(verbs), act.GetVerb().String())
	}
	if t.reused {
		wrong("the assertion was used before", "", d.digest.String())
	}
	at := int64(act.GetAtMs())
	if !kept && (at-l.leaf.At > skew || l.leaf.At-at > skew) {
		wrong("the act was signed at another time", timeText(l.leaf.At), timeText(at))
	}
	if t.world.register == nil {
		wrong("there is no register yet", "", act.GetActor())
		return nil
	}
	o, err := f.verify(t.world.register, d, unit)
	if err != nil && o == nil && t.world.goesOn && errors.Is(err, federation.ErrUnknownOfficer) {
		f.note(audit.CodeUnknown, l.index, "an officer whom the register of this log does not have, as may be where the log before enrolled them", "", act.GetActor())
		return nil
	}
	if err != nil {
		wrong(err.Error(), "", act.GetActor())
	}
	return o
}

// verify checks an assertion against the register. One act stands behind several steps in a row, so the last outcome is kept.
func (f *folder) verify(r *federation.Register, d *deed, unit string) (*rogatoryv1.Officer, error) {
	if l := &f.last; l.register == r && l.digest == d.digest && l.unit == unit {
		return l.officer, l.err
	}
	act := d.act
	v, err := r.VerifyAssertion(d.assertion, time.UnixMilli(int64(act.GetAtMs())), federation.ActWant{
		Verb: act.GetVerb(), CaseToken: act.GetCaseToken(), Unit: unit, Targets: act.GetTargets(), Subject: act.GetSubject(),
		Drafter: "_", // who drafted it is in the case, which refuses its own approval
	})
	if err != nil {
		v.Officer, _ = r.Officer(act.GetActor())
	}
	f.last = verified{r, d.digest, unit, v.Officer, err}
	return v.Officer, err
}

// verified is the outcome of verify.
type verified struct {
	register *federation.Register
	digest   translog.Hash
	unit     string
	officer  *rogatoryv1.Officer
	err      error
}

// undecided judges a step about which no rule decides.
func (f *folder) undecided(t *task, e *translog.Case) {
	if e.Rule != "" || e.Decision != "" {
		f.note(audit.CodeState, t.line.index, "a decision where none is made", "", e.Decision+" by "+e.Rule)
	}
}

// decision makes the decision about an arrived message again.
func (f *folder) decision(t *task, k *caseOf, e *translog.Case) {
	m, l, w := t.message, t.line, t.world
	if !asks(m.docket) {
		f.undecided(t, e)
		return
	}
	if e.Rule == "" {
		f.note(audit.CodeState, l.index, "no decision about a message that asks", "decision", "")
		return
	}
	if w.dir == nil {
		return
	}
	dir := w.dir
	if e.Policy != translog.Hash(dir.Policy().Digest()) {
		late := w.before == nil || e.Policy != translog.Hash(w.before.Policy().Digest()) || l.leaf.At-w.since > federation.ClockSkew.Milliseconds()
		if late {
			f.note(audit.CodeRight, l.index, "decided by a policy that is not in force", translog.Hash(dir.Policy().Digest()).String(), e.Policy.String())
			return
		}
		dir = w.before
	}
	q := federation.Question{Docket: m.docket, From: m.leaf.From, To: m.leaf.To, Hour: m.hour}
	if m.sender != nil {
		made := int64(m.sender.read.GetMadeMs())
		q.Fresh = m.at-made <= federation.ManifestLife.Milliseconds()
	}
	if e.Manifest == 0 && len(m.own) > 0 {
		f.note(audit.CodeState, l.index, "a decision that names no manifest of ours", fmt.Sprint(m.own[len(m.own)-1].version), "")
	}
	if e.Manifest != 0 {
		i := slices.IndexFunc(m.own, func(s *shelved) bool { return s.version == e.Manifest })
		if i < 0 {
			f.note(audit.CodeRight, l.index, "decided by a manifest of ours that is not in force", "", fmt.Sprint(e.Manifest))
			return
		}
		own := m.own[i].read
		q.Capacity = own.GetCapacityPerHour()
		for _, u := range own.GetUnits() {
			if e.Unit == "" || u.GetName() == e.Unit {
				q.Services = append(q.Services, u.GetServices()...)
			}
		}
	}
	d := dir.Policy().Decide(q)
	want, found := d.Code()+" by "+d.Rule, e.Decision+" by "+e.Rule
	if want == found && d.Verdict != rogatoryv1.Verdict_VERDICT_REFUSE {
		return
	}
	code := audit.CodeState
	if e.Decision == "answer" || d.Verdict == rogatoryv1.Verdict_VERDICT_REFUSE {
		code = audit.CodeRight
	}
	f.note(code, l.index, "the decision about case "+t.token+" ("+string(d.Why)+")", want, found)
}
