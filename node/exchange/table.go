package exchange

import (
	"slices"
	"strings"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// row is one line of a state table: who may make the step from which states, and where it leads.
type row struct {
	step Step
	who  []Who
	from []State
	to   State
}

// Where a step leads when the table alone does not say.
const (
	// same keeps what one's own side set aside; the shared state follows from the messages.
	same State = "="
	// settled takes the case out again of what was set aside; the state follows from the messages.
	settled State = "*"
)

var (
	people  = []Who{Officer, Agency}
	anyone  = []Who{Officer, Agency, Node}
	officer = []Who{Officer}
	peer    = []Who{Peer}
	timer   = []Who{Timer}

	opening = []State{None, Draft, PendingApproval, Approved}
	awaited = []State{Sent, Undelivered, Received, Registered, InProgress, Clarifying, AwaitingJudicial, PartAnswered, Reopened}
	working = []State{Registered, InProgress, Clarifying, AwaitingJudicial, PartAnswered, Reopened}
	ended   = []State{Closed, UnderReview, Kept, Erased}
	// asides are what one's own side does with a case alone; the other side does not share them.
	asides = []State{Draft, PendingApproval, Approved, Discarded, Closed, UnderReview, Kept, Erased}
	// begun is everything after the first message.
	begun = without(States(), Draft, PendingApproval, Approved, Discarded)
	// live is begun, while there is still content.
	live = without(begun, Erased, Rejected)
)

func with(list []State, more ...State) []State { return append(slices.Clone(list), more...) }

func without(list []State, not ...State) []State {
	return slices.DeleteFunc(slices.Clone(list), func(s State) bool { return slices.Contains(not, s) })
}

// common rows are in every table.
var common = []row{
	{"draft", people, opening, Draft},
	{"submit", people, []State{Draft}, PendingApproval},
	{"approve", officer, []State{PendingApproval}, Approved},
	{"decline", officer, []State{PendingApproval, Approved}, Draft},
	{"discard", people, []State{Draft, PendingApproval, Approved}, Discarded},
	// Drafts of later messages do not move the case.
	{"draft", people, live, same},
	{"submit", people, live, same},
	{"approve", officer, live, same},
	{"decline", officer, live, same},
	{"discard", people, live, same},
	{"ratify", officer, begun, same},

	{"received", peer, begun, same},
	{"rejected", peer, begun, same},
	{"undelivered", timer, begun, same},
	{"read", people, with(begun, Draft, PendingApproval, Approved), same},
	{"assign", officer, without(with(begun, Draft, PendingApproval, Approved), Erased), same},
	{"forward", officer, without(begun, Erased), same},
	{"hold", officer, without(begun, Erased), same},
	{"release", officer, begun, same},
	{"close", timer, []State{Rejected}, Closed},
	{"review", timer, []State{Closed, Kept, Evaluated}, UnderReview},
	{"keep", officer, []State{UnderReview}, Kept},
	{"propose-erase", officer, []State{UnderReview}, UnderReview},
	{"erase", officer, []State{UnderReview}, Erased},
	// What comes after a case was erased, as a correction may, is erased by itself.
	{"propose-erase-item", officer, begun, same},
	{"erase-item", officer, begun, same},
	{"keep-item", officer, begun, same},
}

// onward rows are consent, correction and erasure: the same for both sides, because either provides something.
var onward = []row{
	{"sent.consent-request", people, live, same},
	{"sent.consent-decision", people, live, same},
	{"sent.consent-withdrawal", people, live, same},
	{"arrived.consent-request", peer, begun, same},
	{"arrived.consent-decision", peer, begun, same},
	{"arrived.consent-withdrawal", peer, begun, same},
	// A correction or its receipt may still be due after one's own copy is erased.
	{"sent.correction", people, without(begun, Rejected), same},
	{"sent.correction-receipt.done", anyone, begun, same},
	{"sent.correction-receipt.disputed", people, begun, same},
	{"arrived.correction", peer, begun, same},
	{"arrived.correction-receipt.done", peer, begun, same},
	{"arrived.correction-receipt.disputed", peer, begun, same},
}

var requestOpening = []row{
	{"sent.request", anyone, opening, Sent},
	{"sent.clarification-answer", people, awaited, same},
	{"sent.reminder", anyone, awaited, same},
	{"sent.withdrawal", people, awaited, Withdrawn},
	{"sent.reopening", people, []State{Answered, NoInformation}, Reopened},
	{"sent.objection", people, []State{Refused, Answered}, Disputed},
	{"sent.close", people, []State{Answered, NoInformation, Refused, Withdrawn}, Closed},
	{"sent.feedback", people, []State{Answered, NoInformation, Refused, Closed, UnderReview, Kept}, same},
	{"close", timer, []State{Answered, NoInformation, Refused, Withdrawn}, Closed},

	{"arrived.acknowledge", peer, begun, same},
	{"arrived.clarification", peer, begun, same},
	{"arrived.delay.judicial", peer, begun, same},
	{"arrived.delay.other", peer, begun, same},
	{"arrived.reply.partial", peer, begun, same},
	// Crossing a withdrawal, even one that time has closed since.
	{"arrived.reply.final", peer, with(awaited, Withdrawn), settled},
	{"arrived.reply.final", peer, ended, settled},
	{"arrived.objection-decision.upheld", peer, []State{Disputed}, Reopened},
	{"arrived.objection-decision.stands", peer, []State{Disputed}, Closed},
}

var requestAnswering = []row{
	{"arrived.request", peer, []State{None}, Received},
	{"register", anyone, []State{Received}, Registered},
	{"sent.acknowledge", anyone, working, same},
	{"sent.clarification", people, working, Clarifying},
	{"sent.delay.judicial", people, working, same},
	{"sent.delay.other", anyone, working, same},
	{"sent.reply.partial", anyone, working, same},
	{"sent.reply.final", anyone, working, settled},
	{"sent.objection-decision.upheld", people, []State{Disputed}, Reopened},
	{"sent.objection-decision.stands", people, []State{Disputed}, Closed},
	{"close", timer, []State{Answered, NoInformation, Refused, Withdrawn}, Closed},

	{"arrived.clarification-answer", peer, begun, same},
	{"arrived.reminder", peer, begun, same},
	{"arrived.feedback", peer, begun, same},
	{"arrived.withdrawal", peer, begun, same},
	// The asking side may act on an answer that time has closed here.
	{"arrived.reopening", peer, with(ended, Answered, NoInformation), Reopened},
	{"arrived.objection", peer, with(ended, Refused, Answered), Disputed},
	// A withdrawal and its close may come in either order.
	{"arrived.close", peer, without(begun, Disputed), same},
}

var spontaneousOpening = []row{
	{"sent.spontaneous", people, opening, Sent},
	{"close", timer, []State{Sent, Undelivered, Received, Acknowledged, Useful, NotUseful}, Closed},
	{"arrived.spontaneous-acknowledge.seen", peer, begun, same},
	{"arrived.spontaneous-acknowledge.useful", peer, begun, same},
	{"arrived.spontaneous-acknowledge.not-useful", peer, begun, same},
	{"arrived.feedback", peer, begun, same},
}

var spontaneousAnswering = []row{
	{"arrived.spontaneous", peer, []State{None}, Received},
	{"register", anyone, []State{Received}, same},
	{"sent.spontaneous-acknowledge.seen", anyone, []State{Received}, Acknowledged},
	{"sent.spontaneous-acknowledge.useful", people, []State{Received, Acknowledged}, Useful},
	{"sent.spontaneous-acknowledge.not-useful", people, []State{Received, Acknowledged}, NotUseful},
	{"sent.feedback", people, []State{Acknowledged, Useful, NotUseful, Closed, UnderReview, Kept}, same},
	{"close", timer, []State{Received, Acknowledged, Useful, NotUseful}, Closed},
}

var (
	jointOpen  = []State{Proposed, Joined, Running}
	jointAll   = []State{Proposed, Joined, Running, Closed, Evaluated, UnderReview, Kept, Erased}
	jointParty = []row{
		// One message to each party: the later copies find the case where the first has put it, and so does declining their drafts.
		{"decline", officer, []State{Draft}, same},
		{"sent.joint.propose", people, with(opening, Proposed, Joined, Running), same},
		{"sent.joint.join", people, jointOpen, same},
		{"sent.joint.decline", people, jointOpen, same},
		{"sent.joint.leave", people, jointOpen, same},
		{"sent.joint.grant", people, []State{Joined, Running}, same},
		{"sent.joint.add-evidence", people, []State{Joined, Running}, same},
		{"sent.joint.read-evidence", people, []State{Joined, Running, Closed}, same},
		{"sent.joint.decide", people, []State{Joined, Running}, same},
		{"sent.joint.amend", people, jointOpen, same},
		{"sent.joint.close", people, with(jointOpen, Closed), Closed},
		{"sent.joint.evaluate", people, []State{Closed, Evaluated}, Evaluated},

		{"arrived.joint.propose", peer, []State{None}, Proposed},
		{"arrived.joint.propose", peer, jointAll, same},
		{"arrived.joint.join", peer, jointAll, same},
		{"arrived.joint.decline", peer, jointAll, same},
		{"arrived.joint.leave", peer, jointAll, same},
		{"arrived.joint.grant", peer, jointAll, same},
		{"arrived.joint.add-evidence", peer, jointAll, same},
		{"arrived.joint.read-evidence", peer, jointAll, same},
		{"arrived.joint.decide", peer, jointAll, same},
		{"arrived.joint.amend", peer, jointAll, same},
		{"arrived.joint.close", peer, jointAll, same},
		{"arrived.joint.evaluate", peer, jointAll, same},
	}
)

// tables returns the rows for a case, in order of precedence.
func tables(kind CaseKind, side Side) [][]row {
	switch {
	case kind == KindRequest && side == Opening:
		return [][]row{requestOpening, onward, common}
	case kind == KindRequest && side == Answering:
		return [][]row{requestAnswering, onward, common}
	case kind == KindSpontaneous && side == Opening:
		return [][]row{spontaneousOpening, onward, common}
	case kind == KindSpontaneous && side == Answering:
		return [][]row{spontaneousAnswering, onward, common}
	case kind == KindJoint:
		return [][]row{jointParty, common}
	}
	return [][]row{common}
}

// lookup finds the row for a step by who. may lists everyone who may make it from this state.
func lookup(kind CaseKind, side Side, state State, step Step, who Who) (to State, ok bool, may []Who) {
	for _, rows := range tables(kind, side) {
		for _, r := range rows {
			if r.step != step || !slices.Contains(r.from, state) {
				continue
			}
			if slices.Contains(r.who, who) && !ok {
				to, ok = r.to, true
			}
			for _, w := range r.who {
				if !slices.Contains(may, w) {
					may = append(may, w)
				}
			}
		}
	}
	return to, ok, may
}

// follow is what a message may follow: messages of some kinds (nil for any) by the sender himself or by the other side.
type follow struct {
	kinds []rogatoryv1.Kind
	by    sender
}

type sender int

const (
	byEither sender = iota
	byOther
	byItself
)

var (
	replies = []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY}

	// follows has a line for each kind that may not follow just anything.
	follows = map[rogatoryv1.Kind]follow{
		rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER:    {[]rogatoryv1.Kind{rogatoryv1.Kind_KIND_CLARIFICATION}, byOther},
		rogatoryv1.Kind_KIND_REOPENING:               {replies, byOther},
		rogatoryv1.Kind_KIND_OBJECTION:               {replies, byOther},
		rogatoryv1.Kind_KIND_OBJECTION_DECISION:      {[]rogatoryv1.Kind{rogatoryv1.Kind_KIND_OBJECTION}, byOther},
		rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE: {[]rogatoryv1.Kind{rogatoryv1.Kind_KIND_SPONTANEOUS}, byOther},
		rogatoryv1.Kind_KIND_CONSENT_REQUEST:         {nil, byOther},
		rogatoryv1.Kind_KIND_CONSENT_DECISION:        {[]rogatoryv1.Kind{rogatoryv1.Kind_KIND_CONSENT_REQUEST}, byOther},
		rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL:      {[]rogatoryv1.Kind{rogatoryv1.Kind_KIND_CONSENT_DECISION}, byItself},
		rogatoryv1.Kind_KIND_CORRECTION:              {nil, byItself},
		rogatoryv1.Kind_KIND_CORRECTION_RECEIPT:      {[]rogatoryv1.Kind{rogatoryv1.Kind_KIND_CORRECTION}, byOther},
	}

	// roundBound kinds act on the round of what they follow; when that round is over they have no say.
	roundBound = []rogatoryv1.Kind{
		rogatoryv1.Kind_KIND_ACKNOWLEDGE, rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY,
		rogatoryv1.Kind_KIND_CLARIFICATION, rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER, rogatoryv1.Kind_KIND_REMINDER,
		rogatoryv1.Kind_KIND_DELAY_NOTICE, rogatoryv1.Kind_KIND_WITHDRAWAL, rogatoryv1.Kind_KIND_REOPENING,
		rogatoryv1.Kind_KIND_OBJECTION, rogatoryv1.Kind_KIND_OBJECTION_DECISION, rogatoryv1.Kind_KIND_CLOSE,
	}

	// nodeAlone kinds a node may send by rule, without a person: they disclose nothing. A reply only if it refuses.
	nodeAlone = []rogatoryv1.Kind{
		rogatoryv1.Kind_KIND_ACKNOWLEDGE, rogatoryv1.Kind_KIND_REMINDER, rogatoryv1.Kind_KIND_DELAY_NOTICE,
		rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE, rogatoryv1.Kind_KIND_CORRECTION_RECEIPT,
	}
)

// Move is a step that somebody may make from where a case is.
type Move struct {
	Step Step
	Who  []Who
}

// May lists who may make a step on a case as it stands, as far as the table says; the docket may still be refused.
func May(c Case, step Step) []Who {
	kind, side := c.Kind, c.Side
	if kind == "" {
		// Nothing has opened it yet: the step itself says what it will be.
		kind, side = KindRequest, Opening
		if strings.HasPrefix(string(step), string(EventArrived)) {
			side = Answering
		}
		if strings.Contains(string(step), ".spontaneous") {
			kind = KindSpontaneous
		} else if strings.Contains(string(step), ".joint.") {
			kind, side = KindJoint, Party
		}
	}
	_, _, may := lookup(kind, side, c.State, step, "")
	return may
}

// Moves lists the steps that one's own side may make now, for menus and for hints.
func Moves(c Case) []Move {
	var out []Move
	for _, s := range Steps() {
		if strings.HasPrefix(string(s), string(EventArrived)) {
			continue
		}
		may := slices.DeleteFunc(May(c, s), func(w Who) bool { return w == Peer })
		if len(may) > 0 {
			out = append(out, Move{s, may})
		}
	}
	return out
}
