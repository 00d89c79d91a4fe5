package lint

import (
	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// bodyRules checks what each kind of message must hold.
func (l *linter) bodyRules(c *rogatoryv1.Content) {
	switch b := c.GetBody().(type) {
	case *rogatoryv1.Content_Request:
		l.in("request", func() { l.request(b.Request) })
	case *rogatoryv1.Content_FiuRequest:
		l.in("fiuRequest", func() { l.fiuRequest(b.FiuRequest) })
		l.fiuOnly()
	case *rogatoryv1.Content_Acknowledge:
	case *rogatoryv1.Content_Reply:
		r := b.Reply
		l.in("reply", func() {
			l.answer(r.GetFinal(), r.GetOutcome(), r.GetItems(), r.GetRefusals(), r.GetDelay())
			l.fourEyes(r.GetReleasedBy(), r.GetApprovedBy())
		})
	case *rogatoryv1.Content_FiuReply:
		r := b.FiuReply
		l.in("fiuReply", func() {
			l.answer(r.GetFinal(), r.GetOutcome(), r.GetItems(), r.GetRefusals(), r.GetDelay())
			l.fourEyes(r.GetReleasedBy(), r.GetApprovedBy())
		})
		l.fiuOnly()
	case *rogatoryv1.Content_Clarification:
		l.in("clarification", func() { l.need(len(b.Clarification.GetQuestions()) > 0, "questions") })
	case *rogatoryv1.Content_ClarificationAnswer:
		l.in("clarificationAnswer", func() {
			l.need(len(b.ClarificationAnswer.GetAnswers()) > 0, "answers")
			l.subjects(b.ClarificationAnswer.GetSubjects(), rogatoryv1.Purpose_PURPOSE_UNSPECIFIED)
		})
	case *rogatoryv1.Content_Reminder, *rogatoryv1.Content_Close:
	case *rogatoryv1.Content_DelayNotice:
		l.in("delayNotice", func() { l.need(b.DelayNotice.GetDelay() != nil, "delay") })
	case *rogatoryv1.Content_Withdrawal:
		l.in("withdrawal", func() { l.need(b.Withdrawal.GetReason() != 0, "reason") })
	case *rogatoryv1.Content_Reopening:
		r := b.Reopening
		l.in("reopening", func() {
			l.urgency(r.GetUrgency(), r.GetUrgencyReason())
			l.need(r.GetMissing() != "", "missing")
		})
	case *rogatoryv1.Content_Objection:
		l.in("objection", func() {
			l.need(len(b.Objection.GetItems()) > 0, "items")
			l.need(b.Objection.GetReasons() != "", "reasons")
		})
	case *rogatoryv1.Content_ObjectionDecision:
		l.in("objectionDecision", func() { l.objectionDecision(b.ObjectionDecision) })
	case *rogatoryv1.Content_Feedback:
		l.in("feedback", func() {
			l.need(b.Feedback.GetUsefulness() != 0, "usefulness")
			if len(b.Feedback.GetSeized()) > 0 && b.Feedback.GetSeizedEur() == 0 {
				l.warn(Required, "seizedEur")
			}
		})
	case *rogatoryv1.Content_Spontaneous:
		l.in("spontaneous", func() { l.spontaneous(b.Spontaneous) })
	case *rogatoryv1.Content_SpontaneousAcknowledge:
		l.in("spontaneousAcknowledge", func() {
			if b.SpontaneousAcknowledge.GetUsefulness() == rogatoryv1.Usefulness_USEFULNESS_WRONG_HIT {
				l.err(Contradicts, "usefulness", Param{"field", "content"})
			}
		})
	case *rogatoryv1.Content_ConsentRequest:
		l.in("consentRequest", func() {
			l.need(len(b.ConsentRequest.GetItems()) > 0, "items")
			l.duplicateConsents("items", b.ConsentRequest.GetItems())
			l.need(b.ConsentRequest.GetReason() != "", "reason")
		})
	case *rogatoryv1.Content_ConsentDecision:
		l.in("consentDecision", func() {
			answers := b.ConsentDecision.GetAnswers()
			l.need(len(answers) > 0, "answers")
			items := make([]*rogatoryv1.ConsentItem, len(answers))
			for i, a := range answers {
				items[i] = a.GetItem()
			}
			l.duplicateConsents("answers", items)
		})
	case *rogatoryv1.Content_ConsentWithdrawal:
		l.in("consentWithdrawal", func() {
			l.need(len(b.ConsentWithdrawal.GetItems()) > 0, "items")
			l.duplicateConsents("items", b.ConsentWithdrawal.GetItems())
			l.need(b.ConsentWithdrawal.GetReason() != "", "reason")
		})
	case *rogatoryv1.Content_Correction:
		l.in("correction", func() { l.correction(b.Correction) })
	case *rogatoryv1.Content_CorrectionReceipt:
		l.in("correctionReceipt", func() { l.correctionReceipt(b.CorrectionReceipt) })
	case *rogatoryv1.Content_Joint:
		l.in("joint", func() { l.joint(b.Joint) })
	case *rogatoryv1.Content_Governance:
		l.in("governance", func() {
			l.need(b.Governance.GetKind() != 0, "kind")
			l.need(b.Governance.GetText() != "", "text")
		})
	default:
		l.err(Nothing, "")
	}
}

// provides reports whether the message hands information over, so that codes are mandatory on each piece of it.
func (l *linter) provides() bool {
	switch l.body {
	case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY, rogatoryv1.Kind_KIND_SPONTANEOUS,
		rogatoryv1.Kind_KIND_CORRECTION, rogatoryv1.Kind_KIND_JOINT:
		return true
	}
	return false
}

// codes checks that a piece of information has its handling and its evaluation.
func (l *linter) codes(h *rogatoryv1.Handling, e *rogatoryv1.Evaluation) {
	if h == nil {
		l.err(Handling, "handling")
	}
	if e == nil {
		l.err(Evaluation, "evaluation")
	}
}

func (l *linter) urgency(u rogatoryv1.Urgency, reason string) {
	l.need(u != 0, "urgency")
	if u > rogatoryv1.Urgency_URGENCY_NORMAL && reason == "" {
		l.err(UrgencyReason, "urgencyReason")
	}
	if u == rogatoryv1.Urgency_URGENCY_NORMAL && reason != "" {
		l.warn(Contradicts, "urgencyReason", Param{"field", "urgency"})
	}
	if l.docket.GetBreakGlass() && u != rogatoryv1.Urgency_URGENCY_THREAT_LIFE {
		l.err(BreakGlass, "urgency")
	}
}

// matter checks purpose, facts and offences. Whoever searches for a missing person need not suspect an offence, and an FIU
// may not know the predicate offence yet.
func (l *linter) matter(m *rogatoryv1.Matter, fiu bool) {
	l.in("matter", func() {
		l.need(m.GetPurpose() != 0, "purpose")
		l.need(m.GetFacts() != "", "facts")
		switch {
		case m.GetOffenceUnknown() && !fiu:
			l.err(Offence, "offenceUnknown")
		case m.GetOffenceUnknown() && len(m.GetOffences()) > 0:
			l.err(Contradicts, "offenceUnknown", Param{"field", "offences"})
		case len(m.GetOffences()) == 0 && !m.GetOffenceUnknown() && m.GetPurpose() != rogatoryv1.Purpose_PURPOSE_MISSING_PERSON:
			l.err(Offence, "offences")
		}
		if m.GetMaximumPenaltyYears() == 1 {
			l.warn(PenaltyLow, "maximumPenaltyYears")
		}
	})
}

func (l *linter) request(r *rogatoryv1.RequestForInformation) {
	l.urgency(r.GetUrgency(), r.GetUrgencyReason())
	l.matter(r.GetMatter(), false)
	l.need(len(r.GetWants()) > 0, "wants")
	l.need(r.GetWanted() != "", "wanted")
	l.need(r.GetReasonsToBelieve() != "", "reasonsToBelieve")
	l.need(r.GetNecessity() != "", "necessity")
	l.need(len(r.GetSubjects()) > 0, "subjects")
	l.need(len(r.GetReplyLanguages()) > 0, "replyLanguages")
	if r.GetHandling() == nil {
		l.err(Handling, "handling")
	}
	if a := l.docket.GetRegime(); isFIURegime(a) {
		l.err(RegimeAuthority, "", Param{"regime", a.String()})
	}
	l.subjects(r.GetSubjects(), r.GetMatter().GetPurpose())
	l.quotedBySubjects(r.GetSubjects(), r.GetHandling())
}

func (l *linter) fiuRequest(r *rogatoryv1.FiuRequest) {
	l.urgency(r.GetUrgency(), r.GetUrgencyReason())
	l.matter(r.GetMatter(), true)
	l.need(r.GetSuspicion() != "", "suspicion")
	l.need(len(r.GetWants()) > 0, "wants")
	l.need(r.GetWanted() != "", "wanted")
	l.need(r.GetReasonsToBelieve() != "", "reasonsToBelieve")
	l.need(r.GetIntendedUse() != "", "intendedUse")
	l.need(r.GetSubjectAware() != 0, "subjectAware")
	l.need(len(r.GetReplyLanguages()) > 0, "replyLanguages")
	if r.GetHandling() == nil {
		l.err(Handling, "handling")
	}
	if len(r.GetSubjects()) == 0 && len(r.GetPayments()) == 0 && len(r.GetTransactions()) == 0 {
		l.err(Nothing, "subjects")
	}
	for i, s := range r.GetSubjects() {
		if (s.GetEntity().GetPerson() != nil || s.GetEntity().GetOrganisation() != nil) && len(s.FinancialRoles) == 0 {
			l.err(FinancialRole, at("subjects", i)+".financialRoles")
		}
	}
	l.subjects(r.GetSubjects(), r.GetMatter().GetPurpose())
	l.quotedBySubjects(r.GetSubjects(), r.GetHandling())
}

// fiuOnly checks that financial intelligence travels between FIUs under their instruments.
func (l *linter) fiuOnly() {
	if l.docket == nil {
		return
	}
	if a := l.docket.Authority; a != 0 && a != rogatoryv1.Authority_AUTHORITY_FIU {
		l.err(RegimeAuthority, "sender.authority", Param{"regime", l.docket.Regime.String()})
	}
	if r := l.docket.Regime; r != 0 && !isFIURegime(r) {
		l.err(RegimeAuthority, "", Param{"regime", r.String()})
	}
}

func isFIURegime(r rogatoryv1.Regime) bool {
	return r == rogatoryv1.Regime_REGIME_FIU_AMLD6 || r == rogatoryv1.Regime_REGIME_EGMONT
}

// subject checks one subject of a request or a joint case.
func (l *linter) subject(s *rogatoryv1.Subject) {
	l.need(s.Entity != nil, "entity")
	l.duplicateRefs("quotes", s.Quotes)
	p := s.GetEntity().GetPerson()
	if p == nil {
		return
	}
	if s.PurposeLink == "" {
		l.err(PurposeLink, "purposeLink")
	}
	role := Param{"role", p.Role.String()}
	switch p.Role {
	case rogatoryv1.Role_ROLE_UNKNOWN:
		l.err(RoleInQuery, "entity.person.role", role)
	case rogatoryv1.Role_ROLE_VICTIM, rogatoryv1.Role_ROLE_SMUGGLED_MIGRANT:
		if s.Target {
			l.err(ProtectedTarget, "target", role)
		}
	case rogatoryv1.Role_ROLE_WITNESS, rogatoryv1.Role_ROLE_CONTACT, rogatoryv1.Role_ROLE_ASSOCIATE, rogatoryv1.Role_ROLE_INFORMANT:
		if s.Target && s.TargetReason == "" {
			l.err(TargetReason, "targetReason", role)
		}
	}
}

// subjects checks the subjects together: a request whose only persons are victims or smuggled migrants targets them, whatever
// it says.
func (l *linter) subjects(subjects []*rogatoryv1.Subject, purpose rogatoryv1.Purpose) {
	protected := 0
	for _, s := range subjects {
		if s.GetEntity().GetPerson() == nil {
			if s.GetEntity() != nil {
				return // there is something else to ask about
			}
			continue
		}
		switch s.GetEntity().GetPerson().Role {
		case rogatoryv1.Role_ROLE_VICTIM, rogatoryv1.Role_ROLE_SMUGGLED_MIGRANT:
			protected++
		default:
			return
		}
	}
	if protected == 0 || purpose == rogatoryv1.Purpose_PURPOSE_MISSING_PERSON {
		return
	}
	for i, s := range subjects {
		if p := s.GetEntity().GetPerson(); p != nil && !s.Target && s.TargetReason == "" {
			l.err(ProtectedTarget, at("subjects", i), Param{"role", p.Role.String()})
		}
	}
}

// answer checks that items, refusals and delay fit the outcome.
func (l *linter) answer(final bool, o rogatoryv1.Outcome, items []*rogatoryv1.Item, refusals []*rogatoryv1.RefusedItem, delay *rogatoryv1.Postponement) {
	outcome := Param{"outcome", o.String()}
	wantItems, wantRefusals := false, false
	switch o {
	case rogatoryv1.Outcome_OUTCOME_UNSPECIFIED:
		l.err(Required, "outcome")
		return
	case rogatoryv1.Outcome_OUTCOME_PROVIDED, rogatoryv1.Outcome_OUTCOME_PARTIAL:
		wantItems = true
	case rogatoryv1.Outcome_OUTCOME_REFUSED:
		wantRefusals = true
	case rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED:
		wantItems, wantRefusals = true, true
	}
	if (len(items) > 0) != wantItems {
		l.err(Outcome, "items", outcome)
	}
	if (len(refusals) > 0) != wantRefusals {
		l.err(Outcome, "refusals", outcome)
	}
	if final && delay != nil {
		l.err(Contradicts, "delay", Param{"field", "final"})
	}
	l.refusals(refusals)
	for i, r := range refusals {
		for _, it := range items {
			if r.Item != 0 && it.Want == r.Item {
				l.warn(Contradicts, at("refusals", i)+".item", Param{"field", "items"})
				break
			}
		}
	}
}

func (l *linter) refusals(refusals []*rogatoryv1.RefusedItem) {
	seen := make(map[rogatoryv1.Want]bool)
	for i, r := range refusals {
		if seen[r.Item] {
			l.err(Duplicate, at("refusals", i)+".item")
		}
		seen[r.Item] = true
	}
}

// ground checks that a ground of refusal exists under this kind of reply: FIUs refuse only what is against fundamental
// principles of their law.
func (l *linter) ground(g rogatoryv1.Ground) {
	fundamental := g == rogatoryv1.Ground_GROUND_FUNDAMENTAL_PRINCIPLES
	fiu := l.body == rogatoryv1.Kind_KIND_FIU_REPLY ||
		l.body == rogatoryv1.Kind_KIND_OBJECTION_DECISION && l.docket.GetAuthority() == rogatoryv1.Authority_AUTHORITY_FIU
	if g != 0 && fundamental != fiu {
		l.err(Ground, "ground", Param{"ground", g.String()})
	}
}

func (l *linter) fourEyes(released, approved string) {
	if released != "" && released == approved {
		l.err(FourEyes, "approvedBy")
	}
}

// item checks one piece of information: something in it, where it comes from, and its codes.
func (l *linter) item(i *rogatoryv1.Item) {
	if i.Text == "" && i.Entity == nil && i.Transaction == nil && len(i.Attachments) == 0 {
		l.err(Nothing, "")
	}
	l.codes(i.Handling, i.Evaluation)
	l.need(i.Nature != 0, "nature")
	if !i.Handling.GetDoNotNameSource() {
		l.need(i.SourceAuthority != "", "sourceAuthority")
	}
	if i.AsOf == "" && i.Transaction == nil {
		l.warn(Required, "asOf")
	}
	for j, n := range i.Attachments {
		if int64(n) >= int64(l.listed+l.ctx.Files) {
			l.err(AttachmentNumber, at("attachments", j))
		}
	}
	l.duplicateRefs("quotes", i.Quotes)
	l.quoted(i.Quotes, "", i.Handling, i.Evaluation)
}

func (l *linter) spontaneous(s *rogatoryv1.SpontaneousInformation) {
	l.urgency(s.GetUrgency(), s.GetUrgencyReason())
	l.matter(s.GetMatter(), l.docket.GetAuthority() == rogatoryv1.Authority_AUTHORITY_FIU)
	l.need(s.GetRelevance() != "", "relevance")
	l.need(len(s.GetItems()) > 0, "items")
}

func (l *linter) objectionDecision(d *rogatoryv1.ObjectionDecision) {
	l.need(d.GetReasons() != "", "reasons")
	stand := false
	switch d.GetOutcome() {
	case rogatoryv1.Outcome_OUTCOME_UNSPECIFIED:
		l.err(Required, "outcome")
		return
	case rogatoryv1.Outcome_OUTCOME_REFUSED, rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED:
		stand = true
	case rogatoryv1.Outcome_OUTCOME_PROVIDED:
	default:
		l.err(Outcome, "outcome", Param{"outcome", d.GetOutcome().String()})
		return
	}
	if (len(d.GetRefusals()) > 0) != stand {
		l.err(Outcome, "refusals", Param{"outcome", d.GetOutcome().String()})
	}
	l.refusals(d.GetRefusals())
}

// duplicateConsents notes an item that is named twice for the same recipient and purpose.
func (l *linter) duplicateConsents(field string, items []*rogatoryv1.ConsentItem) {
	type scope struct {
		ItemKey
		recipient string
		purpose   rogatoryv1.Purpose
	}
	seen := make(map[scope]bool)
	for i, c := range items[:min(len(items), maxList)] {
		k, ok := itemKey(c.GetRef())
		s := scope{k, c.GetRecipient(), c.GetPurpose()}
		if ok && seen[s] {
			l.err(Duplicate, at(field, i))
		}
		seen[s] = true
	}
}

func (l *linter) consentAnswer(a *rogatoryv1.ConsentAnswer) {
	l.need(a.Item != nil, "item")
	switch a.Decision {
	case rogatoryv1.Choice_CHOICE_FREE:
	case rogatoryv1.Choice_CHOICE_NO:
		if a.Until != "" {
			l.err(Contradicts, "until", Param{"field", "decision"})
		}
		if len(a.Conditions) > 0 {
			l.err(Contradicts, "conditions", Param{"field", "decision"})
		}
	default:
		l.err(Required, "decision")
	}
}

func (l *linter) correction(n *rogatoryv1.CorrectionNotice) {
	l.need(len(n.GetItems()) > 0, "items")
	l.need(n.GetReason() != "", "reason")
	l.duplicateRefs("items", n.GetItems())
	switch n.GetKind() {
	case rogatoryv1.CorrectionKind_CORRECTION_KIND_CORRECT:
		if len(n.GetCorrected()) != len(n.GetItems()) {
			l.err(Contradicts, "corrected", Param{"field", "items"})
		}
	case rogatoryv1.CorrectionKind_CORRECTION_KIND_RESTRICT, rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE:
		if len(n.GetCorrected()) > 0 {
			l.err(Contradicts, "corrected", Param{"field", "kind"})
		}
	default:
		l.err(Required, "kind")
	}
}

func (l *linter) correctionReceipt(r *rogatoryv1.CorrectionReceipt) {
	l.need(len(r.GetItems()) > 0, "items")
	l.duplicateRefs("items", r.GetItems())
	switch r.GetKind() {
	case rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE:
		l.need(r.GetDone() != "", "done")
	case rogatoryv1.CorrectionKind_CORRECTION_KIND_DISPUTED:
		l.need(r.GetExplanation() != "", "explanation")
	default:
		l.err(Required, "kind")
	}
}

func (l *linter) joint(j *rogatoryv1.JointCase) {
	switch s := j.GetStep().(type) {
	case *rogatoryv1.JointCase_Propose:
		l.in("propose", func() { l.proposal(s.Propose) })
	case *rogatoryv1.JointCase_Amend:
		l.in("amend", func() { l.proposal(s.Amend) })
	case *rogatoryv1.JointCase_Join:
		l.in("join", func() { l.need(s.Join.GetLeader() != nil, "leader") })
	case *rogatoryv1.JointCase_Decline:
		l.in("decline", func() { l.need(s.Decline.GetReason() != "", "reason") })
	case *rogatoryv1.JointCase_Leave:
		l.in("leave", func() { l.need(s.Leave.GetReason() != "", "reason") })
	case *rogatoryv1.JointCase_Grant:
		l.in("grant", func() {
			l.need(s.Grant.GetUnit() != "", "unit")
			l.need(s.Grant.GetRight() != 0, "right")
		})
	case *rogatoryv1.JointCase_AddEvidence:
		l.in("addEvidence", func() {
			l.need(len(s.AddEvidence.GetItems()) > 0, "items")
			l.need(s.AddEvidence.GetProvenance() != "", "provenance")
		})
	case *rogatoryv1.JointCase_ReadEvidence:
		l.in("readEvidence", func() {
			l.need(len(s.ReadEvidence.GetItems()) > 0, "items")
			l.need(s.ReadEvidence.GetJustification() != "", "justification")
		})
	case *rogatoryv1.JointCase_Decide:
		l.in("decide", func() {
			l.need(s.Decide.GetText() != "", "text")
			l.need(len(s.Decide.GetAgreed()) > 0, "agreed")
		})
	case *rogatoryv1.JointCase_Close:
		l.in("close", func() { l.need(s.Close.GetText() != "", "text") })
	case *rogatoryv1.JointCase_Evaluate:
		l.in("evaluate", func() { l.need(s.Evaluate.GetText() != "", "text") })
	default:
		l.err(Nothing, "")
	}
}

// proposal checks an agreement: at least two countries, a leader in each, a term and rules of evidence.
func (l *linter) proposal(p *rogatoryv1.JointProposal) {
	l.matter(p.GetMatter(), false)
	l.need(p.GetPeriod().GetUntil() != "", "period.until")
	l.need(p.GetEvidenceRules() != "", "evidenceRules")
	if p.GetHandling() == nil {
		l.err(Handling, "handling")
	}
	leaders := make(map[string]bool)
	for _, u := range p.GetLeaders() {
		if ident.UnitAddress(u.GetUnit()) == ident.FaultNone {
			leaders[u.GetUnit()[:2]] = true
		}
	}
	countries := make(map[string]bool)
	for i, u := range p.GetParties() {
		if ident.UnitAddress(u) != ident.FaultNone {
			continue
		}
		if !leaders[u[:2]] && !countries[u[:2]] {
			l.err(Required, "leaders", Param{"country", u[:2]})
		}
		countries[u[:2]] = true
		if i == maxList {
			break
		}
	}
	if len(countries) < 2 {
		l.err(Required, "parties")
	}
	l.subjects(p.GetSubjects(), p.GetMatter().GetPurpose())
	l.quotedBySubjects(p.GetSubjects(), p.GetHandling())
}
