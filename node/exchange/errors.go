package exchange

import (
	"errors"
	"fmt"
	"strings"
)

// When a case is read back.
var (
	// ErrEncoding says that bytes are not the canonical encoding of a case.
	ErrEncoding = errors.New("not a canonical case encoding")
)

// Code is why Apply refused an event. Package codes holds its sentence and its hint in every language.
type Code string

// When the event does not fit the state of the case.
const (
	// CodeIllegal: the table has no such transition from this state.
	CodeIllegal Code = "illegal"
	// CodeNotYours: the transition exists, but for somebody else.
	CodeNotYours Code = "not-yours"
	// CodeDuplicate: the case already holds this message.
	CodeDuplicate Code = "duplicate"
	// CodeUnknownMessage: the event follows a message that the case does not hold.
	CodeUnknownMessage Code = "unknown-message"
	// CodeWrongMessage: the message it follows is of a kind that cannot be followed so.
	CodeWrongMessage Code = "wrong-message"
	// CodeSuperseded: it follows a message of a round that a reopening or objection has ended.
	CodeSuperseded Code = "superseded"
	// CodeLegalHold: the case is under legal hold.
	CodeLegalHold Code = "legal-hold"
	// CodeNothingRefused: an objection needs a refusal.
	CodeNothingRefused Code = "nothing-refused"
	// CodeConsentState: an item in it is not open for this step.
	CodeConsentState Code = "consent-state"
	// CodeCorrectionState: the notice is not open for this step.
	CodeCorrectionState Code = "correction-state"
	// CodeNotParty: the country does not take part in the joint case, or not yet, or no longer.
	CodeNotParty Code = "not-party"
	// CodeNotLeader: only the country that leads the joint case may do this.
	CodeNotLeader Code = "not-leader"
)

// When the wrong person acts.
const (
	// CodeFourEyes: the approver drafted it, or proposed it.
	CodeFourEyes Code = "four-eyes"
	// CodeNotApproved: the rule wants an approval first.
	CodeNotApproved Code = "not-approved"
	// CodeUnknownDraft: no such draft in the case.
	CodeUnknownDraft Code = "unknown-draft"
	// CodeActorMissing: the event names nobody who did it.
	CodeActorMissing Code = "actor-missing"
	// CodeBreakGlassUrgency: one person alone may send only on danger to life, and only an officer.
	CodeBreakGlassUrgency Code = "break-glass-urgency"
	// CodeNothingToRatify: the message was not sent by one officer alone, or is ratified.
	CodeNothingToRatify Code = "nothing-to-ratify"
)

// When the event itself is not usable.
const (
	// CodeUnknownEvent: this version does not know the event.
	CodeUnknownEvent Code = "unknown-event"
	// CodeDocketMissing: the event needs a docket.
	CodeDocketMissing Code = "docket-missing"
	// CodeDocketKind: the docket's kind does not belong into a case.
	CodeDocketKind Code = "docket-kind"
	// CodeDocketField: a field of the docket is missing, malformed or out of range.
	CodeDocketField Code = "docket-field"
	// CodeOtherCase: the docket belongs to another case.
	CodeOtherCase Code = "other-case"
	// CodeOtherPeer: the message is from or to another country than the case.
	CodeOtherPeer Code = "other-peer"
	// CodeTime: a time is negative or beyond 2^53-1.
	CodeTime Code = "time"
	// CodeTooManyWaiting: too many early messages already wait in the case.
	CodeTooManyWaiting Code = "too-many-waiting"
	// CodeTooLarge: the case is full.
	CodeTooLarge Code = "too-large"
)

// Codes lists every Code, for the catalogue's coverage test.
func Codes() []Code {
	return []Code{
		CodeIllegal, CodeNotYours, CodeDuplicate, CodeUnknownMessage, CodeWrongMessage, CodeSuperseded, CodeLegalHold,
		CodeNothingRefused, CodeConsentState, CodeCorrectionState, CodeNotParty, CodeNotLeader, CodeFourEyes, CodeNotApproved,
		CodeUnknownDraft, CodeActorMissing, CodeBreakGlassUrgency, CodeNothingToRatify, CodeUnknownEvent, CodeDocketMissing,
		CodeDocketKind, CodeDocketField, CodeOtherCase, CodeOtherPeer, CodeTime, CodeTooManyWaiting, CodeTooLarge,
	}
}

// TransitionError says why Apply refused an event. It holds codes only: no name, no free text.
type TransitionError struct {
	State State
	// Step is what was tried, one of Steps; empty when the event could not be read so far.
	Step Step
	// Who tried.
	Who Who
	// May lists who may make this step from this state; empty when nobody may.
	May []Who
	// Code says why, and is the key of the hint in package codes.
	Code Code
	// Field names the docket's field with CodeDocketField, in proto spelling.
	Field string
}

func (e *TransitionError) Error() string {
	var b strings.Builder
	state := e.State
	if state == None {
		state = "new"
	}
	fmt.Fprintf(&b, "case is %s: %s by %s refused: %s", state, e.Step, e.Who, e.Code)
	if e.Field != "" {
		fmt.Fprintf(&b, " (%s)", e.Field)
	}
	for i, w := range e.May {
		if i == 0 {
			b.WriteString("; may: ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// Is reports whether target is a TransitionError with the same code, so that callers may write
// errors.Is(err, &TransitionError{Code: CodeFourEyes}).
func (e *TransitionError) Is(target error) bool {
	t, ok := target.(*TransitionError)
	return ok && t.Code == e.Code && t.State == "" && t.Step == ""
}

// Params fill the sentence "transition.<code>" of package codes.
func (e *TransitionError) Params() map[string]string {
	may := make([]string, len(e.May))
	for i, w := range e.May {
		may[i] = string(w)
	}
	state := e.State
	if state == None {
		state = "new"
	}
	return map[string]string{
		"state": string(state), "step": string(e.Step), "who": string(e.Who), "field": e.Field, "may": strings.Join(may, ","),
	}
}
