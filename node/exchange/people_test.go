package exchange_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func wantCode(t *testing.T, err error, code exchange.Code) {
	t.Helper()
	if !errors.Is(err, &exchange.TransitionError{Code: code}) {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func officer(kind exchange.EventKind, actor string, draft exchange.Name) exchange.Event {
	return exchange.Event{Kind: kind, Who: exchange.Officer, Actor: actor, Draft: draft, From: "RS", To: "BG"}
}

func TestApproverIsNoDrafter(t *testing.T) {
	p, d, d2 := newPair(t), exchange.Name{'d', 1}, exchange.Name{'d', 2}
	draft := func(actor string, name exchange.Name) exchange.Event {
		e := officer(exchange.EventDraft, actor, name)
		e.Docket = docket(request(rogatoryv1.Urgency_URGENCY_NORMAL))
		return e
	}
	send := officer(exchange.EventSent, "ana", d2)
	send.Msg, send.Docket = exchange.Name{'m'}, docket(request(rogatoryv1.Urgency_URGENCY_NORMAL))
	p.must("RS", draft("ana", d))
	wantCode(t, p.try("RS", send), exchange.CodeUnknownDraft)
	p.must("RS", officer(exchange.EventSubmit, "ana", d))
	wantCode(t, p.try("RS", officer(exchange.EventApprove, "ana", d)), exchange.CodeFourEyes)
	agency := officer(exchange.EventApprove, "gate", d)
	agency.Who = exchange.Agency
	wantCode(t, p.try("RS", agency), exchange.CodeNotYours)
	p.must("RS", officer(exchange.EventDecline, "boris", d))
	p.want(exchange.Draft, exchange.None)
	// Boris changes the text himself, and with the text its commitment: he is a drafter from then on.
	p.must("RS", draft("boris", d2))
	p.must("RS", officer(exchange.EventSubmit, "boris", d2))
	for _, drafter := range []string{"ana", "boris"} {
		wantCode(t, p.try("RS", officer(exchange.EventApprove, drafter, d2)), exchange.CodeFourEyes)
	}
	wantCode(t, p.try("RS", send), exchange.CodeNotApproved)
	p.must("RS", officer(exchange.EventApprove, "carl", d2))
	p.want(exchange.Approved, exchange.None)
	// A change voids the approval.
	p.must("RS", draft("ana", d2))
	p.want(exchange.Draft, exchange.None)
	wantCode(t, p.try("RS", send), exchange.CodeNotApproved)
	p.must("RS", officer(exchange.EventSubmit, "ana", d2))
	p.must("RS", officer(exchange.EventApprove, "carl", d2))
	p.must("RS", send)
	m, ok := p.sides["RS"].Message(send.Msg)
	if !ok || m.Approver != "carl" || strings.Join(m.Drafters, " ") != "ana boris" || len(p.sides["RS"].Drafts) != 0 {
		t.Fatalf("%+v", m)
	}
}

func TestReplyNeedsAReleasingApprover(t *testing.T) {
	p, q := begun(t)
	d := reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true)
	d.Of = q[:]
	e := exchange.Event{Kind: exchange.EventSent, Msg: exchange.Name{'r'}, Docket: docket(d), From: "BG", To: "RS", Actor: "vera"}
	for _, who := range []exchange.Who{exchange.Officer, exchange.Agency, exchange.Node} {
		e.Who = who
		wantCode(t, p.try("BG", e), exchange.CodeNotApproved)
	}
	// A refusal by rule discloses nothing: the node sends it alone, a person does not.
	d = reply(rogatoryv1.Outcome_OUTCOME_REFUSED, true)
	d.Of = q[:]
	e.Docket, e.Who = docket(d), exchange.Agency
	wantCode(t, p.try("BG", e), exchange.CodeNotApproved)
	e.Who = exchange.Node
	p.must("BG", e)
	if p.sides["BG"].State != exchange.Refused {
		t.Fatal(p.sides["BG"].State)
	}
}

func TestBreakGlassIsForDangerToLifeAndRatifiedWithinADay(t *testing.T) {
	alone := func(urgency rogatoryv1.Urgency, who exchange.Who) (*pair, error) {
		p := newPair(t)
		d := docket(request(urgency))
		d.BreakGlass = true
		e := exchange.Event{Kind: exchange.EventSent, Msg: exchange.Name{'m'}, Docket: d, From: "RS", To: "BG", Who: who, Actor: "ana"}
		err := p.try("RS", e)
		if err == nil {
			e.Kind, e.Who, e.Actor = exchange.EventArrived, exchange.Peer, ""
			p.onWay = append(p.onWay, e)
		}
		return p, err
	}
	for _, u := range []rogatoryv1.Urgency{0, 1, 2, 4, 5, 99} {
		_, err := alone(u, exchange.Officer)
		wantCode(t, err, exchange.CodeBreakGlassUrgency)
	}
	_, err := alone(rogatoryv1.Urgency_URGENCY_THREAT_LIFE, exchange.Agency)
	wantCode(t, err, exchange.CodeBreakGlassUrgency)

	ratify := func(actor string) exchange.Event {
		return exchange.Event{Kind: exchange.EventRatify, Of: exchange.Name{'m'}, Who: exchange.Officer, Actor: actor}
	}
	const day = 24 * 3_600_000
	for _, after := range []int64{day, day + 1} {
		p, err := alone(rogatoryv1.Urgency_URGENCY_THREAT_LIFE, exchange.Officer)
		if err != nil {
			t.Fatal(err)
		}
		sent := p.now
		p.deliverAll()
		p.want(exchange.Received, exchange.Received)
		wantCode(t, p.try("RS", ratify("ana")), exchange.CodeFourEyes)
		if b := p.sides["RS"].Alone[0]; b.Flagged(sent+day) || !b.Flagged(sent+day+1) || b.By != "ana" {
			t.Fatalf("%+v", b)
		}
		e := ratify("boris")
		e.At = sent + after
		p.must("RS", e)
		if late := p.sides["RS"].Alone[0].Flagged(0); late != (after > day) {
			t.Fatalf("ratified after %d ms: flagged %t", after, late)
		}
		wantCode(t, p.try("RS", ratify("carl")), exchange.CodeNothingToRatify)
	}
}

func TestForgedBreakGlassIsRefusedOnArrival(t *testing.T) {
	d := docket(request(rogatoryv1.Urgency_URGENCY_NORMAL))
	d.BreakGlass = true
	_, _, err := exchange.Apply(exchange.Case{}, exchange.Event{
		Kind: exchange.EventArrived, Msg: exchange.Name{'m'}, Docket: d, From: "RS", To: "BG", Who: exchange.Peer,
	}, rules.Rules{})
	wantCode(t, err, exchange.CodeBreakGlassUrgency)
}

func TestLegalHoldBlocksErasure(t *testing.T) {
	p, q := begun(t)
	p.send("RS", q, of(rogatoryv1.Kind_KIND_WITHDRAWAL))
	p.deliverAll()
	local := func(kind exchange.EventKind, who exchange.Who, actor string) error {
		return p.try("BG", exchange.Event{Kind: kind, Who: who, Actor: actor})
	}
	for _, err := range []error{
		local(exchange.EventClose, exchange.Timer, ""), local(exchange.EventReview, exchange.Timer, ""),
		local(exchange.EventProposeErase, exchange.Officer, "dora"), local(exchange.EventHold, exchange.Officer, "emil"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, local(exchange.EventErase, exchange.Officer, "emil"), exchange.CodeLegalHold)
	if err := local(exchange.EventRelease, exchange.Officer, "emil"); err != nil {
		t.Fatal(err)
	}
	if err := local(exchange.EventErase, exchange.Officer, "emil"); err != nil || p.sides["BG"].State != exchange.Erased {
		t.Fatal(err)
	}
}

func TestErasureNeedsAProposal(t *testing.T) {
	c := exchange.Case{Kind: exchange.KindRequest, Side: exchange.Opening, State: exchange.UnderReview, Aside: exchange.UnderReview}
	_, _, err := exchange.Apply(c, exchange.Event{Kind: exchange.EventErase, Who: exchange.Officer, Actor: "emil"}, rules.Rules{})
	wantCode(t, err, exchange.CodeNotApproved)
}

func TestRefusedTransitionSaysWhoMay(t *testing.T) {
	p, q := begun(t)
	d := of(rogatoryv1.Kind_KIND_CLARIFICATION)
	d.Of = q[:]
	err := p.try("BG", exchange.Event{Kind: exchange.EventSent, Msg: exchange.Name{'c'}, Docket: docket(d), From: "BG", To: "RS", Who: exchange.Timer})
	var refused *exchange.TransitionError
	if !errors.As(err, &refused) || refused.Code != exchange.CodeNotYours || len(refused.May) != 2 {
		t.Fatalf("%v", err)
	}
	if want := "case is in-progress: sent.clarification by timer refused: not-yours; may: officer, agency"; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}

func TestForwardingChangesTheUnitAndAssignmentTheOfficer(t *testing.T) {
	p, _ := begun(t)
	e := exchange.Event{Kind: exchange.EventAssign, Who: exchange.Officer, Actor: "vera", Docket: docket(&rogatoryv1.Docket{Actor: "ivan"})}
	p.must("BG", e)
	if p.sides["BG"].Assignee != "ivan" {
		t.Fatal(p.sides["BG"].Assignee)
	}
	e.Kind, e.Docket = exchange.EventForward, docket(&rogatoryv1.Docket{ToUnit: "fiu"})
	p.must("BG", e)
	if c := p.sides["BG"]; c.OwnUnit != "fiu" || c.Assignee != "" {
		t.Fatalf("%q %q", c.OwnUnit, c.Assignee)
	}
	e.Docket = docket(&rogatoryv1.Docket{})
	wantCode(t, p.try("BG", e), exchange.CodeDocketField)
}
