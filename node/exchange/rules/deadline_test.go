package rules_test

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
	"github.com/rogatory/rogatory/node/exchange/rules"
)

func ms(s string) int64 {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return v.UnixMilli()
}

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

func rowNamed(t testing.TB, id string) rules.Row {
	t.Helper()
	for _, r := range rules.DefaultRows() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no row %q", id)
	return rules.Row{}
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
		zone, err := calendar.Zone(rules.DefaultZones()[w[1]])
		if err != nil {
			t.Fatal(err)
		}
		var spans []rules.Span
		for _, s := range w[4:] {
			from, to, _ := strings.Cut(s, "/")
			span := rules.Span{From: ms(from)}
			if to != "" {
				span.To = ms(to)
			}
			spans = append(spans, span)
		}
		used[w[0]] = true
		got := time.UnixMilli(rules.Deadline(ms(w[2]), rowNamed(t, w[0]), zone, holidays(t, w[1]), spans)).In(zone).Format("2006-01-02T15:04:05.000Z07:00")
		if got != w[3] {
			t.Errorf("line %d: %s from %s in %s: due %s, want %s", n, w[0], w[2], w[1], got, w[3])
		}
		slices.Reverse(spans)
		if again := rules.Deadline(ms(w[2]), rowNamed(t, w[0]), zone, holidays(t, w[1]), spans); again != ms(got) {
			t.Errorf("line %d: the order of suspensions matters", n)
		}
	}
	for _, r := range rules.DefaultRows() {
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
		rows := rules.DefaultRows()
		row := rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")]
		country := rapid.SampledFrom([]string{"RS", "TR", "GR"}).Draw(t, "country")
		zone, err := calendar.Zone(rules.DefaultZones()[country])
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
		plain := rules.Deadline(start, row, zone, cal, nil)
		if plain <= start {
			t.Fatal("a limit ends before it starts")
		}
		if later := rules.Deadline(start+rapid.Int64Range(0, 1<<33).Draw(t, "later"), row, zone, cal, nil); later < plain {
			t.Fatal("who receives later has to answer earlier")
		}
		from := start + rapid.Int64Range(-1<<32, 1<<32).Draw(t, "from")
		to := from + rapid.Int64Range(0, 1<<32).Draw(t, "length")
		one := []rules.Span{{From: from, To: to}}
		stopped := rules.Deadline(start, row, zone, cal, one)
		if stopped < plain {
			t.Fatal("a suspension shortens the limit")
		}
		middle := from + (to-from)/2
		if twice := rules.Deadline(start, row, zone, cal, []rules.Span{{From: middle, To: to}, {From: from, To: to}, {From: from, To: middle}}); twice != stopped {
			t.Fatalf("the same time, told in pieces, counts otherwise: %d, %d", twice, stopped)
		}
	})
}

func TestAbsurdTimesEnd(t *testing.T) {
	zone, err := calendar.Zone("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rules.DefaultRows() {
		due := rules.Deadline(0, row, zone, holidays(t, "RS"), []rules.Span{{From: 1, To: exchange.MaxTime}})
		if due < 1<<52 {
			t.Errorf("%s: %d", row.ID, due)
		}
	}
}

func TestRulesThatContradictThemselvesAreFound(t *testing.T) {
	if err := (rules.Rules{Calendars: []calendar.Calendar{holidays(t, "RS")}}).Check(); err != nil {
		t.Fatal(err)
	}
	row := rules.DefaultRows()[0]
	for name, change := range map[string]func(*rules.Row){
		"no id": func(r *rules.Row) { r.ID = "" }, "no amount": func(r *rules.Row) { r.Amount = 0 },
		"unit": func(r *rules.Row) { r.Unit = "moon" }, "cap": func(r *rules.Row) { r.CapAmount, r.CapUnit = 1, "moon" },
		"class": func(r *rules.Row) { r.Class = "" }, "phase": func(r *rules.Row) { r.Phase = "" },
	} {
		bad := row
		change(&bad)
		if err := (rules.Rules{Rows: []rules.Row{bad}}).Check(); !errors.Is(err, rules.ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, r := range map[string]rules.Rules{
		"repeated row": {Rows: []rules.Row{row, row}},
		"holidays":     {Calendars: []calendar.Calendar{{Holidays: []calendar.Date{2, 1}}}},
		"rest days":    {Calendars: []calendar.Calendar{{RestDays: []time.Weekday{9}}}},
		"negative":     {MaxWaiting: -1},
	} {
		if err := r.Check(); !errors.Is(err, rules.ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (rules.Rules{Zones: map[string]string{"RS": "Local"}}).Check(); !errors.Is(err, calendar.ErrZone) {
		t.Error(err)
	}
}
