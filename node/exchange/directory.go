package exchange

import (
	"fmt"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// RulesOf returns the rules that follow from the versions of a directory, oldest first: the zones of the last one's members and every
// version of each holiday calendar, in force from when the directory that brought it held (the first one always), with the default policy
// table. So two nodes that know the same versions come to the same end of a limit, however they learned of them. Errors wrap ErrRules or
// ErrZone. Whether the directory's tzdata version is TZData is the caller's question, because only the caller can do something about it.
func RulesOf(versions ...*rogatoryv1.Directory) (Rules, error) {
	if len(versions) == 0 {
		return Rules{}, fmt.Errorf("%w: no directory", ErrRules)
	}
	d := versions[len(versions)-1]
	r := Rules{Zones: make(map[string]string, len(d.GetMembers()))}
	for _, m := range d.GetMembers() {
		r.Zones[m.GetCountry()] = m.GetZone()
	}
	latest := map[string]uint64{}
	for _, v := range versions {
		for _, c := range v.GetCalendars() {
			cal, err := CalendarOf(c)
			if err != nil {
				return Rules{}, err
			}
			before, known := latest[cal.Country]
			if known && before == cal.Version {
				continue
			}
			if known {
				cal.FromMs = int64(v.GetValidFromMs())
			}
			latest[cal.Country] = cal.Version
			r.Calendars = append(r.Calendars, cal)
		}
	}
	if err := r.Check(); err != nil {
		return Rules{}, fmt.Errorf("rules of directory version %d: %w", d.GetVersion(), err)
	}
	return r, nil
}

// CalendarOf reads a directory's holiday calendar. Errors wrap ErrRules.
func CalendarOf(c *rogatoryv1.HolidayCalendar) (Calendar, error) {
	out := Calendar{Country: c.GetCountry(), Version: uint64(c.GetVersion())}
	for _, s := range c.GetDates() {
		d, err := ParseDate(s)
		if err != nil {
			return Calendar{}, fmt.Errorf("calendar of %s: %w", c.GetCountry(), err)
		}
		out.Holidays = append(out.Holidays, d)
	}
	// The directory counts from Monday 1 to Sunday 7, time.Weekday from Sunday 0.
	rests := [8]bool{}
	for _, n := range c.GetRestDays() {
		if n < 1 || n > 7 || rests[n] {
			return Calendar{}, fmt.Errorf("%w: calendar of %s: rest day %d", ErrRules, c.GetCountry(), n)
		}
		rests[n] = true
	}
	for _, n := range []int{7, 1, 2, 3, 4, 5, 6} {
		if rests[n] {
			out.RestDays = append(out.RestDays, time.Weekday(n%7))
		}
	}
	return out, out.Check()
}
