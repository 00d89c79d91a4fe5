package calendar

import (
	"fmt"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Of reads a directory's holiday calendar. Errors wrap ErrCalendar.
func Of(c *rogatoryv1.HolidayCalendar) (Calendar, error) {
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
			return Calendar{}, fmt.Errorf("%w: calendar of %s: rest day %d", ErrCalendar, c.GetCountry(), n)
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
