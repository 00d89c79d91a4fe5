package report

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Statistics are the figures of one year.
type Statistics struct {
	Year      int       `json:"year"`
	Countries []Country `json:"countries"`
}

// Country is what one country's log counts.
type Country struct {
	Country string   `json:"country"`
	Logs    []string `json:"logs"`  // origins, the oldest first
	Until   int64    `json:"until"` // time of the last leaf, milliseconds since 1970
	Tables  []*Table `json:"tables"`
	Missing Missing  `json:"missing"`
}

// Missing says what could not be counted.
type Missing struct {
	// Cases of which the log has a hash and no more: nobody can tell in which year they were.
	Cases int64 `json:"cases"`
	// Dockets says that dockets of requests are gone: they stand as a state snapshot has them, their authority under "other". How many is not
	// said: small numbers are hidden.
	Dockets bool `json:"dockets"`
}

// None reports whether nothing is missing.
func (m Missing) None() bool { return m == Missing{} }

// Count counts a year in archives of one or more countries. Several logs of one country, after a recovery, are counted as one. anchor may be
// nil: then the archive's own directories give the calendars and rules. language is that of the rows, BCP 47.
func Count(ctx context.Context, archives []*archive.Reader, anchor *audit.Anchor, year int, language string) (*Statistics, error) {
	s := &Statistics{Year: year}
	counters := map[string]*counter{}
	sorted := slices.Clone(archives)
	slices.SortFunc(sorted, func(a, b *archive.Reader) int {
		x, y := a.Info(), b.Info()
		return cmp.Or(cmp.Compare(x.Country, y.Country), cmp.Compare(len(x.Log), len(y.Log)), cmp.Compare(x.Log, y.Log))
	})
	for _, r := range sorted {
		country := r.Info().Country
		c := counters[country]
		if c == nil {
			c = &counter{
				Country: Country{Country: country}, language: language, cases: map[string]*exchange.Case{}, lost: map[string]bool{}, old: map[string]bool{},
				authorities: map[exchange.Name]rogatoryv1.Authority{},
			}
			counters[country] = c
		}
		if slices.Contains(c.Logs, r.Info().Log) {
			return nil, fmt.Errorf("log %s is given twice", r.Info().Log)
		}
		if err := c.read(ctx, r, anchor); err != nil {
			return nil, fmt.Errorf("counting %s: %w", r.Info().Log, err)
		}
	}
	var all []*Table
	for _, country := range slices.Sorted(maps.Keys(counters)) {
		c := counters[country]
		c.count(year)
		all = append(all, c.Tables...)
		s.Countries = append(s.Countries, c.Country)
	}
	protect(all)
	return s, nil
}

// A counter collects what one country's logs have.
type counter struct {
	Country
	language    string
	cases       map[string]*exchange.Case
	lost        map[string]bool // cases of which no log has more than a hash
	old         map[string]bool // cases that are as a snapshot has them
	authorities map[exchange.Name]rogatoryv1.Authority
}

// ownAnchor trusts the archive's own directories: statistics say nothing of who signed what.
func ownAnchor(r *archive.Reader) (*audit.Anchor, error) {
	var signed [][]byte
	for _, v := range r.Directories() {
		b, err := r.Directory(v)
		if err != nil {
			return nil, err
		}
		signed = append(signed, b)
	}
	return audit.NewAnchor(signed)
}

func (c *counter) read(ctx context.Context, r *archive.Reader, anchor *audit.Anchor) error {
	if anchor == nil {
		var err error
		if anchor, err = ownAnchor(r); err != nil {
			return err
		}
	}
	res, err := replay.Run(ctx, r, replay.Options{Anchor: anchor})
	if err != nil {
		return err
	}
	return c.take(ctx, r, res)
}

// take takes cases from a replay, and what it lost from the snapshots.
func (c *counter) take(ctx context.Context, r *archive.Reader, res *replay.Result) error {
	c.Logs, c.Until = append(c.Logs, r.Info().Log), max(c.Until, res.At)
	snapshots := map[string]*exchange.Case{}
	err := audit.Walk(ctx, r, audit.Filter{Kinds: []string{"msg", "state"}}, func(l *audit.Line) error {
		switch e := l.Leaf.Entry.(type) {
		case *translog.Msg:
			if l.Docket != nil {
				c.authorities[exchange.Name(e.Msg)] = l.Docket.GetAuthority()
			}
		case *translog.State:
			list, err := exchange.ParseSnapshot(l.Entry.Side("snapshot"))
			if err != nil {
				return nil // verify finds that
			}
			for i := range list {
				if k, err := exchange.Decode(list[i].Body); list[i].Body != nil && err == nil {
					snapshots[list[i].Token] = &k
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	end := res.Saved()
	for _, saved := range end.Cases {
		token := saved.Token
		k, ok := end.Case(token)
		switch {
		case ok && k.Token != "":
			c.cases[token] = &k
			delete(c.old, token)
			delete(c.lost, token)
		case snapshots[token] != nil:
			c.cases[token], c.old[token] = snapshots[token], true
			delete(c.lost, token)
		case c.cases[token] == nil:
			c.lost[token] = true
		}
	}
	return nil
}

func (c *counter) text(code string) string { return codes.Text(c.language, code, nil) }

// count makes the tables.
func (c *counter) count(year int) {
	from, to := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	kinds := &Table{Name: "kinds", Title: "Requests by kind"}
	peers := &Table{Name: "countries", Title: "Requests by the other country"}
	authorities := &Table{Name: "authorities", Title: "Requests by the asking authority"}
	urgencies := &Table{Name: "urgency", Title: "Requests by urgency"}
	answers := &Table{Name: "answers", Title: "Requests by whether they were answered"}
	outcomes := &Table{Name: "outcomes", Title: "Answered requests by outcome"}
	limits := &Table{Name: "limits", Title: "Answered requests by whether the limit was kept"}
	refused := &Table{Name: "refused", Title: "Refused requests by the other country"}
	grounds := &Table{Name: "grounds", Title: "Requests in which something was refused, by ground (one can have several)"}
	delays := &Table{Name: "delays", Title: "Requests with notice of delay, by reason (one can have several)"}
	told := &Table{Name: "spontaneous", Title: "Spontaneous information by the other country"}
	c.Missing.Cases = int64(len(c.lost))
	for _, token := range slices.Sorted(maps.Keys(c.cases)) {
		k := c.cases[token]
		opener := first(k)
		if opener == nil || opener.Sent < from || opener.Sent >= to || opener.Rejected {
			continue
		}
		if c.old[token] {
			c.Missing.Dockets = true
		}
		received := !opener.Out
		asker, answerer := k.Own, k.Peer
		if received {
			asker, answerer = answerer, asker
		}
		if k.Kind != exchange.KindRequest {
			told.add(k.Peer, k.Peer, received).shared = asker + ">" + answerer + " told"
			continue
		}
		kinds.add(opener.Kind.String(), c.text(opener.Kind.String()), received)
		peers.add(k.Peer, k.Peer, received).shared = asker + ">" + answerer
		a, ok := c.authorities[opener.Name]
		if !ok {
			c.Missing.Dockets = true
		}
		if a == rogatoryv1.Authority_AUTHORITY_UNSPECIFIED {
			authorities.add(rest, "not stated", received)
		} else {
			authorities.add(a.String(), c.text(a.String()), received)
		}
		urgencies.add(opener.Urgency.String(), c.text(opener.Urgency.String()), received)
		code, name := answer(k, c.Until)
		answers.add(code, name, received)
		if o := k.Outcome(); code == answered {
			outcomes.add(o.String(), c.text(o.String()), received)
			if k.Late() {
				limits.add("late", "answered late", received)
			} else {
				limits.add("kept", "answered within the limit", received)
			}
			if o == rogatoryv1.Outcome_OUTCOME_REFUSED {
				refused.add(k.Peer, k.Peer, received).shared = asker + ">" + answerer + " refused"
			}
		}
		seen := map[string]bool{}
		once := func(t *Table, code string) {
			if !seen[t.Name+code] {
				seen[t.Name+code] = true
				t.add(code, c.text(code), received)
			}
		}
		for i := range k.Messages {
			m := &k.Messages[i]
			if m.Rejected {
				continue
			}
			for _, r := range m.Refusals {
				once(grounds, r.Ground.String())
			}
			if m.Delay != rogatoryv1.Delay_DELAY_UNSPECIFIED {
				once(delays, m.Delay.String())
			}
		}
	}
	answers.row(answered, "answered").share(c.Country.Country + answered)
	outcomes.row(rogatoryv1.Outcome_OUTCOME_REFUSED.String(), c.text(rogatoryv1.Outcome_OUTCOME_REFUSED.String())).share(c.Country.Country + " refused")
	for _, t := range []*Table{kinds, peers, authorities, urgencies, answers, outcomes, limits, refused, grounds, delays, told} {
		other := "another, or none"
		if t == authorities {
			other = "not stated"
		}
		t.finish(other, t != grounds && t != delays)
		c.Tables = append(c.Tables, t)
	}
	// Who has the total of a table has the figure that it divides.
	outcomes.Total.share(c.Country.Country + answered)
	limits.Total.share(c.Country.Country + answered)
	refused.Total.share(c.Country.Country + " refused")
}

// first returns the message that opened a case: a request, an FIU request or spontaneous information.
func first(k *exchange.Case) *exchange.Message {
	for i := range k.Messages {
		switch m := &k.Messages[i]; m.Kind {
		case rogatoryv1.Kind_KIND_REQUEST, rogatoryv1.Kind_KIND_FIU_REQUEST, rogatoryv1.Kind_KIND_SPONTANEOUS:
			return m
		}
	}
	return nil
}

const answered = "answered"

// answer says what became of a request as of the log's end, for both sides alike: what one side did with the case afterwards does not count.
func answer(k *exchange.Case, now int64) (code, name string) {
	switch {
	case k.Outcome() != rogatoryv1.Outcome_OUTCOME_UNSPECIFIED:
		return answered, "answered"
	case k.Shared() == exchange.Withdrawn:
		return "withdrawn", "withdrawn before an answer"
	}
	for _, t := range k.Clock.Terms {
		if t.Met == 0 && t.Due != 0 && now > t.Due {
			return "overdue", "not answered and overdue"
		}
	}
	return "running", "not answered, the limit runs or stands still"
}

// WriteCSV writes the figures, one a line: country, year, table, code, name, sent, received. The last lines of a country say what is missing.
func (s *Statistics) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	errs := []error{out.Write([]string{"country", "year", "table", "code", "name", "sent", "received"})}
	year := strconv.Itoa(s.Year)
	for _, c := range s.Countries {
		line := func(table, code, name, sent, received string) {
			errs = append(errs, out.Write([]string{c.Country, year, table, code, name, sent, received}))
		}
		for _, t := range c.Tables {
			rows := t.Rows
			if t.Total != nil {
				rows = append(slices.Clone(rows), *t.Total)
			}
			for _, r := range rows {
				line(t.Name, r.Code, r.Name, r.Sent.String(), r.Received.String())
			}
		}
		for _, m := range c.Missing.Sentences() {
			line("missing", "", m, "", "")
		}
	}
	out.Flush()
	return errors.Join(append(errs, out.Error())...)
}

// Sentences says what is missing, empty when nothing is.
func (m Missing) Sentences() []string {
	var list []string
	if m.Cases > 0 {
		list = append(list, fmt.Sprintf("%d cases, of whatever year, are not counted: their dockets' term is over and only a hash is left", m.Cases))
	}
	if m.Dockets {
		list = append(list, "the dockets' term of some requests is over: they are as a state snapshot has them, and their authority is not known")
	}
	return list
}
