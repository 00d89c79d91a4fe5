package exchange

import (
	"slices"

	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// authorise checks that a message of ours was drafted and approved as the rules want, and notes who did so.
func (c *Case) authorise(in *input, r *rules.Rules, m *Message) *TransitionError {
	i := slices.IndexFunc(c.Drafts, func(d DraftRecord) bool { return d.Name == in.draft && in.draft != Name{} })
	approved := false
	if i >= 0 {
		d := c.Drafts[i]
		if d.Kind != in.kind {
			return c.refuse(in, CodeUnknownDraft)
		}
		approved = d.State == Approved
		m.Drafters, m.Approver = d.Drafters, d.Approver
		c.Drafts = slices.Delete(c.Drafts, i, i+1)
	} else if in.draft != (Name{}) {
		return c.refuse(in, CodeUnknownDraft)
	} else if in.actor != "" {
		m.Drafters = []string{in.actor}
	}
	switch {
	case in.breakGlass:
		if in.who != Officer {
			return c.refuse(in, CodeBreakGlassUrgency)
		}
		c.Alone = append(c.Alone, BreakGlass{Msg: in.msg, By: in.actor, At: in.at, RatifyBy: in.at + r.RatifyMs()})
		return nil
	case approved:
		return nil
	case in.who == Node:
		if slices.Contains(nodeAlone, in.kind) || in.final && in.outcome == rogatoryv1.Outcome_OUTCOME_REFUSED {
			return nil
		}
	case r.MayAlone(in.kind, in.joint):
		return nil
	}
	return c.refuse(in, CodeNotApproved)
}

// local makes a step of one's own desk.
func (c *Case) local(in *input, kind CaseKind, side Side) *TransitionError {
	switch in.event {
	case EventDraft, EventSubmit, EventApprove, EventDecline, EventDiscard:
		return c.drafting(in, kind, side)
	case EventRatify:
		i := slices.IndexFunc(c.Alone, func(b BreakGlass) bool { return b.Msg == in.of && b.RatifiedBy == "" })
		if i < 0 {
			return c.refuse(in, CodeNothingToRatify)
		}
		if c.Alone[i].By == in.actor {
			return c.refuse(in, CodeFourEyes)
		}
		if m := c.message(in.of); m != nil && slices.Contains(m.Drafters, in.actor) {
			return c.refuse(in, CodeFourEyes)
		}
		c.Alone[i].RatifiedBy, c.Alone[i].RatifiedAt = in.actor, in.at
	case EventRegister:
		c.Registered = true
	case EventAssign:
		if !rules.Token(in.assignee, rules.MaxActor) {
			return c.docketField(in, "actor")
		}
		c.Assignee = in.assignee
	case EventForward:
		if in.toUnit == "" {
			return c.docketField(in, "to_unit")
		}
		c.OwnUnit, c.Assignee = in.toUnit, ""
	case EventHold:
		c.LegalHold = true
	case EventRelease:
		c.LegalHold = false
	case EventReview, EventKeep:
		c.EraseProposedBy = ""
	case EventProposeErase:
		if c.LegalHold {
			return c.refuse(in, CodeLegalHold)
		}
		c.EraseProposedBy = in.actor
	case EventErase:
		switch {
		case c.LegalHold:
			return c.refuse(in, CodeLegalHold)
		case c.EraseProposedBy == "":
			return c.refuse(in, CodeNotApproved)
		case c.EraseProposedBy == in.actor:
			return c.refuse(in, CodeFourEyes)
		}
		c.EraseProposedBy = ""
		c.eraseAll()
	case EventProposeEraseItem, EventEraseItem, EventKeepItem:
		return c.eraseItem(in)
	}
	return nil
}

func (c *Case) docketField(in *input, field string) *TransitionError {
	err := c.refuse(in, CodeDocketField)
	err.Field = field
	return err
}

// drafting moves one draft. Before the first message a case has one draft, which is the case's state as well.
func (c *Case) drafting(in *input, kind CaseKind, side Side) *TransitionError {
	if in.draft == (Name{}) {
		return c.refuse(in, CodeUnknownDraft)
	}
	first := c.State.opening()
	i := slices.IndexFunc(c.Drafts, func(d DraftRecord) bool { return d.Name == in.draft })
	if in.event == EventDraft {
		if first {
			if opens(in.kind, in.joint) == "" {
				return c.refuse(in, CodeIllegal)
			}
			if i < 0 && len(c.Drafts) > 0 && c.Kind != KindJoint {
				// Changing the text changes its commitment and so its name; who wrote before stays a drafter.
				i = 0
			}
			c.open(in, kind, side)
		}
		if i < 0 {
			if len(c.Drafts) >= maxDrafts {
				return c.refuse(in, CodeTooLarge)
			}
			c.Drafts = append(c.Drafts, DraftRecord{})
			i = len(c.Drafts) - 1
		}
		d := DraftRecord{Name: in.draft, Kind: in.kind, State: Draft, Drafters: slices.Clone(c.Drafts[i].Drafters)}
		if at, ok := slices.BinarySearch(d.Drafters, in.actor); !ok {
			if len(d.Drafters) >= maxDrafters {
				return c.refuse(in, CodeTooLarge)
			}
			d.Drafters = slices.Insert(d.Drafters, at, in.actor)
		}
		c.Drafts[i] = d
		return nil
	}
	if i < 0 {
		return c.refuse(in, CodeUnknownDraft)
	}
	d := &c.Drafts[i]
	switch in.event {
	case EventSubmit:
		if d.State != Draft {
			return c.refuse(in, CodeIllegal)
		}
		d.State = PendingApproval
	case EventApprove:
		if d.State != PendingApproval {
			return c.refuse(in, CodeIllegal)
		}
		if slices.Contains(d.Drafters, in.actor) {
			return c.refuse(in, CodeFourEyes)
		}
		d.State, d.Approver = Approved, in.actor
	case EventDecline:
		if d.State == Draft {
			return c.refuse(in, CodeIllegal)
		}
		d.State, d.Approver = Draft, ""
	case EventDiscard:
		c.Drafts = slices.Delete(c.Drafts, i, i+1)
	}
	return nil
}
