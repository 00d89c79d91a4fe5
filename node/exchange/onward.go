package exchange

import (
	"slices"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// takeConsent moves the consents that a message lists. What one's own side sends must fit every consent it names; of what
// arrives, scopes that have been overtaken are passed over, because the peer could not know.
func (c *Case) takeConsent(in *input) *TransitionError {
	out := in.event == EventSent
	for _, s := range in.scopes {
		carrier := c.message(s.Msg)
		if carrier == nil {
			return c.refuse(in, CodeUnknownMessage)
		}
		// Only who received an item asks; only who sent it decides and withdraws.
		if asks := in.kind == rogatoryv1.Kind_KIND_CONSENT_REQUEST; asks == (carrier.From == in.from) {
			return c.refuse(in, CodeWrongMessage)
		}
		if !c.moveConsent(in, s) && out {
			return c.refuse(in, CodeConsentState)
		}
	}
	if len(c.Consents) > 16*maxScopes {
		return c.refuse(in, CodeTooLarge)
	}
	return nil
}

func (c *Case) moveConsent(in *input, s scope) bool {
	i := slices.IndexFunc(c.Consents, func(x Consent) bool { return x.ConsentKey == s.ConsentKey })
	switch in.kind {
	case rogatoryv1.Kind_KIND_CONSENT_REQUEST:
		asked := Consent{ConsentKey: s.ConsentKey, State: ConsentAsked, Asked: in.msg}
		if i < 0 {
			c.Consents = append(c.Consents, asked)
			return true
		}
		x := &c.Consents[i]
		expired := x.State == ConsentGranted && x.Until != 0 && in.sent > x.Until
		if x.State == ConsentAsked || x.State == ConsentGranted && !expired {
			return false
		}
		asked.Before = ConsentBefore{x.State, x.Asked, x.Decided, x.Until}
		*x = asked
	case rogatoryv1.Kind_KIND_CONSENT_DECISION:
		if i < 0 || c.Consents[i].State != ConsentAsked || c.Consents[i].Asked != in.of {
			return false
		}
		x := &c.Consents[i]
		x.State, x.Decided, x.Until, x.Before = ConsentRefused, in.msg, 0, ConsentBefore{}
		if s.decision == rogatoryv1.Choice_CHOICE_FREE {
			x.State, x.Until = ConsentGranted, s.until
		}
	case rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL:
		if i < 0 || c.Consents[i].State != ConsentGranted || c.Consents[i].Decided != in.of {
			return false
		}
		c.Consents[i].State = ConsentWithdrawn
	}
	return true
}

// undoConsent takes back what a rejected message of ours did.
func (c *Case) undoConsent(m *Message) {
	switch m.Kind {
	case rogatoryv1.Kind_KIND_CONSENT_REQUEST:
		for i := range c.Consents {
			if x := &c.Consents[i]; x.Asked == m.Name && x.State == ConsentAsked {
				*x = Consent{x.ConsentKey, x.Before.State, x.Before.Asked, x.Before.Decided, x.Before.Until, ConsentBefore{}}
			}
		}
		c.Consents = slices.DeleteFunc(c.Consents, func(x Consent) bool { return x.State == "" })
	case rogatoryv1.Kind_KIND_CONSENT_DECISION:
		for i := range c.Consents {
			if x := &c.Consents[i]; x.Decided == m.Name {
				x.State, x.Decided, x.Until = ConsentAsked, Name{}, 0
			}
		}
	case rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL:
		for i := range c.Consents {
			if x := &c.Consents[i]; x.Decided == m.Of && x.State == ConsentWithdrawn {
				x.State = ConsentGranted
			}
		}
	}
}

// takeCorrection moves a correction.
func (c *Case) takeCorrection(in *input) *TransitionError {
	if in.kind == rogatoryv1.Kind_KIND_CORRECTION {
		c.Corrections = append(c.Corrections, Correction{Notice: in.msg, Target: in.of, What: in.correction, State: CorrectionNoticed})
		return nil
	}
	x := c.correction(in.of)
	if x == nil {
		return c.refuse(in, CodeUnknownMessage)
	}
	out, done := in.event == EventSent, in.correction == rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE
	settled := x.State == CorrectionDone || x.State == CorrectionReceipted
	switch {
	case settled && (out || done):
		return c.refuse(in, CodeCorrectionState)
	case settled:
		// A dispute that was given up arrives after the receipt that gave it up.
	case !done && out && x.State == CorrectionDisputed:
		return c.refuse(in, CodeCorrectionState)
	case !done:
		x.State = CorrectionDisputed
	case out:
		x.State = CorrectionDone
	default:
		x.State = CorrectionReceipted
	}
	return nil
}

// correctionReceipted notes that the provider holds our word that it is done.
func (c *Case) correctionReceipted(m *Message) {
	if m.Kind != rogatoryv1.Kind_KIND_CORRECTION_RECEIPT {
		return
	}
	if x := c.correction(m.Of); x != nil && x.State == CorrectionDone && c.doneBy(m) {
		x.State = CorrectionReceipted
	}
}

// doneBy reports whether the receipt m says done: of several receipts to one notice it is the last that was sent.
func (c *Case) doneBy(m *Message) bool {
	for i := len(c.Messages) - 1; i >= 0; i-- {
		if x := &c.Messages[i]; x.Of == m.Of && x.Kind == m.Kind && x.Out && !x.Rejected {
			return x.Name == m.Name
		}
	}
	return false
}

func (c *Case) correction(notice Name) *Correction {
	for i := range c.Corrections {
		if c.Corrections[i].Notice == notice {
			return &c.Corrections[i]
		}
	}
	return nil
}
