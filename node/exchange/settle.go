package exchange

import (
	"bytes"
	"cmp"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// round is what the messages of the present round say, whatever their order.
type round struct {
	opener                            *Message
	final, objection, decision        *Message
	closed, withdrawn, partial, acked bool
	heard, clarifying, judicial       bool
	judgement                         *Message
	seen                              bool
	jointClosed, evaluated            bool
}

// facts collects the present round. Rejected messages say nothing.
func (c *Case) facts() round {
	var f round
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.Name == c.Round {
			f.opener = m
		}
		if m.Rejected {
			continue
		}
		if m.Kind == rogatoryv1.Kind_KIND_JOINT {
			f.jointClosed = f.jointClosed || m.Joint == rogatoryv1.JointAct_JOINT_ACT_CLOSE
			f.evaluated = f.evaluated || m.Joint == rogatoryv1.JointAct_JOINT_ACT_EVALUATE
			continue
		}
		// The decision that upholds an objection opens a round, but speaks of the objection before it.
		if m.Round != c.Round {
			continue
		}
		f.heard = f.heard || !m.Out
		switch m.Kind {
		case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
			if m.Final {
				f.final = m
			} else {
				f.partial = true
				f.judicial = f.judicial || c.awaitsJudge(m)
			}
		case rogatoryv1.Kind_KIND_ACKNOWLEDGE:
			f.acked = true
		case rogatoryv1.Kind_KIND_CLARIFICATION:
			f.clarifying = f.clarifying || !c.followed(m, rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER)
		case rogatoryv1.Kind_KIND_DELAY_NOTICE:
			f.judicial = f.judicial || c.awaitsJudge(m)
		case rogatoryv1.Kind_KIND_WITHDRAWAL:
			f.withdrawn = true
		case rogatoryv1.Kind_KIND_OBJECTION:
			f.objection = m
		case rogatoryv1.Kind_KIND_OBJECTION_DECISION:
			if m.Outcome == rogatoryv1.Outcome_OUTCOME_REFUSED {
				f.decision = m
			}
		case rogatoryv1.Kind_KIND_CLOSE:
			f.closed = true
		case rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE:
			f.seen = true
			if m.Usefulness != rogatoryv1.Usefulness_USEFULNESS_UNSPECIFIED &&
				(f.judgement == nil || cmp.Or(cmp.Compare(m.Sent, f.judgement.Sent), bytes.Compare(m.Name[:], f.judgement.Name[:])) < 0) {
				f.judgement = m
			}
		}
	}
	return f
}

// followed reports whether a message of the kind follows m.
func (c *Case) followed(m *Message, kind rogatoryv1.Kind) bool {
	for i := range c.Messages {
		if x := &c.Messages[i]; x.Of == m.Name && x.Kind == kind && !x.Rejected {
			return true
		}
	}
	return false
}

// awaitsJudge reports whether m announced a judicial authorisation that no later acknowledgement has said is there.
func (c *Case) awaitsJudge(m *Message) bool {
	return m.Delay == rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION && !c.followed(m, rogatoryv1.Kind_KIND_ACKNOWLEDGE)
}

// settle derives the state. The order of its lines is the order of precedence.
func (c *Case) settle() State {
	if c.Aside != None {
		return c.Aside
	}
	f := c.facts()
	if c.Kind == KindJoint {
		return c.settleJoint(&f)
	}
	if f.opener == nil {
		return None
	}
	if c.Kind == KindSpontaneous {
		switch {
		case f.judgement != nil && f.judgement.Usefulness == rogatoryv1.Usefulness_USEFULNESS_USEFUL:
			return Useful
		case f.judgement != nil:
			return NotUseful
		case f.seen:
			return Acknowledged
		}
		return f.delivered()
	}
	switch {
	case f.closed, f.decision != nil:
		return Closed
	case f.objection != nil:
		return Disputed
	case f.final != nil:
		return answered(f.final.Outcome)
	case f.withdrawn:
		return Withdrawn
	case f.clarifying:
		return Clarifying
	case f.judicial:
		return AwaitingJudicial
	case f.partial:
		return PartAnswered
	case f.acked:
		return InProgress
	case f.opener.Kind != rogatoryv1.Kind_KIND_REQUEST && f.opener.Kind != rogatoryv1.Kind_KIND_FIU_REQUEST:
		return Reopened
	case c.Registered:
		return Registered
	}
	return f.delivered()
}

// Shared is the state that both sides come to once every message has arrived: without what one's own side did with the
// case alone, and with the steps of delivery and registration taken as one. An auditor compares it between two countries.
func (c Case) Shared() State {
	if c.State.opening() || c.State == Discarded {
		return None
	}
	c.Aside = None
	switch s := c.settle(); s {
	case Sent, Undelivered, Registered:
		return Received
	default:
		return s
	}
}

// delivered is the state of a case in which nothing has happened but its first message. Any word of the other side shows
// that it got there, even before the receipt does.
func (f *round) delivered() State {
	switch {
	case f.opener.Rejected:
		return Rejected
	case f.opener.Received != 0 || f.heard:
		return Received
	case f.opener.Undelivered:
		return Undelivered
	}
	return Sent
}

// answered is where a final reply with the outcome leads.
func answered(o rogatoryv1.Outcome) State {
	switch o {
	case rogatoryv1.Outcome_OUTCOME_NO_INFORMATION:
		return NoInformation
	case rogatoryv1.Outcome_OUTCOME_REFUSED:
		return Refused
	}
	return Answered
}
