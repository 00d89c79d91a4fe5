package federation

import (
	"fmt"
	"slices"

	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// NoRule stands in a Decision where no rule fits. No rule may have this name.
const NoRule = "no-rule"

// Policy is a list of rules; the first that fits decides. It is not modified after it was made.
type Policy struct {
	rules  []*v1.Rule
	digest [32]byte
}

// Digest is the SHA-256 of the signed statement that the rules come from: a directory's. Log leaves name it.
func (p *Policy) Digest() [32]byte { return p.digest }

// Question is everything that a decision depends on, so that whoever replays the log decides the same again.
type Question struct {
	// The message's docket.
	Docket *v1.Docket
	// Who asks and who answers: country codes of members.
	From, To string
	// The asker's manifest is not stale (Manifest.Stale). Nothing is answered automatically otherwise.
	Fresh bool
	// gRPC methods which the receiving unit answers automatically (Manifest.Services of the answering side).
	Services []string
	// Durable messages from the asker that the answering log counts within the hour before, and how many it takes
	// (Manifest.Capacity of the answering side; 0 without limit).
	Hour, Capacity uint32
}

// Why says what a decision rests on.
type Why string

// What decisions rest on.
const (
	// WhyRule is the rule that Decision names, and nothing else.
	WhyRule Why = "rule"
	// WhyNoRule is that no rule fits.
	WhyNoRule Why = "no-rule"
	// WhyStale is that the rule lets answer, but the asker's manifest is stale.
	WhyStale Why = "stale"
	// WhyCapacity is that the rule lets answer, but the asker has sent more than the declared capacity.
	WhyCapacity Why = "capacity"
	// WhyManual is that the rule lets answer, but the unit does not answer the method automatically.
	WhyManual Why = "manual"
)

// Decision says what becomes of a message.
type Decision struct {
	// VERDICT_ANSWER, VERDICT_ASK_OFFICER or VERDICT_REFUSE.
	Verdict v1.Verdict
	// Name of the first rule that fits, or NoRule.
	Rule string
	// On refusal, the rule's ground.
	Ground v1.Ground
	// What it rests on.
	Why Why
}

// Code is the decision as leaves have it.
func (d Decision) Code() string {
	switch d.Verdict {
	case v1.Verdict_VERDICT_ANSWER:
		return "answer"
	case v1.Verdict_VERDICT_REFUSE:
		return "refuse"
	}
	return "ask-officer"
}

// Decide returns what becomes of a message. The first rule that fits decides. If none does, an officer is asked: silence
// of the rules neither releases nor refuses anything. A method that nobody knows therefore goes before an officer too,
// unless a rule refuses it, and is never answered, because no unit lists it among its services. A rule that lets answer
// becomes a question to an officer when the asker's manifest is stale, when the asker is over capacity, or when the
// receiving unit does not answer the method automatically. Decide does not modify its arguments and depends on nothing else.
func (p *Policy) Decide(q Question) Decision {
	for _, r := range p.rules {
		if misfit(r, &q) == "" {
			return weigh(r, &q)
		}
	}
	return Decision{Verdict: v1.Verdict_VERDICT_ASK_OFFICER, Rule: NoRule, Why: WhyNoRule}
}

func weigh(r *v1.Rule, q *Question) Decision {
	d := Decision{Verdict: r.GetVerdict(), Rule: r.GetName(), Ground: r.GetGround(), Why: WhyRule}
	if d.Verdict != v1.Verdict_VERDICT_ANSWER {
		return d
	}
	switch {
	case !q.Fresh:
		d.Why = WhyStale
	case q.Capacity != 0 && q.Hour > q.Capacity:
		d.Why = WhyCapacity
	case !slices.Contains(q.Services, q.Docket.GetMethod()):
		d.Why = WhyManual
	default:
		return d
	}
	d.Verdict = v1.Verdict_VERDICT_ASK_OFFICER
	return d
}

// Tried is one rule that was held against a question.
type Tried struct {
	// The rule's name.
	Rule string
	// The rule's field, as the proto names it, that did not fit; empty when all did.
	Misfit string
}

// Explain returns the decision and every rule that was tried for it, in their order; the last one fits, unless none does.
func (p *Policy) Explain(q Question) (Decision, []Tried) {
	var tried []Tried
	for _, r := range p.rules {
		t := Tried{Rule: r.GetName(), Misfit: misfit(r, &q)}
		tried = append(tried, t)
		if t.Misfit == "" {
			break
		}
	}
	return p.Decide(q), tried
}

// misfit returns the name of r's first field that does not fit q, or "".
func misfit(r *v1.Rule, q *Question) string {
	d := q.Docket
	switch {
	case !fits(r.GetFrom(), q.From):
		return "from"
	case !fits(r.GetTo(), q.To):
		return "to"
	case !fits(r.GetAuthorities(), d.GetAuthority()):
		return "authorities"
	case !fits(r.GetMethods(), d.GetMethod()):
		return "methods"
	case !fits(r.GetPurposes(), d.GetPurpose()):
		return "purposes"
	case d.GetMaximumPenaltyYears() < r.GetMinimumPenaltyYears():
		return "minimum_penalty_years"
	case !fits(r.GetRegimes(), d.GetRegime()):
		return "regimes"
	}
	return ""
}

// fits reports whether list is empty or holds v.
func fits[T comparable](list []T, v T) bool {
	return len(list) == 0 || slices.Contains(list, v)
}

// checkRules refuses rules that no decision could be explained by.
func checkRules(rules []*v1.Rule) error {
	if len(rules) > maxRules {
		return form("%d rules, at most %d", len(rules), maxRules)
	}
	seen := make(map[string]bool, len(rules))
	for _, r := range rules {
		name := r.GetName()
		if !code(name) || name == NoRule {
			return form("rule name %q", name)
		}
		if seen[name] {
			return form("rule name %s stands twice", name)
		}
		seen[name] = true
		if err := checkRule(r); err != nil {
			return fmt.Errorf("rule %s: %w", name, err)
		}
	}
	return nil
}

func checkRule(r *v1.Rule) error {
	known := func(v v1.Verdict) bool {
		return v != v1.Verdict_VERDICT_UNSPECIFIED && v1.Verdict_name[int32(v)] != ""
	}
	if !known(r.GetVerdict()) {
		return form("verdict %d", r.GetVerdict())
	}
	_, ground := v1.Ground_name[int32(r.GetGround())]
	if refuses := r.GetVerdict() == v1.Verdict_VERDICT_REFUSE; !ground || refuses != (r.GetGround() != v1.Ground_GROUND_UNSPECIFIED) {
		return form("a ground stands with a refusal, and only there: ground %d", r.GetGround())
	}
	if r.GetMinimumPenaltyYears() > 100 {
		return form("minimum penalty of %d years", r.GetMinimumPenaltyYears())
	}
	if err := checkList("from", r.GetFrom(), country); err != nil {
		return err
	}
	if err := checkList("to", r.GetTo(), country); err != nil {
		return err
	}
	if err := checkList("methods", r.GetMethods(), method); err != nil {
		return err
	}
	if err := checkList("authorities", r.GetAuthorities(), coded[v1.Authority](v1.Authority_name)); err != nil {
		return err
	}
	if err := checkList("purposes", r.GetPurposes(), coded[v1.Purpose](v1.Purpose_name)); err != nil {
		return err
	}
	return checkList("regimes", r.GetRegimes(), coded[v1.Regime](v1.Regime_name))
}

// coded returns a check that a value of an enumeration is known and specified.
func coded[T ~int32](names map[int32]string) func(T) bool {
	return func(v T) bool { _, ok := names[int32(v)]; return ok && v != 0 }
}

// checkList refuses a list that is too long, holds a value twice, or one that is not good.
func checkList[T comparable](what string, list []T, good func(T) bool) error {
	if len(list) > maxList {
		return form("%d %s, at most %d", len(list), what, maxList)
	}
	for i, v := range list {
		if !good(v) {
			return form("%s: %v", what, v)
		}
		if slices.Contains(list[:i], v) {
			return form("%s: %v stands twice", what, v)
		}
	}
	return nil
}
