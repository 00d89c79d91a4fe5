package node_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestRequestGoesThroughAllThatMayHappenToIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		asked := k.agree("received")
		if time.Until(asked) < 6*24*time.Hour || time.Until(asked) > 8*24*time.Hour {
			t.Errorf("seven days end at %v", asked)
		}
		k.say(k.bg, "acknowledge.json", nil)
		k.agree("in-progress")

		// A question stops the clock; it goes on when the answer has come.
		k.say(k.bg, "clarification.json", nil)
		if due := k.agree("clarifying"); !due.IsZero() || !k.rs.list()[k.token].GetClockStopped() {
			t.Errorf("while a question is open the limit is %v", due)
		}
		time.Sleep(3 * 24 * time.Hour)
		k.say(k.rs, "clarification-answer.json", nil)
		resumed := k.agree("in-progress")
		if resumed != asked.Add(3*24*time.Hour) {
			t.Errorf("after three days' pause the limit moved from %v to %v", asked, resumed)
		}

		k.tell(k.rs, k.plain(&rogatoryv1.Content{Body: &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: "Anything yet?"}}}))
		if due := k.agree("in-progress"); due != resumed {
			t.Errorf("a reminder moved the limit to %v", due)
		}

		// Only a judge moves it.
		until := resumed.Add(5 * 24 * time.Hour)
		delay := func(why rogatoryv1.Delay) {
			k.tell(k.bg, k.plain(&rogatoryv1.Content{Body: &rogatoryv1.Content_DelayNotice{DelayNotice: &rogatoryv1.DelayNotice{
				Delay: &rogatoryv1.Postponement{Reason: why, Until: until.Format("2006-01-02T15:04Z07:00"), Explanation: "In words."},
			}}}))
		}
		delay(rogatoryv1.Delay_DELAY_VOLUME)
		if due := k.agree("in-progress"); due != resumed {
			t.Errorf("a delay by volume moved the limit to %v", due)
		}
		delay(rogatoryv1.Delay_DELAY_JUDICIAL_AUTHORISATION)
		if due := k.agree("awaiting-judicial"); due.Before(resumed.Add(4 * 24 * time.Hour)) {
			t.Errorf("a judge moved the limit from %v to %v only", resumed, due)
		}

		part := func(f *rogatoryv1.RequestFile) {
			r := f.Content.GetReply()
			if r.Final = false; len(r.GetRefusals()) == 0 {
				r.Outcome = rogatoryv1.Outcome_OUTCOME_PARTIAL
			}
		}
		k.say(k.bg, "acknowledge.json", func(f *rogatoryv1.RequestFile) { f.Of = k.message(k.bg, rogatoryv1.Kind_KIND_DELAY_NOTICE) })
		k.agree("in-progress")
		k.say(k.bg, "police-reply.json", part)
		k.agree("part-answered")
		k.say(k.bg, "police-reply-partly-refused.json", part)
		k.agree("part-answered")
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		if got := k.rs.list()[k.token].GetOutcome(); got != "OUTCOME_PROVIDED" {
			t.Errorf("outcome %s", got)
		}
		_, err := k.bg.hand(func() *rogatoryv1.RequestFile {
			f := example(t, "police-reply.json")
			f.CaseToken = k.token
			return f
		}())
		refused(t, "a second final reply", err, "transition-illegal")

		// What is missing opens a new round with a clock of its own.
		k.say(k.rs, "reopening.json", nil)
		if due := k.agree("reopened"); time.Until(due) < 6*24*time.Hour {
			t.Errorf("the new limit is %v", due)
		}
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		k.say(k.rs, "feedback.json", nil)
		k.tell(k.rs, k.plain(&rogatoryv1.Content{Body: &rogatoryv1.Content_Close{Close: &rogatoryv1.Close{}}}))
		k.agree("closed")
		k.end()
	})
}

func TestAcknowledgementDeclaresTheClassOfTheClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-urgent.json")
		strict := k.agree("received")
		if left := time.Until(strict); left > 8*time.Hour || left < 7*time.Hour {
			t.Errorf("an urgent request has %v", left)
		}
		k.say(k.bg, "acknowledge.json", func(f *rogatoryv1.RequestFile) { f.Content.GetAcknowledge().Access = rogatoryv1.Access_ACCESS_INDIRECT })
		if left := time.Until(k.agree("in-progress")); left < 2*24*time.Hour {
			t.Errorf("what must be obtained elsewhere has %v", left)
		}
		k.end()
	})
}

func TestRefusalIsPartialDisputedAndDecided(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		for _, upheld := range []bool{true, false} {
			k.ask("police-request-normal.json")
			k.say(k.bg, "police-reply-partly-refused.json", nil)
			k.agree("answered")
			shown, err := k.rs.show(k.token)
			must(t, err)
			d := shown.GetMessages()[1].GetDocket()
			if len(d.GetRefusals()) == 0 || d.GetRefusals()[0].GetGround() == 0 || shown.GetCase().GetOutcome() != "OUTCOME_PARTLY_REFUSED" {
				t.Errorf("the refusal has no ground: %v", d)
			}
			k.say(k.rs, "objection.json", nil)
			k.agree("disputed")
			if upheld {
				k.say(k.bg, "objection-decision.json", nil)
				k.agree("reopened")
				continue
			}
			k.say(k.bg, "objection-decision.json", func(f *rogatoryv1.RequestFile) {
				decision := f.Content.GetObjectionDecision()
				decision.Outcome = rogatoryv1.Outcome_OUTCOME_REFUSED
				decision.Refusals = []*rogatoryv1.RefusedItem{{
					Item: rogatoryv1.Want_WANT_RECORDS, Ground: rogatoryv1.Ground_GROUND_RISK_TO_INVESTIGATION_OR_PERSON, Explanation: "It stays.",
				}}
			})
			k.agree("closed")
		}
		k.end()
	})
}

func TestWithdrawalThatCrossesAReplyEndsEqualOnBothSides(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		k.say(k.rs, "withdrawal.json", nil)
		k.agree("withdrawn")

		k.ask("police-request-normal.json")
		k.f.net.Cut("RS", "BG")
		k.say(k.rs, "withdrawal.json", nil)
		k.say(k.bg, "police-reply.json", nil)
		if a, b := k.rs.list()[k.token].GetState(), k.bg.list()[k.token].GetState(); a != "withdrawn" || b != "answered" {
			t.Errorf("before they cross: %s and %s", a, b)
		}
		time.Sleep(time.Minute)
		k.f.net.Heal("RS", "BG")
		k.agree("answered")
		k.end()
	})
}

func TestSpontaneousInformationIsAcknowledgedAndJudged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.say(k.bg, "spontaneous-information.json", nil)
		k.agree("received")
		k.say(k.rs, "spontaneous-acknowledge.json", func(f *rogatoryv1.RequestFile) {
			f.Content.GetSpontaneousAcknowledge().Usefulness = rogatoryv1.Usefulness_USEFULNESS_UNSPECIFIED
		})
		k.agree("acknowledged")
		k.say(k.rs, "spontaneous-acknowledge.json", nil)
		k.agree("useful")
		k.say(k.rs, "feedback.json", nil)
		k.agree("useful")
		k.end()
	})
}

func TestTransactionsAreAskedAndAnsweredBetweenFIUs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("fiu-request.json")
		k.say(k.bg, "fiu-reply.json", nil)
		k.agree("answered")
		if unit := k.bg.list()[k.token].GetUnit(); unit != "fiu" {
			t.Errorf("the request is in %s", unit)
		}
		shown, err := k.rs.show(k.token)
		must(t, err)
		reply := shown.GetMessages()[1]
		items := reply.GetContent().GetFiuReply().GetItems()
		if n := len(items); n == 0 || items[0].GetTransaction().GetAmount().GetAmount() != "20000.00" || reply.GetDocket().GetCounts().GetTransactions() == 0 {
			t.Errorf("%d items, %v", n, reply.GetDocket().GetCounts())
		}

		// The originator's consent for onward use: asked, granted and refused item by item, and taken back.
		name := k.message(k.rs, rogatoryv1.Kind_KIND_FIU_REPLY)
		k.say(k.rs, "consent-request.json", func(f *rogatoryv1.RequestFile) {
			for _, i := range f.Content.GetConsentRequest().GetItems() {
				i.Ref.Msg = name
			}
		})
		k.agree("answered")
		within(t, time.Minute, "the consent request", func() bool { return k.count(k.bg) == 3 })
		k.say(k.bg, "consent-decision.json", func(f *rogatoryv1.RequestFile) {
			for _, a := range f.Content.GetConsentDecision().GetAnswers() {
				a.Item.Ref.Msg = name
			}
		})
		k.say(k.bg, "consent-withdrawal.json", func(f *rogatoryv1.RequestFile) {
			for _, i := range f.Content.GetConsentWithdrawal().GetItems() {
				i.Ref.Msg = name
			}
		})
		within(t, time.Minute, "the withdrawal of the consent", func() bool { return k.count(k.rs) == 5 })
		for _, p := range []*person{k.rs, k.bg} {
			states := map[exchange.ConsentState]int{}
			for _, c := range k.kept(p).Consents {
				states[c.State]++
			}
			want := map[exchange.ConsentState]int{exchange.ConsentGranted: 1, exchange.ConsentRefused: 1, exchange.ConsentWithdrawn: 1}
			if !maps.Equal(states, want) {
				t.Errorf("consents at %s: %v, not %v", p.code, states, want)
			}
		}
		k.end()
	})
}

func TestCorrectionReachesTheRecipientAndIsReceipted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply-partly-refused.json", nil)
		k.agree("answered")
		name := k.message(k.bg, rogatoryv1.Kind_KIND_REPLY)
		k.say(k.bg, "correction-notice.json", func(f *rogatoryv1.RequestFile) { f.Content.GetCorrection().Items[0].Msg = name })
		within(t, time.Minute, "the correction", func() bool { return k.count(k.rs) == 3 })
		k.say(k.rs, "correction-receipt.json", func(f *rogatoryv1.RequestFile) { f.Content.GetCorrectionReceipt().Items[0].Msg = name })
		settled(t, []*inside{k.rs.inside, k.bg.inside})
		for _, p := range []*person{k.rs, k.bg} {
			if c := k.kept(p).Corrections; len(c) != 1 || c[0].State != exchange.CorrectionReceipted {
				t.Errorf("corrections at %s: %+v", p.code, c)
			}
		}
		k.end()
	})
}

func TestWhatIsQuotedKeepsItsHandling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		part := func(f *rogatoryv1.RequestFile) { f.Content.GetReply().Final = false }
		k.say(k.bg, "police-reply-partly-refused.json", part) // its first item must not go to court without consent
		k.agree("part-answered")
		name := k.message(k.bg, rogatoryv1.Kind_KIND_REPLY)
		again := func(h *rogatoryv1.Handling) error {
			f := example(t, "police-reply-partly-refused.json")
			f.CaseToken = k.token
			item := f.Content.GetReply().GetItems()[0]
			item.Quotes = []*rogatoryv1.ItemRef{{Msg: name}}
			if h != nil {
				item.Handling = h
			}
			_, err := k.bg.hand(f)
			return err
		}
		free := &rogatoryv1.Handling{
			Code: rogatoryv1.HandlingCode_HANDLING_CODE_H0, Judicial: rogatoryv1.Choice_CHOICE_FREE, Onward: rogatoryv1.Onward_ONWARD_DOMESTIC, RetainUntil: "2036-11-23",
		}
		if err := again(free); err == nil || !strings.Contains(err.Error(), "handling") {
			t.Errorf("a weaker handling passed: %v", err)
		}
		must(t, again(nil))
		k.agree("answered")
		k.end()
	})
}

// A notice of an outage or a breach opens no case: it is listed and read by the unit that it goes to, and nothing follows from it.
func TestNoticeIsKeptListedAndReadWithoutACase(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(fourEyes, slow), f.node["BG"].run(slow)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		k := &talk{T: t, f: f, rs: rs.founder(1), bg: bg.founder(1)}
		notice := func() *rogatoryv1.RequestFile {
			file := k.plain(&rogatoryv1.Content{Body: &rogatoryv1.Content_Governance{Governance: &rogatoryv1.GovernanceNotice{
				Kind: rogatoryv1.GovernanceKind_GOVERNANCE_KIND_OUTAGE, Text: "The node is away on Sunday night.",
			}}})
			file.To, file.FromUnit = []string{"BG"}, "police"
			return file
		}
		var err error
		k.token, err = k.rs.hand(notice())
		must(t, err)
		if row := k.rs.list()[k.token]; row.GetState() != "pending-approval" || row.GetKind() != "governance" {
			t.Errorf("the notice is listed as %v", row)
		}
		refused(t, "approving one's own notice", k.rs.approve(k.token), "four-eyes")
		declined, err := k.rs.hand(notice())
		must(t, err)
		must(t, rs.founder(2).do(rogatoryv1.Verb_VERB_DECLINE, declined, ""))
		f.net.Cut("RS", "BG")
		must(t, rs.founder(2).approve(k.token))
		time.Sleep(25 * time.Hour)
		if row := k.rs.list()[k.token]; row.GetState() != "undelivered" || fmt.Sprint(row.GetFlags()) != "[undelivered]" {
			t.Errorf("a day without a receipt: %v", row)
		}
		f.net.Heal("RS", "BG")
		for k.rs.list()[k.token].GetState() != "received" {
			time.Sleep(time.Minute) // the longer it was away the longer are the pauses
		}
		k.agree("received")
		fiu := bg.enrol("bg-fiu-1", "fiu")
		if len(fiu.list()) != 0 || len(k.bg.list()) != 1 {
			t.Error("the notice is not the default unit's alone")
		}
		shown, err := k.bg.show(k.token)
		must(t, err)
		if text := shown.GetMessages()[0].GetContent().GetGovernance().GetText(); text == "" {
			t.Error("the notice says nothing")
		}
		reply := example(t, "police-reply.json")
		reply.CaseToken = k.token
		if _, err := k.bg.hand(reply); err == nil {
			t.Error("a notice was answered as if it were a request")
		}
		must(t, k.bg.do(rogatoryv1.Verb_VERB_TRANSFER, k.token, "fiu"))
		if fiu.list()[k.token] == nil {
			t.Error("the notice was not handed over")
		}
		_, err = fiu.show(k.token)
		must(t, err)
		k.end()
		released := false
		for _, op := range entries[*translog.Op](f.node["RS"]) {
			released = released || op.Verb == translog.Disclose && op.Who == rs.founder(2).who && op.Case == k.token && op.Recipient == "BG" && !op.Assertion.IsZero()
		}
		if !released {
			t.Error("the log does not say who released the notice")
		}
		for _, code := range []string{"RS", "BG"} {
			for _, e := range entries[*translog.Case](f.node[code]) {
				if e.Case == k.token {
					t.Errorf("%s has a case leaf of the notice: %+v", code, e)
				}
			}
		}
	})
}

func TestDirectoryRuleRefusesWithItsNameAndDecisionsAreInTheLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federateBy(t, func(d *rogatoryv1.Directory) {
			d.Rules = []*rogatoryv1.Rule{
				{Name: "no-small-offences", To: []string{"BG"}, Purposes: []rogatoryv1.Purpose{rogatoryv1.Purpose_PURPOSE_PREVENTION}, Verdict: rogatoryv1.Verdict_VERDICT_REFUSE, Ground: rogatoryv1.Ground_GROUND_OFFENCE_UP_TO_ONE_YEAR},
				{Name: "police-asks-police", To: []string{"BG"}, Methods: []string{lint.MethodAsk}, Verdict: rogatoryv1.Verdict_VERDICT_ANSWER},
			}
		}, "RS", "BG")
		rs := f.node["RS"].run()
		bg := f.node["BG"].run(func(c *configs.Node) { c.Units[0].Services = []string{lint.MethodAsk} })
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		p := rs.founder(1)
		file := request(t, "BG") // the unit is routed, and its services count
		file.Content.GetRequest().Matter.Purpose = rogatoryv1.Purpose_PURPOSE_PREVENTION
		refusedToken, err := p.hand(file)
		must(t, err)
		answered, err := p.hand(request(t, "BG"))
		must(t, err)
		byOfficer, err := p.hand(request(t, "BG/fiu")) // has no automatic service
		must(t, err)
		settled(t, []*inside{rs, bg})
		if row := p.list()[refusedToken]; row.GetState() != "rejected" || row.GetOutcome() != "rule:no-small-offences" || fmt.Sprint(row.GetFlags()) != "[message-rejected]" {
			t.Errorf("the sender sees %v", row)
		}
		if bg.has(refusedToken) {
			t.Error("what a rule refuses has opened a case")
		}
		rs.halt()
		bg.halt()
		if rej := entries[*translog.Rej](f.node["BG"]); len(rej) != 1 || rej[0].Code != "rule:no-small-offences" || rej[0].From != "RS" {
			t.Errorf("refusals in the log: %+v", rej)
		}
		decided := map[string]string{}
		for _, e := range entries[*translog.Case](f.node["BG"]) {
			if e.Rule != "" {
				decided[e.Case] = e.Rule + " " + e.Decision
				if e.Policy != f.directory.Policy().Digest() {
					t.Errorf("the decision in %s names another policy", e.Case)
				}
			}
		}
		want := map[string]string{answered: "police-asks-police answer", byOfficer: "police-asks-police ask-officer"}
		if !maps.Equal(decided, want) {
			t.Errorf("decisions in the log: %v, not %v", decided, want)
		}
	})
}

func TestUndeliveredMessageIsFlaggedAndStillDelivered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.bg.halt()
		k.say(k.rs, "police-request-normal.json", nil)
		time.Sleep(23 * time.Hour)
		if row := k.rs.list()[k.token]; row.GetState() != "sent" || len(row.GetFlags()) != 0 {
			t.Errorf("before a day has passed: %v", row)
		}
		time.Sleep(2 * time.Hour)
		if row := k.rs.list()[k.token]; row.GetState() != "undelivered" || !slices.Contains(row.GetFlags(), "undelivered") {
			t.Errorf("after a day: %v", row)
		}
		k.bg.inside = k.f.node["BG"].run(slow)
		k.agree("received")
		if row := k.rs.list()[k.token]; len(row.GetFlags()) != 0 {
			t.Errorf("after the delivery: %v", row)
		}
		k.end()
	})
}

func TestAnsweredCaseClosesByTimeAndComesUpForReview(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", nil)
		k.agree("answered")
		states := func() string { return k.rs.list()[k.token].GetState() + " " + k.bg.list()[k.token].GetState() }
		k.rest(89 * 24 * time.Hour)
		if got := states(); got != "answered answered" {
			t.Errorf("after 89 days: %s", got)
		}
		k.rest(2 * 24 * time.Hour)
		if got := states(); got != "closed closed" {
			t.Errorf("after 91 days: %s", got)
		}
		k.rest(184 * 24 * time.Hour)
		if got := states(); got != "under-review under-review" {
			t.Errorf("half a year later: %s", got)
		}
		k.end()
	})
}

// What was reviewed is erased by two people; its keys are gone, its dockets and receipts remain.
func TestReviewedCaseIsErasedByTwoPeople(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		listed, err := k.bg.attach(noise(5000))
		must(t, err)
		k.ask("police-request-normal.json")
		k.say(k.bg, "police-reply.json", func(f *rogatoryv1.RequestFile) { f.Content.Attachments = []*rogatoryv1.Attachment{listed} })
		k.agree("answered")
		within(t, time.Minute, "the attachment", func() bool { return blobs(t, k.rs.inside) == 1 })
		erase := func(n int) error { return k.rs.inside.founder(n).do(rogatoryv1.Verb_VERB_ERASE, k.token, "review") }
		refused(t, "erasing what is not under review", erase(1), "transition-illegal")
		k.rest(91 * 24 * time.Hour)
		k.rest(184 * 24 * time.Hour)
		must(t, erase(1))
		refused(t, "erasing what one proposed", erase(1), "transition-four-eyes")
		must(t, erase(2))
		shown, err := k.rs.show(k.token)
		must(t, err)
		for _, m := range shown.GetMessages() {
			if m.GetStatus() != "erased" || m.GetContent() != nil || m.GetDocket() == nil {
				t.Errorf("a message is %s", m.GetStatus())
			}
		}
		if state := shown.GetCase().GetState(); state != "erased" || len(shown.GetMessages()) != 2 || blobs(t, k.rs.inside) != 0 {
			t.Errorf("the case is %s, %d files are left", state, blobs(t, k.rs.inside))
		}
		k.end()
		tombs := entries[*translog.Erase](k.f.node["RS"])
		if len(tombs) != 1 || tombs[0].OfCount != 2 || tombs[0].By != "rs-founder-2" || tombs[0].Basis != "review" || tombs[0].Assertion.IsZero() {
			t.Errorf("tombstones: %+v", tombs)
		}
	})
}
