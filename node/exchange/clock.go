package exchange

import (
	"cmp"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/exchange/calendar"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Clock is what limits the present round of a request. Both sides derive it from the same signed receipts.
type Clock struct {
	// Start is when the requested side received the request, the reopening, or the asking side the decision that upholds
	// an objection: ms since 1970 UTC, 0 until the receipt is known.
	Start int64
	// Suspended lists the times in which a clarification was open, by start.
	Suspended []rules.Span
	// Terms lists the limits, one for each phase of the regime.
	Terms []Term
}

// Term is one limit.
type Term struct {
	// Row is the policy row's ID.
	Row   string
	Phase rules.Phase
	// Start of this limit, ms; 0 when it has not started.
	Start int64
	// Due is the limit's last millisecond; 0 when it has not started or stands still.
	Due int64
	// Met is when the sender of the message that ended it submitted that message, ms; 0 while open.
	Met int64
}

// Late reports whether the term was met after its limit.
func (t Term) Late() bool { return t.Due != 0 && t.Met > t.Due }

// notice is a delay notice as far as the clock goes.
type notice struct {
	sent, until int64
	why         rogatoryv1.Delay
}

// due is Deadline with delay notices and a possibly open suspension; 0 means the clock stands still.
func due(start int64, row rules.Row, zone *time.Location, cal calendar.Calendar, spans []rules.Span, notices []notice) int64 {
	if !row.Suspends {
		spans = nil
	}
	base := rules.Deadline(start, row, zone, cal, spans)
	end := base
	for _, n := range notices {
		if !slices.Contains(row.Extends, n.why) || n.sent > end {
			continue
		}
		until := n.until
		if row.CapAmount > 0 {
			bound := row
			bound.Amount, bound.Unit = row.CapAmount, row.CapUnit
			until = min(until, rules.Deadline(start, bound, zone, cal, spans))
		}
		end = max(end, until)
	}
	// What stood still after the ordinary end but before the announced one is added as it is.
	for _, s := range rules.Merge(start, spans) {
		if s.From > base && s.From <= end {
			end += s.To - s.From
		}
	}
	for _, s := range spans {
		if s.To == 0 && s.From <= end {
			return 0
		}
	}
	return end
}

// clock derives the present round's clock from the messages of the case. It depends on the set of messages only, never on
// the order in which they came.
func (c *Case) clock(r *rules.Rules) Clock {
	var out Clock
	if c.Kind != KindRequest {
		return out
	}
	opener := c.message(c.Round)
	if opener == nil {
		return out
	}
	out.Start = opener.Received
	class := rules.ClassOf(cmp.Or(opener.Urgency, c.Urgency))
	out.Suspended = c.suspensions()
	var (
		notices             []notice
		acked, decided      int64 // when sent
		decidedGot, final   int64
		declared, declared0 = rogatoryv1.Access_ACCESS_UNSPECIFIED, int64(-1)
	)
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.Round != c.Round || m.Rejected {
			continue
		}
		switch m.Kind {
		case rogatoryv1.Kind_KIND_DELAY_NOTICE:
			notices = append(notices, notice{m.Sent, m.Until, m.Delay})
		case rogatoryv1.Kind_KIND_ACKNOWLEDGE, rogatoryv1.Kind_KIND_REPLY, rogatoryv1.Kind_KIND_FIU_REPLY:
			if acked == 0 || m.Sent < acked {
				acked = m.Sent
			}
			if m.Until != 0 && !m.Final {
				notices = append(notices, notice{m.Sent, m.Until, m.Delay})
			}
			if m.Access != rogatoryv1.Access_ACCESS_UNSPECIFIED {
				if decided == 0 || m.Sent < decided || m.Sent == decided && m.Received < decidedGot {
					decided, decidedGot = m.Sent, m.Received
				}
				if m.Sent > declared0 || m.Sent == declared0 && m.Access > declared {
					declared, declared0 = m.Access, m.Sent
				}
			}
			if m.Final && (final == 0 || m.Sent < final) {
				final = m.Sent
			}
		}
	}
	if decided == 0 {
		decided = final
	}
	slices.SortFunc(notices, func(a, b notice) int {
		return cmp.Or(cmp.Compare(a.sent, b.sent), cmp.Compare(a.until, b.until), cmp.Compare(a.why, b.why))
	})
	zone := r.Zone(c.requested())
	for _, phase := range rules.Phases {
		start, met := out.Start, final
		switch phase {
		case rules.PhaseAcknowledge:
			met = acked
		case rules.PhaseDecide:
			met = decided
		case rules.PhaseExecute:
			start = decidedGot
		}
		if t, ok := c.term(r, phase, class, declared, start, zone, out.Suspended, notices); ok {
			t.Met = met
			out.Terms = append(out.Terms, t)
		}
	}
	return out
}

// term picks the row of a phase: of all that fit regime, class and declared access, the one that ends first.
func (c *Case) term(r *rules.Rules, phase rules.Phase, class rules.Class, access rogatoryv1.Access, start int64, zone *time.Location, spans []rules.Span, notices []notice) (Term, bool) {
	cal := r.Calendar(c.requested(), start)
	var (
		best  Term
		first int64
		found bool
	)
	for _, row := range r.Table() {
		if row.Regime != c.Regime || row.Phase != phase || row.Class != rules.AnyClass && row.Class != class {
			continue
		}
		if access != rogatoryv1.Access_ACCESS_UNSPECIFIED && row.Access != rogatoryv1.Access_ACCESS_UNSPECIFIED && row.Access != access {
			continue
		}
		// Rows are compared as if nothing had stopped or moved them, so that a row is chosen before the start too.
		plain := rules.Deadline(start, row, zone, cal, nil)
		if found && plain >= first {
			continue
		}
		best, first, found = Term{Row: row.ID, Phase: phase, Start: start}, plain, true
		if start != 0 {
			best.Due = due(start, row, zone, cal, spans, notices)
		}
	}
	return best, found
}

// suspensions lists when a clarification of this round was open: from the asking side's receipt of the question to the
// requested side's receipt of the answer (modelled on Directive (EU) 2023/977 article 6).
func (c *Case) suspensions() []rules.Span {
	var out []rules.Span
	for i := range c.Messages {
		q := &c.Messages[i]
		if q.Kind != rogatoryv1.Kind_KIND_CLARIFICATION || q.Round != c.Round || q.Rejected || q.Received == 0 {
			continue
		}
		s := rules.Span{From: q.Received}
		for j := range c.Messages {
			a := &c.Messages[j]
			if a.Kind == rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER && a.Of == q.Name && a.Received != 0 && !a.Rejected &&
				(s.To == 0 || a.Received < s.To) {
				s.To = a.Received
			}
		}
		// A receipt's clock may run behind the asker's: then nothing stood still.
		if s.To != 0 && s.To < s.From {
			s.To = s.From
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b rules.Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}
