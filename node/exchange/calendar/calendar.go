package calendar

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// Date is a civil day without a zone, counted in days since 1970-01-01.
type Date int64

// ParseDate reads the form 2026-04-13.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%w: date %q", ErrCalendar, s)
	}
	return civil(t.Date()), nil
}

// String writes the form 2026-04-13.
func (d Date) String() string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }

// UnmarshalText reads the form 2026-04-13.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := ParseDate(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// MarshalText writes the form 2026-04-13.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func civil(y int, m time.Month, d int) Date {
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d Date) parts() (int, time.Month, int) { return time.Unix(int64(d)*86400, 0).UTC().Date() }

// weekday: 1970-01-01 was a Thursday.
func (d Date) weekday() time.Weekday { return time.Weekday(((int64(d)+4)%7 + 7) % 7) }

// AddMonths keeps the day's number, or takes the month's last day where that number does not exist.
func (d Date) AddMonths(n int) Date {
	y, m, day := d.parts()
	last := civil(y, m+time.Month(n)+1, 1) - 1
	return min(civil(y, m+time.Month(n), 1)+Date(day-1), last)
}

// DateOf is the local civil day of an instant.
func DateOf(ms int64, zone *time.Location) Date { return civil(time.UnixMilli(ms).In(zone).Date()) }

// startOf is the first instant, in ms, of a local day. It believes midnight only if the day really begins there, and searches
// otherwise, because a zone may skip midnight in spring, and an instant that does not exist has no agreed value.
func startOf(d Date, zone *time.Location) int64 {
	y, m, day := d.parts()
	if ms := time.Date(y, m, day, 0, 0, 0, 0, zone).UnixMilli(); DateOf(ms, zone) == d && DateOf(ms-1, zone) == d-1 {
		return ms
	}
	const hour, length = 3_600_000, 24 * 3_600_000
	from := int64(d)*length - 26*hour
	return from + int64(sort.Search(52*hour, func(i int) bool { return DateOf(from+int64(i), zone) >= d }))
}

// EndOf is the last millisecond of a local day.
func EndOf(d Date, zone *time.Location) int64 { return startOf(d+1, zone) - 1 }

// Calendar is one country's days off, one version of it. It is an input of the clock: the directory carries it, the log
// names its digest.
type Calendar struct {
	// Country code, two capital letters.
	Country string
	// Version rises with each publication.
	Version uint64
	// FromMs: it applies to clocks that start at or after this time, ms since 1970 UTC, so that both sides of a request
	// take the same version whenever they learned of it.
	FromMs int64
	// Holidays are days off, strictly ascending.
	Holidays []Date
	// RestDays are the weekly days off, strictly ascending, at most six; none means Saturday and Sunday.
	RestDays []time.Weekday
}

// Check returns an error that wraps ErrCalendar when a list is not strictly ascending or leaves no day to work on.
func (c Calendar) Check() error {
	for i := 1; i < len(c.Holidays); i++ {
		if c.Holidays[i] <= c.Holidays[i-1] {
			return fmt.Errorf("%w: calendar %s version %d: %s is out of order", ErrCalendar, c.Country, c.Version, c.Holidays[i])
		}
	}
	for i, d := range c.RestDays {
		if d < time.Sunday || d > time.Saturday || i > 0 && d <= c.RestDays[i-1] || len(c.RestDays) > 6 {
			return fmt.Errorf("%w: calendar %s version %d: weekly days off %v", ErrCalendar, c.Country, c.Version, c.RestDays)
		}
	}
	return nil
}

func (c *Calendar) rest(d Date) bool {
	if len(c.RestDays) == 0 {
		return d.weekday() == time.Saturday || d.weekday() == time.Sunday
	}
	return slices.Contains(c.RestDays, d.weekday())
}

// working reports whether offices work on d.
func (c *Calendar) working(d Date) bool { return c.WorkingDays(d-1, d) == 1 }

// WorkingDays counts the working days in (from, to]. It counts weeks, not days, because a span comes from outside and may
// be absurdly long.
func (c *Calendar) WorkingDays(from, to Date) int64 {
	if to <= from {
		return 0
	}
	var week, n int64
	for d := Date(0); d < 7; d++ {
		if !c.rest(d) {
			week++
		}
	}
	weeks := int64(to-from) / 7
	n = weeks * week
	for d := from + Date(weeks*7) + 1; d <= to; d++ {
		if !c.rest(d) {
			n++
		}
	}
	for _, h := range c.Holidays {
		if h > from && h <= to && !c.rest(h) {
			n--
		}
	}
	return n
}

// AddWorkingDays returns the nth working day after d, n at least 1.
func (c *Calendar) AddWorkingDays(d Date, n int64) Date {
	bound := 7*(int(n)+len(c.Holidays)) + 14
	return d + Date(sort.Search(bound, func(i int) bool { return c.WorkingDays(d, d+Date(i)) >= n }))
}

// NextWorking returns d, or the first working day after it.
func (c *Calendar) NextWorking(d Date) Date {
	if c.working(d) {
		return d
	}
	return c.AddWorkingDays(d, 1)
}
