package exchange_test

import (
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// answeredPair is a request with its final reply on both sides.
func answeredPair(t testing.TB) (p *pair, request, reply_ exchange.Name) {
	p, q := begun(t)
	f := p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
	p.deliverAll()
	return p, q, f
}

func TestConsentIsAskedDecidedAndWithdrawnByItem(t *testing.T) {
	p, q, f := answeredPair(t)
	scope := func(item uint32, d rogatoryv1.Choice) *rogatoryv1.ConsentScope {
		return &rogatoryv1.ConsentScope{Msg: f[:], Item: item, Recipient: "HU/police", Purpose: rogatoryv1.Purpose_PURPOSE_PROSECUTION, Decision: d}
	}
	consent := func(k rogatoryv1.Kind, s ...*rogatoryv1.ConsentScope) *rogatoryv1.Docket {
		return &rogatoryv1.Docket{Kind: k, Consents: s}
	}
	key := func(item uint32) exchange.ConsentKey {
		return exchange.ConsentKey{Msg: f, Item: item, Recipient: "HU/police", Purpose: rogatoryv1.Purpose_PURPOSE_PROSECUTION}
	}
	ask := p.send("RS", f, consent(rogatoryv1.Kind_KIND_CONSENT_REQUEST, scope(0, 0), scope(1, 0), scope(2, 0)))
	if _, err := p.trySend("RS", f, consent(rogatoryv1.Kind_KIND_CONSENT_REQUEST, scope(1, 0))); err == nil {
		t.Fatal("asked twice for one item")
	}
	// Nobody asks for consent to what he sent himself, and nobody decides on what he received.
	_, err := p.trySend("RS", q, consent(rogatoryv1.Kind_KIND_CONSENT_REQUEST, scope(0, 0)))
	wantCode(t, err, exchange.CodeWrongMessage)
	p.deliverAll()
	free := scope(0, rogatoryv1.Choice_CHOICE_FREE)
	free.UntilMs = uint64(p.now + 3_600_000)
	decided := p.send("BG", ask, consent(rogatoryv1.Kind_KIND_CONSENT_DECISION, free, scope(1, rogatoryv1.Choice_CHOICE_NO)))
	p.deliverAll()
	for country, c := range p.sides {
		states := []exchange.ConsentState{c.Consents[0].State, c.Consents[1].State, c.Consents[2].State}
		if states[0] != exchange.ConsentGranted || states[1] != exchange.ConsentRefused || states[2] != exchange.ConsentAsked {
			t.Fatalf("%s: %v", country, states)
		}
		until := int64(free.UntilMs)
		if !c.Consented(key(0), until) || c.Consented(key(0), until+1) || c.Consented(key(1), until) || c.Consented(key(2), until) || c.Consented(key(9), until) {
			t.Fatalf("%s: who may use what is wrong", country)
		}
	}
	_, err = p.trySend("BG", decided, consent(rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, scope(1, 0)))
	wantCode(t, err, exchange.CodeConsentState)
	p.send("BG", decided, consent(rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, scope(0, 0)))
	p.deliverAll()
	if diff := p.agree(); diff != "" || p.sides["RS"].Consented(key(0), 0) || p.sides["RS"].State != exchange.Answered {
		t.Fatalf("%s, state %s", diff, p.sides["RS"].State)
	}
	// What was withdrawn may be asked for again; a question that the peer's node refuses leaves all as it was.
	again := p.send("RS", f, consent(rogatoryv1.Kind_KIND_CONSENT_REQUEST, scope(0, 0), scope(1, 0), scope(7, 0)))
	if p.sides["RS"].Consents[0].State != exchange.ConsentAsked {
		t.Fatal("not asked again")
	}
	p.onWay = nil
	p.must("RS", exchange.Event{Kind: exchange.EventRejected, Of: again, Who: exchange.Peer})
	if diff := p.agree(); diff != "" {
		t.Fatal(diff)
	}
	// So does a decision, or the withdrawal of one.
	third := p.send("BG", ask, consent(rogatoryv1.Kind_KIND_CONSENT_DECISION, scope(2, rogatoryv1.Choice_CHOICE_FREE)))
	p.onWay = nil
	p.must("BG", exchange.Event{Kind: exchange.EventRejected, Of: third, Who: exchange.Peer})
	if diff := p.agree(); diff != "" {
		t.Fatal(diff)
	}
	third = p.send("BG", ask, consent(rogatoryv1.Kind_KIND_CONSENT_DECISION, scope(2, rogatoryv1.Choice_CHOICE_FREE)))
	p.deliverAll()
	back := p.send("BG", third, consent(rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, scope(2, 0)))
	p.onWay = nil
	p.must("BG", exchange.Event{Kind: exchange.EventRejected, Of: back, Who: exchange.Peer})
	if diff := p.agree(); diff != "" || !p.sides["RS"].Consented(key(2), 0) {
		t.Fatal(diff)
	}
}

func TestCorrectionIsReceiptedOnBothSides(t *testing.T) {
	for _, disputed := range []bool{false, true} {
		p, _, f := answeredPair(t)
		receipt := func(k rogatoryv1.CorrectionKind) *rogatoryv1.Docket {
			return &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION_RECEIPT, Correction: k}
		}
		notice := &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE}
		_, err := p.trySend("RS", f, notice)
		wantCode(t, err, exchange.CodeWrongMessage)
		n := p.send("BG", f, notice)
		p.deliverAll()
		if disputed {
			p.send("RS", n, receipt(rogatoryv1.CorrectionKind_CORRECTION_KIND_DISPUTED))
		}
		p.send("RS", n, receipt(rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE))
		if s := p.sides["RS"].Corrections[0].State; s != exchange.CorrectionDone {
			t.Fatal(s)
		}
		// The receipt overtakes the dispute.
		p.deliver(len(p.onWay) - 1)
		p.deliverAll()
		for country, c := range p.sides {
			if c.Corrections[0].State != exchange.CorrectionReceipted || c.Corrections[0].Target != f {
				t.Fatalf("%s: %+v", country, c.Corrections)
			}
		}
		_, err = p.trySend("RS", n, receipt(rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE))
		wantCode(t, err, exchange.CodeCorrectionState)
	}
}

func TestMessageThatThePeersNodeRefusesHasNoEffect(t *testing.T) {
	reject := func(p *pair, country string, n exchange.Name) {
		p.onWay = nil
		p.must(country, exchange.Event{Kind: exchange.EventRejected, Of: n, Who: exchange.Peer})
	}
	p := newPair(t)
	q := p.send("RS", exchange.Name{}, request(rogatoryv1.Urgency_URGENCY_NORMAL))
	reject(p, "RS", q)
	p.want(exchange.Rejected, exchange.None)

	p, q = begun(t)
	f := p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
	reject(p, "BG", f)
	p.want(exchange.InProgress, exchange.InProgress)
	f = p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_REFUSED, true))
	p.deliverAll()
	p.want(exchange.Refused, exchange.Refused)
	o := p.send("RS", f, of(rogatoryv1.Kind_KIND_OBJECTION))
	reject(p, "RS", o)
	p.want(exchange.Refused, exchange.Refused)

	p, _, f = answeredPair(t)
	r := p.send("RS", f, of(rogatoryv1.Kind_KIND_REOPENING))
	reject(p, "RS", r)
	p.want(exchange.Answered, exchange.Answered)
	if diff := p.agree(); diff != "" {
		t.Fatal(diff)
	}
}

func TestUndeliveredRequestIsReceivedInTheEnd(t *testing.T) {
	p := newPair(t)
	q := p.send("RS", exchange.Name{}, request(rogatoryv1.Urgency_URGENCY_NORMAL))
	p.must("RS", exchange.Event{Kind: exchange.EventUndelivered, Of: q, Who: exchange.Timer})
	if p.want(exchange.Undelivered, exchange.None); !p.sides["RS"].Undelivered() {
		t.Fatal("not flagged")
	}
	p.deliverAll()
	if p.want(exchange.Received, exchange.Received); p.sides["RS"].Undelivered() {
		t.Fatal("still flagged")
	}
}

func TestSpontaneousInformationIsAcknowledgedAndJudgedOnce(t *testing.T) {
	p := newPair(t)
	n := p.send("RS", exchange.Name{}, of(rogatoryv1.Kind_KIND_SPONTANEOUS))
	p.deliverAll()
	p.want(exchange.Received, exchange.Received)
	ack := func(u rogatoryv1.Usefulness) *rogatoryv1.Docket {
		return &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE, Usefulness: u}
	}
	p.send("BG", n, ack(rogatoryv1.Usefulness_USEFULNESS_UNSPECIFIED))
	p.send("BG", n, ack(rogatoryv1.Usefulness_USEFULNESS_WRONG_HIT))
	_, err := p.trySend("BG", n, ack(rogatoryv1.Usefulness_USEFULNESS_USEFUL))
	wantCode(t, err, exchange.CodeIllegal)
	p.deliver(1)
	p.deliverAll()
	p.want(exchange.NotUseful, exchange.NotUseful)
}

func TestHandlingNeverFalls(t *testing.T) {
	p := newPair(t)
	d := request(rogatoryv1.Urgency_URGENCY_NORMAL)
	d.Handling = rogatoryv1.HandlingCode_HANDLING_CODE_H2
	q := p.send("RS", exchange.Name{}, d)
	r := of(rogatoryv1.Kind_KIND_REMINDER)
	r.Handling = rogatoryv1.HandlingCode_HANDLING_CODE_H0
	p.send("RS", q, r)
	p.deliver(1)
	p.deliverAll()
	for _, c := range p.sides {
		if c.Handling != rogatoryv1.HandlingCode_HANDLING_CODE_H2 {
			t.Fatal(c.Handling)
		}
	}
	h := func(c ...rogatoryv1.HandlingCode) rogatoryv1.HandlingCode { return exchange.Strictest(c...) }
	if h() != 0 || h(1, 4, 2) != 4 || h(1, 77) != 77 || h(4, -3) != -3 {
		t.Fatal("the strictest does not win")
	}
	if !exchange.Weaker(1, 2) || exchange.Weaker(2, 2) || exchange.Weaker(-1, 4) {
		t.Fatal("weaker is wrong")
	}
	if exchange.StrictestChoice(1, 2) != 2 || exchange.StrictestChoice(1, 9) != 3 || exchange.StrictestChoice() != 0 {
		t.Fatal("the strictest choice does not win")
	}
}

func TestOnlyTheDecisionThatGrantedIsWithdrawn(t *testing.T) {
	p, _, f := answeredPair(t)
	consent := func(k rogatoryv1.Kind, d rogatoryv1.Choice) *rogatoryv1.Docket {
		return &rogatoryv1.Docket{Kind: k, Consents: []*rogatoryv1.ConsentScope{{Msg: f[:], Decision: d}}}
	}
	var decisions []exchange.Name
	for _, d := range []rogatoryv1.Choice{rogatoryv1.Choice_CHOICE_NO, rogatoryv1.Choice_CHOICE_FREE} {
		ask := p.send("RS", f, consent(rogatoryv1.Kind_KIND_CONSENT_REQUEST, 0))
		p.deliverAll()
		decisions = append(decisions, p.send("BG", ask, consent(rogatoryv1.Kind_KIND_CONSENT_DECISION, d)))
		p.deliverAll()
	}
	_, err := p.trySend("BG", decisions[0], consent(rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, 0))
	wantCode(t, err, exchange.CodeConsentState)
	p.send("BG", decisions[1], consent(rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, 0))
}

func TestMessageOfAnEarlierRoundIsMoot(t *testing.T) {
	p, q := begun(t)
	p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PARTIAL, false))
	f := p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
	p.deliver(1)
	p.send("RS", f, of(rogatoryv1.Kind_KIND_REOPENING))
	n, changes, err := exchange.Apply(*p.sides["RS"], p.onWay[0], p.rules)
	if err != nil || !changes[0].Moot || n.State != exchange.Reopened {
		t.Fatalf("%v %+v", err, changes)
	}
	// One's own side knows better than to speak of a round that is over.
	_, err = p.trySend("RS", q, of(rogatoryv1.Kind_KIND_WITHDRAWAL))
	wantCode(t, err, exchange.CodeSuperseded)
}
