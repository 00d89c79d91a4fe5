package lint

import (
	"strconv"
	"time"
)

// aheadOf reports whether a date lies surely after now, in whatever zone it was written: a day without an offset may have
// begun 14 hours ago somewhere. A clock's skew of two minutes is forgiven.
func aheadOf(first, now time.Time, moment bool) bool {
	if moment {
		return first.After(now.Add(2 * time.Minute))
	}
	return first.Add(-14 * time.Hour).After(now)
}

func itoa(n int) string { return strconv.Itoa(n) }
