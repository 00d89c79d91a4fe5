package exchange

import (
	"slices"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// CaseKind is what a case is about.
type CaseKind string

// The kinds. A case without a kind only holds early messages.
const (
	KindRequest     CaseKind = "request"
	KindSpontaneous CaseKind = "spontaneous"
	KindJoint       CaseKind = "joint"
)

// Side is on which side of a case this log is.
type Side string

// Opening is the side that asks, or provides spontaneous information; Answering the other; Party either, in a joint case.
const (
	Opening   Side = "opening"
	Answering Side = "answering"
	Party     Side = "party"
)

// State of a case. Overdue, undelivered and legal hold are flags, not states.
type State string

// The states. None is a case that nothing has opened yet.
const (
	None State = ""

	Draft           State = "draft"
	PendingApproval State = "pending-approval"
	Approved        State = "approved"
	Discarded       State = "discarded"

	Sent        State = "sent"
	Undelivered State = "undelivered"
	Rejected    State = "rejected"
	Received    State = "received"

	Registered       State = "registered"
	InProgress       State = "in-progress"
	Clarifying       State = "clarifying"
	AwaitingJudicial State = "awaiting-judicial"
	PartAnswered     State = "part-answered"
	Reopened         State = "reopened"

	Answered      State = "answered"
	NoInformation State = "no-information"
	Refused       State = "refused"
	Withdrawn     State = "withdrawn"
	Disputed      State = "disputed"

	Acknowledged State = "acknowledged"
	Useful       State = "useful"
	NotUseful    State = "not-useful"

	Proposed  State = "proposed"
	Joined    State = "joined"
	Running   State = "running"
	Evaluated State = "evaluated"

	Closed      State = "closed"
	UnderReview State = "under-review"
	Kept        State = "kept"
	Erased      State = "erased"
)

// States lists every State but None.
func States() []State {
	return []State{
		Draft, PendingApproval, Approved, Discarded, Sent, Undelivered, Rejected, Received, Registered, InProgress, Clarifying,
		AwaitingJudicial, PartAnswered, Reopened, Answered, NoInformation, Refused, Withdrawn, Disputed, Acknowledged, Useful,
		NotUseful, Proposed, Joined, Running, Evaluated, Closed, UnderReview, Kept, Erased,
	}
}

// Case is all that belongs to one question, as one side sees it. Treat it as a value: Apply returns a new one, and nobody
// changes a slice of a case that he was given.
type Case struct {
	// Token names the case on both sides, for example RS-2026-000123.
	Token string
	Kind  CaseKind
	Side  Side
	// Own and Peer are country codes; Peer is empty in a joint case.
	Own, Peer         string
	OwnUnit, PeerUnit string
	State             State
	Regime            rogatoryv1.Regime
	Urgency           rogatoryv1.Urgency
	// Handling is the strictest code of all messages; it never falls.
	Handling rogatoryv1.HandlingCode
	// Round is the message that opened the present round.
	Round Name
	// Messages in the order of one's own log.
	Messages []Message
	// Waiting holds messages that came before what they follow.
	Waiting []Waiting
	// Drafts not yet sent.
	Drafts []DraftRecord
	// Alone holds what one officer sent alone.
	Alone []BreakGlass
	// Consents, one for each item, recipient and purpose.
	Consents []Consent
	// Corrections, one for each notice.
	Corrections []Correction
	// Parties of a joint case, by country; Leader leads it.
	Parties []PartyRecord
	Leader  string
	Clock   Clock
	// Assignee is the pseudonym of whose case it is here.
	Assignee string
	// Registered by the answering desk.
	Registered bool
	// LegalHold: no erasure passes.
	LegalHold bool
	// EraseProposedBy is the pseudonym of who proposed to erase.
	EraseProposedBy string
	// Erasures of single messages, in the order in which they were proposed.
	Erasures []Erasure
	// Aside is what one's own side did with the case after its end (closed by time, under review, kept, erased) or before its
	// beginning (draft to approved, discarded). It covers the state that both sides share, until a message opens it again.
	Aside State
	// Changed is the At of the last event, for timers.
	Changed int64
}

// Message is one message of a case; the same on both sides but for Out and the delivery flags.
type Message struct {
	Name Name
	Kind rogatoryv1.Kind
	// Out: we sent it.
	Out bool
	// From is the sender's country.
	From string
	// Of is the message it follows, Round the opener of its round.
	Of, Round Name
	// Sent is its submission time; Received the recipient's receipt's, 0 until known.
	Sent, Received int64
	// Index of its leaf in one's own log.
	Index uint64
	// Rejected by the peer's node: it has no effect.
	Rejected bool
	// Undelivered: the rule's time passed without a receipt.
	Undelivered bool
	// What its docket says, as far as the state or clock depends on it.
	Urgency    rogatoryv1.Urgency
	Final      bool
	Outcome    rogatoryv1.Outcome
	Access     rogatoryv1.Access
	Delay      rogatoryv1.Delay
	Until      int64
	Usefulness rogatoryv1.Usefulness
	Joint      rogatoryv1.JointAct
	Refusals   []Refusal
	// Drafters and Approver are pseudonyms; only for our own.
	Drafters []string
	Approver string
}

// Refusal of one item.
type Refusal struct {
	Want   rogatoryv1.Want
	Ground rogatoryv1.Ground
}

// DraftRecord is one draft; its state is Draft, PendingApproval or Approved.
type DraftRecord struct {
	Name     Name
	Kind     rogatoryv1.Kind
	State    State
	Drafters []string
	Approver string
}

// BreakGlass is a message that one officer sent alone on danger to life.
type BreakGlass struct {
	Msg        Name
	By         string
	At         int64
	RatifyBy   int64
	RatifiedBy string
	RatifiedAt int64
}

// Flagged reports whether nobody ratified in time, as of now (ms); a late ratification stays flagged.
func (b BreakGlass) Flagged(now int64) bool {
	if b.RatifiedBy != "" {
		return b.RatifiedAt > b.RatifyBy
	}
	return now > b.RatifyBy
}

// ConsentState is where one consent stands.
type ConsentState string

// The states of a consent. Handling itself never changes.
const (
	ConsentAsked     ConsentState = "asked"
	ConsentGranted   ConsentState = "granted"
	ConsentRefused   ConsentState = "refused"
	ConsentWithdrawn ConsentState = "withdrawn"
)

// ConsentKey is what is asked for: an item of a message, for whom, for what.
type ConsentKey struct {
	Msg       Name
	Item      uint32
	Recipient string
	Purpose   rogatoryv1.Purpose
}

// Consent to use one item otherwise.
type Consent struct {
	ConsentKey
	State ConsentState
	// Asked and Decided name the messages.
	Asked, Decided Name
	// Until is the last ms of a grant; 0 without end.
	Until int64
	// Before is what stood before it was asked for again, in case that the peer's node refuses the question.
	Before ConsentBefore
}

// ConsentBefore is an earlier consent of the same key; the zero value is none.
type ConsentBefore struct {
	State          ConsentState
	Asked, Decided Name
	Until          int64
}

// CorrectionState is where one correction or erasure stands.
type CorrectionState string

// The states of a correction.
const (
	// CorrectionNoticed: the provider's notice is out.
	CorrectionNoticed CorrectionState = "noticed"
	// CorrectionDone: the recipient has done it; the provider has not yet got its receipt.
	CorrectionDone CorrectionState = "done"
	// CorrectionReceipted: done, and both sides hold that.
	CorrectionReceipted CorrectionState = "receipted"
	// CorrectionDisputed: the recipient disagrees.
	CorrectionDisputed CorrectionState = "disputed"
)

// Correction is one notice to correct, restrict or erase.
type Correction struct {
	Notice Name
	// Target is the message it is about.
	Target Name
	What   rogatoryv1.CorrectionKind
	State  CorrectionState
}

// PartyState is where a country stands in a joint case.
type PartyState string

// The states of a party.
const (
	PartyInvited  PartyState = "invited"
	PartyJoined   PartyState = "joined"
	PartyDeclined PartyState = "declined"
	PartyLeft     PartyState = "left"
)

// PartyRecord is one country in a joint case.
type PartyRecord struct {
	Country string
	State   PartyState
}

// Waiting is a message that came before what it follows.
type Waiting struct {
	in input
}

// Msg is its name.
func (w Waiting) Msg() Name { return w.in.msg }

// Of is what it waits for.
func (w Waiting) Of() Name { return w.in.of }

// requested is the country whose clock runs.
func (c *Case) requested() string {
	if c.Side == Answering {
		return c.Own
	}
	return c.Peer
}

// message returns the message with the name, or nil.
func (c *Case) message(n Name) *Message {
	for i := range c.Messages {
		if c.Messages[i].Name == n {
			return &c.Messages[i]
		}
	}
	return nil
}

// Message returns the message with the name.
func (c Case) Message(n Name) (Message, bool) {
	if m := c.message(n); m != nil {
		return *m, true
	}
	return Message{}, false
}

// Code is the state as leaves and listings spell it.
func (s State) Code() string {
	if s == None {
		return "new"
	}
	return string(s)
}

// opening reports whether the case is before its first message.
func (s State) opening() bool {
	return s == None || s == Draft || s == PendingApproval || s == Approved
}

// Open reports whether an answer is still due.
func (s State) Open() bool {
	return slices.Contains([]State{
		Sent, Undelivered, Received, Registered, InProgress, Clarifying, AwaitingJudicial, PartAnswered, Reopened,
	}, s)
}

// Overdue reports whether a limit has passed without what it wants, as of now (ms).
func (c Case) Overdue(now int64) bool {
	if !c.State.Open() {
		return false
	}
	for _, t := range c.Clock.Terms {
		if t.Met == 0 && t.Due != 0 && now > t.Due {
			return true
		}
	}
	return false
}

// Late reports whether some limit of the present round was met too late.
func (c Case) Late() bool {
	return slices.ContainsFunc(c.Clock.Terms, Term.Late)
}

// Due returns the next limit that is still to be met, in ms; 0 when there is none or the clock stands still.
func (c Case) Due() int64 {
	var out int64
	if !c.State.Open() {
		return 0
	}
	for _, t := range c.Clock.Terms {
		if t.Met == 0 && t.Due != 0 && (out == 0 || t.Due < out) {
			out = t.Due
		}
	}
	return out
}

// Undelivered reports whether some message of ours has had no receipt for the rule's time.
func (c Case) Undelivered() bool {
	return slices.ContainsFunc(c.Messages, func(m Message) bool { return m.Undelivered })
}

// Crossed reports whether a withdrawal and the final reply of the present round crossed.
func (c Case) Crossed() bool {
	f := c.facts()
	return f.withdrawn && f.final != nil
}

// Outcome of the present round's final reply, or of none.
func (c Case) Outcome() rogatoryv1.Outcome {
	if f := c.facts(); f.final != nil {
		return f.final.Outcome
	}
	return rogatoryv1.Outcome_OUTCOME_UNSPECIFIED
}

// Refusals of the present round, partial replies included, in the order of one's own log.
func (c Case) Refusals() []Refusal {
	var out []Refusal
	for i := range c.Messages {
		if m := &c.Messages[i]; m.Round == c.Round && !m.Rejected {
			out = append(out, m.Refusals...)
		}
	}
	return out
}

// Consented reports whether onward use of the item is granted as of now (ms).
func (c Case) Consented(k ConsentKey, now int64) bool {
	return slices.ContainsFunc(c.Consents, func(x Consent) bool {
		return x.ConsentKey == k && x.State == ConsentGranted && (x.Until == 0 || now <= x.Until)
	})
}

// clone copies the case so deeply that changing the copy leaves the original alone. Inner slices (drafters, refusals) are
// never changed in place.
func (c Case) clone() *Case {
	c.Messages = append(make([]Message, 0, len(c.Messages)+1), c.Messages...) // with room for the one that a step adds
	c.Waiting = slices.Clone(c.Waiting)
	c.Drafts = slices.Clone(c.Drafts)
	c.Alone = slices.Clone(c.Alone)
	c.Consents = slices.Clone(c.Consents)
	c.Corrections = slices.Clone(c.Corrections)
	c.Parties = slices.Clone(c.Parties)
	c.Erasures = slices.Clone(c.Erasures)
	return &c
}
