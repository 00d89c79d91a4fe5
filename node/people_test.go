package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestUnitSeesAndDoesNothingWithTheCasesOfAnother(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(fourEyes), f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		police, fiu := rs.enrol("rs-police-1", "police"), rs.enrol("rs-fiu-1", "fiu")
		token, err := police.hand(request(t, "BG/police"))
		must(t, err)

		if n := len(fiu.list()); n != 0 {
			t.Errorf("the other unit's listing has %d cases", n)
		}
		a := fiu.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
		_, err = fiu.desk.List(context.Background(), &nodev1.ListRequest{Assertion: a, Unit: "police"})
		refused(t, "listing another unit", err, "unit")
		_, err = fiu.show(token)
		refused(t, "reading", err, "case")
		refused(t, "approving", fiu.approve(token), "case")
		refused(t, "assigning", fiu.do(rogatoryv1.Verb_VERB_ASSIGN, token, "rs-fiu-1"), "case")
		refused(t, "handing over", fiu.do(rogatoryv1.Verb_VERB_TRANSFER, token, "fiu"), "case")
		withdrawal := example(t, "withdrawal.json")
		withdrawal.CaseToken = token
		_, err = fiu.hand(withdrawal)
		refused(t, "withdrawing", err, "case")

		// Composed without Prepare, by somebody who has seen the draft: the act is in a unit that is not his.
		draft, err := rs.founder(2).prepare(&nodev1.PrepareRequest{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token})
		must(t, err)
		act, err := federation.ParseAct(draft.GetAct())
		must(t, err)
		_, err = fiu.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: fiu.assert(act, time.Now())})
		refused(t, "approving by a copied act", err, "unit")
		_, err = fiu.hand(request(t, "BG/police"))
		refused(t, "drafting for another unit", err, "unit")

		must(t, rs.founder(2).approve(token))
		if police.list()[token].GetState() == "" || len(fiu.list()) != 0 {
			t.Error("after the approval the units see otherwise")
		}
		rs.halt()
		bg.halt()
	})
}

func TestMessagesAreRoutedByNameByKindAndToTheDefaultUnit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		boss := rs.founder(1)
		to := func(file *rogatoryv1.RequestFile, address, from string) string {
			t.Helper()
			file.To, file.FromUnit = []string{address}, from
			token, err := bg.founder(1).hand(file)
			must(t, err)
			return token
		}
		wants := map[string]string{
			to(example(t, "police-request-normal.json"), "RS", "police"):     "police", // the default
			to(example(t, "police-request-normal.json"), "RS/fiu", "police"): "fiu",    // by name
			to(example(t, "fiu-request.json"), "RS", "fiu"):                  "fiu",    // by kind and authority
			to(example(t, "spontaneous-information.json"), "RS", "police"):   "police",
		}
		// Who writes to a unit that the manifest does not name is told which there are.
		typo := example(t, "police-request-normal.json")
		typo.To, typo.FromUnit = []string{"RS/customs"}, "police"
		if found, err := bg.desk.Prepare(context.Background(), &nodev1.PrepareRequest{Actor: bg.founder(1).who, File: typo}); err != nil ||
			len(found.GetAct()) != 0 || !strings.Contains(fmt.Sprint(found.GetFindings()), "fiu, police") {
			t.Errorf("a message to an unknown unit: %v %v", found, err)
		}
		// Who does so all the same, with a program of one's own, is refused there.
		unknown := bg.founder(1).misdirect("customs")
		settled(t, []*inside{rs, bg})
		for token, unit := range wants {
			if got := boss.list()[token].GetUnit(); got != unit {
				t.Errorf("%s is in %q, not in %s", token, got, unit)
			}
		}
		if boss.list()[unknown] != nil {
			t.Error("a message to an unknown unit has opened a case")
		}
		if row := bg.founder(1).list()[unknown]; row.GetState() != "rejected" || row.GetOutcome() != "unit" {
			t.Errorf("the sender sees %v", row)
		}
		rs.halt()
		bg.halt()
		if rej := entries[*translog.Rej](f.node["RS"]); len(rej) != 1 || rej[0].Code != "unit" {
			t.Errorf("refusals in the log: %v", rej)
		}
	})
}

// misdirect sends a request to a unit that no Prepare would compose, and returns its case.
func (p *person) misdirect(unit string) string {
	t := p.f.t
	t.Helper()
	r, err := p.prepare(&nodev1.PrepareRequest{File: request(t, "RS")})
	must(t, err)
	m, docket := r.GetMessages()[0], &rogatoryv1.Docket{}
	must(t, envelope.StrictUnmarshal(m.GetDocket(), docket, 1<<20))
	docket.ToUnit = unit
	m.Docket, err = envelope.Marshal(docket)
	must(t, err)
	d := envelope.Commit(envelope.Salt(m.GetDocketSalt()), envelope.Docket, m.GetDocket())
	c := envelope.Commit(envelope.Salt(m.GetContentSalt()), envelope.Content, m.GetContent())
	target := &rogatoryv1.ActTarget{To: m.GetTo(), Unit: unit, DocketCommit: d[:], ContentCommit: c[:]}
	act := &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_SEND, CaseToken: docket.GetCaseToken(), Targets: []*rogatoryv1.ActTarget{target}}
	_, err = p.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: p.assert(act, time.Now()), Messages: r.GetMessages()})
	must(t, err)
	return docket.GetCaseToken()
}

func TestHandedOverCaseIsReadByTheNewUnitAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		police, fiu := rs.enrol("rs-police-1", "police"), rs.enrol("rs-fiu-1", "fiu")
		token, err := bg.founder(1).hand(request(t, "RS/police"))
		must(t, err)
		within(t, time.Minute, "arrival", func() bool { return rs.has(token) })

		refused(t, "handing over to no unit", police.do(rogatoryv1.Verb_VERB_TRANSFER, token, "customs"), "unit")
		must(t, police.do(rogatoryv1.Verb_VERB_TRANSFER, token, "fiu"))
		_, err = police.show(token)
		refused(t, "reading by the old unit", err, "case")
		shown, err := fiu.show(token)
		must(t, err)
		if shown.GetMessages()[0].GetContent().GetRequest() == nil {
			t.Error("the new unit does not read the request")
		}
		// What comes later goes to the new unit as well.
		reminder := example(t, "withdrawal.json")
		reminder.CaseToken = token
		_, err = bg.founder(1).hand(reminder)
		must(t, err)
		within(t, time.Minute, "the withdrawal", func() bool { return fiu.list()[token].GetState() == "withdrawn" })
		if len(police.list()) != 0 {
			t.Error("the old unit still lists the case")
		}
		rs.halt()
		bg.halt()
		var verbs []string
		for _, op := range entries[*translog.Op](f.node["RS"]) {
			verbs = append(verbs, op.Verb+" "+op.Who+" "+op.Recipient)
		}
		if want := []string{"transfer rs-police-1 RS/fiu", "consult rs-fiu-1 "}; !slices.Equal(verbs, want) {
			t.Errorf("statutory log: %q, not %q", verbs, want)
		}
		s := f.node["RS"].open()
		must(t, s.View(func(r *store.Reader) error {
			indices, err := r.CaseMessages(token)
			if err != nil {
				return err
			}
			for _, i := range indices {
				m, err := r.Message(i)
				if err != nil {
					return err
				}
				head, err := r.ContentHead(m.GetContentId())
				if err != nil {
					return err
				}
				if head.GetUnit() != "fiu" {
					t.Errorf("the content of leaf %d is %s's", i, head.GetUnit())
				}
			}
			return nil
		}))
		must(t, s.Close())
	})
}

// Content is released after the reading is in the log, with its reason, and an erased content says that it was.
func TestReadingIsLoggedBeforeContentIsReleased(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		ctx := context.Background()
		p := rs.founder(1)
		token, err := p.hand(request(t, "BG/police"))
		must(t, err)
		// The client's library would not let it pass.
		b, err := envelope.Marshal(&rogatoryv1.Act{
			Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Actor: p.who, Nonce: []byte("0123456789abcdef"), AtMs: uint64(time.Now().UnixMilli()),
		})
		must(t, err)
		kid := p.key.Public().KID()
		_, err = rs.desk.Show(ctx, &nodev1.ShowRequest{Assertion: &rogatoryv1.Assertion{Act: b, Kid: kid[:], Signature: p.key.Sign(federation.ActDigest(b))}})
		refused(t, "reading without a reason", err, "request")

		before := rs.state().GetLogSize()
		a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: "case-work"}, time.Now())
		shown, err := rs.desk.Show(ctx, &nodev1.ShowRequest{Assertion: a})
		must(t, err)
		if shown.GetMessages()[0].GetContent().GetRequest() == nil || rs.state().GetLogSize() == before {
			t.Error("content without a leaf, or a leaf without content")
		}
		_, err = rs.desk.Show(ctx, &nodev1.ShowRequest{Assertion: a})
		refused(t, "the same reading again", err, "used")
		settled(t, []*inside{rs, bg})
		rs.halt()
		s := f.node["RS"].open()
		_, err = s.Update(ctx, func(tx *store.Tx) error {
			indices, err := tx.CaseMessages(token)
			if err != nil {
				return err
			}
			m, err := tx.Message(indices[0])
			if err != nil {
				return err
			}
			return tx.EraseContent(m.GetContentId())
		})
		must(t, err)
		must(t, s.Close())
		rs = f.node["RS"].run()
		shown, err = p.at(rs).show(token)
		must(t, err)
		if m := shown.GetMessages()[0]; m.GetStatus() != "erased" || m.GetContent() != nil || m.GetDocket() == nil {
			t.Errorf("the erased message is %s", m.GetStatus())
		}
		rs.halt()
		bg.halt()
		var consulted int
		for _, op := range entries[*translog.Op](f.node["RS"]) {
			if op.Verb == translog.Consult && op.Who == p.who && op.Why == "case-work" && op.Case == token && op.OfCount == 1 {
				consulted++
			}
		}
		if consulted != 2 {
			t.Errorf("%d consultations in the log, not 2", consulted)
		}
	})
}

// watch collects what a watched unit shows.
type watch struct {
	stream
	rows chan *nodev1.CaseRow
}

func (w *watch) Send(r *nodev1.WatchResponse) error {
	w.rows <- r.GetCase()
	return nil
}

func TestWatcherSeesChangesUntilTakenOffTheRegister(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rs, bg := pair(t)
		p, o := rs.officer("rs-police-1", "police")
		rs.put(o)
		other := rs.enrol("rs-fiu-1", "fiu")
		watching := func(p *person) (*watch, chan error) {
			w := &watch{stream: stream{context.Background()}, rows: make(chan *nodev1.CaseRow, 64)}
			done := make(chan error, 1)
			a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
			go func() { done <- rs.desk.Watch(&nodev1.WatchRequest{Assertion: a}, w) }()
			return w, done
		}
		mine, ended := watching(p)
		theirs, otherEnded := watching(other)
		token, err := p.hand(request(t, "BG/police"))
		must(t, err)
		settled(t, []*inside{rs, bg})
		time.Sleep(time.Minute)
		_, err = rs.desk.Enrol(context.Background(), &nodev1.EnrolRequest{Enrolment: enrolment(t, rs.founder(1), rs.founder(2), o, true)})
		must(t, err)
		refused(t, "watching after the revocation", <-ended, "officer")
		close(mine.rows)
		var states []string
		for r := range mine.rows {
			if r.GetCaseToken() == token {
				states = append(states, r.GetState())
			}
		}
		if len(states) == 0 || states[len(states)-1] != "received" {
			t.Errorf("the watcher saw %v", states)
		}
		if len(theirs.rows) != 0 {
			t.Error("another unit's watcher saw it")
		}
		_, err = rs.desk.Enrol(context.Background(), &nodev1.EnrolRequest{Enrolment: enrolment(t, rs.founder(1), rs.founder(2), officerOf(t, other), true)})
		must(t, err)
		<-otherEnded
		rs.halt()
		bg.halt()
	})
}

func TestListingComesInPagesOverAllUnits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rs, bg := pair(t)
		p := rs.founder(1)
		want := map[string]bool{}
		for range 3 {
			token, err := p.hand(request(t, "BG/police"))
			must(t, err)
			want[token] = true
		}
		for range 2 {
			file := example(t, "fiu-request.json")
			file.To = []string{"BG/fiu"}
			token, err := p.hand(file)
			must(t, err)
			want[token] = true
		}
		for limit := uint32(1); limit <= 6; limit++ {
			seen := map[string]bool{}
			for page := ""; ; {
				a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
				out, err := rs.desk.List(context.Background(), &nodev1.ListRequest{Assertion: a, Limit: limit, Page: page})
				must(t, err)
				if len(out.GetCases()) > int(limit) {
					t.Errorf("a page of %d has %d cases", limit, len(out.GetCases()))
				}
				for _, c := range out.GetCases() {
					if seen[c.GetCaseToken()] || !want[c.GetCaseToken()] {
						t.Errorf("%s comes twice or is another's", c.GetCaseToken())
					}
					seen[c.GetCaseToken()] = true
				}
				if page = out.GetNextPage(); page == "" {
					break
				}
			}
			if len(seen) != len(want) {
				t.Errorf("pages of %d show %d cases, not %d", limit, len(seen), len(want))
			}
		}
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
	})
}
