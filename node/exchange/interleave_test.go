package exchange_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// fork copies a pair, so that another order of the same things can be tried.
func (p *pair) fork() *pair {
	q := *p
	q.sides = map[string]*exchange.Case{}
	for country, c := range p.sides {
		own := *c
		q.sides[country] = &own
	}
	q.onWay = slices.Clone(p.onWay)
	return &q
}

// agree reports in what the two sides differ once everything has arrived, or "".
func (p *pair) agree() string {
	rs, bg := p.sides["RS"], p.sides["BG"]
	switch {
	case rs.Shared() != bg.Shared():
		return fmt.Sprintf("RS is %s, BG %s", rs.Shared(), bg.Shared())
	case rs.Crossed() != bg.Crossed():
		return "only one side noticed a crossing"
	case rs.Outcome() != bg.Outcome():
		return "outcomes differ"
	case rs.Round != bg.Round:
		return "rounds differ"
	case rs.Clock.Start != bg.Clock.Start || !slices.Equal(rs.Clock.Suspended, bg.Clock.Suspended) || !slices.Equal(rs.Clock.Terms, bg.Clock.Terms):
		return fmt.Sprintf("clocks differ: %+v and %+v", rs.Clock, bg.Clock)
	case !sameConsents(rs.Consents, bg.Consents):
		return fmt.Sprintf("consents differ: %v and %v", rs.Consents, bg.Consents)
	case len(rs.Corrections) != len(bg.Corrections):
		return "corrections differ in number"
	case len(rs.Waiting)+len(bg.Waiting) > 0:
		return "a message still waits"
	case rs.Handling != bg.Handling:
		return "handling differs"
	}
	for _, x := range rs.Corrections {
		if !slices.Contains(bg.Corrections, x) {
			return fmt.Sprintf("corrections differ: %v and %v", rs.Corrections, bg.Corrections)
		}
	}
	return ""
}

func sameConsents(a, b []exchange.Consent) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x exchange.Consent) bool { return !slices.Contains(b, x) })
}

// plan is what one side wants to do, in its order; an act is left out when it is not possible any more.
type plan []func(p *pair) error

func act(country string, follow *exchange.Name, d func() *rogatoryv1.Docket, sent *exchange.Name) func(*pair) error {
	return func(p *pair) error {
		d := d()
		d.Of = follow[:]
		n := p.name()
		if sent != nil {
			n = *sent
		}
		e := exchange.Event{Kind: exchange.EventSent, Msg: n, Docket: docket(d), Actor: "ana", Who: exchange.Officer, From: country, To: other(country)}
		p.now += 60_000
		e.At, e.Sent = p.now, p.now
		c, _, err := exchange.Apply(*p.sides[country], e, p.rules)
		if err != nil {
			return err
		}
		*p.sides[country] = c
		e.Kind, e.Who, e.Actor = exchange.EventArrived, exchange.Peer, ""
		p.onWay = append(p.onWay, e)
		return nil
	}
}

// TestEveryInterleavingEndsEqualOnBothSides plays short plans of both sides in every order of acts and arrivals that there is.
func TestEveryInterleavingEndsEqualOnBothSides(t *testing.T) {
	start, q := begun(t)
	start.rules = alone()
	name := func(i byte) *exchange.Name { return &exchange.Name{0: 'p', 1: i} }
	kind := func(k rogatoryv1.Kind) func() *rogatoryv1.Docket { return func() *rogatoryv1.Docket { return of(k) } }
	final := func(o rogatoryv1.Outcome) func() *rogatoryv1.Docket {
		return func() *rogatoryv1.Docket { return reply(o, true) }
	}
	partial := func() *rogatoryv1.Docket { return reply(rogatoryv1.Outcome_OUTCOME_PARTIAL, false) }
	judicial := func() *rogatoryv1.Docket { return variants("delay.judicial")[0] }
	for title, plans := range map[string][2]plan{
		"a withdrawal and a final reply": {
			{act("RS", &q, kind(rogatoryv1.Kind_KIND_WITHDRAWAL), name(1)), act("RS", &q, kind(rogatoryv1.Kind_KIND_CLOSE), nil)},
			{act("BG", &q, partial, nil), act("BG", &q, final(rogatoryv1.Outcome_OUTCOME_PROVIDED), nil)},
		},
		"a withdrawal and a clarification": {
			{act("RS", name(3), kind(rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER), nil), act("RS", &q, kind(rogatoryv1.Kind_KIND_WITHDRAWAL), nil)},
			{act("BG", &q, kind(rogatoryv1.Kind_KIND_CLARIFICATION), name(3)), act("BG", &q, final(rogatoryv1.Outcome_OUTCOME_NO_INFORMATION), nil)},
		},
		"a reopening while a late withdrawal is on its way": {
			{
				act("RS", &q, kind(rogatoryv1.Kind_KIND_WITHDRAWAL), nil), act("RS", name(5), kind(rogatoryv1.Kind_KIND_REOPENING), name(6)),
				act("RS", name(6), kind(rogatoryv1.Kind_KIND_WITHDRAWAL), nil),
			},
			{act("BG", &q, final(rogatoryv1.Outcome_OUTCOME_PROVIDED), name(5)), act("BG", name(6), final(rogatoryv1.Outcome_OUTCOME_REFUSED), nil)},
		},
		"a judge's authorisation awaited and given": {
			{act("RS", &q, kind(rogatoryv1.Kind_KIND_REMINDER), nil), act("RS", &q, kind(rogatoryv1.Kind_KIND_WITHDRAWAL), nil)},
			{act("BG", &q, judicial, name(7)), act("BG", name(7), kind(rogatoryv1.Kind_KIND_ACKNOWLEDGE), nil), act("BG", &q, partial, nil)},
		},
		"an objection upheld, answered again": {
			{act("RS", name(8), kind(rogatoryv1.Kind_KIND_OBJECTION), name(9)), act("RS", name(10), kind(rogatoryv1.Kind_KIND_REMINDER), nil)},
			{
				act("BG", &q, final(rogatoryv1.Outcome_OUTCOME_REFUSED), name(8)),
				act("BG", name(9), func() *rogatoryv1.Docket { return variants("objection-decision.upheld")[0] }, name(10)),
				act("BG", name(10), final(rogatoryv1.Outcome_OUTCOME_PROVIDED), nil),
			},
		},
	} {
		t.Run(title, func(t *testing.T) {
			ends := 0
			var walk func(p *pair, rs, bg plan)
			walk = func(p *pair, rs, bg plan) {
				done := true
				for _, side := range []struct {
					mine plan
					next func(p *pair)
				}{{rs, func(p *pair) { walk(p, rs[1:], bg) }}, {bg, func(p *pair) { walk(p, rs, bg[1:]) }}} {
					if len(side.mine) == 0 {
						continue
					}
					f := p.fork()
					if side.mine[0](f) == nil {
						done = false
						side.next(f)
					}
				}
				for i, e := range p.onWay {
					// Receipts go back at once here; the random test delays them too.
					f := p.fork()
					f.t = t
					f.deliver(i)
					if e.Kind == exchange.EventArrived {
						f.deliver(len(f.onWay) - 1)
					}
					done = false
					walk(f, rs, bg)
				}
				if done {
					ends++
					if diff := p.agree(); diff != "" {
						t.Fatal(diff)
					}
				}
			}
			walk(start, plans[0], plans[1])
			if ends < 10 {
				t.Fatalf("only %d interleavings", ends)
			}
		})
	}
}

// TestRandomExchangesEndEqualOnBothSides lets both sides do whatever they may, loses nothing, delays everything.
func TestRandomExchangesEndEqualOnBothSides(t *testing.T) {
	steps := make(map[exchange.Step]int)
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(rt)
		p.rules = alone()
		regime := rogatoryv1.Regime(rapid.IntRange(1, 5).Draw(rt, "regime"))
		urgency := rogatoryv1.Urgency(rapid.IntRange(1, 5).Draw(rt, "urgency"))
		var log []string
		defer func() {
			if rt.Failed() {
				rt.Log(log)
			}
		}()
		accepted := func(country string, c exchange.Case, e exchange.Event) bool {
			e.At = p.now + rapid.Int64Range(0, int64(30*time.Hour/time.Millisecond)).Draw(rt, "later")
			if e.Kind == exchange.EventSent {
				e.Msg, e.Sent = p.name(), e.At
				if e.Docket.Kind == rogatoryv1.Kind_KIND_REQUEST {
					e.Docket.Regime, e.Docket.Urgency = regime, urgency
				}
			}
			n, ch, err := exchange.Apply(c, e, p.rules)
			if err != nil {
				return false
			}
			p.now = e.At
			log = append(log, fmt.Sprintf("%s %s %s->%s\n", country, ch[0].Step, ch[0].From, ch[0].To))
			steps[ch[0].Step]++
			*p.sides[country] = n
			if e.Kind == exchange.EventSent {
				e.Kind, e.Who, e.Actor, e.Draft = exchange.EventArrived, exchange.Peer, "", exchange.Name{}
				p.onWay = append(p.onWay, e)
			}
			return true
		}
		apply := func(country string) bool {
			c := *p.sides[country]
			moves := slices.DeleteFunc(exchange.Moves(c), func(m exchange.Move) bool {
				return slices.Contains([]exchange.Step{
					"draft", "rejected", "discard", "hold", "forward", "read", "assign", "sent.joint.propose", "sent.spontaneous",
				}, m.Step)
			})
			for range 6 {
				m := moves[rapid.IntRange(0, len(moves)-1).Draw(rt, "move")]
				tries := attempts(c, m.Step, m.Who[0], country)
				if len(tries) == 0 {
					continue
				}
				first := rapid.IntRange(0, len(tries)-1).Draw(rt, "first")
				for i := range tries {
					if accepted(country, c, tries[(first+i)%len(tries)]) {
						return true
					}
				}
			}
			return false
		}
		deliver := func() {
			i := rapid.IntRange(0, len(p.onWay)-1).Draw(rt, "deliver")
			e := p.onWay[i]
			p.onWay = slices.Delete(slices.Clone(p.onWay), i, i+1)
			p.now += rapid.Int64Range(1, int64(30*time.Hour/time.Millisecond)).Draw(rt, "later")
			if e.Kind == exchange.EventArrived {
				e.At = p.now
			}
			n, ch, err := exchange.Apply(*p.sides[e.To], e, p.rules)
			if err != nil {
				rt.Fatalf("an honest peer's message was refused: %v", err)
			}
			for _, c := range ch {
				log = append(log, fmt.Sprintf("   to %s: %s %s->%s waiting %t moot %t\n", e.To, c.Step, c.From, c.To, c.Waiting, c.Moot))
				if c.Refused != "" {
					rt.Fatalf("an honest peer's early message was refused: %s %s", c.Step, c.Refused)
				}
			}
			*p.sides[e.To] = n
			if e.Kind == exchange.EventArrived {
				p.onWay = append(p.onWay, exchange.Event{Kind: exchange.EventReceived, Of: e.Msg, At: e.At, Who: exchange.Peer, To: e.From})
			}
		}
		if !apply("RS") || p.sides["RS"].State != exchange.Sent {
			rt.Fatal("nothing was sent")
		}
		for range rapid.IntRange(10, 60).Draw(rt, "steps") {
			switch c := rapid.IntRange(0, 3).Draw(rt, "what"); {
			case c == 0 && p.sides["RS"].Kind != "":
				apply("RS")
			case c == 1 && p.sides["BG"].Kind != "":
				apply("BG")
			case len(p.onWay) > 0:
				deliver()
			}
		}
		for len(p.onWay) > 0 {
			deliver()
		}
		if diff := p.agree(); diff != "" {
			rt.Fatal(diff)
		}
		for _, c := range p.sides {
			d, err := exchange.Decode(c.Encode())
			if err != nil || d.Hash() != c.Hash() {
				rt.Fatalf("encoding does not come back: %v", err)
			}
		}
	})
	if len(steps) < 12 {
		t.Errorf("only %d different steps were tried", len(steps))
	}
}

func TestEarlyMessageWaitsForWhatItFollows(t *testing.T) {
	p := newPair(t)
	q := p.send("RS", exchange.Name{}, request(rogatoryv1.Urgency_URGENCY_NORMAL))
	p.send("RS", q, of(rogatoryv1.Kind_KIND_WITHDRAWAL))
	p.deliver(1)
	if c := p.sides["BG"]; len(c.Waiting) != 1 || c.Waiting[0].Of() != q || c.State != exchange.None {
		t.Fatalf("the withdrawal does not wait: %+v", c)
	}
	n, changes, err := exchange.Apply(*p.sides["BG"], p.onWay[0], p.rules)
	if err != nil || len(changes) != 2 || changes[1].Step != "arrived.withdrawal" || n.State != exchange.Withdrawn || len(n.Waiting) != 0 {
		t.Fatalf("%v %v %s", err, changes, n.State)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	c, law := exchange.Case{}, rules.Rules{MaxWaiting: 3}
	for i := byte(1); i <= 4; i++ {
		d := of(rogatoryv1.Kind_KIND_REMINDER)
		d.Of = make([]byte, 32)
		d.Of[0] = 'x'
		e := exchange.Event{Kind: exchange.EventArrived, Msg: exchange.Name{i}, Who: exchange.Peer, From: "RS", To: "BG", Docket: docket(d)}
		n, _, err := exchange.Apply(c, e, law)
		if full := errors.Is(err, &exchange.TransitionError{Code: exchange.CodeTooManyWaiting}); full != (i == 4) {
			t.Fatalf("message %d: %v", i, err)
		}
		c = n
	}
}
