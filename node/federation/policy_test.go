package federation

import (
	"slices"
	"testing"

	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

func testPolicy(t testing.TB) *Policy {
	t.Helper()
	nodes := newNodes("BG", "RS", "TR")
	d := draft(t, nodes)
	d.Rules = []*v1.Rule{
		{Name: "minor-offences", MinimumPenaltyYears: 0, Purposes: []v1.Purpose{v1.Purpose_PURPOSE_PREVENTION},
			Verdict: v1.Verdict_VERDICT_REFUSE, Ground: v1.Ground_GROUND_OFFENCE_UP_TO_ONE_YEAR},
		{Name: "police-vehicles", From: []string{"BG", "TR"}, To: []string{"RS"}, Authorities: []v1.Authority{v1.Authority_AUTHORITY_POLICE},
			Methods: []string{askMethod}, MinimumPenaltyYears: 3, Regimes: []v1.Regime{v1.Regime_REGIME_EU_2023_977},
			Verdict: v1.Verdict_VERDICT_ANSWER},
		{Name: "serious-by-hand", MinimumPenaltyYears: 3, Verdict: v1.Verdict_VERDICT_ASK_OFFICER},
	}
	return founded(t, nodes, d).Policy()
}

func testQuestion() Question {
	return Question{
		Docket: &v1.Docket{Method: askMethod, Authority: v1.Authority_AUTHORITY_POLICE, Regime: v1.Regime_REGIME_EU_2023_977,
			Purpose: v1.Purpose_PURPOSE_INVESTIGATION, MaximumPenaltyYears: 5},
		From: "BG", To: "RS", Fresh: true, Services: []string{askMethod}, Hour: 3, Capacity: 10,
	}
}

func TestFirstRuleThatFitsDecides(t *testing.T) {
	p := testPolicy(t)
	answer, ask, refuse := v1.Verdict_VERDICT_ANSWER, v1.Verdict_VERDICT_ASK_OFFICER, v1.Verdict_VERDICT_REFUSE
	for _, c := range []struct {
		name   string
		change func(q *Question)
		want   Decision
	}{
		{"everything fits", func(q *Question) {}, Decision{answer, "police-vehicles", 0, WhyRule}},
		{"an earlier rule fits as well", func(q *Question) { q.Docket.Purpose = v1.Purpose_PURPOSE_PREVENTION },
			Decision{refuse, "minor-offences", v1.Ground_GROUND_OFFENCE_UP_TO_ONE_YEAR, WhyRule}},
		{"another asker", func(q *Question) { q.From = "RS" }, Decision{ask, "serious-by-hand", 0, WhyRule}},
		{"another answerer", func(q *Question) { q.To = "TR" }, Decision{ask, "serious-by-hand", 0, WhyRule}},
		{"another authority", func(q *Question) { q.Docket.Authority = v1.Authority_AUTHORITY_FIU }, Decision{ask, "serious-by-hand", 0, WhyRule}},
		{"another regime", func(q *Question) { q.Docket.Regime = v1.Regime_REGIME_EIO }, Decision{ask, "serious-by-hand", 0, WhyRule}},
		{"a method nobody knows", func(q *Question) { q.Docket.Method = "/x.Y/Z" }, Decision{ask, "serious-by-hand", 0, WhyRule}},
		{"a penalty just high enough", func(q *Question) { q.Docket.MaximumPenaltyYears = 3 }, Decision{answer, "police-vehicles", 0, WhyRule}},
		{"no rule fits", func(q *Question) { q.Docket.MaximumPenaltyYears = 2 }, Decision{ask, NoRule, 0, WhyNoRule}},
		{"a penalty that is unknown", func(q *Question) { q.Docket.MaximumPenaltyYears = 0 }, Decision{ask, NoRule, 0, WhyNoRule}},
		{"a stale manifest", func(q *Question) { q.Fresh = false }, Decision{ask, "police-vehicles", 0, WhyStale}},
		{"as many as the capacity", func(q *Question) { q.Hour = 10 }, Decision{answer, "police-vehicles", 0, WhyRule}},
		{"one over capacity", func(q *Question) { q.Hour = 11 }, Decision{ask, "police-vehicles", 0, WhyCapacity}},
		{"no declared capacity", func(q *Question) { q.Hour, q.Capacity = 1e6, 0 }, Decision{answer, "police-vehicles", 0, WhyRule}},
		{"a unit that does not answer", func(q *Question) { q.Services = nil }, Decision{ask, "police-vehicles", 0, WhyManual}},
		{"stale and refused", func(q *Question) { q.Fresh = false; q.Docket.Purpose = v1.Purpose_PURPOSE_PREVENTION },
			Decision{refuse, "minor-offences", v1.Ground_GROUND_OFFENCE_UP_TO_ONE_YEAR, WhyRule}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := testQuestion()
			c.change(&q)
			before := proto.CloneOf(q.Docket)
			if got := p.Decide(q); got != c.want {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
			if d, tried := p.Explain(q); d != c.want || (d.Rule != NoRule) != (tried[len(tried)-1].Misfit == "") {
				t.Fatalf("explained %+v by %+v", d, tried)
			}
			if !proto.Equal(before, q.Docket) {
				t.Fatal("the docket was changed")
			}
		})
	}
}

func TestExplanationNamesTheFieldThatDidNotFit(t *testing.T) {
	q := testQuestion()
	q.Docket.MaximumPenaltyYears = 2
	_, tried := testPolicy(t).Explain(q)
	want := []Tried{{"minor-offences", "purposes"}, {"police-vehicles", "minimum_penalty_years"}, {"serious-by-hand", "minimum_penalty_years"}}
	if !slices.Equal(tried, want) {
		t.Fatalf("got %+v, want %+v", tried, want)
	}
}

func TestDirectoryWithoutRulesAsksAnOfficer(t *testing.T) {
	_, dir := four(t)
	if d := dir.Policy().Decide(testQuestion()); d != (Decision{v1.Verdict_VERDICT_ASK_OFFICER, NoRule, 0, WhyNoRule}) {
		t.Fatalf("%+v", d)
	}
	if dir.Policy().Digest() != dir.Digest() {
		t.Fatal("the policy is not named by its directory")
	}
}

// The names of fields in explanations are those of the proto, which people look up.
func TestExplanationsUseTheProtosNames(t *testing.T) {
	fields := new(v1.Rule).ProtoReflect().Descriptor().Fields()
	q := testQuestion()
	for i, r := range []*v1.Rule{
		{From: []string{"XX"}}, {To: []string{"XX"}}, {Authorities: []v1.Authority{4}}, {Methods: []string{"/a.B/C"}},
		{Purposes: []v1.Purpose{8}}, {MinimumPenaltyYears: 50}, {Regimes: []v1.Regime{4}},
	} {
		name := misfit(r, &q)
		if name == "" || fields.ByTextName(name) == nil {
			t.Errorf("rule %d: no field %q", i, name)
		}
	}
}
