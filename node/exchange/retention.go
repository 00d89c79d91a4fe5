package exchange

import (
	"slices"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Erasure is that of one message of a case: proposed by one person, done by another.
type Erasure struct {
	// Msg is the message whose content goes.
	Msg Name
	// ProposedBy is the pseudonym of who proposed it; empty where the provider's notice did, or where the whole case was erased.
	ProposedBy string
	// Done: its key is destroyed.
	Done bool
}

// Erased reports whether the content of a message was erased, by itself or with its whole case.
func (c Case) Erased(msg Name) bool {
	return slices.ContainsFunc(c.Erasures, func(e Erasure) bool { return e.Msg == msg && e.Done })
}

// EraseProposed returns who proposed to erase a message that is still there, and whether somebody did.
func (c Case) EraseProposed(msg Name) (by string, ok bool) {
	for _, e := range c.Erasures {
		if e.Msg == msg && !e.Done {
			return e.ProposedBy, true
		}
	}
	return "", false
}

// EraseAsked returns the notice by which the provider of a message asks to erase it, while nobody has done so.
func (c Case) EraseAsked(msg Name) (notice Name, ok bool) {
	m := c.message(msg)
	if m == nil || m.Out || c.Erased(msg) {
		return Name{}, false
	}
	for _, x := range c.Corrections {
		open := x.State == CorrectionNoticed || x.State == CorrectionDisputed
		if x.Target == msg && x.What == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE && open {
			return x.Notice, true
		}
	}
	return Name{}, false
}

// Restricted reports whether the provider of a message has asked to restrict it, and no notice to correct it has come since.
func (c Case) Restricted(msg Name) (on bool) {
	m := c.message(msg)
	if m == nil || m.Out {
		return false
	}
	for _, x := range c.Corrections {
		switch {
		case x.Target != msg:
		case x.What == rogatoryv1.CorrectionKind_CORRECTION_KIND_RESTRICT:
			on = x.State == CorrectionDone || x.State == CorrectionReceipted
		case x.What == rogatoryv1.CorrectionKind_CORRECTION_KIND_CORRECT:
			on = false
		}
	}
	return on
}

// eraseAll notes that every message of the case was erased: it may be reopened, and they stay so.
func (c *Case) eraseAll() {
	for i := range c.Erasures {
		c.Erasures[i].Done = true
	}
	for i := range c.Messages {
		if m := &c.Messages[i]; !c.Erased(m.Name) {
			c.Erasures = append(c.Erasures, Erasure{Msg: m.Name, Done: true})
		}
	}
}

// eraseItem moves the erasure of one message.
func (c *Case) eraseItem(in *input) *TransitionError {
	if c.message(in.of) == nil {
		return c.refuse(in, CodeUnknownMessage)
	}
	i := slices.IndexFunc(c.Erasures, func(e Erasure) bool { return e.Msg == in.of })
	done := i >= 0 && c.Erasures[i].Done
	switch {
	case done:
		return c.refuse(in, CodeIllegal)
	case in.event == EventKeepItem:
		if i < 0 {
			return c.refuse(in, CodeIllegal)
		}
		c.Erasures = slices.Delete(c.Erasures, i, i+1)
		return nil
	case c.LegalHold:
		return c.refuse(in, CodeLegalHold)
	case in.event == EventProposeEraseItem:
		if i >= 0 {
			return c.refuse(in, CodeIllegal)
		}
		c.Erasures = append(c.Erasures, Erasure{Msg: in.of, ProposedBy: in.actor})
		return nil
	}
	if _, asked := c.EraseAsked(in.of); asked {
		// Two people of the provider have proposed it; one here agrees.
		if i < 0 {
			c.Erasures = append(c.Erasures, Erasure{Msg: in.of, Done: true})
			return nil
		}
		c.Erasures[i].Done = true
		return nil
	}
	switch {
	case i < 0:
		return c.refuse(in, CodeNotApproved)
	case c.Erasures[i].ProposedBy == in.actor:
		return c.refuse(in, CodeFourEyes)
	}
	c.Erasures[i].Done = true
	return nil
}

// DocketYears is how long dockets are kept after their case has ended: five years for financial information, else three (domain rule 8).
func DocketYears(r rogatoryv1.Regime) int {
	switch r {
	case rogatoryv1.Regime_REGIME_FIU_AMLD6, rogatoryv1.Regime_REGIME_EGMONT:
		return 5
	}
	return 3
}

// DocketsUntil returns when the dockets of a case are to be destroyed, in ms; 0 while their term does not run. It begins with the last event of a
// case of which nothing is left that they explain: one that was erased or discarded, or that has ended and whose every message was erased.
// It stands still under legal hold.
func (c Case) DocketsUntil() int64 {
	ended := c.State == Erased || c.State == Discarded
	if slices.Contains([]State{Closed, UnderReview, Kept, Evaluated, Rejected}, c.State) {
		ended = !slices.ContainsFunc(c.Messages, func(m Message) bool { return !c.Erased(m.Name) })
	}
	if !ended || c.LegalHold {
		return 0
	}
	return time.UnixMilli(c.Changed).UTC().AddDate(DocketYears(c.Regime), 0, 0).UnixMilli()
}
