package forge

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Days lets honest countries live for a while, by chance: they ask and answer each other, in and out of order, late and across each other;
// nodes restart, rotate keys and note their states; members publish directories; people read, hold, register and erase. Years may pass, in which cases are
// closed, reviewed and erased, and the dockets of those that are over go with their term. What happens follows from the random numbers alone.
type Days struct {
	W *World
	R *rand.Rand
	// Recoveries lets nodes recover, each at most once: their logs before are then closed.
	Recoveries bool

	sent      []*Message // under way
	arrived   []*Message // not yet receipted
	drafts    []*Message
	all       []*Message // that arrived
	held      map[[2]string]bool
	recovered map[string]bool
	years     bool // they have passed
}

// Live lets so many things happen, and then all that is under way arrive, and be receipted and witnessed.
func Live(w *World, r *rand.Rand, acts int, recoveries bool) *Days {
	d := &Days{W: w, R: r, Recoveries: recoveries, held: map[[2]string]bool{}, recovered: map[string]bool{}}
	for range acts {
		d.Act()
	}
	d.Settle()
	return d
}

// Settle lets all that is under way arrive.
func (d *Days) Settle() {
	d.W.T.Helper()
	for len(d.drafts) > 0 {
		d.submit()
	}
	for len(d.sent) > 0 {
		d.deliver()
	}
	for len(d.arrived) > 0 {
		d.receipt()
	}
	d.W.Round()
	d.W.Round()
}

func pick[E any](r *rand.Rand, list []E) E { return list[r.IntN(len(list))] }

func (d *Days) two() (a, b string) {
	list := d.W.Countries()
	i := d.R.IntN(len(list))
	j := (i + 1 + d.R.IntN(len(list)-1)) % len(list)
	return list[i].Code, list[j].Code
}

// Act lets one thing happen.
func (d *Days) Act() {
	d.W.T.Helper()
	w, r := d.W, d.R
	a, b := d.two()
	switch n := r.IntN(100); {
	case n < 18:
		k := Request(rogatoryv1.Urgency_URGENCY_NORMAL)
		if k.CaseToken = w.NewToken(a); r.IntN(4) == 0 {
			k.Kind, k.Wants = rogatoryv1.Kind_KIND_SPONTANEOUS, nil
		}
		d.draft(a, b, k)
	case n < 42:
		d.follow()
	case n < 54:
		d.submit()
	case n < 68:
		d.deliver()
	case n < 80:
		d.receipt()
	case n < 84:
		w.Round()
	case n < 88:
		w.Sleep(time.Duration(r.IntN(30*60)) * time.Minute)
		if w.TSA != nil {
			w.Stamp(a, w.TSA)
		}
	case n < 90:
		w.Restart(a)
	case n < 91:
		if len(w.Country(a).Identities) == 1 { // before a second time the directory has to name the first successor
			w.Country(a).Rotate(time.Duration(1+r.IntN(48)) * time.Hour)
		}
	case n < 92:
		if len(w.Directories) < 3 {
			next := w.directory().Proto()
			w.NextDirectory(next)
		}
	case n < 94:
		if len(w.Country(a).Cases) > 0 {
			w.State(a)
		}
	case n < 96:
		if len(d.all) > 0 {
			m := pick(r, d.all)
			who := pick(r, []string{First, Second, Clerk})
			w.Consult(pick(r, []string{m.From, m.To}), m.Docket.GetCaseToken(), who, "investigation")
		}
	case n < 98:
		d.erase()
	case n < 99:
		d.hold()
	case r.IntN(2) == 0:
		d.recover(a)
	default:
		d.pass()
	}
}

// draft puts a message before an approver, if the rules let it be sent.
func (d *Days) draft(from, to string, k *rogatoryv1.Docket) {
	if d.W.May(from, to, k) {
		d.drafts = append(d.drafts, d.W.Draft(from, to, k, First))
	}
}

// follow drafts something that follows from a message: an answer of its recipient, or a second thought of its sender.
func (d *Days) follow() {
	var opening []*Message
	for _, m := range d.all {
		if k := m.Docket.GetKind(); k == rogatoryv1.Kind_KIND_REQUEST || k == rogatoryv1.Kind_KIND_CLARIFICATION {
			opening = append(opening, m)
		}
	}
	if len(opening) == 0 {
		return
	}
	q := pick(d.R, opening)
	token := q.Docket.GetCaseToken()
	for _, m := range d.drafts {
		if m.Docket.GetCaseToken() == token {
			return // one at a time, so that each may still be sent when its turn comes
		}
	}
	if q.Docket.GetKind() == rogatoryv1.Kind_KIND_CLARIFICATION {
		d.draft(q.To, q.From, d.W.Follow(q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER}))
		return
	}
	switch d.R.IntN(7) {
	case 0, 1:
		d.draft(q.To, q.From, d.W.Follow(q, Final(pick(d.R, []rogatoryv1.Outcome{
			rogatoryv1.Outcome_OUTCOME_NO_INFORMATION, rogatoryv1.Outcome_OUTCOME_REFUSED, rogatoryv1.Outcome_OUTCOME_PROVIDED,
		}))))
	case 2:
		d.draft(q.To, q.From, d.W.Follow(q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CLARIFICATION}))
	case 3:
		d.draft(q.From, q.To, d.W.Follow(q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_WITHDRAWAL}))
	case 4:
		d.draft(q.From, q.To, d.W.Follow(q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REMINDER}))
	case 5:
		d.draft(q.To, q.From, d.W.Follow(q, &rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_REPLY, Outcome: rogatoryv1.Outcome_OUTCOME_PROVIDED}))
	case 6:
		c := d.W.Country(q.To)
		if c.Cases[token].State == exchange.Received {
			d.W.Register(q.To, token, First)
		}
	}
}

// submit sends some drafts of one country, under one signature.
func (d *Days) submit() {
	if len(d.drafts) == 0 {
		return
	}
	from := pick(d.R, d.drafts).From
	var mine, rest []*Message
	for _, m := range d.drafts {
		if m.From == from && len(mine) < 3 {
			mine = append(mine, m)
		} else {
			rest = append(rest, m)
		}
	}
	d.drafts = rest
	mine = slices.DeleteFunc(mine, func(m *Message) bool { return !d.W.May(m.From, m.To, m.Docket) }) // the case has moved since
	if len(mine) == 0 {
		return
	}
	d.W.Submit(Second, mine...)
	d.sent = append(d.sent, mine...)
}

// deliver lets a message that is under way arrive, whichever it is, perhaps after another attempt, or be refused for good.
func (d *Days) deliver() {
	if len(d.sent) == 0 {
		return
	}
	i := d.R.IntN(len(d.sent))
	m := d.sent[i]
	d.sent = slices.Delete(d.sent, i, i+1)
	if keys := d.W.Country(m.From).Identities; d.R.IntN(5) == 0 || len(keys) > 1 && m.submitted <= int64(keys[0].NotBeforeMS) {
		d.W.Reseal(m) // with the newest key
	}
	if m.Docket.GetKind() == rogatoryv1.Kind_KIND_REQUEST && d.R.IntN(12) == 0 {
		d.W.Reject("too-large", m)
	} else if d.W.Country(m.To).Expired[m.Docket.GetCaseToken()] {
		d.W.Reject("docket-term", m)
	} else {
		d.W.Deliver(m)
		d.all = append(d.all, m)
	}
	d.arrived = append(d.arrived, m)
}

// receipt brings receipts of one sender from one recipient, all that there are or one of them.
func (d *Days) receipt() {
	if len(d.arrived) == 0 {
		return
	}
	first := pick(d.R, d.arrived)
	one := d.R.IntN(3) == 0
	var mine, rest []*Message
	for _, m := range d.arrived {
		if m == first || !one && m.From == first.From && m.To == first.To {
			mine = append(mine, m)
		} else {
			rest = append(rest, m)
		}
	}
	d.arrived = rest
	d.W.Receipt(mine...)
}

// erase erases what a message says on one side.
func (d *Days) erase() {
	if len(d.all) == 0 {
		return
	}
	m := pick(d.R, d.all)
	side := pick(d.R, []string{m.From, m.To})
	k := d.W.Country(side).Cases[m.Docket.GetCaseToken()]
	x, ok := k.Message(exchange.Name(m.Name))
	if !ok || x.Out && x.Received == 0 || k.Erased(x.Name) || k.LegalHold || k.State == exchange.Rejected || d.expired(side, m) {
		return
	}
	d.W.EraseItem(side, m)
}

func (d *Days) hold() {
	if len(d.all) == 0 {
		return
	}
	m := pick(d.R, d.all)
	at := [2]string{m.To, m.Docket.GetCaseToken()}
	if d.expired(m.To, m) || d.W.Country(at[0]).Cases[at[1]].State == exchange.Erased {
		return
	}
	d.W.Hold(at[0], at[1], !d.held[at])
	d.held[at] = !d.held[at]
}

// expired reports whether the dockets of a message's case are gone.
func (d *Days) expired(country string, m *Message) bool {
	return d.W.Country(country).Expired[m.Docket.GetCaseToken()]
}

// pass lets years pass, once, when nothing is under way. The clock closes cases that have ended, and has them reviewed; two people erase some of what they
// reviewed; three years later the dockets go of what is over.
func (d *Days) pass() {
	if d.years {
		return
	}
	d.years = true
	d.Settle()
	each := func(do func(c *Country, token string, k exchange.Case)) {
		for _, c := range d.W.Countries() {
			for _, token := range slices.Sorted(mapsKeys(c.Cases)) {
				do(c, token, c.Cases[token])
			}
		}
	}
	may := func(k exchange.Case, step exchange.Step) bool {
		return slices.Contains(exchange.May(k, step), exchange.Timer)
	}
	d.W.Sleep(91 * 24 * time.Hour)
	each(func(c *Country, token string, k exchange.Case) {
		if may(k, "close") {
			d.W.Close(c.Code, token)
		}
	})
	d.W.Sleep(184 * 24 * time.Hour)
	each(func(c *Country, token string, k exchange.Case) {
		if !may(k, "review") {
			return
		}
		d.W.Review(c.Code, token)
		if !k.LegalHold && d.R.IntN(3) > 0 {
			d.W.EraseCase(c.Code, token)
		}
	})
	for _, c := range d.W.Countries() {
		if len(c.Cases) > 0 {
			d.W.State(c.Code)
		}
	}
	d.W.Sleep(3 * 366 * 24 * time.Hour)
	each(func(c *Country, token string, k exchange.Case) {
		if until := k.DocketsUntil(); until != 0 && until <= d.W.Now && c.whole(token) {
			d.W.Expire(c.Code, token)
		}
	})
}

// recover closes a country's log and opens the next one, once, when nothing is under way.
func (d *Days) recover(country string) {
	if !d.Recoveries || d.recovered[country] {
		return
	}
	d.recovered[country] = true
	d.Settle()
	d.W.Recover(country, d.W.Country(country).Log.Size())
}
