package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestTwoPeopleSendAndNeitherAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(fourEyes), f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		ctx := context.Background()
		drafter, approver := rs.founder(1), rs.founder(2)

		r, err := drafter.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_SEND, File: request(t, "BG/police")})
		must(t, err)
		_, err = drafter.commit(r)
		refused(t, "sending without approval", err, "transition-not-approved")

		token, err := drafter.hand(request(t, "BG/police"))
		must(t, err)
		refused(t, "approving one's own", drafter.approve(token), "four-eyes")
		if state := drafter.list()[token].GetState(); state != "pending-approval" {
			t.Errorf("the case is %s", state)
		}
		refused(t, "handing over what waits", drafter.do(rogatoryv1.Verb_VERB_TRANSFER, token, "fiu"), "pending")

		// An approval of another draft's commitments.
		other, err := drafter.hand(request(t, "BG/police"))
		must(t, err)
		p, err := approver.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: other})
		must(t, err)
		act, err := federation.ParseAct(p.GetAct())
		must(t, err)
		act.CaseToken = token
		act.Targets[0].ContentCommit[0] ^= 1
		_, err = approver.desk.Commit(ctx, &nodev1.CommitRequest{Assertion: approver.assert(act, time.Now())})
		refused(t, "approving another content", err, "other-act")

		must(t, approver.approve(token))
		refused(t, "approving twice", approver.approve(token), "draft")
		must(t, approver.do(rogatoryv1.Verb_VERB_DECLINE, other, ""))
		if state := drafter.list()[other].GetState(); state != "draft" {
			t.Errorf("the declined case is %s", state)
		}
		// Its drafter finds it, and who declined it; a second declining discards it.
		shown, err := drafter.show(other)
		must(t, err)
		if m := shown.GetMessages(); len(m) != 1 || m[0].GetStatus() != "declined:"+approver.who || m[0].GetContent() == nil ||
			fmt.Sprint(shown.GetCase().GetFlags()) != "[declined]" {
			t.Errorf("what was declined is shown as %v", shown)
		}
		refused(t, "approving what was declined", approver.approve(other), "draft")
		must(t, drafter.do(rogatoryv1.Verb_VERB_DECLINE, other, ""))
		if shown, err = drafter.show(other); err != nil || shown.GetCase().GetState() != "discarded" || len(shown.GetMessages()) != 0 {
			t.Errorf("what was discarded: %v %v", shown, err)
		}
		refused(t, "declining what is gone", drafter.do(rogatoryv1.Verb_VERB_DECLINE, other, ""), "draft")
		within(t, time.Minute, "arrival", func() bool { return bg.has(token) })
		if bg.has(other) {
			t.Error("what was declined has left")
		}

		// A proposal of a joint case shows others something, so it takes two, though joining does not.
		joint := example(t, "joint-proposal.json")
		joint.To, joint.FromUnit = []string{"BG/police"}, "police"
		parties(joint, "RS/police", "BG/police")
		r, err = drafter.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_SEND, File: joint})
		must(t, err)
		_, err = drafter.commit(r)
		refused(t, "proposing a joint case alone", err, "transition-not-approved")
		rs.halt()
		bg.halt()
	})
}

func TestAgencySendsAloneOnlyForTheUnitThatListsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federateBy(t, func(d *rogatoryv1.Directory) {
			d.Rules = []*rogatoryv1.Rule{{Name: "answer-all", Verdict: rogatoryv1.Verdict_VERDICT_ANSWER}}
		}, "RS", "BG")
		rs := f.node["RS"].run(fourEyes, agencies("rs-register"), func(c *configs.Node) { c.Units[0].Services = []string{lint.MethodAsk} })
		bg := f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		listed, unlisted := rs.agency("rs-register"), rs.agency("rs-other")
		token, err := bg.founder(1).hand(request(t, "RS/police"))
		must(t, err)
		within(t, time.Minute, "arrival", func() bool { return rs.has(token) })
		send := func(p *person, name string) error {
			file := example(t, name)
			file.CaseToken = token
			r, err := p.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_SEND, File: file})
			if err == nil {
				_, err = p.commit(r)
			}
			return err
		}
		refused(t, "an acknowledgement by an agency that no unit lists", send(unlisted, "acknowledge.json"), "transition-not-approved")
		refused(t, "a reply by an agency that no unit lists", send(unlisted, "police-reply.json"), "transition-not-approved")
		must(t, send(listed, "police-reply.json"))
		within(t, time.Minute, "the reply", func() bool { return bg.founder(1).list()[token].GetState() == "answered" })
		rs.halt()
		bg.halt()
	})
}

func TestOneOfficerSendsAloneForDangerToLifeAndAnotherRatifies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(fourEyes, slow), f.node["BG"].run(slow)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		p := rs.founder(1)
		normal := request(t, "BG/police")
		normal.BreakGlass = true
		if _, err := p.hand(normal); err == nil {
			t.Error("a request without danger to life left alone")
		}
		send := func() string {
			t.Helper()
			file := example(t, "police-request-urgent.json")
			file.BreakGlass = true
			token, err := p.hand(file)
			must(t, err)
			return token
		}
		flags := func(token string) string { return fmt.Sprint(p.list()[token].GetFlags()) }
		ratify := func(who *person, token string) error {
			return who.do(rogatoryv1.Verb_VERB_RATIFY, token, "")
		}
		early, late := send(), send()
		within(t, time.Minute, "arrival", func() bool { return bg.has(early) })
		if got := flags(early); got != "[break-glass-unratified]" {
			t.Errorf("flags %s", got)
		}
		refused(t, "ratifying one's own", ratify(p, early), "four-eyes")
		must(t, ratify(rs.founder(2), early))
		refused(t, "ratifying twice", ratify(rs.founder(2), early), "draft")
		time.Sleep(25 * time.Hour)
		if got := flags(late); got != "[overdue break-glass-unratified break-glass-late]" {
			t.Errorf("flags after a day %s", got)
		}
		must(t, ratify(rs.founder(2), late))
		if got := flags(late) + flags(early); got != "[overdue break-glass-late][overdue]" {
			t.Errorf("flags after the ratifications %s", got)
		}
		rs.halt()
		bg.halt()
	})
}

func TestOneApprovalSendsARequestToSeveralCountriesWithTheSameContent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs := f.node["RS"].run(slow, fourEyes)
		bg, hu := f.node["BG"].run(slow), f.node["HU"].run(slow)
		nodes := []*inside{rs, bg, hu}
		for _, in := range nodes {
			in.clearedIn(time.Minute)
		}
		file := example(t, "police-request-three-countries.json")
		file.To = []string{"BG/police", "HU/police"}
		p := rs.founder(1)
		token, err := p.hand(file)
		must(t, err)
		if n := len(p.list()); n != 2 {
			t.Fatalf("%d cases, not one for each country", n)
		}
		must(t, rs.founder(2).approve(token))
		settled(t, nodes)
		sent := map[string]string{}
		for token, row := range p.list() {
			sent[token] = "RS-" + row.GetPeer()
			if row.GetState() != "received" {
				t.Errorf("%s is %s", token, row.GetState())
			}
		}
		for _, in := range nodes {
			in.halt()
		}
		oneEffect(t, f, sent)
		same := map[translog.Hash]int{}
		for _, m := range entries[*translog.Msg](f.node["RS"]) {
			same[m.ContentCommit]++
		}
		if len(same) != 1 {
			t.Errorf("%d commitments to one content", len(same))
		}
	})
}

// While the peers have not confirmed our head, what is approved waits without a number, and can still be stopped.
func TestApprovedWhileUnclearedWaitsAndCanBeDeclined(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		rs.halt()
		f.net.Disconnect("RS")
		rs = f.node["RS"].run(fourEyes)
		drafter, approver := rs.founder(1), rs.founder(2)
		draft := func() string {
			t.Helper()
			token, err := drafter.hand(request(t, "BG/police"))
			must(t, err)
			must(t, approver.approve(token))
			if state := drafter.list()[token].GetState(); state != "approved" {
				t.Errorf("the case is %s", state)
			}
			if flags := fmt.Sprint(drafter.list()[token].GetFlags()); flags != "[waits-for-clearing]" {
				t.Errorf("flags %s", flags)
			}
			return token
		}
		kept, stopped := draft(), draft()
		must(t, drafter.do(rogatoryv1.Verb_VERB_DECLINE, stopped, ""))
		glass := example(t, "police-request-urgent.json")
		glass.BreakGlass = true
		alone, err := drafter.hand(glass)
		must(t, err)
		glass.Content.GetRequest().Urgency = rogatoryv1.Urgency_URGENCY_CUSTODY_DECISION
		if _, err := drafter.hand(glass); err == nil {
			t.Error("without danger to life it waits to be sent alone")
		}
		lone, err := drafter.hand(func() *rogatoryv1.RequestFile {
			file := example(t, "police-request-urgent.json")
			file.BreakGlass = true
			return file
		}())
		must(t, err)
		must(t, approver.do(rogatoryv1.Verb_VERB_DECLINE, lone, "")) // nobody has approved it: it is discarded
		if row := drafter.list()[lone]; row.GetState() != "discarded" || len(row.GetFlags()) != 0 {
			t.Errorf("what one person wanted to send alone and another stopped: %v", row)
		}
		time.Sleep(10 * time.Minute)
		if w := fmt.Sprint(rs.state().GetWarnings()); !strings.Contains(w, "2 approved messages wait") {
			t.Errorf("the operator is told: %s", w)
		}
		if rs.state().GetOutbox() != 0 || rs.state().GetCleared() {
			t.Error("an uncleared node has numbered something")
		}
		f.net.Connect("RS")
		within(t, 2*time.Minute, "delivery", func() bool { return bg.has(kept) && bg.has(alone) })
		settled(t, []*inside{rs, bg})
		if flags := fmt.Sprint(drafter.list()[alone].GetFlags()); flags != "[break-glass-unratified]" {
			t.Errorf("flags %s", flags)
		}
		rs.halt()
		bg.halt()
		oneEffect(t, f, map[string]string{kept: "RS-BG", alone: "RS-BG"})
	})
}

// A drafter who corrects an answer writes it again. The approver is asked to sign that one.
func TestOfSeveralDraftsTheNewestIsApproved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rs, bg := pair(t)
		rs.halt()
		rs = rs.f.node["RS"].run(fourEyes)
		rs.clearedIn(time.Minute)
		token, err := bg.founder(1).hand(request(t, "RS/police"))
		must(t, err)
		within(t, time.Minute, "arrival", func() bool { return rs.has(token) })
		for i := range 6 {
			file := example(t, "clarification.json")
			file.CaseToken = token
			file.Content.GetClarification().Questions[0].Text = fmt.Sprintf("Wording %d?", i)
			r, err := rs.founder(1).prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_DRAFT, File: file})
			must(t, err)
			_, err = rs.founder(1).commit(r)
			must(t, err)
			time.Sleep(time.Second)
			p, err := rs.founder(2).prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token})
			must(t, err)
			if got := string(p.GetMessages()[0].GetContent()); len(p.GetMessages()) != 1 || !strings.Contains(got, fmt.Sprintf("Wording %d?", i)) {
				t.Errorf("after wording %d the approver is shown %q", i, got)
			}
		}
	})
}

// Who asks for what cannot be is told at once what is possible, and not the approver later.
func TestWhatCannotBeIsRefusedWhenItIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(fourEyes), f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		drafter, approver := rs.founder(1), rs.founder(2)
		in := func(name, token string) *rogatoryv1.RequestFile {
			file := example(t, name)
			file.CaseToken = token
			return file
		}
		_, err := drafter.hand(request(t, "RS/police"))
		refused(t, "a message to our own country", err, "own-country")
		if _, err := (&client.Officer{Pseudonym: drafter.who, Key: drafter.key}).Assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: "nonsense", Reason: "case-work"}, time.Now()); !errors.Is(err, client.ErrCaseToken) {
			t.Errorf("reading nonsense: %v", err)
		}
		_, err = drafter.hand(in("acknowledge.json", "RS-2026-999999"))
		refused(t, "a message in no case", err, "case")
		unsent, err := drafter.hand(request(t, "BG/police"))
		must(t, err)
		_, err = drafter.hand(in("withdrawal.json", unsent))
		refused(t, "withdrawing what was not sent", err, "unsent")

		token, err := bg.founder(1).hand(request(t, "RS/police"))
		must(t, err)
		within(t, time.Minute, "arrival", func() bool { return rs.has(token) })
		_, err = drafter.hand(in("clarification-answer.json", token))
		refused(t, "an answer to no clarification", err, "nothing-to-follow")
		_, err = drafter.hand(in("police-reply.json", token))
		must(t, err)
		must(t, approver.approve(token))
		_, err = drafter.hand(in("police-reply.json", token))
		refused(t, "a draft of a second final reply", err, "transition-illegal")
		told := map[string]string{}
		for _, d := range status.Convert(err).Details() {
			if info, ok := d.(*errdetails.ErrorInfo); ok {
				told = info.GetMetadata()
			}
		}
		if moves := told["moves"]; !strings.Contains(moves, "sent.correction") || strings.Contains(moves, "sent.reply.final") {
			t.Errorf("what is possible: %q", moves)
		}
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
	})
}

// A declined draft that nobody mends or discards does not keep its content for ever; a new one replaces it at once.
func TestADeclinedDraftIsReplacedOrForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs := f.node["RS"].run(fourEyes, slow)
		rs.clearedIn(time.Minute)
		drafter, approver := rs.founder(1), rs.founder(2)
		token, err := drafter.hand(request(t, "BG/police"))
		must(t, err)
		kept := func() (statuses []string) {
			t.Helper()
			shown, err := drafter.show(token)
			must(t, err)
			for _, m := range shown.GetMessages() {
				statuses = append(statuses, m.GetStatus())
			}
			return statuses
		}
		must(t, approver.do(rogatoryv1.Verb_VERB_DECLINE, token, ""))
		better := request(t, "BG/police")
		better.CaseToken = token
		_, err = drafter.hand(better)
		must(t, err)
		if got := fmt.Sprint(kept()); got != "[draft]" {
			t.Errorf("after a new draft there is %s", got)
		}
		must(t, approver.do(rogatoryv1.Verb_VERB_DECLINE, token, ""))
		if got := fmt.Sprint(kept()); got != "[declined:"+approver.who+"]" {
			t.Errorf("after the second declining there is %s", got)
		}
		rs.halt()
		time.Sleep(31 * 24 * time.Hour)
		rs = f.node["RS"].run(fourEyes, slow)
		drafter = drafter.at(rs)
		time.Sleep(time.Minute)
		if got := kept(); len(got) != 0 {
			t.Errorf("after a month there is still %s", got)
		}
		rs.halt()
	})
}

// Between draft and approval the case may have moved. Who would approve learns that before anything is signed; the draft can still be taken back.
func TestWhatTheCaseNoLongerAllowsIsNotPutBeforeAnApprover(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(), f.node["BG"].run(fourEyes)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		asker, drafter, approver := rs.founder(1), bg.founder(1), bg.founder(2)
		token, err := asker.hand(request(t, "BG/police"))
		must(t, err)
		within(t, time.Minute, "arrival", func() bool { return bg.has(token) })
		in := func(name string) *rogatoryv1.RequestFile {
			file := example(t, name)
			file.CaseToken = token
			return file
		}
		_, err = drafter.hand(in("police-reply.json"))
		must(t, err)
		approval := &nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token}
		early, err := approver.prepare(approval)
		must(t, err)

		_, err = asker.hand(in("withdrawal.json"))
		must(t, err)
		within(t, time.Minute, "the withdrawal", func() bool { return drafter.list()[token].GetState() == "withdrawn" })
		_, err = approver.prepare(approval)
		refused(t, "preparing the approval of a reply to what was withdrawn", err, "transition-illegal")
		early.Messages = nil
		_, err = approver.commit(early)
		refused(t, "approving it all the same", err, "transition-illegal")
		must(t, approver.do(rogatoryv1.Verb_VERB_DECLINE, token, ""))
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
	})
}
