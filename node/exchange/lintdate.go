package exchange

import (
	"strconv"
	"time"
)

// readDate reads a date as entities.proto defines it: "1984", "1984-05", "1984-05-17", "2026-11-20T08:30Z" or with seconds and
// an offset. It returns the first moment it may mean, the first one after it, and whether it names a moment with a time.
func readDate(s string) (first, after time.Time, moment, ok bool) {
	for _, f := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", time.RFC3339} {
		t, err := time.Parse(f, s)
		if err != nil || t.Year() < 1000 {
			continue
		}
		// One spelling only: the parser is more lenient than the format, in fractions of a second for one.
		if t.Format(f) != s {
			return first, after, false, false
		}
		switch f {
		case "2006":
			return t, t.AddDate(1, 0, 0), false, true
		case "2006-01":
			return t, t.AddDate(0, 1, 0), false, true
		case "2006-01-02":
			return t, t.AddDate(0, 0, 1), false, true
		}
		return t, t.Add(time.Second), true, true
	}
	return first, after, false, false
}

// aheadOf reports whether a date lies surely after now, in whatever zone it was written: a day without an offset may have
// begun 14 hours ago somewhere. A clock's skew of two minutes is forgiven.
func aheadOf(first, now time.Time, moment bool) bool {
	if moment {
		return first.After(now.Add(2 * time.Minute))
	}
	return first.Add(-14 * time.Hour).After(now)
}

func itoa(n int) string { return strconv.Itoa(n) }
