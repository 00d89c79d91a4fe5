package exchange_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

var update = flag.Bool("update", false, "write the golden transition tables anew")

// variants lists the dockets that make a message step.
func variants(step string) []*rogatoryv1.Docket {
	one := func(d *rogatoryv1.Docket) []*rogatoryv1.Docket { return []*rogatoryv1.Docket{d} }
	consent := func(k rogatoryv1.Kind, decisions ...rogatoryv1.Choice) []*rogatoryv1.Docket {
		var out []*rogatoryv1.Docket
		for _, d := range decisions {
			out = append(out, &rogatoryv1.Docket{Kind: k, Consents: []*rogatoryv1.ConsentScope{{Decision: d, Purpose: rogatoryv1.Purpose_PURPOSE_PROSECUTION}}})
		}
		return out
	}
	joint := func(a rogatoryv1.JointAct) []*rogatoryv1.Docket {
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_JOINT, Joint: a, Parties: []string{"BG", "RS"}})
	}
	switch step {
	case "request":
		return one(request(rogatoryv1.Urgency_URGENCY_NORMAL))
	case "acknowledge":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_ACKNOWLEDGE, Access: rogatoryv1.Access_ACCESS_DIRECT})
	case "reply.partial":
		return one(reply(rogatoryv1.Outcome_OUTCOME_PARTIAL, false))
	case "reply.final":
		return []*rogatoryv1.Docket{
			reply(rogatoryv1.Outcome_OUTCOME_PROVIDED, true), reply(rogatoryv1.Outcome_OUTCOME_NO_INFORMATION, true),
			reply(rogatoryv1.Outcome_OUTCOME_REFUSED, true), reply(rogatoryv1.Outcome_OUTCOME_PARTLY_REFUSED, true),
		}
	case "clarification":
		return one(of(rogatoryv1.Kind_KIND_CLARIFICATION))
	case "clarification-answer":
		return one(of(rogatoryv1.Kind_KIND_CLARIFICATION_ANSWER))
	case "reminder":
		return one(of(rogatoryv1.Kind_KIND_REMINDER))
	case "delay.judicial":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_DELAY_NOTICE, Delay: rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION, DelayUntilMs: 1 << 41})
	case "delay.other":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_DELAY_NOTICE, Delay: rogatoryv1.Delay_DELAY_VOLUME, DelayUntilMs: 1 << 41})
	case "withdrawal":
		return one(of(rogatoryv1.Kind_KIND_WITHDRAWAL))
	case "reopening":
		return one(of(rogatoryv1.Kind_KIND_REOPENING))
	case "objection":
		return one(of(rogatoryv1.Kind_KIND_OBJECTION))
	case "objection-decision.upheld":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_OBJECTION_DECISION, Outcome: rogatoryv1.Outcome_OUTCOME_PROVIDED})
	case "objection-decision.stands":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_OBJECTION_DECISION, Outcome: rogatoryv1.Outcome_OUTCOME_REFUSED})
	case "feedback":
		return one(of(rogatoryv1.Kind_KIND_FEEDBACK))
	case "close":
		return one(of(rogatoryv1.Kind_KIND_CLOSE))
	case "spontaneous":
		return one(of(rogatoryv1.Kind_KIND_SPONTANEOUS))
	case "spontaneous-acknowledge.seen":
		return one(of(rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE))
	case "spontaneous-acknowledge.useful":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE, Usefulness: rogatoryv1.Usefulness_USEFULNESS_USEFUL})
	case "spontaneous-acknowledge.not-useful":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_SPONTANEOUS_ACKNOWLEDGE, Usefulness: rogatoryv1.Usefulness_USEFULNESS_WRONG_HIT})
	case "consent-request":
		return consent(rogatoryv1.Kind_KIND_CONSENT_REQUEST, 0)
	case "consent-decision":
		return consent(rogatoryv1.Kind_KIND_CONSENT_DECISION, rogatoryv1.Choice_CHOICE_FREE, rogatoryv1.Choice_CHOICE_NO)
	case "consent-withdrawal":
		return consent(rogatoryv1.Kind_KIND_CONSENT_WITHDRAWAL, 0)
	case "correction":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE})
	case "correction-receipt.done":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION_RECEIPT, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE})
	case "correction-receipt.disputed":
		return one(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_CORRECTION_RECEIPT, Correction: rogatoryv1.CorrectionKind_CORRECTION_KIND_DISPUTED})
	case "joint.propose":
		return joint(rogatoryv1.JointAct_JOINT_ACT_PROPOSE)
	case "joint.join":
		return joint(rogatoryv1.JointAct_JOINT_ACT_JOIN)
	case "joint.decline":
		return joint(rogatoryv1.JointAct_JOINT_ACT_DECLINE)
	case "joint.leave":
		return joint(rogatoryv1.JointAct_JOINT_ACT_LEAVE)
	case "joint.grant":
		return joint(rogatoryv1.JointAct_JOINT_ACT_GRANT)
	case "joint.add-evidence":
		return joint(rogatoryv1.JointAct_JOINT_ACT_ADD_EVIDENCE)
	case "joint.read-evidence":
		return joint(rogatoryv1.JointAct_JOINT_ACT_READ_EVIDENCE)
	case "joint.decide":
		return joint(rogatoryv1.JointAct_JOINT_ACT_DECIDE)
	case "joint.amend":
		return joint(rogatoryv1.JointAct_JOINT_ACT_AMEND)
	case "joint.close":
		return joint(rogatoryv1.JointAct_JOINT_ACT_CLOSE)
	case "joint.evaluate":
		return joint(rogatoryv1.JointAct_JOINT_ACT_EVALUATE)
	}
	return nil
}

// attempts lists the events that could be meant by a step of somebody on a case: every message that it could follow, every
// draft that it could be about.
func attempts(c exchange.Case, step exchange.Step, who exchange.Who, own string) []exchange.Event {
	names := []exchange.Name{{}}
	for i := len(c.Messages) - 1; i >= 0 && len(names) < 6; i-- {
		names = append(names, c.Messages[i].Name)
	}
	base := exchange.Event{At: int64(1000 * (len(c.Messages) + len(c.Drafts) + 1)), Who: who}
	if who == exchange.Officer || who == exchange.Agency || who == exchange.Node {
		base.Actor = "ana"
	}
	base.Sent = base.At
	kind, message, isMessage := strings.Cut(string(step), ".")
	base.Kind = exchange.EventKind(kind)
	var out []exchange.Event
	if isMessage {
		base.From, base.To = own, other(own)
		if base.Kind == exchange.EventArrived {
			base.From, base.To = base.To, base.From
		}
		base.Msg = exchange.Name{0: 'm', 1: byte(len(c.Messages) + 1)}
		drafts := []exchange.Name{{}}
		for _, d := range c.Drafts {
			if base.Kind == exchange.EventSent {
				drafts = append(drafts, d.Name)
			}
		}
		for _, d := range variants(message) {
			for _, draft := range drafts {
				for _, n := range names {
					scopes := [][]*rogatoryv1.ConsentScope{nil}
					if len(d.Consents) > 0 {
						scopes = nil
						for _, carrier := range names[1:] {
							scopes = append(scopes, []*rogatoryv1.ConsentScope{{Msg: carrier[:], Purpose: d.Consents[0].Purpose, Decision: d.Consents[0].Decision}})
						}
					}
					for _, s := range scopes {
						e := base
						e.Draft = draft
						e.Docket = docket(&rogatoryv1.Docket{
							Kind: d.Kind, Regime: d.Regime, Urgency: d.Urgency, Access: d.Access, Final: d.Final, Outcome: d.Outcome,
							Refusals: d.Refusals, Delay: d.Delay, DelayUntilMs: d.DelayUntilMs, Usefulness: d.Usefulness, Joint: d.Joint,
							Correction: d.Correction, Parties: d.Parties, Consents: s,
						})
						if n != (exchange.Name{}) {
							e.Docket.Of = n[:]
						}
						out = append(out, e)
					}
				}
			}
		}
		return out
	}
	base.From, base.To = own, other(own)
	base.Docket = docket(&rogatoryv1.Docket{Actor: "carl", ToUnit: "fiu"})
	if base.Kind == exchange.EventDraft {
		for _, m := range []string{"request", "spontaneous", "joint.propose", "reply.final", "withdrawal"} {
			e := base
			e.Docket = docket(variants(m)[0])
			if len(names) > 1 {
				e.Docket.Of = names[1][:]
			}
			e.Draft = exchange.Name{0: 'd', 1: byte(len(c.Messages) + 1)}
			out = append(out, e)
		}
		return out
	}
	drafts := []exchange.Name{{}}
	for _, d := range c.Drafts {
		drafts = append(drafts, d.Name)
	}
	for _, draft := range drafts {
		for _, n := range names {
			for _, actor := range []string{base.Actor, "boris"} {
				e := base
				e.Of, e.Draft = n, draft
				if base.Actor != "" {
					e.Actor = actor
				}
				out = append(out, e)
			}
		}
	}
	return out
}

// explore walks from the empty case through every step, breadth first, and keeps the first cases that it meets of every kind,
// side and state.
func explore(own string) []exchange.Case {
	rules, met := alone(), make(map[string]bool)
	queue := []exchange.Case{{}}
	for i := 0; i < len(queue); i++ {
		for _, step := range exchange.Steps() {
			for _, who := range exchange.May(queue[i], step) {
				for _, e := range attempts(queue[i], step, who, own) {
					n, _, err := exchange.Apply(queue[i], e, rules)
					if err != nil || len(n.Waiting) > 0 {
						continue
					}
					key := fmt.Sprintf("%s %s %s %s %t", n.Kind, n.Side, n.State, n.Outcome(), n.EraseProposedBy != "")
					for _, k := range n.Consents {
						key += fmt.Sprintf(" %s", k.State)
					}
					for _, k := range n.Corrections {
						key += fmt.Sprintf(" %s", k.State)
					}
					// Consents and corrections do not depend on the state: two states stand for all.
					onward := len(n.Consents) + len(n.Corrections)
					plain := n.State != exchange.Acknowledged && n.State != exchange.InProgress
					if onward > 1 || onward > 0 && plain || met[key] {
						continue
					}
					met[key] = true
					queue = append(queue, n)
				}
			}
		}
	}
	return queue
}

// alone are rules under which nothing needs a second person, so that the tables stand bare; four eyes have tests of their own.
func alone() rules.Rules { return rules.Rules{Alone: allKinds()} }

func allKinds() []rogatoryv1.Kind {
	var out []rogatoryv1.Kind
	for k := range rogatoryv1.Kind_name {
		out = append(out, rogatoryv1.Kind(k))
	}
	return out
}

// TestTransitionsAreThoseOfTheGoldenTables tries every step by everybody on cases in every state. A line says who may and where
// it leads; whoever is not on a line is refused. Where a state has several lines for a step, what the case holds decides.
func TestTransitionsAreThoseOfTheGoldenTables(t *testing.T) {
	lines := make(map[string]map[string]bool)
	tried, refused, rules := 0, 0, alone()
	for _, own := range []string{"RS", "BG"} {
		for _, c := range explore(own) {
			table := fmt.Sprintf("%s-%s", c.Kind, c.Side)
			if c.Kind == "" {
				table = "new"
			}
			state := c.State
			if state == exchange.None {
				state = "new"
			}
			for _, step := range exchange.Steps() {
				whos, may := make(map[exchange.State][]string), exchange.May(c, step)
				for _, who := range exchange.Whos() {
					results := make(map[exchange.State]bool)
					about := c
					if !slices.Contains(may, who) {
						// The table forbids it whatever it says; a few tries show that.
						about = exchange.Case{Messages: c.Messages[max(0, len(c.Messages)-1):]}
					}
					tries := attempts(about, step, who, own)
					for _, e := range tries {
						tried++
						n, changes, err := exchange.Apply(c, e, rules)
						var illegal *exchange.TransitionError
						if err != nil {
							if !errors.As(err, &illegal) || illegal.Code == "" || illegal.State != c.State {
								t.Fatalf("%s %s by %s: %v", state, step, who, err)
							}
							refused++
							continue
						}
						if !changes[0].Waiting {
							results[n.State] = true
						}
					}
					for s := range results {
						whos[s] = append(whos[s], string(who))
					}
				}
				for to, who := range whos {
					if lines[table] == nil {
						lines[table] = make(map[string]bool)
					}
					lines[table][fmt.Sprintf("%-18s %-44s %-20s -> %s", state, step, strings.Join(who, ","), to)] = true
				}
			}
		}
	}
	if len(lines) != 6 || refused < 1000 {
		t.Errorf("%d tables, %d of %d attempts refused", len(lines), refused, tried)
	}
	for table, set := range lines {
		var sorted []string
		for l := range set {
			sorted = append(sorted, l)
		}
		slices.Sort(sorted)
		got := strings.Join(sorted, "\n") + "\n"
		name := filepath.Join("testdata", "transitions", table+".txt")
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs:\n%s", name, difference(string(want), got))
		}
	}
}

func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, l := range w {
		if !slices.Contains(g, l) {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	for _, l := range g {
		if !slices.Contains(w, l) {
			fmt.Fprintf(&b, "+ %s\n", l)
		}
	}
	return b.String()
}
