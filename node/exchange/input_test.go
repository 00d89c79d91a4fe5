package exchange_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestMalformedEventIsNamedByItsField(t *testing.T) {
	p, q := begun(t)
	name := q[:]
	type change struct {
		title string
		code  exchange.Code
		field string
		to    func(e *exchange.Event, d *rogatoryv1.Docket)
	}
	for _, c := range []change{
		{"no docket", exchange.CodeDocketMissing, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.Docket = nil }},
		{"unknown event", exchange.CodeUnknownEvent, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.Kind = "teleport" }},
		{"time before 1970", exchange.CodeTime, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.At = -1 }},
		{"time beyond the log", exchange.CodeTime, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.Sent = exchange.MaxTime + 1 }},
		{"nameless message", exchange.CodeUnknownMessage, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.Msg = exchange.Name{} }},
		{"governance", exchange.CodeDocketKind, "kind", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_GOVERNANCE }},
		{"kind of the future", exchange.CodeDocketKind, "kind", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = 99 }},
		{"no token", exchange.CodeDocketField, "case_token", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.CaseToken = "" }},
		{"long token", exchange.CodeDocketField, "case_token", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.CaseToken = strings.Repeat("x", 65) }},
		{"token with a space", exchange.CodeDocketField, "case_token", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.CaseToken = "RS 1" }},
		{"another case", exchange.CodeOtherCase, "", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.CaseToken = "RS-2026-000009" }},
		{"another sender", exchange.CodeOtherPeer, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.From = "HU" }},
		{"another recipient", exchange.CodeOtherPeer, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.To = "HU" }},
		{"to oneself", exchange.CodeOtherPeer, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.From = e.To }},
		{"unit", exchange.CodeDocketField, "from_unit", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.FromUnit = strings.Repeat("x", 33) }},
		{"unit", exchange.CodeDocketField, "to_unit", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.ToUnit = "a\x00" }},
		{"actor", exchange.CodeDocketField, "actor", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Actor = strings.Repeat("x", 65) }},
		{"half a name", exchange.CodeDocketField, "of", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Of = name[:16] }},
		{"follows nothing", exchange.CodeDocketField, "of", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Of = nil }},
		{"a request that follows", exchange.CodeDocketField, "of", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_REQUEST }},
		{"final without outcome", exchange.CodeDocketField, "outcome", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Outcome = 0 }},
		{"refused without ground", exchange.CodeDocketField, "refusals", func(_ *exchange.Event, d *rogatoryv1.Docket) {
			d.Outcome, d.Refusals = rogatoryv1.Outcome_OUTCOME_REFUSED, nil
		}},
		{"ground not stated", exchange.CodeDocketField, "refusals", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Refusals = []*rogatoryv1.Refusal{{}} }},
		{"many refusals", exchange.CodeDocketField, "refusals", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Refusals = make([]*rogatoryv1.Refusal, 65) }},
		{"delay without reason", exchange.CodeDocketField, "delay", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_DELAY_NOTICE }},
		{"delay without end", exchange.CodeDocketField, "delay_until_ms", func(_ *exchange.Event, d *rogatoryv1.Docket) {
			d.Kind, d.Delay = rogatoryv1.Kind_KIND_DELAY_NOTICE, rogatoryv1.Delay_DELAY_VOLUME
		}},
		{"delay for ever", exchange.CodeDocketField, "delay_until_ms", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.DelayUntilMs = 1 << 60 }},
		{"decision of an objection", exchange.CodeDocketField, "outcome", func(_ *exchange.Event, d *rogatoryv1.Docket) {
			d.Kind, d.Outcome = rogatoryv1.Kind_KIND_OBJECTION_DECISION, rogatoryv1.Outcome_OUTCOME_NO_INFORMATION
		}},
		{"correction of what kind", exchange.CodeDocketField, "correction", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_CORRECTION }},
		{"receipt of what kind", exchange.CodeDocketField, "correction", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_CORRECTION_RECEIPT }},
		{"joint without step", exchange.CodeDocketField, "joint", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_JOINT }},
		{"proposal to nobody", exchange.CodeDocketField, "parties", func(_ *exchange.Event, d *rogatoryv1.Docket) {
			d.Kind, d.Joint = rogatoryv1.Kind_KIND_JOINT, rogatoryv1.JointAct_JOINT_ACT_PROPOSE
		}},
		{"party", exchange.CodeDocketField, "parties", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Parties = []string{"Hungary"} }},
		{"many parties", exchange.CodeDocketField, "parties", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Parties = make([]string, 65) }},
		{"consent to nothing", exchange.CodeDocketField, "consents", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Kind = rogatoryv1.Kind_KIND_CONSENT_REQUEST }},
		{"consent without message", exchange.CodeDocketField, "consents", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Consents = []*rogatoryv1.ConsentScope{{}} }},
		{"consent decided neither way", exchange.CodeDocketField, "consents", func(_ *exchange.Event, d *rogatoryv1.Docket) {
			d.Kind, d.Consents = rogatoryv1.Kind_KIND_CONSENT_DECISION, []*rogatoryv1.ConsentScope{{Msg: name}}
		}},
		{"consent named twice", exchange.CodeDocketField, "consents", func(_ *exchange.Event, d *rogatoryv1.Docket) {
			d.Kind, d.Consents = rogatoryv1.Kind_KIND_CONSENT_REQUEST, []*rogatoryv1.ConsentScope{{Msg: name}, {Msg: name}}
		}},
		{"many consents", exchange.CodeDocketField, "consents", func(_ *exchange.Event, d *rogatoryv1.Docket) { d.Consents = make([]*rogatoryv1.ConsentScope, 257) }},
		{"by nobody", exchange.CodeActorMissing, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.Who = exchange.Officer }},
		{"by a name", exchange.CodeActorMissing, "", func(e *exchange.Event, _ *rogatoryv1.Docket) { e.Who, e.Actor = exchange.Officer, "Ana A." }},
	} {
		d := reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true)
		d.Of = name
		e := exchange.Event{Kind: exchange.EventArrived, Msg: exchange.Name{'r'}, From: "BG", To: "RS", Who: exchange.Peer, Docket: docket(d)}
		c.to(&e, d)
		before := p.sides["RS"].Hash()
		_, _, err := exchange.Apply(*p.sides["RS"], e, p.rules)
		var refused *exchange.TransitionError
		if !errors.As(err, &refused) || refused.Code != c.code || refused.Field != c.field {
			t.Errorf("%s: got %v, want %s %s", c.title, err, c.code, c.field)
		}
		if p.sides["RS"].Hash() != before {
			t.Errorf("%s: the case changed", c.title)
		}
	}
}

func TestMessageArrivesOnce(t *testing.T) {
	p, q := begun(t)
	d := of(rogatoryv1.Kind_KIND_REMINDER)
	d.Of = q[:]
	e := exchange.Event{Kind: exchange.EventArrived, Msg: exchange.Name{'r'}, From: "RS", To: "BG", Who: exchange.Peer, Docket: docket(d)}
	p.must("BG", e)
	wantCode(t, p.try("BG", e), exchange.CodeDuplicate)
}

func TestEarlyMessageThatTurnsOutIllegalHasNoEffect(t *testing.T) {
	p := newPair(t)
	q := p.send("RS", exchange.Name{}, request(rogatoryv1.Urgency_URGENCY_NORMAL))
	// The peer "answers" its own question, and that comes first.
	d := reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true)
	d.Of = q[:]
	p.must("BG", exchange.Event{Kind: exchange.EventArrived, Msg: exchange.Name{'x'}, From: "RS", To: "BG", Who: exchange.Peer, Docket: docket(d)})
	n, changes, err := exchange.Apply(*p.sides["BG"], p.onWay[0], p.rules)
	if err != nil || n.State != exchange.Received || len(n.Waiting) != 0 || len(changes) != 2 || changes[1].Refused != exchange.CodeIllegal {
		t.Fatalf("%v %v %s", err, changes, n.State)
	}
}
