package exchange

import (
	"slices"

	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Apply returns the case after e and the steps it made, or a *TransitionError. It does not modify c, and gives the same for
// the same input everywhere. The zero Case is one that nothing has opened yet.
//
// A message of the peer that follows one that is not here yet is not an error: it waits in the case (Change.Waiting), and
// its step comes right after that of its predecessor. When a case holds too many of them, CodeTooManyWaiting says so and
// the message should be kept outside until later.
func Apply(c Case, e Event, r rules.Rules) (Case, []Change, error) {
	in, bad := read(e)
	if bad != nil {
		bad.State = c.State
		return c, nil, bad
	}
	// Both only look at c.
	if err := c.fits(in); err != nil {
		return c, nil, err
	}
	early := in.event == EventArrived && c.early(in)
	if early && len(c.Waiting) >= r.WaitingLimit() {
		return c, nil, c.refuse(in, CodeTooManyWaiting)
	}
	n := c.clone()
	if early {
		n.Token, n.Changed = in.token, in.at
		if n.Own == "" {
			n.Own = in.to
			if in.kind != rogatoryv1.Kind_KIND_JOINT {
				n.Peer = in.from
			}
		}
		n.Waiting = append(n.Waiting, Waiting{*in})
		return *n, []Change{{Step: in.step, Msg: in.msg, Of: in.of, From: c.State, To: c.State, Waiting: true}}, nil
	}
	ch, err := n.step(in, &r)
	if err != nil {
		return c, nil, err
	}
	return *n, append([]Change{ch}, n.catchUp(&r)...), nil
}

// catchUp applies the early messages whose turn has come, oldest first, until none is left that can move.
func (c *Case) catchUp(r *rules.Rules) []Change {
	var out []Change
	for i := 0; i < len(c.Waiting); {
		in := &c.Waiting[i].in
		if c.early(in) {
			i++
			continue
		}
		c.Waiting = slices.Delete(slices.Clone(c.Waiting), i, i+1)
		i = 0
		// A step that fails half-way must leave nothing behind.
		try := c.clone()
		ch, err := try.step(in, r)
		if err != nil {
			out = append(out, Change{Step: in.step, Msg: in.msg, Of: in.of, From: c.State, To: c.State, Refused: err.Code})
			continue
		}
		*c = *try
		out = append(out, ch)
	}
	return out
}

func (c *Case) refuse(in *input, code Code) *TransitionError {
	return &TransitionError{State: c.State, Step: in.step, Who: in.who, Code: code}
}

// fits checks that an event is for this case and not known to it.
func (c *Case) fits(in *input) *TransitionError {
	if in.docket && c.Token != "" && in.token != c.Token {
		return c.refuse(in, CodeOtherCase)
	}
	if !in.isMessage() && in.event != EventDraft {
		return nil
	}
	own, other := in.from, in.to
	if in.event == EventArrived {
		own, other = in.to, in.from
	}
	if c.Own != "" && own != c.Own || c.Peer != "" && other != c.Peer {
		return c.refuse(in, CodeOtherPeer)
	}
	if !in.isMessage() {
		return nil
	}
	if c.message(in.msg) != nil || slices.ContainsFunc(c.Waiting, func(w Waiting) bool { return w.in.msg == in.msg }) {
		return c.refuse(in, CodeDuplicate)
	}
	return nil
}

// early reports whether an arrived message names something that is not here yet.
func (c *Case) early(in *input) bool {
	if opens(in.kind, in.joint) != "" {
		return false
	}
	if c.Kind == "" || c.State.opening() {
		return true
	}
	if c.Kind == KindJoint {
		return in.kind == rogatoryv1.Kind_KIND_JOINT && c.party(in.from) == nil
	}
	if in.of != (Name{}) && c.message(in.of) == nil {
		return true
	}
	return slices.ContainsFunc(in.scopes, func(s scope) bool { return c.message(s.Msg) == nil })
}

// step makes one step on a case that is its own copy. After an error the case is not to be used.
func (c *Case) step(in *input, r *rules.Rules) (Change, *TransitionError) {
	ch := Change{Step: in.step, Msg: in.msg, Of: in.of, From: c.State}
	kind, side := c.Kind, c.Side
	if kind == "" && (in.isMessage() || in.event == EventDraft) {
		kind, side = opens(in.kind, in.joint), Opening
		if in.event == EventArrived {
			side = Answering
		}
		if kind == KindJoint {
			side = Party
		}
	}
	to, ok, may := lookup(kind, side, c.State, in.step, in.who)
	if !ok {
		err := c.refuse(in, CodeIllegal)
		if len(may) > 0 {
			err.Code, err.May = CodeNotYours, may
		}
		return ch, err
	}
	var err *TransitionError
	switch {
	case in.isMessage():
		if opens(in.kind, in.joint) != "" && c.State.opening() {
			c.open(in, kind, side)
		}
		ch.Moot, err = c.takeMessage(in, r)
	case in.event == EventReceived || in.event == EventRejected || in.event == EventUndelivered:
		err = c.delivery(in)
	default:
		err = c.local(in, kind, side)
	}
	if err != nil {
		return ch, err
	}
	if !ch.Moot {
		switch {
		case to == same:
		case in.isMessage():
			c.Aside = None
		case slices.Contains(asides, to):
			c.Aside = to
		}
	}
	c.Changed = in.at
	c.State = c.settle()
	c.Clock = c.clock(r)
	ch.To = c.State
	return ch, nil
}

// open sets what the first message, or its draft, says of the case.
func (c *Case) open(in *input, kind CaseKind, side Side) {
	c.Kind, c.Side, c.Token = kind, side, in.token
	c.Regime, c.Urgency = in.regime, in.urgency
	c.Own, c.Peer, c.OwnUnit, c.PeerUnit = in.from, in.to, in.fromUnit, in.toUnit
	if in.event == EventArrived {
		c.Own, c.Peer, c.OwnUnit, c.PeerUnit = in.to, in.from, in.toUnit, in.fromUnit
	}
	if kind == KindJoint {
		c.Peer, c.PeerUnit = "", ""
	}
	if in.isMessage() {
		c.Aside, c.Round = None, in.msg
	}
}

// takeMessage puts a message into the case. moot says that its round is over.
func (c *Case) takeMessage(in *input, r *rules.Rules) (moot bool, bad *TransitionError) {
	if len(c.Messages) >= r.MessageLimit() {
		return false, c.refuse(in, CodeTooLarge)
	}
	out := in.event == EventSent
	m := Message{
		Name: in.msg, Kind: in.kind, Out: out, From: in.from, Of: in.of, Round: in.msg, Sent: in.sent, Index: in.index,
		Urgency: in.urgency, Final: in.final, Outcome: in.outcome, Access: in.access, Delay: in.delay, Until: in.until,
		Usefulness: in.usefulness, Joint: in.joint, Refusals: in.refusals,
	}
	if !out {
		m.Received = in.at
	}
	if in.breakGlass && c.urgency(in) != rogatoryv1.Urgency_URGENCY_THREAT_LIFE {
		return false, c.refuse(in, CodeBreakGlassUrgency)
	}
	if out {
		if err := c.authorise(in, r, &m); err != nil {
			return false, err
		}
	}
	if in.kind != rogatoryv1.Kind_KIND_JOINT && in.of != (Name{}) {
		before, err := c.predecessor(in)
		if err != nil {
			return false, err
		}
		m.Round = before.Round
		if slices.Contains(roundBound, in.kind) && m.Round != c.Round {
			if out {
				return false, c.refuse(in, CodeSuperseded)
			}
			moot = true
		}
	}
	if !moot {
		if err := c.takeEffect(in, &m); err != nil {
			return false, err
		}
	}
	c.Handling = Strictest(c.Handling, in.handling)
	switch {
	case c.Kind == KindJoint:
	case out && in.fromUnit != "":
		c.OwnUnit = in.fromUnit
	case !out && in.fromUnit != "":
		c.PeerUnit = in.fromUnit
	}
	c.Messages = append(c.Messages, m)
	return moot, nil
}

// predecessor returns what the message follows, if it may.
func (c *Case) predecessor(in *input) (*Message, *TransitionError) {
	before := c.message(in.of)
	if before == nil {
		return nil, c.refuse(in, CodeUnknownMessage)
	}
	if before.Rejected {
		return nil, c.refuse(in, CodeWrongMessage)
	}
	f, ok := follows[in.kind]
	if !ok {
		return before, nil
	}
	if f.kinds != nil && !slices.Contains(f.kinds, before.Kind) ||
		f.by == byOther && before.From == in.from || f.by == byItself && before.From != in.from {
		return nil, c.refuse(in, CodeWrongMessage)
	}
	return before, nil
}

// takeEffect does what the kind of message does beyond being in the case.
func (c *Case) takeEffect(in *input, m *Message) *TransitionError {
	switch in.kind {
	case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
		if m.Final && c.facts().final != nil {
			return c.refuse(in, CodeIllegal)
		}
	case rogatoryv1.Kind_KIND_REOPENING:
		if f := c.facts(); f.final == nil || f.final.Name != in.of {
			return c.refuse(in, CodeWrongMessage)
		}
		m.Round, c.Round = in.msg, in.msg
	case rogatoryv1.Kind_KIND_OBJECTION:
		f := c.facts()
		if f.final == nil || f.objection != nil {
			return c.refuse(in, CodeIllegal)
		}
		if len(c.Refusals()) == 0 {
			return c.refuse(in, CodeNothingRefused)
		}
	case rogatoryv1.Kind_KIND_OBJECTION_DECISION:
		if f := c.facts(); f.objection == nil || f.objection.Name != in.of || f.decision != nil {
			return c.refuse(in, CodeIllegal)
		}
		if in.outcome != rogatoryv1.Outcome_OUTCOME_REFUSED {
			m.Round, c.Round = in.msg, in.msg
		}
	case rogatoryv1.Kind_KIND_CONSENT_REQUEST, rogatoryv1.Kind_KIND_CONSENT_DECISION, rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL:
		return c.takeConsent(in)
	case rogatoryv1.Kind_KIND_CORRECTION, rogatoryv1.Kind_KIND_CORRECTION_RECEIPT:
		return c.takeCorrection(in)
	case rogatoryv1.Kind_KIND_JOINT:
		return c.takeJoint(in)
	}
	return nil
}

// delivery records what became of a message of ours.
func (c *Case) delivery(in *input) *TransitionError {
	m := c.message(in.of)
	if m == nil || !m.Out {
		return c.refuse(in, CodeUnknownMessage)
	}
	switch in.event {
	case EventReceived:
		if m.Rejected {
			return c.refuse(in, CodeIllegal)
		}
		// After a rollback of the peer there may be two receipts; the earliest counts.
		if m.Received == 0 || in.at < m.Received {
			m.Received = in.at
		}
		m.Undelivered = false
		c.correctionReceipted(m)
	case EventRejected:
		if m.Received != 0 || m.Rejected {
			return c.refuse(in, CodeIllegal)
		}
		m.Rejected, m.Undelivered = true, false
		c.undo(m)
	case EventUndelivered:
		if m.Received != 0 || m.Rejected || m.Undelivered {
			return c.refuse(in, CodeIllegal)
		}
		m.Undelivered = true
	}
	return nil
}

// undo takes back what a message did that the peer's node refused for good.
func (c *Case) undo(m *Message) {
	if slices.Contains(roundBound, m.Kind) {
		c.Aside = None
		if c.Round == m.Name {
			if before := c.message(m.Of); before != nil {
				c.Round = before.Round
			}
		}
	}
	c.undoConsent(m)
	c.Corrections = slices.DeleteFunc(c.Corrections, func(x Correction) bool { return x.Notice == m.Name })
	if m.Kind == rogatoryv1.Kind_KIND_CORRECTION_RECEIPT {
		if x := c.correction(m.Of); x != nil {
			x.State = CorrectionNoticed
		}
	}
}

func (c *Case) urgency(in *input) rogatoryv1.Urgency {
	if in.urgency != rogatoryv1.Urgency_URGENCY_UNSPECIFIED {
		return in.urgency
	}
	return c.Urgency
}
