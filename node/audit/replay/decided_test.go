package replay_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// ruled is what the rules decided in the log of RS: what BG asks is answered, what GR asks is refused, and BG refuses what is asked under one regime.
type ruled struct {
	desk
	answered *forge.Message // asked by BG, and answered by the machine
	refused  *forge.Message // asked by RS
	plain    *forge.Message // asked by RS, with a rule for other regimes
	other    *forge.Message // asked by HU, for whom there is no rule
}

func decided(t *testing.T) *ruled {
	t.Helper()
	w := forge.New(t, "BG", "GR", "HU", "RS")
	d := &ruled{desk: desk{t: t, w: w, c: w.Country("RS")}}
	next := w.Directories[0].Proto()
	next.Rules = []*rogatoryv1.Rule{
		{Name: "open", From: []string{"BG"}, To: []string{"RS"}, Verdict: rogatoryv1.Verdict_VERDICT_ANSWER},
		{Name: "embargo", From: []string{"GR"}, To: []string{"RS"}, Verdict: rogatoryv1.Verdict_VERDICT_REFUSE, Ground: rogatoryv1.Ground_GROUND_NATIONAL_SECURITY},
		{Name: "closed", From: []string{"RS"}, To: []string{"BG"}, Regimes: []rogatoryv1.Regime{rogatoryv1.Regime_REGIME_EGMONT}, Verdict: rogatoryv1.Verdict_VERDICT_REFUSE, Ground: rogatoryv1.Ground_GROUND_NATIONAL_SECURITY},
	}
	w.NextDirectory(next)
	w.Automate("RS")
	w.Round()
	d.answered = w.Ask("BG", "RS")
	d.answer(d.answered)
	d.reject("GR", "RS", rogatoryv1.Regime_REGIME_EU_2023_977, "rule:embargo")
	d.refused = d.reject("RS", "BG", rogatoryv1.Regime_REGIME_EGMONT, "rule:closed")
	d.plain = w.Ask("RS", "BG")
	w.Sleep(5 * time.Minute)
	d.other = w.Ask("HU", "RS")
	w.Round()
	return d
}

// answer has the machine answer alone.
func (d *ruled) answer(q *forge.Message) {
	m := d.w.Alone("RS", q.From, d.w.Follow(q, forge.Final(rogatoryv1.Outcome_OUTCOME_NO_INFORMATION)), forge.Machine)
	d.w.Submit("", m)
	d.w.Deliver(m)
	d.w.Receipt(m)
}

// reject has the recipient's node refuse a request for good.
func (d *ruled) reject(from, to string, regime rogatoryv1.Regime, code string) *forge.Message {
	q := forge.Request(rogatoryv1.Urgency_URGENCY_NORMAL)
	q.CaseToken, q.Regime = d.w.NewToken(from), regime
	m := d.w.Draft(from, to, q, forge.First)
	d.w.Submit(forge.Second, m)
	d.w.Reject(code, m)
	d.w.Receipt(m)
	return m
}

// code lets the refusal in the log of RS have another reason.
func (d *ruled) code(code string) {
	d.h.Alter(d.h.Find("rej")[0], func(e *forge.Entry) { e.Body.(*translog.Rej).Code = code })
}

// TestDecisionsFollowFromTheRulesOfTheirTime has a history in which rules answer and refuse, and in each case one decision that they do not give.
func TestDecisionsFollowFromTheRulesOfTheirTime(t *testing.T) {
	base := decided(t)
	for _, c := range base.w.Countries() {
		path := base.w.Archive(c.Code, filepath.Join(t.TempDir(), c.Code))
		if res := run(t, base.w, path, replay.Options{Verify: true}); len(res.Findings) != 0 {
			t.Fatalf("found in the lawful history of %s: %v", c.Code, res.Findings)
		}
	}
	lies := []struct {
		name, finds string
		tell        func(d *ruled)
	}{
		{"a decision that asks an officer where the rules let answer", "E-RIGHT E-STATE E-TRANS", func(d *ruled) {
			d.alter(d.at(d.answered, "arrived.request"), func(k *translog.Case) { k.Decision = "ask-officer" })
		}},
		{"a decision that refuses and is not obeyed", "E-RIGHT E-STATE E-TRANS", func(d *ruled) {
			d.alter(d.at(d.answered, "arrived.request"), func(k *translog.Case) { k.Decision = "refuse" })
		}},
		{"a message taken that the rules refuse", "E-RIGHT", func(d *ruled) {
			d.w.Ask("GR", "RS")
			d.h = d.c.Log.Copy()
		}},
		{"an answer alone where no rule lets answer", "E-RIGHT E-TRANS", func(d *ruled) {
			d.answer(d.other)
			d.h = d.c.Log.Copy()
		}},
		{"an answer by a machine that the policy does not list", "E-RIGHT E-TRANS", func(d *ruled) {
			d.blank(d.h.Find("policy")[1])
		}},
		{"an answer by a machine in the name of an officer", "E-RIGHT E-TRANS", func(d *ruled) {
			d.sign(d.at(d.answered, "sent.reply.final"), forge.First, func(*rogatoryv1.Act) {})
		}},
		{"a decision that names no manifest", "E-STATE", func(d *ruled) {
			d.alter(d.at(d.other, "arrived.request"), func(k *translog.Case) { k.Manifest = 0 })
		}},
		{"a decision by a manifest of long ago", "E-RIGHT", func(d *ruled) {
			d.alter(d.at(d.other, "arrived.request"), func(k *translog.Case) { k.Manifest = 99 })
		}},
		{"a decision by the policy of a directory that is not in force any more", "E-RIGHT", func(d *ruled) {
			d.alter(d.at(d.other, "arrived.request"), func(k *translog.Case) { k.Policy = d.w.Directories[0].Digest() })
		}},
		{"a decision where none is made", "E-STATE", func(d *ruled) {
			from := *d.h.Entries[d.at(d.other, "arrived.request")].Body.(*translog.Case)
			d.alter(d.at(d.answered, "sent.reply.final"), func(k *translog.Case) {
				k.Rule, k.Decision, k.Policy, k.Manifest = from.Rule, from.Decision, from.Policy, from.Manifest
			})
		}},
		{"an answer that comes, with a decision", "E-STATE", func(d *ruled) {
			d.w.Reply(d.plain)
			d.h = d.c.Log.Copy()
			from := *d.h.Entries[d.at(d.other, "arrived.request")].Body.(*translog.Case)
			d.alter(d.at(d.plain, "arrived.reply.final"), func(k *translog.Case) {
				k.Rule, k.Decision, k.Policy, k.Manifest = from.Rule, from.Decision, from.Policy, from.Manifest
			})
		}},
		{"refused by a rule that there is not", "E-RIGHT", func(d *ruled) { d.code("rule:none") }},
		{"refused by a rule that does not refuse", "E-RIGHT", func(d *ruled) { d.code("rule:open") }},
		{"refused by a rule for another country", "E-RIGHT", func(d *ruled) { d.code("rule:closed") }},
		{"refused for its size", "", func(d *ruled) { d.code("too-large") }},
		{"refused by a peer whose rules do not refuse it", "E-RIGHT", func(d *ruled) {
			d.reject("RS", "BG", rogatoryv1.Regime_REGIME_EU_2023_977, "rule:closed")
			d.h = d.c.Log.Copy()
		}},
		{"refused by a peer by a rule that there is not", "E-RIGHT", func(d *ruled) {
			d.reject("RS", "BG", rogatoryv1.Regime_REGIME_EGMONT, "rule:none")
			d.h = d.c.Log.Copy()
		}},
		{"refused by a peer that cannot read it", "", func(d *ruled) {
			d.reject("RS", "BG", rogatoryv1.Regime_REGIME_EU_2023_977, "docket")
			d.h = d.c.Log.Copy()
		}},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			d := decided(t)
			d.h = d.c.Log.Copy()
			l.tell(d)
			got, res := d.audited(filepath.Join(t.TempDir(), "RS"))
			if got != l.finds {
				for _, f := range res.Findings {
					t.Log(f)
				}
				t.Errorf("wanted %s, found %s", l.finds, got)
			}
		})
	}
}
