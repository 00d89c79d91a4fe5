package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A peer's receipt says that our message came in 1970: our case's clock and its closing do not go by that.
func TestAReceiptThatLiesAboutItsTimeMovesNoCaseOutOfItsTime(t *testing.T) {
	for _, lie := range []int64{1, 1<<53 - 1} {
		bubble(t, func(t *testing.T) {
			k := talking(t)
			f := k.f
			f.net.Cut("RS", "BG")
			file := example(t, "police-request-normal.json")
			file.To, file.FromUnit = []string{"BG/police"}, "police"
			token, err := k.rs.hand(file)
			must(t, err)
			k.rs.halt()
			k.bg.halt()
			b := deskOf(t, f, "RS")
			var name envelope.Name
			must(t, b.s.View(func(r *store.Reader) error {
				e, err := r.Outbox("BG", 0, 0, 10)
				name = envelope.Name(e[0].GetMsg())
				return err
			}))
			reply := example(t, "police-reply-partly-refused.json")
			adm, _, err := b.arrive("BG", reply.GetContent(), lint.Cover{CaseToken: token, Of: name[:], FromUnit: "police", ToUnit: "police", Actor: "bg-1", ActorKind: rogatoryv1.ActorKind_ACTOR_KIND_OFFICER})
			t.Logf("reply: %q %v", adm.Reject, err)
			_, err = b.s.Update(context.Background(), func(tx *store.Tx) error {
				return b.desk.Delivered(tx, post.Delivery{To: "BG", Name: name, CaseToken: token, At: lie})
			})
			must(t, err)
			now := time.Now()
			must(t, b.s.View(func(r *store.Reader) error {
				s, _, err := r.Case(token)
				t.Logf("state %s changed %s deadline %s wakes %s", s.GetState(), time.UnixMilli(int64(s.GetUpdatedMs())), time.UnixMilli(int64(s.GetDeadlineMs())), time.UnixMilli(int64(s.GetWakeMs())))
				if at := time.UnixMilli(int64(s.GetUpdatedMs())); at.Before(now.Add(-time.Hour)) || at.After(now.Add(time.Hour)) {
					t.Errorf("the case has changed at %s, now it is %s", at, now)
				}
				if due, _ := r.CasesToWake(uint64(now.UnixMilli()), 10); len(due) != 0 {
					t.Errorf("the case is closed at once")
				}
				return err
			}))
		})
	}
}

// Who drafted one of the messages does not approve it together with another's.
func TestNobodyApprovesTheOwnDraftBesideAnothers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs := f.node["RS"].run(fourEyes)
		bg, hu := f.node["BG"].run(), f.node["HU"].run()
		for _, in := range []*inside{rs, bg, hu} {
			in.clearedIn(time.Minute)
		}
		k := &talk{T: t, f: f, rs: rs.founder(1)}
		notice := func(to string) *rogatoryv1.RequestFile {
			file := k.plain(&rogatoryv1.Content{Body: &rogatoryv1.Content_Governance{Governance: &rogatoryv1.GovernanceNotice{
				Kind: rogatoryv1.GovernanceKind_GOVERNANCE_KIND_OUTAGE, Text: "The node is away on Sunday night.",
			}}})
			file.To, file.FromUnit = []string{to}, "police"
			return file
		}
		prepared := func(p *person, to string) (string, *rogatoryv1.ActTarget) {
			r, err := p.prepare(&nodev1.PrepareRequest{File: notice(to)})
			must(t, err)
			done, err := p.commit(r)
			must(t, err)
			act, err := federation.ParseAct(r.GetAct())
			must(t, err)
			return done.GetCases()[0].GetCaseToken(), act.GetTargets()[0]
		}
		other, mine := rs.founder(2), rs.founder(1)
		_, first := prepared(other, "BG")
		token, second := prepared(mine, "HU")
		a := mine.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token, Targets: []*rogatoryv1.ActTarget{first, second}}, time.Now())
		_, err := rs.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: a})
		refused(t, "approving one's own draft beside another's", err, "four-eyes")
		rs.halt()
		bg.halt()
		hu.halt()
	})
}

// An officer of one unit does not decline what another unit drafted, beside something of the own.
func TestNobodyDeclinesWhatAnotherUnitDrafted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs := f.node["RS"].run(fourEyes)
		bg := f.node["BG"].run()
		rs.clearedIn(time.Minute)
		police, fiu := rs.enrol("rs-police-1", "police"), rs.enrol("rs-fiu-1", "fiu")
		prepared := func(p *person, to, unit string) (string, *rogatoryv1.ActTarget) {
			file := example(t, "police-request-normal.json")
			file.To, file.FromUnit = []string{to}, unit
			r, err := p.prepare(&nodev1.PrepareRequest{File: file})
			must(t, err)
			done, err := p.commit(r)
			must(t, err)
			act, err := federation.ParseAct(r.GetAct())
			must(t, err)
			return done.GetCases()[0].GetCaseToken(), act.GetTargets()[0]
		}
		own, first := prepared(police, "BG/police", "police")
		_, second := prepared(fiu, "HU/police", "fiu")
		a := police.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_DECLINE, CaseToken: own, Targets: []*rogatoryv1.ActTarget{first, second}}, time.Now())
		_, err := rs.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: a})
		refused(t, "declining a draft of another unit", err, "unit")
		rs.halt()
		bg.halt()
	})
}

// An agency answers for a unit; it does not ask other countries in the unit's name, without a second person.
func TestAListedAgencyAnswersAndDoesNotAsk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs := f.node["RS"].run(fourEyes, agencies("rs-register"))
		bg := f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		p := rs.agency("rs-register")
		file := example(t, "police-request-normal.json")
		file.To, file.FromUnit = []string{"BG/police"}, "police"
		r, err := p.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_SEND, File: file})
		if err == nil {
			_, err = p.commit(r)
		}
		if err == nil {
			t.Error("an agency asked another country alone")
		}
		rs.halt()
		bg.halt()
	})
}

// What the directory's rules put before an officer (here no rule fits) is not answered by an agency alone.
func TestAnAgencyDoesNotAnswerWhatAnOfficerIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs := f.node["RS"].run(fourEyes, agencies("rs-register"))
		bg := f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		p := rs.agency("rs-register")
		// BG asks; no rule says that the unit answers by itself.
		token, err := bg.founder(1).hand(request(t, "RS/police"))
		must(t, err)
		within(t, time.Minute, "arrival", func() bool { return rs.has(token) })
		reply := example(t, "police-reply.json")
		reply.CaseToken = token
		r, err := p.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_SEND, File: reply})
		if err == nil {
			_, err = p.commit(r)
		}
		if err == nil {
			t.Error("an agency answered alone what the rules put before an officer")
		}
		rs.halt()
		bg.halt()
	})
}

// Whoever reaches the desk without any officer's key learns nothing of a case.
func TestNobodyWithoutAKeyLearnsOfACase(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := talking(t)
		k.ask("police-request-normal.json")
		for _, name := range []string{"police-reply.json", "acknowledge.json"} {
			file := example(t, name)
			file.CaseToken, file.FromUnit = k.token, ""
			r, err := k.bg.desk.Prepare(context.Background(), &nodev1.PrepareRequest{Actor: k.bg.who, File: file})
			if err != nil {
				continue
			}
			d := &rogatoryv1.Docket{}
			must(t, envelope.StrictUnmarshal(r.GetMessages()[0].GetDocket(), d, 1<<20))
			t.Errorf("%s without a signature: case %s of unit %s is with %s/%s under %s and has message %x", name, k.token, d.GetFromUnit(), r.GetMessages()[0].GetTo(), d.GetToUnit(), d.GetRegime(), d.GetOf())
		}
		other := keyring.GenerateOfficer()
		for _, token := range []string{k.token, "RS-2026-999999"} {
			thief := &person{inside: k.bg.inside, who: k.bg.who, key: other}
			file := example(t, "acknowledge.json")
			file.CaseToken = token
			_, err := thief.prepare(&nodev1.PrepareRequest{File: file})
			refused(t, "preparing with another's key in "+token, err, "officer")
			_, err = thief.show(token)
			refused(t, "reading with another's key "+token, err, "officer")
			_, err = thief.prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_RATIFY, CaseToken: token})
			refused(t, "ratifying with another's key in "+token, err, "officer")
			for _, verb := range []rogatoryv1.Verb{rogatoryv1.Verb_VERB_RATIFY, rogatoryv1.Verb_VERB_APPROVE, rogatoryv1.Verb_VERB_ERASE} {
				a := thief.assert(&rogatoryv1.Act{Verb: verb, CaseToken: token, Reason: "erasure", Targets: []*rogatoryv1.ActTarget{{To: "RS", DocketCommit: make([]byte, 32), ContentCommit: make([]byte, 32)}}}, time.Now())
				_, err = k.bg.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: a})
				refused(t, verb.String()+" with another's key "+token, err, "officer")
			}
			refused(t, "taking up with another's key "+token, thief.do(rogatoryv1.Verb_VERB_REGISTER, token, ""), "officer")
		}
		k.end()
	})
}

// An assertion that lists shows the listing once: whoever records it sees nothing with it, before a restart or after.
func TestAListingsAssertionCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rs, bg := pair(t)
		officer := rs.founder(1)
		a := officer.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
		list := func(in *inside) error {
			_, err := in.desk.List(context.Background(), &nodev1.ListRequest{Assertion: a})
			return err
		}
		must(t, list(rs))
		refused(t, "the same assertion again", list(rs), "used")
		watch, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		refused(t, "watching with it", rs.desk.Watch(&nodev1.WatchRequest{Assertion: a}, watching{stream{watch}}), "used")
		rs.halt()
		rs = rs.f.node["RS"].run()
		refused(t, "after a restart", list(rs), "used")
		rs.halt()
		bg.halt()
	})
}

// watching is a listener who takes nothing.
type watching struct{ stream }

func (watching) Send(*nodev1.WatchResponse) error { return nil }
