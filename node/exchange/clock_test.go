package exchange_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/calendar"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// holidays are working days that are off in the spring of 2026, as the golden table needs them: Orthodox Good Friday and
// Easter Monday, and in Turkey the two Bayrams.
func holidays(t testing.TB, country string) calendar.Calendar {
	t.Helper()
	dates := map[string][]string{
		"RS": {"2026-01-01", "2026-01-02", "2026-01-07", "2026-02-16", "2026-02-17", "2026-04-10", "2026-04-13", "2026-05-01"},
		"GR": {"2026-03-25", "2026-04-10", "2026-04-13", "2026-05-01", "2026-06-01"},
		"TR": {"2026-03-20", "2026-04-23", "2026-05-01", "2026-05-19", "2026-05-27", "2026-05-28", "2026-05-29"},
	}
	cal := calendar.Calendar{Country: country, Version: 1}
	for _, s := range dates[country] {
		d, err := calendar.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		cal.Holidays = append(cal.Holidays, d)
	}
	if err := cal.Check(); err != nil {
		t.Fatal(err)
	}
	return cal
}

func rowNamed(t testing.TB, id string) exchange.Row {
	t.Helper()
	for _, r := range exchange.DefaultRows() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no row %q", id)
	return exchange.Row{}
}

// TestDeadlinesAreThoseOfTheGoldenTable reads testdata/clock.txt: row, country, start, due, suspensions from/to.
func TestDeadlinesAreThoseOfTheGoldenTable(t *testing.T) {
	f, err := os.Open("testdata/clock.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	used := make(map[string]bool)
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		if len(w) < 4 {
			t.Fatalf("line %d is short", n)
		}
		zone, err := calendar.Zone(exchange.DefaultZones()[w[1]])
		if err != nil {
			t.Fatal(err)
		}
		var spans []exchange.Span
		for _, s := range w[4:] {
			from, to, _ := strings.Cut(s, "/")
			span := exchange.Span{From: ms(from)}
			if to != "" {
				span.To = ms(to)
			}
			spans = append(spans, span)
		}
		used[w[0]] = true
		got := time.UnixMilli(exchange.Deadline(ms(w[2]), rowNamed(t, w[0]), zone, holidays(t, w[1]), spans)).In(zone).Format("2006-01-02T15:04:05.000Z07:00")
		if got != w[3] {
			t.Errorf("line %d: %s from %s in %s: due %s, want %s", n, w[0], w[2], w[1], got, w[3])
		}
		slices.Reverse(spans)
		if again := exchange.Deadline(ms(w[2]), rowNamed(t, w[0]), zone, holidays(t, w[1]), spans); again != ms(got) {
			t.Errorf("line %d: the order of suspensions matters", n)
		}
	}
	for _, r := range exchange.DefaultRows() {
		if !used[r.ID] {
			t.Errorf("no line for row %s", r.ID)
		}
	}
}

func TestDeadlinesAreEqualOnHostsWithOtherZones(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three processes")
	}
	for _, tz := range []string{"Pacific/Kiritimati", "America/St_Johns", "nonsense"} {
		cmd := exec.Command(os.Args[0], "-test.run=^(TestDeadlinesAreThoseOfTheGoldenTable|TestDeadlineIsEqualOnBothSides)$")
		cmd.Env = append(os.Environ(), "TZ="+tz, "ZONEINFO=/nonexistent")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("with TZ=%s: %v\n%s", tz, err, out)
		}
	}
}

func TestDeadlineProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := exchange.DefaultRows()
		row := rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")]
		country := rapid.SampledFrom([]string{"RS", "TR", "GR"}).Draw(t, "country")
		zone, err := calendar.Zone(exchange.DefaultZones()[country])
		if err != nil {
			t.Fatal(err)
		}
		var cal calendar.Calendar
		base := ms("2026-01-01T00:00:00Z")
		for d := range rapid.IntRange(0, 10).Draw(t, "holidays") {
			day, _ := calendar.ParseDate("2026-01-01")
			cal.Holidays = append(cal.Holidays, day+calendar.Date(d*rapid.IntRange(1, 3).Draw(t, "gap")+d*30))
		}
		start := base + rapid.Int64Range(0, 300*24*3_600_000).Draw(t, "start")
		plain := exchange.Deadline(start, row, zone, cal, nil)
		if plain <= start {
			t.Fatal("a limit ends before it starts")
		}
		if later := exchange.Deadline(start+rapid.Int64Range(0, 1<<33).Draw(t, "later"), row, zone, cal, nil); later < plain {
			t.Fatal("who receives later has to answer earlier")
		}
		from := start + rapid.Int64Range(-1<<32, 1<<32).Draw(t, "from")
		to := from + rapid.Int64Range(0, 1<<32).Draw(t, "length")
		one := []exchange.Span{{From: from, To: to}}
		stopped := exchange.Deadline(start, row, zone, cal, one)
		if stopped < plain {
			t.Fatal("a suspension shortens the limit")
		}
		middle := from + (to-from)/2
		if twice := exchange.Deadline(start, row, zone, cal, []exchange.Span{{From: middle, To: to}, {From: from, To: to}, {From: from, To: middle}}); twice != stopped {
			t.Fatalf("the same time, told in pieces, counts otherwise: %d, %d", twice, stopped)
		}
	})
}

func TestAbsurdTimesEnd(t *testing.T) {
	zone, err := calendar.Zone("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range exchange.DefaultRows() {
		due := exchange.Deadline(0, row, zone, holidays(t, "RS"), []exchange.Span{{From: 1, To: exchange.MaxTime}})
		if due < 1<<52 {
			t.Errorf("%s: %d", row.ID, due)
		}
	}
}

func TestZoneThatIsNotCarriedIsAnError(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "../UTC"} {
		if _, err := calendar.Zone(name); !errors.Is(err, calendar.ErrZone) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRulesThatContradictThemselvesAreFound(t *testing.T) {
	if err := (exchange.Rules{Calendars: []calendar.Calendar{holidays(t, "RS")}}).Check(); err != nil {
		t.Fatal(err)
	}
	row := exchange.DefaultRows()[0]
	for name, change := range map[string]func(*exchange.Row){
		"no id": func(r *exchange.Row) { r.ID = "" }, "no amount": func(r *exchange.Row) { r.Amount = 0 },
		"unit": func(r *exchange.Row) { r.Unit = "moon" }, "cap": func(r *exchange.Row) { r.CapAmount, r.CapUnit = 1, "moon" },
		"class": func(r *exchange.Row) { r.Class = "" }, "phase": func(r *exchange.Row) { r.Phase = "" },
	} {
		bad := row
		change(&bad)
		if err := (exchange.Rules{Rows: []exchange.Row{bad}}).Check(); !errors.Is(err, exchange.ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, r := range map[string]exchange.Rules{
		"repeated row": {Rows: []exchange.Row{row, row}},
		"holidays":     {Calendars: []calendar.Calendar{{Holidays: []calendar.Date{2, 1}}}},
		"rest days":    {Calendars: []calendar.Calendar{{RestDays: []time.Weekday{9}}}},
		"negative":     {MaxWaiting: -1},
	} {
		if err := r.Check(); !errors.Is(err, exchange.ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (exchange.Rules{Zones: map[string]string{"RS": "Local"}}).Check(); !errors.Is(err, calendar.ErrZone) {
		t.Error(err)
	}
}

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
	rules := exchange.Rules{Calendars: []calendar.Calendar{
		{Country: "BG", Version: 2, FromMs: ms("2026-03-07T00:00:00Z")},
		{Country: "BG", Version: 1, Holidays: []calendar.Date{day}},
	}}
	for at, want := range map[string]string{"2026-03-06T10:00:00Z": "2026-03-10T21:59:59", "2026-03-07T10:00:00Z": "2026-03-09T21:59:59"} {
		p := newPair(t)
		p.rules = rules
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
