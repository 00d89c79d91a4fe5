package exchange

import (
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Bounds of what one docket may list.
const (
	maxScopes   = 256
	maxRefusals = 64
	MaxParties  = 64
	maxToken    = 64
	maxDrafters = 16
	maxDrafts   = 64
)

// input is an event with all that Apply takes from its docket. Early messages wait in this form, so that a case's encoding
// does not depend on how a library writes a docket.
type input struct {
	event EventKind
	step  Step
	who   Who
	actor string
	at    int64
	index uint64
	msg   Name
	of    Name
	draft Name
	from  string
	to    string
	sent  int64

	docket     bool
	kind       rogatoryv1.Kind
	token      string
	fromUnit   string
	toUnit     string
	regime     rogatoryv1.Regime
	urgency    rogatoryv1.Urgency
	handling   rogatoryv1.HandlingCode
	access     rogatoryv1.Access
	final      bool
	outcome    rogatoryv1.Outcome
	refusals   []Refusal
	delay      rogatoryv1.Delay
	until      int64
	scopes     []scope
	usefulness rogatoryv1.Usefulness
	joint      rogatoryv1.JointAct
	correction rogatoryv1.CorrectionKind
	breakGlass bool
	parties    []string
	assignee   string
}

type scope struct {
	ConsentKey
	decision rogatoryv1.Choice
	until    int64
}

func (in *input) isMessage() bool { return in.event == EventSent || in.event == EventArrived }

// read checks an event's form and takes from its docket what Apply needs.
func read(e Event) (*input, *TransitionError) {
	in := &input{
		event: e.Kind, who: e.Who, actor: e.Actor, at: e.At, index: e.Index, msg: e.Msg, of: e.Of, draft: e.Draft,
		from: e.From, to: e.To, sent: e.Sent, step: Step(e.Kind),
	}
	bad := func(code Code, field string) (*input, *TransitionError) {
		return nil, &TransitionError{Step: in.step, Who: e.Who, Code: code, Field: field}
	}
	needsDocket, needsActor := false, e.Who == Officer || e.Who == Agency
	switch e.Kind {
	case EventSent, EventArrived, EventDraft:
		needsDocket = true
	case EventAssign, EventForward:
		needsDocket = true
	case EventReceived, EventRejected, EventUndelivered, EventSubmit, EventApprove, EventDecline, EventDiscard, EventRatify,
		EventRegister, EventRead, EventClose, EventReview, EventKeep, EventProposeErase, EventErase, EventHold, EventRelease,
		EventProposeEraseItem, EventEraseItem, EventKeepItem:
	default:
		in.step = ""
		return bad(CodeUnknownEvent, "")
	}
	if e.At < 0 || e.At > MaxTime || e.Sent < 0 || e.Sent > MaxTime || e.Index > MaxTime {
		return bad(CodeTime, "")
	}
	if needsActor && !rules.Token(e.Actor, rules.MaxActor) || len(e.Actor) > rules.MaxActor {
		return bad(CodeActorMissing, "")
	}
	if e.Docket == nil {
		if needsDocket {
			return bad(CodeDocketMissing, "")
		}
		return in, nil
	}
	in.docket = true
	if field := in.take(e.Docket); field != "" {
		return bad(CodeDocketField, field)
	}
	if !in.isMessage() && e.Kind != EventDraft {
		return in, nil
	}
	if in.kind == rogatoryv1.Kind_KIND_GOVERNANCE || in.kind == rogatoryv1.Kind_KIND_UNSPECIFIED {
		return bad(CodeDocketKind, "kind")
	}
	name, field := messageStep(in)
	if field == "kind" {
		return bad(CodeDocketKind, field)
	}
	if field != "" {
		return bad(CodeDocketField, field)
	}
	if len(in.from) != 2 || len(in.to) != 2 || in.from == in.to {
		return bad(CodeOtherPeer, "")
	}
	if field := in.complete(); field != "" {
		return bad(CodeDocketField, field)
	}
	if !in.isMessage() {
		return in, nil
	}
	in.step = Step(e.Kind) + "." + Step(name)
	if in.msg == (Name{}) {
		return bad(CodeUnknownMessage, "")
	}
	return in, nil
}

// take copies a docket and returns the first field that is out of bounds.
func (in *input) take(d *rogatoryv1.Docket) string {
	in.kind, in.token, in.fromUnit, in.toUnit = d.GetKind(), d.GetCaseToken(), d.GetFromUnit(), d.GetToUnit()
	in.regime, in.urgency, in.handling, in.access = d.GetRegime(), d.GetUrgency(), d.GetHandling(), d.GetAccess()
	in.final, in.outcome, in.delay = d.GetFinal(), d.GetOutcome(), d.GetDelay()
	in.usefulness, in.joint, in.correction = d.GetUsefulness(), d.GetJoint(), d.GetCorrection()
	in.breakGlass, in.assignee = d.GetBreakGlass(), d.GetActor()
	if in.token == "" || len(in.token) > maxToken || !printable(in.token) {
		return "case_token"
	}
	if len(in.fromUnit) > rules.MaxUnit || !printable(in.fromUnit) {
		return "from_unit"
	}
	if len(in.toUnit) > rules.MaxUnit || !printable(in.toUnit) {
		return "to_unit"
	}
	if len(in.assignee) > rules.MaxActor || !printable(in.assignee) {
		return "actor"
	}
	if d.GetDelayUntilMs() > MaxTime {
		return "delay_until_ms"
	}
	in.until = int64(d.GetDelayUntilMs())
	if in.isMessage() || in.event == EventDraft {
		switch len(d.GetOf()) {
		case 0:
			in.of = Name{}
		case len(in.of):
			in.of = Name(d.GetOf())
		default:
			return "of"
		}
	}
	if len(d.GetRefusals()) > maxRefusals {
		return "refusals"
	}
	for _, r := range d.GetRefusals() {
		in.refusals = append(in.refusals, Refusal{r.GetItem(), r.GetGround()})
	}
	if len(d.GetConsents()) > maxScopes {
		return "consents"
	}
	for _, s := range d.GetConsents() {
		if len(s.GetMsg()) != len(Name{}) || len(s.GetRecipient()) > rules.MaxUnit+3 || !printable(s.GetRecipient()) || s.GetUntilMs() > MaxTime {
			return "consents"
		}
		in.scopes = append(in.scopes, scope{
			ConsentKey{Name(s.GetMsg()), s.GetItem(), s.GetRecipient(), s.GetPurpose()}, s.GetDecision(), int64(s.GetUntilMs()),
		})
	}
	if len(d.GetParties()) > MaxParties {
		return "parties"
	}
	for _, p := range d.GetParties() {
		if len(p) != 2 || !printable(p) {
			return "parties"
		}
		in.parties = append(in.parties, p)
	}
	return ""
}

// complete returns the first field without which the message has no meaning to the state machine.
func (in *input) complete() string {
	switch in.kind {
	case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
		if in.final && in.outcome == rogatoryv1.Outcome_OUTCOME_UNSPECIFIED {
			return "outcome"
		}
		refused := in.outcome == rogatoryv1.Outcome_OUTCOME_REFUSED || in.outcome == rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED
		if refused && len(in.refusals) == 0 {
			return "refusals"
		}
		for _, r := range in.refusals {
			if r.Ground == rogatoryv1.Ground_GROUND_UNSPECIFIED {
				return "refusals"
			}
		}
	case rogatoryv1.Kind_KIND_DELAY_NOTICE:
		if in.until == 0 {
			return "delay_until_ms"
		}
	case rogatoryv1.Kind_KIND_CONSENT_REQUEST, rogatoryv1.Kind_KIND_CONSENT_DECISION, rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL:
		if len(in.scopes) == 0 {
			return "consents"
		}
		for i, s := range in.scopes {
			if in.kind == rogatoryv1.Kind_KIND_CONSENT_DECISION &&
				s.decision != rogatoryv1.Choice_CHOICE_FREE && s.decision != rogatoryv1.Choice_CHOICE_NO {
				return "consents"
			}
			for _, o := range in.scopes[:i] {
				if o.ConsentKey == s.ConsentKey {
					return "consents"
				}
			}
		}
	case rogatoryv1.Kind_KIND_CORRECTION:
		switch in.correction {
		case rogatoryv1.CorrectionKind_CORRECTION_KIND_CORRECT, rogatoryv1.CorrectionKind_CORRECTION_KIND_RESTRICT,
			rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE:
		default:
			return "correction"
		}
	case rogatoryv1.Kind_KIND_JOINT:
		if (in.joint == rogatoryv1.JointAct_JOINT_ACT_PROPOSE || in.joint == rogatoryv1.JointAct_JOINT_ACT_AMEND) && len(in.parties) == 0 {
			return "parties"
		}
	}
	opener := opens(in.kind, in.joint)
	if opener != "" && in.of != (Name{}) && opener != KindJoint {
		return "of"
	}
	if opener == "" && in.of == (Name{}) && in.kind != rogatoryv1.Kind_KIND_JOINT {
		return "of"
	}
	return ""
}

// Opens reports whether a message with this docket opens a case.
func Opens(d *rogatoryv1.Docket) bool { return opens(d.GetKind(), d.GetJoint()) != "" }

// opens returns the kind of case that such a message opens, or "".
func opens(kind rogatoryv1.Kind, joint rogatoryv1.JointAct) CaseKind {
	switch kind {
	case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST:
		return KindRequest
	case rogatoryv1.Kind_KIND_SPONTANEOUS:
		return KindSpontaneous
	case rogatoryv1.Kind_KIND_JOINT:
		if joint == rogatoryv1.JointAct_JOINT_ACT_PROPOSE {
			return KindJoint
		}
	}
	return ""
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
