package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/exchange/calendar"
)

// Span is a time during which a clock stands still, [From, To) in ms since 1970 UTC; To 0 is open.
type Span struct {
	From, To int64
}

// Deadline returns the last millisecond of a limit that started at start, in ms since 1970 UTC.
//
// Hours count to the millisecond and a suspension adds its length. Days are counted whole, in the zone: the day of the start is
// not counted, the limit ends with the last local day, and a suspension adds as many days (or working days) as began in
// it. With row.Roll an end on a day off moves to the next working day. Suspensions may overlap and come in any order; what
// begins after the end adds nothing; open ones are ignored.
func Deadline(start int64, row Row, zone *time.Location, cal calendar.Calendar, suspended []Span) int64 {
	spans := Merge(start, suspended)
	if row.Unit == Hour {
		end := start + int64(row.Amount)*time.Hour.Milliseconds()
		for _, s := range spans {
			if s.From >= end {
				break
			}
			end += s.To - s.From
		}
		return end
	}
	first, extra := calendar.DateOf(start, zone), int64(0)
	end := func() int64 {
		var d calendar.Date
		switch row.Unit {
		case WorkingDay:
			d = cal.AddWorkingDays(first, int64(row.Amount)+extra)
		case Month:
			d = first.AddMonths(row.Amount) + calendar.Date(extra)
		default:
			d = first + calendar.Date(row.Amount) + calendar.Date(extra)
		}
		if row.Roll {
			d = cal.NextWorking(d)
		}
		return calendar.EndOf(d, zone)
	}
	due := end()
	for _, s := range spans {
		if s.From > due {
			break
		}
		from, to := calendar.DateOf(s.From, zone), calendar.DateOf(s.To, zone)
		if row.Unit == WorkingDay {
			extra += cal.WorkingDays(from, to)
		} else {
			extra += int64(to - from)
		}
		due = end()
	}
	return due
}

// Merge returns the closed spans after start, sorted and without overlap.
func Merge(start int64, spans []Span) []Span {
	var in []Span
	for _, s := range spans {
		s.From = max(s.From, start)
		if s.To > s.From {
			in = append(in, s)
		}
	}
	slices.SortFunc(in, func(a, b Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var out []Span
	for _, s := range in {
		if n := len(out); n > 0 && s.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}
