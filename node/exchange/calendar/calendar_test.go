package calendar

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Azores as they were: clocks went from 00:00 to 01:00, so that one day a year had no midnight.
func skippingMidnight(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Atlantic/Azores")
	if err != nil {
		t.Skip("the host has no such zone")
	}
	return zone
}

func TestDayWithoutMidnightBeginsAtOne(t *testing.T) {
	zone := skippingMidnight(t)
	d, err := ParseDate("2026-03-29")
	if err != nil {
		t.Fatal(err)
	}
	if got := time.UnixMilli(startOf(d, zone)).In(zone).Format(time.RFC3339); got != "2026-03-29T01:00:00Z" {
		t.Error(got)
	}
}

func TestEveryDayBeginsWhereTheOneBeforeEnds(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Belgrade", "Europe/Istanbul", "Europe/Lisbon"} {
		zone, err := Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		for d := civil(1996, 1, 1); d < civil(2040, 1, 1); d++ {
			start := startOf(d, zone)
			if DateOf(start, zone) != d || DateOf(start-1, zone) != d-1 {
				t.Fatalf("%s begins at %d in %s", d, start, name)
			}
		}
	}
}

// TestWorkingDaysAreCountedAsOneWouldByHand compares the count by weeks with one day after another.
func TestWorkingDaysAreCountedAsOneWouldByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cal Calendar
		for w := range 7 {
			if len(cal.RestDays) < 6 && rapid.Bool().Draw(t, "rest") {
				cal.RestDays = append(cal.RestDays, time.Weekday(w))
			}
		}
		for d := Date(-20); d < 60; d++ {
			if rapid.IntRange(0, 6).Draw(t, "holiday") == 0 {
				cal.Holidays = append(cal.Holidays, d)
			}
		}
		if err := cal.Check(); err != nil {
			t.Fatal(err)
		}
		from := Date(rapid.IntRange(-30, 40).Draw(t, "from"))
		n := int64(0)
		for to := from; to < from+60; to++ {
			if to > from && cal.working(to) {
				n++
				if got := cal.AddWorkingDays(from, n); got != to {
					t.Fatalf("working day %d after %s is %s, want %s", n, from, got, to)
				}
			}
			if got := cal.WorkingDays(from, to); got != n {
				t.Fatalf("%d working days from %s to %s, want %d", got, from, to, n)
			}
		}
	})
}

func TestMonthsEndWithTheirLastDay(t *testing.T) {
	for _, c := range [][3]string{
		{"2026-01-31", "1", "2026-02-28"}, {"2028-01-31", "1", "2028-02-29"}, {"2026-12-15", "1", "2027-01-15"},
		{"2026-10-31", "4", "2027-02-28"}, {"2026-03-31", "1", "2026-04-30"},
	} {
		d, err := ParseDate(c[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := d.AddMonths(int(c[1][0] - '0')).String(); got != c[2] {
			t.Errorf("%s and %s months: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}
