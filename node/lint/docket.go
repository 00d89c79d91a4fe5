package lint

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint/ident"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Cover is what a docket holds that its content does not say.
type Cover struct {
	// CaseToken is the case's token.
	CaseToken string
	// Of is the name of the message that this one answers or follows, 32 bytes, or empty.
	Of []byte
	// FromUnit and ToUnit are the units' names without their countries.
	FromUnit, ToUnit string
	// Regime is the legal instrument.
	Regime rogatoryv1.Regime
	// Actor is the pseudonym of who acts, and ActorKind what it is.
	Actor     string
	ActorKind rogatoryv1.ActorKind
	// BreakGlass says that one officer sends alone.
	BreakGlass bool
}

// CoverOf returns the cover that a request file states. Its recipients' units, the actor and what the case implies are the
// node's to add.
func CoverOf(f *rogatoryv1.RequestFile) Cover {
	return Cover{
		CaseToken:  f.GetCaseToken(),
		Of:         f.GetOf(),
		FromUnit:   f.GetFromUnit(),
		Regime:     f.GetRegime(),
		BreakGlass: f.GetBreakGlass(),
	}
}

// DocketOf derives the docket of a content: every coded fact in it, and the cover. Equal contents and covers give equal dockets.
// Attachments are counted as the content lists them, so it is called when they are listed. The docket shares slices with c.
// What in c should be a code and is not stays out: a docket holds no free text.
func DocketOf(c *rogatoryv1.Content, cover Cover) *rogatoryv1.Docket {
	kind := KindOf(c)
	d := &rogatoryv1.Docket{
		Method:      MethodOf(kind),
		Kind:        kind,
		Of:          cover.Of,
		CaseToken:   cover.CaseToken,
		FromUnit:    cover.FromUnit,
		ToUnit:      cover.ToUnit,
		Authority:   c.GetSender().GetAuthority(),
		Regime:      cover.Regime,
		Actor:       cover.Actor,
		ActorKind:   cover.ActorKind,
		BreakGlass:  cover.BreakGlass,
		Attachments: uint32(len(c.GetAttachments())),
		Languages:   contentLanguages(c),
	}
	bodyDocket(d, c)
	if c != nil {
		countInto(d, c)
	}
	return d
}

// KindOf says what a content is; KIND_UNSPECIFIED when it has no body.
func KindOf(c *rogatoryv1.Content) rogatoryv1.Kind {
	switch c.GetBody().(type) {
	case *rogatoryv1.Content_Request:
		return rogatoryv1.Kind_KIND_REQUEST
	case *rogatoryv1.Content_FiuRequest:
		return rogatoryv1.Kind_KIND_FIU_REQUEST
	case *rogatoryv1.Content_Acknowledge:
		return rogatoryv1.Kind_KIND_ACKNOWLEDGE
	case *rogatoryv1.Content_Reply:
		return rogatoryv1.Kind_KIND_REPLY
	case *rogatoryv1.Content_FiuReply:
		return rogatoryv1.Kind_KIND_FIU_REPLY
	case *rogatoryv1.Content_Clarification:
		return rogatoryv1.Kind_KIND_CLARIFICATION
	case *rogatoryv1.Content_ClarificationAnswer:
		return rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER
	case *rogatoryv1.Content_Reminder:
		return rogatoryv1.Kind_KIND_REMINDER
	case *rogatoryv1.Content_DelayNotice:
		return rogatoryv1.Kind_KIND_DELAY_NOTICE
	case *rogatoryv1.Content_Withdrawal:
		return rogatoryv1.Kind_KIND_WITHDRAWAL
	case *rogatoryv1.Content_Reopening:
		return rogatoryv1.Kind_KIND_REOPENING
	case *rogatoryv1.Content_Objection:
		return rogatoryv1.Kind_KIND_OBJECTION
	case *rogatoryv1.Content_ObjectionDecision:
		return rogatoryv1.Kind_KIND_OBJECTION_DECISION
	case *rogatoryv1.Content_Feedback:
		return rogatoryv1.Kind_KIND_FEEDBACK
	case *rogatoryv1.Content_Spontaneous:
		return rogatoryv1.Kind_KIND_SPONTANEOUS
	case *rogatoryv1.Content_SpontaneousAcknowledge:
		return rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE
	case *rogatoryv1.Content_ConsentRequest:
		return rogatoryv1.Kind_KIND_CONSENT_REQUEST
	case *rogatoryv1.Content_ConsentDecision:
		return rogatoryv1.Kind_KIND_CONSENT_DECISION
	case *rogatoryv1.Content_ConsentWithdrawal:
		return rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL
	case *rogatoryv1.Content_Correction:
		return rogatoryv1.Kind_KIND_CORRECTION
	case *rogatoryv1.Content_CorrectionReceipt:
		return rogatoryv1.Kind_KIND_CORRECTION_RECEIPT
	case *rogatoryv1.Content_Joint:
		return rogatoryv1.Kind_KIND_JOINT
	case *rogatoryv1.Content_Governance:
		return rogatoryv1.Kind_KIND_GOVERNANCE
	case *rogatoryv1.Content_Close:
		return rogatoryv1.Kind_KIND_CLOSE
	}
	return rogatoryv1.Kind_KIND_UNSPECIFIED
}

// Full names of the durable lane's methods, as rogatory.peer.v1 declares them. They stand here as strings because whoever
// replays dockets does not link services.
const (
	MethodAsk    = "/rogatory.peer.v1.DurableService/Ask"
	MethodAnswer = "/rogatory.peer.v1.DurableService/Answer"
	MethodNotify = "/rogatory.peer.v1.DurableService/Notify"
)

// MethodOf returns the method that carries messages of a kind; empty for none.
func MethodOf(k rogatoryv1.Kind) string {
	switch k {
	case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Kind_KIND_CLARIFICATION,
		rogatoryv1.Kind_KIND_REOPENING, rogatoryv1.Kind_KIND_OBJECTION, rogatoryv1.Kind_KIND_CONSENT_REQUEST:
		return MethodAsk
	case rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY, rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER,
		rogatoryv1.Kind_KIND_OBJECTION_DECISION, rogatoryv1.Kind_KIND_CONSENT_DECISION, rogatoryv1.Kind_KIND_CORRECTION_RECEIPT:
		return MethodAnswer
	case rogatoryv1.Kind_KIND_UNSPECIFIED:
		return ""
	}
	if _, ok := rogatoryv1.Kind_name[int32(k)]; ok {
		return MethodNotify
	}
	return ""
}

// bodyDocket fills what each kind of body says in codes.
func bodyDocket(d *rogatoryv1.Docket, c *rogatoryv1.Content) {
	switch b := c.GetBody().(type) {
	case *rogatoryv1.Content_Request:
		r := b.Request
		matterDocket(d, r.GetMatter())
		d.Urgency, d.Wants, d.Evidence = r.GetUrgency(), r.GetWants(), r.GetEvidence()
		d.FollowsHit = messageName(r.GetFollowsHit().GetMsg())
	case *rogatoryv1.Content_FiuRequest:
		r := b.FiuRequest
		matterDocket(d, r.GetMatter())
		d.Urgency, d.Wants = r.GetUrgency(), r.GetWants()
		d.FollowsHit = messageName(r.GetFollowsHit().GetMsg())
	case *rogatoryv1.Content_Acknowledge:
		d.Access = b.Acknowledge.GetAccess()
	case *rogatoryv1.Content_Reply:
		r := b.Reply
		d.Final, d.Outcome, d.Access = r.GetFinal(), r.GetOutcome(), r.GetAccess()
		d.Refusals = docketRefusals(r.GetRefusals())
		delayDocket(d, r.GetDelay())
	case *rogatoryv1.Content_FiuReply:
		r := b.FiuReply
		d.Final, d.Outcome, d.Access = r.GetFinal(), r.GetOutcome(), r.GetAccess()
		d.Refusals = docketRefusals(r.GetRefusals())
		delayDocket(d, r.GetDelay())
	case *rogatoryv1.Content_DelayNotice:
		delayDocket(d, b.DelayNotice.GetDelay())
	case *rogatoryv1.Content_Reopening:
		d.Urgency, d.Wants = b.Reopening.GetUrgency(), b.Reopening.GetWants()
	case *rogatoryv1.Content_Objection:
		d.Wants = b.Objection.GetItems()
	case *rogatoryv1.Content_ObjectionDecision:
		d.Outcome = b.ObjectionDecision.GetOutcome()
		d.Refusals = docketRefusals(b.ObjectionDecision.GetRefusals())
	case *rogatoryv1.Content_Feedback:
		d.Usefulness = b.Feedback.GetUsefulness()
	case *rogatoryv1.Content_Spontaneous:
		matterDocket(d, b.Spontaneous.GetMatter())
		d.Urgency = b.Spontaneous.GetUrgency()
	case *rogatoryv1.Content_SpontaneousAcknowledge:
		d.Usefulness = b.SpontaneousAcknowledge.GetUsefulness()
	case *rogatoryv1.Content_ConsentRequest:
		consentDocket(d, b.ConsentRequest.GetItems())
	case *rogatoryv1.Content_ConsentDecision:
		for _, a := range b.ConsentDecision.GetAnswers() {
			consentDocket(d, []*rogatoryv1.ConsentItem{a.GetItem()})
			scope := d.Consents[len(d.Consents)-1]
			scope.Decision = a.GetDecision()
			if t, _, moment, ok := ident.Date(a.GetUntil()); ok && moment && t.UnixMilli() > 0 {
				scope.UntilMs = uint64(t.UnixMilli())
			}
		}
	case *rogatoryv1.Content_ConsentWithdrawal:
		consentDocket(d, b.ConsentWithdrawal.GetItems())
	case *rogatoryv1.Content_Correction:
		d.Correction = b.Correction.GetKind()
	case *rogatoryv1.Content_CorrectionReceipt:
		d.Correction = b.CorrectionReceipt.GetKind()
	case *rogatoryv1.Content_Joint:
		jointDocket(d, b.Joint)
	}
}

func matterDocket(d *rogatoryv1.Docket, m *rogatoryv1.Matter) {
	d.Purpose, d.Offences = m.GetPurpose(), m.GetOffences()
	d.MaximumPenaltyYears, d.OrganisedGroup = m.GetMaximumPenaltyYears(), m.GetOrganisedGroup()
}

func docketRefusals(in []*rogatoryv1.RefusedItem) []*rogatoryv1.Refusal {
	var out []*rogatoryv1.Refusal
	for _, r := range in {
		out = append(out, &rogatoryv1.Refusal{Item: r.GetItem(), Ground: r.GetGround()})
	}
	return out
}

func delayDocket(d *rogatoryv1.Docket, p *rogatoryv1.Postponement) {
	d.Delay = p.GetReason()
	if t, _, moment, ok := ident.Date(p.GetUntil()); ok && moment && t.UnixMilli() > 0 {
		d.DelayUntilMs = uint64(t.UnixMilli())
	}
}

func consentDocket(d *rogatoryv1.Docket, items []*rogatoryv1.ConsentItem) {
	for _, i := range items {
		scope := &rogatoryv1.ConsentScope{Msg: messageName(i.GetRef().GetMsg()), Item: i.GetRef().GetItem(), Purpose: i.GetPurpose()}
		if ident.UnitAddress(i.GetRecipient()) == ident.FaultNone {
			scope.Recipient = i.GetRecipient()
		}
		d.Consents = append(d.Consents, scope)
		addParty(d, i.GetRecipient())
	}
}

func jointDocket(d *rogatoryv1.Docket, j *rogatoryv1.JointCase) {
	proposal := func(p *rogatoryv1.JointProposal) {
		matterDocket(d, p.GetMatter())
		for _, u := range p.GetParties() {
			addParty(d, u)
		}
	}
	switch s := j.GetStep().(type) {
	case *rogatoryv1.JointCase_Propose:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_PROPOSE
		proposal(s.Propose)
	case *rogatoryv1.JointCase_Join:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_JOIN
	case *rogatoryv1.JointCase_Decline:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_DECLINE
	case *rogatoryv1.JointCase_Leave:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_LEAVE
	case *rogatoryv1.JointCase_Grant:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_GRANT
		addParty(d, s.Grant.GetUnit())
	case *rogatoryv1.JointCase_AddEvidence:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_ADD_EVIDENCE
	case *rogatoryv1.JointCase_ReadEvidence:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_READ_EVIDENCE
	case *rogatoryv1.JointCase_Decide:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_DECIDE
		for _, u := range s.Decide.GetAgreed() {
			addParty(d, u)
		}
	case *rogatoryv1.JointCase_Amend:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_AMEND
		proposal(s.Amend)
	case *rogatoryv1.JointCase_Close:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_CLOSE
	case *rogatoryv1.JointCase_Evaluate:
		d.Joint = rogatoryv1.JointAct_JOINT_ACT_EVALUATE
	}
}

// messageName returns b if it has the length of a message's name.
func messageName(b []byte) []byte {
	if len(b) != 32 {
		return nil
	}
	return b
}

// addParty adds the country of "CC/unit" once. What is no unit address stays out of the docket, which holds no free text.
func addParty(d *rogatoryv1.Docket, unit string) {
	if ident.UnitAddress(unit) != ident.FaultNone {
		return
	}
	for _, p := range d.Parties {
		if p == unit[:2] {
			return
		}
	}
	d.Parties = append(d.Parties, unit[:2])
}

// contentLanguages returns the record's language and those of the translations, each once.
func contentLanguages(c *rogatoryv1.Content) []string {
	var out []string
	add := func(s string) {
		if !ident.IsLanguage(s) {
			return
		}
		for _, o := range out {
			if o == s {
				return
			}
		}
		out = append(out, s)
	}
	add(c.GetLanguage())
	for _, t := range c.GetTranslations() {
		add(t.GetLanguage())
	}
	return out
}

// countInto counts what a content holds, and takes the persons' roles and the strictest handling from wherever they stand.
func countInto(d *rogatoryv1.Docket, c *rogatoryv1.Content) {
	n := &rogatoryv1.Counts{}
	visit(c.ProtoReflect(), contentPlan, func(m proto.Message) {
		switch m := m.(type) {
		case *rogatoryv1.Person:
			n.Persons++
			d.Roles = append(d.Roles, m.GetRole())
		case *rogatoryv1.Organisation:
			n.Organisations++
		case *rogatoryv1.Item:
			n.Items++
		case *rogatoryv1.Transaction:
			n.Transactions++
		case *rogatoryv1.Account:
			n.Accounts++
		case *rogatoryv1.Handling:
			d.Handling = exchange.Strictest(d.Handling, m.GetCode())
		case *rogatoryv1.Feedback:
			n.Arrests, n.SeizedEur = m.GetArrests(), uint64(m.GetSeizedEur())
		case *rogatoryv1.JointEvaluation:
			n.Arrests, n.SeizedEur = m.GetArrests(), uint64(m.GetSeizedEur())
		}
	})
	if !proto.Equal(n, &rogatoryv1.Counts{}) {
		d.Counts = n
	}
}

// visit calls f for a message and every message in it, in the order of the fields' declaration.
func visit(m protoreflect.Message, p *messagePlan, f func(proto.Message)) {
	f(m.Interface())
	for i := range p.fields {
		fp := &p.fields[i]
		if fp.sub == nil || !m.Has(fp.fd) {
			continue
		}
		if fp.fd.IsList() {
			list := m.Get(fp.fd).List()
			for j := range list.Len() {
				visit(list.Get(j).Message(), fp.sub, f)
			}
			continue
		}
		visit(m.Get(fp.fd).Message(), fp.sub, f)
	}
}

// FollowsFrom reports whether a docket says what follows from its content, no more and no less. A recipient asks this of every message.
func FollowsFrom(d *rogatoryv1.Docket, c *rogatoryv1.Content) bool {
	return proto.Equal(d, derived(d, c))
}

// derived is the docket that follows from a content, under the cover that d has.
func derived(d *rogatoryv1.Docket, c *rogatoryv1.Content) *rogatoryv1.Docket {
	return DocketOf(c, Cover{
		CaseToken: d.CaseToken, Of: d.Of, FromUnit: d.FromUnit, ToUnit: d.ToUnit, Regime: d.Regime,
		Actor: d.Actor, ActorKind: d.ActorKind, BreakGlass: d.BreakGlass,
	})
}

// docketFits checks that a docket says what follows from its content.
func (l *linter) docketFits(c *rogatoryv1.Content) {
	d := l.docket
	if d == nil || c == nil {
		return
	}
	want := derived(d, c).ProtoReflect()
	have := d.ProtoReflect()
	l.path = append(l.path[:0], "docket"...)
	fields := have.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !have.Get(fd).Equal(want.Get(fd)) {
			l.err(DocketDiffers, fd.JSONName())
		}
	}
}
