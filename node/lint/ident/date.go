package ident

import "time"

// Date reads a date as entities.proto defines it: "1984", "1984-05", "1984-05-17", "2026-11-20T08:30Z" or with seconds and
// an offset. It returns the first moment it may mean, the first one after it, and whether it names a moment with a time.
func Date(s string) (first, after time.Time, moment, ok bool) {
	var format string
	switch len(s) {
	case len("2006"):
		format = "2006"
	case len("2006-01"):
		format = "2006-01"
	case len("2006-01-02"):
		format = "2006-01-02"
	case len("2006-01-02T15:04Z"), len("2006-01-02T15:04+07:00"):
		format, moment = "2006-01-02T15:04Z07:00", true
	case len("2006-01-02T15:04:05Z"), len("2006-01-02T15:04:05+07:00"):
		format, moment = time.RFC3339, true
	default:
		return first, after, false, false
	}
	t, err := time.Parse(format, s)
	// One spelling only: the parser is more lenient than the format, in fractions of a second for one.
	if err != nil || t.Year() < 1000 || t.Format(format) != s {
		return first, after, false, false
	}
	switch len(format) {
	case len("2006"):
		after = t.AddDate(1, 0, 0)
	case len("2006-01"):
		after = t.AddDate(0, 1, 0)
	case len("2006-01-02"):
		after = t.AddDate(0, 0, 1)
	default:
		after = t.Add(time.Second)
	}
	return t, after, moment, true
}
