package exchange

import (
	"fmt"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// RulesOf returns the rules that follow from a directory: its members' zones and its holiday calendars, with the default
// policy table. Errors wrap ErrRules or ErrZone. Whether the directory's tzdata version is TZData is the caller's question,
// because only the caller can do something about it.
func RulesOf(d *rogatoryv1.Directory) (Rules, error) {
	r := Rules{Zones: make(map[string]string, len(d.GetMembers()))}
	for _, m := range d.GetMembers() {
		r.Zones[m.GetCountry()] = m.GetZone()
	}
	for _, c := range d.GetCalendars() {
		cal, err := CalendarOf(c)
		if err != nil {
			return Rules{}, err
		}
		r.Calendars = append(r.Calendars, cal)
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
