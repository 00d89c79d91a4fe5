package exchange_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// tester is what testing.T and rapid.T have in common here.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// pair is one case as both sides see it, with what is on the way between them. Time passes a minute with each step.
type pair struct {
	t     tester
	now   int64
	count int
	rules rules.Rules
	sides map[string]*exchange.Case
	onWay []exchange.Event
}

func newPair(t tester) *pair {
	return &pair{t: t, now: ms("2026-03-02T10:00:00Z"), sides: map[string]*exchange.Case{"RS": {}, "BG": {}}}
}

func ms(s string) int64 {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return v.UnixMilli()
}

func other(country string) string {
	if country == "RS" {
		return "BG"
	}
	return "RS"
}

func (p *pair) name() exchange.Name {
	p.count++
	return exchange.Name{0: 'm', 30: byte(p.count >> 8), 31: byte(p.count)}
}

// try applies an event on one side.
func (p *pair) try(country string, e exchange.Event) error {
	p.now += 60_000
	if e.At == 0 {
		e.At = p.now
	}
	c, _, err := exchange.Apply(*p.sides[country], e, p.rules)
	if err == nil {
		*p.sides[country] = c
	}
	return err
}

func (p *pair) must(country string, e exchange.Event) {
	p.t.Helper()
	if err := p.try(country, e); err != nil {
		p.t.Fatalf("%s: %s: %v", country, e.Kind, err)
	}
}

// docket fills what every docket of the pair's case has.
func docket(d *rogatoryv1.Docket) *rogatoryv1.Docket {
	d.CaseToken = "RS-2026-000001"
	if d.Kind == rogatoryv1.Kind_KIND_REQUEST && d.Regime == 0 {
		d.Regime = rogatoryv1.Regime_REGIME_EU_2023_977
	}
	return d
}

// trySend drafts, approves and sends; the message is then on its way.
func (p *pair) trySend(country string, of exchange.Name, d *rogatoryv1.Docket) (exchange.Name, error) {
	if of != (exchange.Name{}) {
		d.Of = of[:]
	}
	d = docket(d)
	n := p.name()
	draft := n
	draft[0] = 'd'
	before := *p.sides[country]
	for _, e := range []exchange.Event{
		{Kind: exchange.EventDraft, Docket: d, Actor: "ana", From: country, To: other(country)},
		{Kind: exchange.EventSubmit, Actor: "ana"},
		{Kind: exchange.EventApprove, Actor: "boris"},
		{Kind: exchange.EventSent, Msg: n, Docket: d, Actor: "ana", From: country, To: other(country)},
	} {
		e.Draft, e.Who, e.Sent = draft, exchange.Officer, p.now
		if err := p.try(country, e); err != nil {
			*p.sides[country] = before
			return n, fmt.Errorf("%s: %w", e.Kind, err)
		}
		if e.Kind == exchange.EventSent {
			e.Kind, e.Who, e.Actor, e.Draft = exchange.EventArrived, exchange.Peer, "", exchange.Name{}
			p.onWay = append(p.onWay, e)
		}
	}
	return n, nil
}

func (p *pair) send(country string, of exchange.Name, d *rogatoryv1.Docket) exchange.Name {
	p.t.Helper()
	n, err := p.trySend(country, of, d)
	if err != nil {
		p.t.Fatalf("%s sends %s: %v", country, d.Kind, err)
	}
	return n
}

// deliver takes the ith thing that is on its way to where it goes; a message leaves a receipt on its way back.
func (p *pair) deliver(i int) {
	p.t.Helper()
	e := p.onWay[i]
	p.onWay = append(p.onWay[:i:i], p.onWay[i+1:]...)
	to := e.To
	if e.Kind == exchange.EventArrived {
		e.At = p.now + 60_000
		p.onWay = append(p.onWay, exchange.Event{Kind: exchange.EventReceived, Of: e.Msg, At: e.At, Who: exchange.Peer, To: e.From})
	}
	p.must(to, e)
}

func (p *pair) deliverAll() {
	p.t.Helper()
	for len(p.onWay) > 0 {
		p.deliver(0)
	}
}

func (p *pair) want(rs, bg exchange.State) {
	p.t.Helper()
	if p.sides["RS"].State != rs || p.sides["BG"].State != bg {
		p.t.Fatalf("RS is %q and BG %q, want %q and %q", p.sides["RS"].State, p.sides["BG"].State, rs, bg)
	}
}

func request(urgency rogatoryv1.Urgency) *rogatoryv1.Docket {
	return &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REQUEST, Urgency: urgency}
}

func reply(outcome rogatoryv1.Outcome, final bool) *rogatoryv1.Docket {
	d := &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REPLY, Final: final, Outcome: outcome}
	if outcome == rogatoryv1.Outcome_OUTCOME_REFUSED || outcome == rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED {
		d.Refusals = []*rogatoryv1.Refusal{{Item: rogatoryv1.Want_WANT_BANK, Ground: rogatoryv1.Ground_GROUND_NATIONAL_SECURITY}}
	}
	return d
}

func of(k rogatoryv1.Kind) *rogatoryv1.Docket { return &rogatoryv1.Docket{Kind: k} }

// begun is a pair whose request is in progress.
func begun(t testing.TB) (*pair, exchange.Name) {
	p := newPair(t)
	q := p.send("RS", exchange.Name{}, request(rogatoryv1.Urgency_URGENCY_NORMAL))
	p.deliverAll()
	p.must("BG", exchange.Event{Kind: exchange.EventRegister, Who: exchange.Officer, Actor: "vera"})
	p.send("BG", q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_ACKNOWLEDGE, Access: rogatoryv1.Access_ACCESS_DIRECT})
	p.deliverAll()
	p.want(exchange.InProgress, exchange.InProgress)
	return p, q
}

func TestRequestLivesFromDraftToErasure(t *testing.T) {
	p, q := begun(t)
	p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PARTIAL, false))
	p.deliverAll()
	p.want(exchange.PartAnswered, exchange.PartAnswered)
	f := p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
	p.want(exchange.PartAnswered, exchange.Answered)
	p.deliverAll()
	p.want(exchange.Answered, exchange.Answered)
	r := p.send("RS", f, of(rogatoryv1.Kind_KIND_REOPENING))
	p.deliverAll()
	p.want(exchange.Reopened, exchange.Reopened)
	f2 := p.send("BG", r, reply(rogatoryv1.Outcome_OUTCOME_REFUSED, true))
	p.deliverAll()
	p.want(exchange.Refused, exchange.Refused)
	o := p.send("RS", f2, of(rogatoryv1.Kind_KIND_OBJECTION))
	p.deliverAll()
	p.want(exchange.Disputed, exchange.Disputed)
	d := p.send("BG", o, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_OBJECTION_DECISION, Outcome: rogatoryv1.Outcome_OUTCOME_PROVIDED})
	p.deliverAll()
	p.want(exchange.Reopened, exchange.Reopened)
	f3 := p.send("BG", d, reply(rogatoryv1.Outcome_OUTCOME_NO_INFORMATION, true))
	p.deliverAll()
	p.want(exchange.NoInformation, exchange.NoInformation)
	p.send("RS", f3, of(rogatoryv1.Kind_KIND_CLOSE))
	p.send("RS", f3, of(rogatoryv1.Kind_KIND_FEEDBACK))
	p.deliverAll()
	p.want(exchange.Closed, exchange.Closed)
	for _, e := range []exchange.Event{
		{Kind: exchange.EventReview, Who: exchange.Timer},
		{Kind: exchange.EventKeep, Who: exchange.Officer, Actor: "dora"},
		{Kind: exchange.EventReview, Who: exchange.Timer},
		{Kind: exchange.EventProposeErase, Who: exchange.Officer, Actor: "dora"},
	} {
		p.must("RS", e)
	}
	erase := exchange.Event{Kind: exchange.EventErase, Who: exchange.Officer, Actor: "dora"}
	if err := p.try("RS", erase); !errors.Is(err, &exchange.TransitionError{Code: exchange.CodeFourEyes}) {
		t.Fatalf("erasing one's own proposal: %v", err)
	}
	erase.Actor = "emil"
	p.must("RS", erase)
	p.want(exchange.Erased, exchange.Closed)
}

func TestDeadlineIsEqualOnBothSides(t *testing.T) {
	p, q := begun(t)
	c := p.send("BG", q, of(rogatoryv1.Kind_KIND_CLARIFICATION))
	p.deliverAll()
	p.want(exchange.Clarifying, exchange.Clarifying)
	if p.sides["RS"].Due() != 0 {
		t.Fatal("the clock runs while a clarification is open")
	}
	p.now += (72 * time.Hour).Milliseconds()
	p.send("RS", c, of(rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER))
	p.deliverAll()
	p.want(exchange.InProgress, exchange.InProgress)
	if rs, bg := p.sides["RS"].Due(), p.sides["BG"].Due(); rs != bg || rs != ms("2026-03-12T21:59:59Z")+999 {
		t.Fatalf("due %s and %s", time.UnixMilli(rs).UTC(), time.UnixMilli(bg).UTC())
	}
}

func TestWithdrawalCrossingAFinalReplyEndsAnsweredOnBothSides(t *testing.T) {
	for _, first := range []int{0, 1} {
		p, q := begun(t)
		p.send("RS", q, of(rogatoryv1.Kind_KIND_WITHDRAWAL))
		p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
		p.want(exchange.Withdrawn, exchange.Answered)
		p.deliver(first)
		p.deliverAll()
		p.want(exchange.Answered, exchange.Answered)
		if !p.sides["RS"].Crossed() || !p.sides["BG"].Crossed() {
			t.Fatal("nobody noticed that they crossed")
		}
	}
	p, q := begun(t)
	p.send("RS", q, of(rogatoryv1.Kind_KIND_WITHDRAWAL))
	p.deliverAll()
	p.want(exchange.Withdrawn, exchange.Withdrawn)
	if _, err := p.trySend("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true)); !errors.Is(err, &exchange.TransitionError{Code: exchange.CodeIllegal}) {
		t.Fatalf("a reply to a withdrawn request: %v", err)
	}
}
