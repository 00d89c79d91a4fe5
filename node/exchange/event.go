package exchange

import (
	"encoding/hex"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Name is the stable name of a message, or of a draft. The zero Name is none.
type Name [32]byte

// String writes the name in hex.
func (n Name) String() string { return hex.EncodeToString(n[:]) }

// EventKind is what happened, as the log's case leaf spells it.
type EventKind string

// Messages and their delivery.
const (
	// EventSent: our out leaf of Msg was committed. Sent is its submission time; Draft names the approved draft, if any.
	EventSent EventKind = "sent"
	// EventReceived: we hold the peer's receipt of our message Of. At is the `at` (or first_at) of the peer's leaf.
	EventReceived EventKind = "received"
	// EventRejected: the peer's node refused our message Of for good (a rej leaf).
	EventRejected EventKind = "rejected"
	// EventArrived: the peer's Msg was accepted. At is the `at` (or first_at) of our own leaf, Sent its submission time.
	EventArrived EventKind = "arrived"
	// EventUndelivered: our message Of has had no receipt for the rule's time.
	EventUndelivered EventKind = "undelivered"
)

// Drafting. Draft names the draft; a node uses the commitment of the docket that will be sent.
const (
	// EventDraft: written or changed; an approval is void.
	EventDraft EventKind = "draft"
	// EventSubmit: put before an approver.
	EventSubmit EventKind = "submit"
	// EventApprove: an approver who is not a drafter agrees.
	EventApprove EventKind = "approve"
	// EventDecline: back to the drafter.
	EventDecline EventKind = "decline"
	// EventDiscard: thrown away.
	EventDiscard EventKind = "discard"
	// EventRatify: a second officer confirms what one sent alone (Of).
	EventRatify EventKind = "ratify"
)

// The desk.
const (
	// EventRegister: the answering desk took the request into its register.
	EventRegister EventKind = "register"
	// EventAssign: Docket.actor is whose it is now; Actor assigned it.
	EventAssign EventKind = "assign"
	// EventForward: handed to the unit Docket.to_unit of one's own country.
	EventForward EventKind = "forward"
	// EventRead: an officer read it; changes nothing.
	EventRead EventKind = "read"
)

// The end.
const (
	// EventClose: the rule's time after the answer has passed.
	EventClose EventKind = "close"
	// EventReview: a review is due.
	EventReview EventKind = "review"
	// EventKeep: reviewed and still needed.
	EventKeep EventKind = "keep"
	// EventProposeErase: the data manager proposes to erase.
	EventProposeErase EventKind = "propose-erase"
	// EventErase: an approver agrees; keys are destroyed, receipts stay.
	EventErase EventKind = "erase"
	// EventHold, EventRelease: legal hold, which no erasure passes.
	EventHold    EventKind = "hold"
	EventRelease EventKind = "release"
)

// One message (Of) of a case, at any time.
const (
	// EventProposeEraseItem: the data manager proposes to erase what the message says.
	EventProposeEraseItem EventKind = "propose-erase-item"
	// EventEraseItem: an approver agrees, or anybody where its provider's notice asks for it; the key is destroyed.
	EventEraseItem EventKind = "erase-item"
	// EventKeepItem: the proposal is given up.
	EventKeepItem EventKind = "keep-item"
)

// EventKinds lists every EventKind, for the catalogue's coverage test.
func EventKinds() []EventKind {
	return []EventKind{
		EventSent, EventReceived, EventRejected, EventArrived, EventUndelivered, EventDraft, EventSubmit, EventApprove,
		EventDecline, EventDiscard, EventRatify, EventRegister, EventAssign, EventForward, EventRead, EventClose, EventReview,
		EventKeep, EventProposeErase, EventErase, EventHold, EventRelease, EventProposeEraseItem, EventEraseItem, EventKeepItem,
	}
}

// Who acts.
type Who string

// Officer and Agency are people and programs of one's own side, Node is one's own node by rule, Timer one's own node by
// the clock, Peer the other side.
const (
	Officer Who = "officer"
	Agency  Who = "agency"
	Node    Who = "node"
	Peer    Who = "peer"
	Timer   Who = "timer"
)

// Whos lists every Who.
func Whos() []Who { return []Who{Officer, Agency, Node, Peer, Timer} }

// MaxTime is the last instant that a log can hold, in ms since 1970 UTC.
const MaxTime = 1<<53 - 1

// Event is one thing that happened to a case. Times are ms since 1970 UTC.
type Event struct {
	Kind EventKind
	// At is when, by the leaf that proves it.
	At int64
	// Index of the event's leaf in one's own log.
	Index uint64
	// Msg is the message sent or arrived.
	Msg Name
	// Of is the message it is about; sent and arrived take it from the docket.
	Of Name
	// Draft is the draft it is about.
	Draft Name
	// From and To are the countries of a message; of a draft: one's own and the peer's.
	From, To string
	// Sent is Message.submitted_ms.
	Sent int64
	// Docket of the message or the local docket; nil where nothing of it is needed.
	Docket *rogatoryv1.Docket
	// Actor is the pseudonym of who did it; empty for peer and timer.
	Actor string
	Who   Who
}

// Change is one step that Apply made, in order. The first is the event's own; others are early messages whose turn came.
type Change struct {
	Step Step
	// Msg is the message of the step, if any; Of what it follows.
	Msg, Of  Name
	From, To State
	// Waiting: the message came before what it follows and is kept.
	Waiting bool
	// Moot: recorded without a say, because its round is over or the matter settled.
	Moot bool
	// Refused is why an early message had no effect when its turn came; empty otherwise.
	Refused Code
}
