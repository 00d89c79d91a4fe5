package exchange_test

import (
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/calendar"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// asked is a request that arrived at a time, under a regime.
func asked(t testing.TB, at string, regime rogatoryv1.Regime, urgency rogatoryv1.Urgency) (*pair, exchange.Name) {
	t.Helper()
	p := newPair(t)
	p.now = ms(at) - 5*60_000
	d := request(urgency)
	d.Regime = regime
	q := p.send("RS", exchange.Name{}, d)
	p.onWay[0].At = 0
	p.now = ms(at) - 60_000
	p.deliverAll()
	p.must("BG", exchange.Event{Kind: exchange.EventRegister, Who: exchange.Node})
	return p, q
}

func (p *pair) due(country string) string {
	return time.UnixMilli(p.sides[country].Due()).UTC().Format("2006-01-02T15:04:05")
}

func TestStrictestClassShowsUntilAccessIsDeclared(t *testing.T) {
	p, q := asked(t, "2026-03-06T10:00:00Z", rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Urgency_URGENCY_CUSTODY_DECISION)
	if p.due("RS") != "2026-03-06T18:00:00" || p.due("BG") != p.due("RS") {
		t.Fatalf("undeclared: %s and %s", p.due("RS"), p.due("BG"))
	}
	p.send("BG", q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_ACKNOWLEDGE, Access: rogatoryv1.Access_ACCESS_INDIRECT})
	p.deliverAll()
	if p.due("RS") != "2026-03-09T21:59:59" || p.due("BG") != p.due("RS") {
		t.Fatalf("indirect: %s and %s", p.due("RS"), p.due("BG"))
	}
}

func delay(why rogatoryv1.Delay, until string) *rogatoryv1.Docket {
	return &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_DELAY_NOTICE, Delay: why, DelayUntilMs: uint64(ms(until))}
}

func TestOnlyAJudgeMovesADeadlineUnderTheDirective(t *testing.T) {
	p, q := asked(t, "2026-03-06T10:00:00Z", rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Urgency_URGENCY_NORMAL)
	before := p.due("RS")
	p.send("BG", q, delay(rogatoryv1.Delay_DELAY_VOLUME, "2026-04-01T00:00:00Z"))
	p.deliverAll()
	if p.due("RS") != before {
		t.Fatalf("volume moved it to %s", p.due("RS"))
	}
	p.send("BG", q, delay(rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION, "2026-04-01T00:00:00Z"))
	p.deliverAll()
	p.want(exchange.AwaitingJudicial, exchange.AwaitingJudicial)
	if p.due("RS") != "2026-04-01T00:00:00" || p.due("BG") != p.due("RS") {
		t.Fatalf("due %s and %s", p.due("RS"), p.due("BG"))
	}
}

func TestDelayNoticeAfterTheDeadlineDoesNotMoveIt(t *testing.T) {
	p, q := asked(t, "2026-03-06T10:00:00Z", rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Urgency_URGENCY_NORMAL)
	before := p.due("RS")
	p.now = ms("2026-03-20T10:00:00Z")
	p.send("BG", q, delay(rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION, "2026-04-01T00:00:00Z"))
	p.deliverAll()
	if p.due("RS") != before || !p.sides["RS"].Overdue(p.now) {
		t.Fatalf("due %s", p.due("RS"))
	}
}

func TestDelayBetweenFIUsIsBounded(t *testing.T) {
	p, q := asked(t, "2026-03-06T10:00:00Z", rogatoryv1.Regime_REGIME_FIU_AMLD6, rogatoryv1.Urgency_URGENCY_NORMAL)
	p.send("BG", q, delay(rogatoryv1.Delay_DELAY_VOLUME, "2026-12-01T00:00:00Z"))
	p.deliverAll()
	if p.due("RS") != "2026-03-20T21:59:59" || p.due("BG") != p.due("RS") {
		t.Fatalf("due %s and %s", p.due("RS"), p.due("BG"))
	}
}

func TestInvestigationOrderHasThreeLimits(t *testing.T) {
	p, q := asked(t, "2026-03-02T10:00:00Z", rogatoryv1.Regime_REGIME_EIO, rogatoryv1.Urgency_URGENCY_NORMAL)
	if got := len(p.sides["RS"].Clock.Terms); got != 3 || p.due("RS") != "2026-03-09T21:59:59" {
		t.Fatalf("%d limits, first due %s", got, p.due("RS"))
	}
	p.send("BG", q, of(rogatoryv1.Kind_KIND_ACKNOWLEDGE))
	p.deliverAll()
	// The 30th day is 1 April; Sofia is three hours ahead of UTC then.
	if p.due("RS") != "2026-04-01T20:59:59" {
		t.Fatalf("acknowledged: due %s", p.due("RS"))
	}
	p.now = ms("2026-03-16T10:00:00Z")
	p.send("BG", q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_ACKNOWLEDGE, Access: rogatoryv1.Access_ACCESS_INDIRECT})
	p.deliverAll()
	// 90 days after 16 March are 14 June, a Sunday.
	if p.due("RS") != "2026-06-15T20:59:59" || p.due("BG") != p.due("RS") {
		t.Fatalf("decided: due %s and %s", p.due("RS"), p.due("BG"))
	}
}

func TestReplyAfterDeadlineIsLate(t *testing.T) {
	for _, c := range []struct {
		sent string
		late bool
	}{{"2026-03-06T17:50:00Z", false}, {"2026-03-06T18:00:00Z", true}} {
		p, q := asked(t, "2026-03-06T10:00:00Z", rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Urgency_URGENCY_THREAT_LIFE)
		p.now = ms(c.sent)
		p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
		// It takes a day to arrive: what counts is when it was sent.
		p.now += 24 * 3_600_000
		p.deliverAll()
		for country, side := range p.sides {
			if side.Late() != c.late || side.Overdue(p.now) {
				t.Errorf("%s, sent %s: late %t, overdue %t", country, c.sent, side.Late(), side.Overdue(p.now))
			}
		}
	}
}

func TestReopeningStartsANewClock(t *testing.T) {
	p, q := asked(t, "2026-03-02T10:00:00Z", rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Urgency_URGENCY_NORMAL)
	f := p.send("BG", q, reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true))
	p.deliverAll()
	if p.sides["RS"].Due() != 0 {
		t.Fatal("an answered request is still due")
	}
	p.now = ms("2026-04-20T10:00:00Z")
	d := of(rogatoryv1.Kind_KIND_REOPENING)
	d.Urgency = rogatoryv1.Urgency_URGENCY_THREAT_LIFE
	p.send("RS", f, d)
	p.deliverAll()
	start := p.sides["BG"].Clock.Start
	if p.sides["RS"].Due() != start+8*3_600_000 || p.sides["BG"].Due() != p.sides["RS"].Due() || start < ms("2026-04-20T10:00:00Z") {
		t.Fatalf("start %d, due %d and %d", start, p.sides["RS"].Due(), p.sides["BG"].Due())
	}
}

func TestEarliestReceiptCounts(t *testing.T) {
	p, _ := asked(t, "2026-03-06T10:00:00Z", rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Urgency_URGENCY_THREAT_LIFE)
	c := p.sides["RS"]
	want := c.Due()
	for _, at := range []int64{want, ms("2026-03-06T09:00:00Z")} {
		p.must("RS", exchange.Event{Kind: exchange.EventReceived, Of: c.Round, At: at, Who: exchange.Peer})
	}
	if got := p.sides["RS"].Due(); got != ms("2026-03-06T17:00:00Z") {
		t.Fatalf("due %d", got)
	}
}

func TestCalendarInForceAtTheStartCounts(t *testing.T) {
	day, _ := calendar.ParseDate("2026-03-09")
	law := rules.Rules{Calendars: []calendar.Calendar{
		{Country: "BG", Version: 2, FromMs: ms("2026-03-07T00:00:00Z")},
		{Country: "BG", Version: 1, Holidays: []calendar.Date{day}},
	}}
	for at, want := range map[string]string{"2026-03-06T10:00:00Z": "2026-03-10T21:59:59", "2026-03-07T10:00:00Z": "2026-03-09T21:59:59"} {
		p := newPair(t)
		p.rules = law
		p.now = ms(at) - 5*60_000
		d := request(rogatoryv1.Urgency_URGENCY_THREAT_LIFE)
		d.Regime = rogatoryv1.Regime_REGIME_FIU_AMLD6
		p.send("RS", exchange.Name{}, d)
		p.deliverAll()
		if p.due("RS") != want || p.due("BG") != want {
			t.Errorf("received %s: due %s, want %s", at, p.due("RS"), want)
		}
	}
}
