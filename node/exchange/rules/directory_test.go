package rules_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/exchange/calendar"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestDirectoryGivesZonesAndCalendars(t *testing.T) {
	r, err := rules.Of(&rogatoryv1.Directory{
		Members: []*rogatoryv1.Member{{Country: "RS", Zone: "Europe/Belgrade"}, {Country: "TR", Zone: "Europe/Istanbul"}},
		Calendars: []*rogatoryv1.HolidayCalendar{
			{Country: "TR", Version: 3, Dates: []string{"2026-03-20", "2026-04-23"}, RestDays: []uint32{5, 7}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	cal := r.Calendars[0]
	if r.Zones["TR"] != "Europe/Istanbul" || cal.Version != 3 || len(cal.Holidays) != 2 || cal.Holidays[1].String() != "2026-04-23" ||
		!slices.Equal(cal.RestDays, []time.Weekday{time.Sunday, time.Friday}) {
		t.Fatalf("%+v", r)
	}
	zone, err := calendar.Zone("Europe/Istanbul")
	if err != nil {
		t.Fatal(err)
	}
	// Thursday 19 March: Friday 20 is a holiday and a rest day, Saturday is worked, Sunday not.
	row := rules.Row{Amount: 2, Unit: rules.WorkingDay}
	if got := time.UnixMilli(rules.Deadline(ms("2026-03-19T09:00:00Z"), row, zone, cal, nil)).In(zone).Format(time.DateOnly); got != "2026-03-23" {
		t.Error(got)
	}
}

func TestDirectoryWithoutSenseIsRefused(t *testing.T) {
	for name, d := range map[string]*rogatoryv1.Directory{
		"date":     {Calendars: []*rogatoryv1.HolidayCalendar{{Dates: []string{"2026-02-30"}}}},
		"order":    {Calendars: []*rogatoryv1.HolidayCalendar{{Dates: []string{"2026-02-03", "2026-02-03"}}}},
		"rest day": {Calendars: []*rogatoryv1.HolidayCalendar{{RestDays: []uint32{8}}}},
		"twice":    {Calendars: []*rogatoryv1.HolidayCalendar{{RestDays: []uint32{1, 1}}}},
		"no work":  {Calendars: []*rogatoryv1.HolidayCalendar{{RestDays: []uint32{1, 2, 3, 4, 5, 6, 7}}}},
	} {
		if _, err := rules.Of(d); !errors.Is(err, rules.ErrRules) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := &rogatoryv1.Directory{Members: []*rogatoryv1.Member{{Country: "RS", Zone: "Europe/Atlantis"}}}
	if _, err := rules.Of(d); !errors.Is(err, calendar.ErrZone) {
		t.Error(err)
	}
}

func TestLimitGoesByTheCalendarInForceWhenItBegan(t *testing.T) {
	const day = 86_400_000
	calendar := func(version uint32, dates ...string) *rogatoryv1.Directory {
		return &rogatoryv1.Directory{
			Version: uint64(version), ValidFromMs: uint64(version) * 10 * day,
			Members:   []*rogatoryv1.Member{{Country: "RS", Zone: "Europe/Belgrade"}},
			Calendars: []*rogatoryv1.HolidayCalendar{{Country: "RS", Version: version, Dates: dates}},
		}
	}
	first, second := calendar(1, "1970-01-15"), calendar(2, "1970-01-15", "1970-01-16")
	r, err := rules.Of(first, first, second)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Calendars) != 2 || r.Calendars[0].FromMs != 0 || r.Calendars[1].FromMs != 20*day {
		t.Errorf("calendars %+v: each version once, the second from when its directory held", r.Calendars)
	}
	if _, err := rules.Of(); err == nil {
		t.Error("rules of no directory")
	}
}
