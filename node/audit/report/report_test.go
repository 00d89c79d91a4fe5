package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/report"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func open(t *testing.T, w *forge.World, country string) *archive.Reader {
	t.Helper()
	r, err := archive.Open(w.Archive(country, filepath.Join(t.TempDir(), country)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func anchor(t *testing.T, w *forge.World) *audit.Anchor {
	t.Helper()
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func count(t *testing.T, year int, readers ...*archive.Reader) *report.Statistics {
	t.Helper()
	s, err := report.Count(context.Background(), readers, nil, year, "en")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cells returns a table's row as "sent received".
func cells(t *testing.T, s *report.Statistics, country, table, code string) string {
	t.Helper()
	for _, c := range s.Countries {
		for _, x := range c.Tables {
			if c.Country != country || x.Name != table {
				continue
			}
			if code == "total" {
				return x.Total.Sent.String() + " " + x.Total.Received.String()
			}
			for _, r := range x.Rows {
				if r.Code == code {
					return r.Sent.String() + " " + r.Received.String()
				}
			}
			return "0 0"
		}
	}
	t.Fatalf("no table %s of %s", table, country)
	return ""
}

// year is a world with enough requests that figures are shown.
func year(t *testing.T) (*forge.World, []*forge.Message) {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	var asked []*forge.Message
	for i := range 14 {
		to := "BG"
		if i%2 == 1 {
			to = "GR"
		}
		d := forge.Request(rogatoryv1.Urgency_URGENCY_NORMAL)
		d.CaseToken = w.NewToken("RS")
		q := w.Send("RS", to, d)
		asked = append(asked, q)
		if i < 6 {
			w.Reply(q)
		} else if i < 12 {
			w.Send(q.To, q.From, w.Follow(q, forge.Final(rogatoryv1.Outcome_OUTCOME_REFUSED)))
		}
	}
	return w, asked
}

func TestStatisticsCountBothSidesAlike(t *testing.T) {
	w, _ := year(t)
	s := count(t, 2026, open(t, w, "RS"), open(t, w, "BG"), open(t, w, "GR"))
	for _, x := range []struct{ country, table, code, want string }{
		{"RS", "countries", "BG", "7 0"},
		{"RS", "countries", "GR", "7 0"},
		{"BG", "countries", "RS", "0 7"},
		{"RS", "countries", "total", "14 0"},
		{"BG", "urgency", "URGENCY_NORMAL", "0 7"},
		{"RS", "authorities", "AUTHORITY_POLICE", "14 0"},
		{"RS", "answers", "answered", "hidden 0"}, // 12 of 14 would say that 2 were not
		{"RS", "answers", "running", "hidden 0"},
		{"RS", "grounds", "GROUND_NATIONAL_SECURITY", "6 0"},
		{"RS", "outcomes", "OUTCOME_REFUSED", "hidden 0"}, // together they would be 12
		{"BG", "outcomes", "OUTCOME_REFUSED", "0 hidden"},
		{"BG", "spontaneous", "total", "0 0"},
	} {
		if got := cells(t, s, x.country, x.table, x.code); got != x.want {
			t.Errorf("%s %s %s: %s, want %s", x.country, x.table, x.code, got, x.want)
		}
	}
	for _, c := range s.Countries {
		if !c.Missing.None() {
			t.Errorf("%s: %v", c.Country, c.Missing.Sentences())
		}
	}
}

func TestLateAnswersAndOtherYearsAreCountedWhereTheyBelong(t *testing.T) {
	w := forge.New(t, "BG", "RS")
	for range 5 {
		w.Reply(w.Ask("RS", "BG"))
	}
	var late []*forge.Message
	for range 5 {
		late = append(late, w.Ask("RS", "BG"))
	}
	w.Sleep(60 * 24 * time.Hour)
	for _, q := range late {
		w.Reply(q)
	}
	for range 6 {
		w.Ask("RS", "BG") // in January
	}
	s := count(t, 2026, open(t, w, "RS"))
	for _, x := range []struct{ table, code, want string }{
		{"limits", "kept", "5 0"}, {"limits", "late", "5 0"}, {"limits", "total", "10 0"}, {"answers", "answered", "10 0"},
	} {
		if got := cells(t, s, "RS", x.table, x.code); got != x.want {
			t.Errorf("%s %s: %s, want %s", x.table, x.code, got, x.want)
		}
	}
	if got := cells(t, count(t, 2027, open(t, w, "RS")), "RS", "answers", "running"); got != "6 0" {
		t.Errorf("2027: %s", got)
	}
	if got := cells(t, count(t, 2025, open(t, w, "RS")), "RS", "kinds", "total"); got != "0 0" {
		t.Errorf("2025: %s", got)
	}
}

func TestFewRequestsAreHiddenAltogether(t *testing.T) {
	w := forge.New(t, "BG", "RS")
	w.Ask("RS", "BG")
	s := count(t, 2026, open(t, w, "RS"))
	for _, c := range s.Countries[0].Tables {
		if c.Name == "spontaneous" || c.Name == "outcomes" || c.Name == "limits" || c.Name == "refused" || c.Total == nil {
			continue
		}
		if got := c.Total.Sent.String(); got != report.Hidden {
			t.Errorf("%s: total %s", c.Name, got)
		}
		for _, r := range c.Rows {
			if r.Sent.String() != report.Hidden {
				t.Errorf("%s %s: %s", c.Name, r.Code, r.Sent)
			}
		}
	}
	b, err := json.Marshal(s)
	if err != nil || !bytes.Contains(b, []byte(`"sent":"hidden"`)) || bytes.Contains(b, []byte(`"sent":1`)) {
		t.Errorf("%v %s", err, b)
	}
}

func TestAfterTheDocketsTermTheSnapshotsCount(t *testing.T) {
	w, asked := year(t)
	before := count(t, 2026, open(t, w, "RS"))
	w.State("RS")
	for _, q := range asked {
		w.EndTerm("RS", q.Docket.GetCaseToken())
	}
	s := count(t, 2026, open(t, w, "RS"))
	for _, table := range []string{"countries", "urgency", "answers"} {
		if got, want := cells(t, s, "RS", table, "total"), cells(t, before, "RS", table, "total"); got != want {
			t.Errorf("%s: %s, before %s", table, got, want)
		}
	}
	if got := cells(t, s, "RS", "authorities", "other"); got != "14 0" {
		t.Errorf("authorities not stated: %s", got)
	}
	if text := strings.Join(s.Countries[0].Missing.Sentences(), "\n"); !strings.Contains(text, "snapshot") || !strings.Contains(text, "authority") {
		t.Errorf("it does not say what is missing: %q", text)
	}
}

func TestWithoutSnapshotsItSaysHowManyCasesAreMissing(t *testing.T) {
	w, asked := year(t)
	for _, q := range asked {
		w.EndTerm("RS", q.Docket.GetCaseToken())
	}
	s := count(t, 2026, open(t, w, "RS"))
	if s.Countries[0].Missing.Cases != 14 || cells(t, s, "RS", "countries", "total") != "0 0" {
		t.Errorf("%+v", s.Countries[0].Missing)
	}
}

var update = flag.Bool("update", false, "write testdata anew")

func TestCSVHasEveryFigureAndTheSameBytesEachTime(t *testing.T) {
	w, _ := year(t)
	var first, again bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &again} {
		if err := count(t, 2026, open(t, w, "RS"), open(t, w, "BG")).WriteCSV(b); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("testdata", "stats.csv")
	if *update {
		if err := os.WriteFile(path, first.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(want, first.Bytes()) {
		t.Errorf("%v; not as it is kept", err)
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) || !strings.Contains(first.String(), "RS,2026,countries,total,total,14,0\n") {
		t.Errorf("%s", first.String())
	}
}

func page(t *testing.T, w *forge.World, readers ...*archive.Reader) (string, *report.Page) {
	t.Helper()
	p, err := report.Make(context.Background(), readers, report.Options{Anchor: anchor(t, w)})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String(), p
}

func TestThePageSaysWhatWasVerifiedAndFound(t *testing.T) {
	w, asked := year(t)
	w.Consult("RS", asked[0].Docket.GetCaseToken(), forge.Clerk, "case-work")
	w.EndTerm("BG", asked[1].Docket.GetCaseToken())
	w.Round()
	html, _ := page(t, w, open(t, w, "RS"), open(t, w, "BG"))
	for _, want := range []string{
		"rogatory.example/RS/log/1 and rogatory.example/BG/log/1", "A3: a quorum of the members has cosigned", "case-work", forge.Clerk,
		"Statistics of 2026", "docket-term.3-years",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	again, _ := page(t, w, open(t, w, "RS"), open(t, w, "BG"))
	if html != again {
		t.Error("two pages of the same logs")
	}
}

func TestThePageLoadsAndRunsNothing(t *testing.T) {
	w, _ := year(t)
	html, _ := page(t, w, open(t, w, "RS"))
	for _, bad := range []string{"<script", "http://", "https://", "src=", "@import", "url(", "onload"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{`<html lang="en">`, "<main>", "<caption>", `scope="col"`, "@media print", "<title>"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestAForgedLogIsExplainedOnThePage(t *testing.T) {
	w, _ := year(t)
	rs := w.Country("RS")
	lie := rs.Log.Copy()
	lie.Delete(lie.Find("msg")[1])
	lie.Resign()
	r, err := archive.Open(w.ArchiveOf(rs, lie, filepath.Join(t.TempDir(), "RS")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	html, p := page(t, w, r)
	e, _ := audit.Explain(audit.CodeMissing)
	if p.Status != audit.Findings || !strings.Contains(html, e.Title) || !strings.Contains(html, "something is wrong") {
		t.Errorf("%s: %v", p.Status, p.Findings)
	}
}

func TestWhatWasSentAloneAndNotRatifiedStandsOnThePage(t *testing.T) {
	w := forge.New(t, "BG", "RS")
	d := forge.Request(rogatoryv1.Urgency_URGENCY_THREAT_LIFE)
	d.CaseToken, d.BreakGlass = w.NewToken("RS"), true
	m := w.Alone("RS", "BG", d, forge.First)
	w.Submit(forge.First, m)
	w.Deliver(m)
	w.Receipt(m)
	w.Sleep(48 * time.Hour)
	html, p := page(t, w, open(t, w, "RS"))
	if len(p.Logs[0].Flags) != 1 || !strings.Contains(html, "never") || !strings.Contains(html, d.GetCaseToken()) {
		t.Errorf("%+v %v", p.Logs[0].Flags, p.Findings)
	}
}
