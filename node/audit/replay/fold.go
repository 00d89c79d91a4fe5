package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A folder has a part of the cases and makes their steps, in the order of the log.
type folder struct {
	in      chan []task
	country string
	base    int64 // place of leaf 0
	report  report
	cases   map[string]*caseOf
	awake   []*caseOf // those that are decoded
	dirty   []*caseOf // those that have changed since the last state leaf
	steps   int64
	gone    []gone
	since   int // tasks since cases were put away
	last    verified
}

type taskKind int

const (
	taskStep       taskKind = iota // a `case` leaf
	taskReceipt                    // a receipt that no step followed
	taskBuried                     // a step that erases, with what the tombstones behind it name
	taskTerm                       // a tombstone over the dockets of a case
	taskOp                         // a line of the statutory log
	taskEffectless                 // a message that was given back after a rollback and that no step followed
	taskAsk                        // a question of the course
)

// A task is something about one case.
type task struct {
	kind    taskKind
	token   string
	line    *line
	message *message // of a sent or arrived step
	receipt *receipt // of a received or rejected step
	verbs   []rogatoryv1.Verb
	unit    string          // in which a line of the statutory log was done; empty: the case's
	buried  []translog.Hash // messages that have a tombstone
	reused  bool
	skip    bool // before the saved state: nothing is folded or judged
	world   *world
	do      func()
}

// gone is a docket that was not there.
type gone struct {
	index int64
	token string
	names []translog.Hash // under which a tombstone may have it
	// judged: it was found missing before the saved state.
	judged bool
}

// A caseOf is a case, with what its steps are judged by beside it.
type caseOf struct {
	token string
	c     *exchange.Case // nil while put away in enc
	enc   []byte
	used  bool // since cases were put away
	alone bool // put away, and one officer has sent something in it alone

	unit   string // of ours that has it
	answer bool   // the rules let its request be answered without an officer
	before bool   // it began in a log before, so what was decided and signed there is not known
	dirty  bool   // changed since the last state leaf
	// lost: a docket was not there, so that nobody knows how it stands. Hash is what the log says, if it does.
	lost  bool
	moved int64 // when somebody last did something in it, by the time of the leaf
	held  bool  // on legal hold, by its leaves alone
	hash  [32]byte

	expect  []expected                      // steps that the last event set off, still to come
	commits map[exchange.Name]translog.Hash // dockets of messages that wait
	acts    map[exchange.Name]translog.Hash // acts behind drafts that are not sent yet
	erased  []translog.Hash                 // messages that the last step which erases took

	said  string                   // the state that its last leaf says
	first map[exchange.Name]string // in a case whose dockets are gone: who drafted a message, or proposed to erase it or the case
}

// expected is a step that must follow.
type expected struct {
	event    string
	of       translog.Hash
	from, to string
	docket   translog.Hash // zero: any
	due      int64
}

func newFolder(log, country string) *folder {
	return &folder{in: make(chan []task, 4), country: country, report: report{log: log}, cases: map[string]*caseOf{}}
}

// putAwayEvery is after how many tasks the cases that were not looked at since are put away: encoded they take a third of the memory.
const putAwayEvery = 1 << 12

func (f *folder) run(ctx context.Context) error {
	for {
		select {
		case batch, ok := <-f.in:
			if !ok {
				return nil
			}
			for i := range batch {
				f.task(&batch[i])
			}
			if f.since += len(batch); f.since > putAwayEvery {
				f.since = 0
				f.awake = slices.DeleteFunc(f.awake, (*caseOf).putAway)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *folder) task(t *task) {
	if t.kind == taskAsk {
		t.do()
		return
	}
	if t.skip {
		if t.kind == taskStep {
			f.pass(t)
		}
		return
	}
	switch t.kind {
	case taskStep:
		f.steps++
		f.step(t)
	case taskReceipt:
		f.unreceipted(t)
	case taskBuried:
		f.buried(t)
	case taskEffectless:
		f.effectless(t)
	case taskTerm:
		f.term(t)
	case taskOp:
		f.act(t)
	}
}

func (f *folder) note(code audit.Code, index int64, detail, wanted, found string) {
	f.report.note(code, index, detail, wanted, found)
}

func (f *folder) of(token string) *caseOf {
	k := f.cases[token]
	if k == nil {
		k = &caseOf{token: token, c: &exchange.Case{}, used: true}
		f.cases[token] = k
		f.awake = append(f.awake, k)
	}
	return k
}

// touch notes that a case changes.
func (f *folder) touch(k *caseOf) {
	if !k.dirty {
		k.dirty = true
		f.dirty = append(f.dirty, k)
	}
}

// get returns the case itself.
func (f *folder) get(k *caseOf) *exchange.Case {
	k.used = true
	if k.c == nil {
		// What Encode wrote decodes; a case that was decoded before it was kept is whole in any event.
		c, _ := exchange.Decode(k.enc)
		k.c, k.enc = &c, nil
		f.awake = append(f.awake, k)
	}
	return k.c
}

// look returns the case without keeping it decoded.
func (k *caseOf) look() exchange.Case {
	if k.c != nil {
		return *k.c
	}
	c, _ := exchange.Decode(k.enc)
	return c
}

// putAway encodes a case that was not used since it was called last, and reports whether the case is not decoded any more.
func (k *caseOf) putAway() bool {
	if !k.used && k.c != nil && !k.lost {
		k.enc, k.alone, k.c = bytes.Clone(k.c.Encode()), len(k.c.Alone) > 0, nil
	}
	k.used = false
	return k.c == nil
}

func (k *caseOf) changed() exchange.Changed {
	x := exchange.Changed{Token: k.token, Hash: k.hash}
	if !k.lost {
		x.Body = k.enc
		if x.Body == nil {
			x.Body = k.c.Encode()
		}
		x.Hash = exchange.HashEncoded(x.Body)
	}
	return x
}

// flagged lists what one officer sent alone and nobody ratified in time.
func (k *caseOf) flagged(now int64) (out []Flag) {
	if k.lost {
		return nil
	}
	if k.c == nil && !k.alone {
		return nil
	}
	c := k.look()
	for _, b := range c.Alone {
		if b.Flagged(now) {
			out = append(out, Flag{Case: k.token, Msg: b.Msg.String(), By: b.By, At: b.At, RatifyBy: b.RatifyBy, RatifiedAt: b.RatifiedAt})
		}
	}
	return out
}

func compareFlags(a, b *Flag) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Msg, b.Msg)) }

// lose notes that a docket is not there: how the case stands is not known from here on.
func (f *folder) lose(k *caseOf, index int64, names ...translog.Hash) {
	f.gone = append(f.gone, gone{index: index, token: k.token, names: names})
	k.lost, k.c, k.enc, k.expect = true, nil, nil, nil
	f.touch(k)
}

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
		if t.message != nil && opens(t.message.docket) {
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
		want := expected{event: string(ch.Step), of: translog.Hash(ch.Msg), from: string(ch.From), to: stateCode(ch.To), due: due}
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

func hashText(h translog.Hash) string {
	if h.IsZero() {
		return "-"
	}
	return h.String()
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

// erasure judges what a step erases: not before everything that was sent is receipted, and not said to be done while it is not.
func (f *folder) erasure(t *task, k *caseOf, before, after *exchange.Case, e *exchange.Event) {
	switch e.Kind {
	case exchange.EventErase, exchange.EventEraseItem:
		k.erased = nil
		for i := range after.Messages {
			m := &after.Messages[i]
			if !before.Erased(m.Name) && after.Erased(m.Name) {
				k.erased = append(k.erased, translog.Hash(m.Name))
				if m.Out && m.Received == 0 && !m.Rejected {
					f.note(audit.CodeRight, t.line.index, "erased before its recipient has receipted it: "+m.Name.String(), "", "")
				}
			}
		}
	case exchange.EventSent:
		d := e.Docket
		if d.GetKind() != rogatoryv1.Kind_KIND_CORRECTION_RECEIPT || d.GetCorrection() != rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE {
			return
		}
		i := slices.IndexFunc(before.Corrections, func(x exchange.Correction) bool { return string(x.Notice[:]) == string(d.GetOf()) })
		if i >= 0 && before.Corrections[i].What == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE && !before.Erased(before.Corrections[i].Target) {
			f.note(audit.CodeRight, t.line.index, "says that it was erased, and it was not", "", "")
		}
	}
}

// buried judges that each message which a step has erased has its tombstone.
func (f *folder) buried(t *task) {
	k := f.cases[t.token]
	if k == nil || k.lost {
		return
	}
	for _, of := range k.erased {
		if !slices.Contains(t.buried, of) {
			f.note(audit.CodeMissing, t.line.index, "contents were erased without a tombstone", "erase of "+of.String(), "")
		}
	}
	k.erased = nil
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
	if was != "" && was != stateCode(exchange.State(e.FromState)) {
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

// shortestTerm is the least time that dockets are kept, in years.
const shortestTerm = 3

// term judges that dockets are destroyed.
func (f *folder) term(t *task) {
	k := f.cases[t.token]
	if k == nil {
		return
	}
	if k.held {
		f.note(audit.CodeRight, t.line.index, "dockets of case "+t.token+" were destroyed while it was on hold", "", "")
		return
	}
	if k.lost {
		// How it ended is not known; when somebody last did something in it is, give or take what was under way, and no term is shorter than three years.
		if until := time.UnixMilli(k.moved).UTC().AddDate(shortestTerm, -3, 0).UnixMilli(); k.moved != 0 && until > t.line.leaf.At {
			f.note(audit.CodeRight, t.line.index, "dockets of case "+t.token+" were destroyed before any term can have ended", timeText(until), timeText(t.line.leaf.At))
		}
		return
	}
	if until := f.get(k).DocketsUntil(); until == 0 || until > t.line.leaf.At {
		f.note(audit.CodeRight, t.line.index, "the dockets of case "+t.token+" were destroyed before the end of their term", timeText(until), timeText(t.line.leaf.At))
	}
}

func stateCode(s exchange.State) string {
	if s == exchange.None {
		return "new"
	}
	return string(s)
}

func timeText(ms int64) string {
	if ms == 0 {
		return "none"
	}
	return fmt.Sprint(ms)
}
