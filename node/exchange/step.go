package exchange

import (
	"slices"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Step is an event as the state tables know it: the event's kind, and for messages what the message is, for example
// "sent.reply.final" or "arrived.withdrawal".
type Step string

// messageSteps are the message part of a Step, by kind, with its variants.
var messageSteps = []struct {
	name  string
	kinds []rogatoryv1.Kind
}{
	{"request", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST}},
	{"acknowledge", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_ACKNOWLEDGE}},
	{"reply.partial", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY}},
	{"reply.final", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY}},
	{"clarification", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CLARIFICATION}},
	{"clarification-answer", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER}},
	{"reminder", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REMINDER}},
	{"delay.judicial", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_DELAY_NOTICE}},
	{"delay.other", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_DELAY_NOTICE}},
	{"withdrawal", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_WITHDRAWAL}},
	{"reopening", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_REOPENING}},
	{"objection", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_OBJECTION}},
	{"objection-decision.upheld", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_OBJECTION_DECISION}},
	{"objection-decision.stands", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_OBJECTION_DECISION}},
	{"feedback", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_FEEDBACK}},
	{"close", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CLOSE}},
	{"spontaneous", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_SPONTANEOUS}},
	{"spontaneous-acknowledge.seen", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE}},
	{"spontaneous-acknowledge.useful", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE}},
	{"spontaneous-acknowledge.not-useful", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE}},
	{"consent-request", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CONSENT_REQUEST}},
	{"consent-decision", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CONSENT_DECISION}},
	{"consent-withdrawal", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL}},
	{"correction", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CORRECTION}},
	{"correction-receipt.done", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CORRECTION_RECEIPT}},
	{"correction-receipt.disputed", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_CORRECTION_RECEIPT}},
	{"joint.propose", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.join", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.decline", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.leave", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.grant", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.add-evidence", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.read-evidence", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.decide", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.amend", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.close", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
	{"joint.evaluate", []rogatoryv1.Kind{rogatoryv1.Kind_KIND_JOINT}},
}

var jointSteps = map[rogatoryv1.JointAct]string{
	rogatoryv1.JointAct_JOINT_ACT_PROPOSE: "joint.propose", rogatoryv1.JointAct_JOINT_ACT_JOIN: "joint.join",
	rogatoryv1.JointAct_JOINT_ACT_DECLINE: "joint.decline", rogatoryv1.JointAct_JOINT_ACT_LEAVE: "joint.leave",
	rogatoryv1.JointAct_JOINT_ACT_GRANT: "joint.grant", rogatoryv1.JointAct_JOINT_ACT_ADD_EVIDENCE: "joint.add-evidence",
	rogatoryv1.JointAct_JOINT_ACT_READ_EVIDENCE: "joint.read-evidence", rogatoryv1.JointAct_JOINT_ACT_DECIDE: "joint.decide",
	rogatoryv1.JointAct_JOINT_ACT_AMEND: "joint.amend", rogatoryv1.JointAct_JOINT_ACT_CLOSE: "joint.close",
	rogatoryv1.JointAct_JOINT_ACT_EVALUATE: "joint.evaluate",
}

// Steps lists every Step, for golden tables and the catalogue's coverage test.
func Steps() []Step {
	var out []Step
	for _, e := range EventKinds() {
		if e != EventSent && e != EventArrived {
			out = append(out, Step(e))
		}
	}
	for _, e := range []EventKind{EventSent, EventArrived} {
		for _, m := range messageSteps {
			out = append(out, Step(e)+"."+Step(m.name))
		}
	}
	return out
}

// messageStep names what a message is. field is the docket's field that makes it none.
func messageStep(in *input) (name, field string) {
	switch in.kind {
	case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
		if in.final {
			return "reply.final", ""
		}
		return "reply.partial", ""
	case rogatoryv1.Kind_KIND_DELAY_NOTICE:
		switch in.delay {
		case rogatoryv1.Delay_DELAY_UNSPECIFIED:
			return "", "delay"
		case rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION:
			return "delay.judicial", ""
		}
		return "delay.other", ""
	case rogatoryv1.Kind_KIND_OBJECTION_DECISION:
		switch in.outcome {
		case rogatoryv1.Outcome_OUTCOME_PROVIDED, rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED:
			return "objection-decision.upheld", ""
		case rogatoryv1.Outcome_OUTCOME_REFUSED:
			return "objection-decision.stands", ""
		}
		return "", "outcome"
	case rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE:
		switch in.usefulness {
		case rogatoryv1.Usefulness_USEFULNESS_UNSPECIFIED:
			return "spontaneous-acknowledge.seen", ""
		case rogatoryv1.Usefulness_USEFULNESS_USEFUL:
			return "spontaneous-acknowledge.useful", ""
		}
		return "spontaneous-acknowledge.not-useful", ""
	case rogatoryv1.Kind_KIND_CORRECTION_RECEIPT:
		switch in.correction {
		case rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE:
			return "correction-receipt.done", ""
		case rogatoryv1.CorrectionKind_CORRECTION_KIND_DISPUTED:
			return "correction-receipt.disputed", ""
		}
		return "", "correction"
	case rogatoryv1.Kind_KIND_JOINT:
		if s, ok := jointSteps[in.joint]; ok {
			return s, ""
		}
		return "", "joint"
	}
	for _, m := range messageSteps {
		if slices.Contains(m.kinds, in.kind) {
			return m.name, ""
		}
	}
	return "", "kind"
}
