package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// person is somebody with a key at a node in a bubble.
type person struct {
	*inside
	who string
	key *keyring.Officer
}

// founder returns the node's first or second founder.
func (in *inside) founder(n int) *person {
	in.f.t.Helper()
	name := fmt.Sprintf("%s-founder-%d", map[string]string{"RS": "rs", "BG": "bg", "HU": "hu"}[in.code], n)
	o, err := client.OpenOfficer(in.dir+"/"+setup.PeopleFolder+"/"+name+".key", keyring.Plain())
	must(in.f.t, err)
	return &person{inside: in, who: o.Pseudonym, key: o.Key}
}

// at is the same person after the node has started again.
func (p *person) at(in *inside) *person { return &person{inside: in, who: p.who, key: p.key} }

// assert signs an act at a time.
func (p *person) assert(act *rogatoryv1.Act, at time.Time) *rogatoryv1.Assertion {
	p.f.t.Helper()
	a, err := (&client.Officer{Pseudonym: p.who, Key: p.key}).Assert(act, at)
	must(p.f.t, err)
	return a
}

// enrolment is what two people sign to put an officer on the register, or off it.
func enrolment(t *testing.T, first, second *person, o *rogatoryv1.Officer, revoked bool) *rogatoryv1.Enrolment {
	t.Helper()
	subject, err := federation.EnrolmentSubject(o)
	must(t, err)
	verbs := []rogatoryv1.Verb{rogatoryv1.Verb_VERB_ENROL, rogatoryv1.Verb_VERB_ENROL_CONFIRM}
	if revoked {
		verbs = []rogatoryv1.Verb{rogatoryv1.Verb_VERB_REVOKE, rogatoryv1.Verb_VERB_REVOKE}
	}
	return &rogatoryv1.Enrolment{Officer: o, Revoked: revoked, Assertions: []*rogatoryv1.Assertion{
		first.assert(&rogatoryv1.Act{Verb: verbs[0], Subject: subject[:]}, time.Now()),
		second.assert(&rogatoryv1.Act{Verb: verbs[1], Subject: subject[:]}, time.Now()),
	}}
}

// officer is somebody who may do everyday things, and is not on the register yet.
func (in *inside) officer(name string, units ...string) (*person, *rogatoryv1.Officer) {
	p := &person{inside: in, who: name, key: keyring.GenerateOfficer()}
	rights := []rogatoryv1.Right{
		rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE, rogatoryv1.Right_RIGHT_MANAGE,
	}
	return p, federation.NewOfficer(name, p.key.Public(), units, rights, false)
}

// enrol puts an officer on the register by the signatures of both founders.
func (in *inside) enrol(name string, units ...string) *person {
	in.f.t.Helper()
	p, o := in.officer(name, units...)
	in.put(o)
	return p
}

// agencies lists agencies at the first unit.
func agencies(names ...string) func(*configs.Node) {
	return func(c *configs.Node) { c.Units[0].Agencies = names }
}

// agency enrols a program of an agency that reads and sends.
func (in *inside) agency(name string) *person {
	in.f.t.Helper()
	p := &person{inside: in, who: name, key: keyring.GenerateOfficer()}
	in.put(federation.NewOfficer(name, p.key.Public(), []string{"police"}, []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_SEND}, true))
	return p
}

func (in *inside) put(o *rogatoryv1.Officer) {
	in.f.t.Helper()
	_, err := in.desk.Enrol(context.Background(), &nodev1.EnrolRequest{Enrolment: enrolment(in.f.t, in.founder(1), in.founder(2), o, false)})
	must(in.f.t, err)
}

// prepare composes an act and returns what there is to sign.
func (p *person) prepare(r *nodev1.PrepareRequest) (*nodev1.PrepareResponse, error) {
	r.Actor = p.who
	token, reason := r.GetFile().GetCaseToken(), client.ReasonDrafting
	switch r.GetVerb() {
	case rogatoryv1.Verb_VERB_APPROVE, rogatoryv1.Verb_VERB_DECLINE, rogatoryv1.Verb_VERB_RATIFY:
		token, reason = r.GetCaseToken(), client.ReasonApproval
	}
	if token != "" {
		r.Reading = p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: reason}, time.Now())
	}
	out, err := p.desk.Prepare(context.Background(), r)
	if err == nil && len(out.GetAct()) == 0 {
		err = fmt.Errorf("linter: %v", out.GetFindings())
	}
	return out, err
}

// commit signs what was prepared and has it done.
func (p *person) commit(r *nodev1.PrepareResponse) (*nodev1.CommitResponse, error) {
	a, err := federation.SignAct(r.GetAct(), p.key)
	if err != nil {
		return nil, err
	}
	return p.desk.Commit(context.Background(), &nodev1.CommitRequest{Assertion: a, Messages: r.GetMessages()})
}

// do is one act without a file.
func (p *person) do(verb rogatoryv1.Verb, token, reason string) error {
	r, err := p.prepare(&nodev1.PrepareRequest{Verb: verb, CaseToken: token, Reason: reason})
	if err == nil {
		r.Messages = nil
		_, err = p.commit(r)
	}
	return err
}

func (p *person) approve(token string) error { return p.do(rogatoryv1.Verb_VERB_APPROVE, token, "") }

// hand sends a file, or puts it before an approver, as the node says, and returns its case.
func (p *person) hand(f *rogatoryv1.RequestFile) (token string, err error) {
	r, err := p.prepare(&nodev1.PrepareRequest{File: f})
	if err != nil {
		return "", err
	}
	done, err := p.commit(r)
	if err != nil {
		return "", err
	}
	return done.GetCases()[0].GetCaseToken(), nil
}

// list returns the person's cases by token.
func (p *person) list() map[string]*nodev1.CaseRow {
	p.f.t.Helper()
	a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
	out, err := p.desk.List(context.Background(), &nodev1.ListRequest{Assertion: a})
	must(p.f.t, err)
	cases := map[string]*nodev1.CaseRow{}
	for _, r := range out.GetCases() {
		cases[r.GetCaseToken()] = r
	}
	return cases
}

func (p *person) show(token string) (*nodev1.ShowResponse, error) {
	a := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: token, Reason: "case-work"}, time.Now())
	return p.desk.Show(context.Background(), &nodev1.ShowRequest{Assertion: a})
}

// reason is the stable reason of an error that a client was told; empty for none.
func reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// refused fails the test unless an error has this reason.
func refused(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if got := reason(err); !slices.Contains(want, got) {
		t.Errorf("%s: %q, not %q (%v)", what, got, want, err)
	}
}

func fourEyes(c *configs.Node) {
	for i := range c.Units {
		c.Units[i].FourEyes = true
	}
}

// slow lets a node do its rounds rarely, for tests in which days pass.
func slow(c *configs.Node) { c.Round = time.Hour }

// request is the example of a request from the police of one country to an address.
func request(t *testing.T, to string) *rogatoryv1.RequestFile {
	f := example(t, "police-request-normal.json")
	f.To, f.FromUnit = []string{to}, "police"
	return f
}

// leaves returns the entries of a stopped node's log for which f returns something.
func entries[T translog.Entry](c *country) []T {
	c.f.t.Helper()
	var out []T
	c.leaves(func(l translog.Leaf) bool {
		if e, ok := l.Entry.(T); ok {
			out = append(out, e)
		}
		return false
	})
	return out
}

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

func TestActCountsOnceAsSignedAndInItsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		ctx := context.Background()
		p := rs.founder(1)
		prepared := func() *nodev1.PrepareResponse {
			r, err := p.prepare(&nodev1.PrepareRequest{File: request(t, "BG/police")})
			must(t, err)
			return r
		}
		// A changed byte anywhere in what is to be sent.
		for name, change := range map[string]func(o *nodev1.Outgoing){
			"docket":       func(o *nodev1.Outgoing) { o.Docket[len(o.Docket)-1] ^= 1 },
			"docket salt":  func(o *nodev1.Outgoing) { o.DocketSalt[7] ^= 1 },
			"content":      func(o *nodev1.Outgoing) { o.Content[len(o.Content)/2] ^= 1 },
			"content salt": func(o *nodev1.Outgoing) { o.ContentSalt[7] ^= 1 },
			"recipient":    func(o *nodev1.Outgoing) { o.To = "HU" },
		} {
			r := prepared()
			a, err := federation.SignAct(r.GetAct(), p.key)
			must(t, err)
			change(r.Messages[0])
			_, err = rs.desk.Commit(ctx, &nodev1.CommitRequest{Assertion: a, Messages: r.Messages})
			refused(t, "changed "+name, err, "other-act", "request")
		}

		// The same key gives the same case; another act under it is refused; so is the same act under another key.
		key := []byte("0123456789abcdef")
		r := prepared()
		a, err := federation.SignAct(r.GetAct(), p.key)
		must(t, err)
		commit := func(key []byte, a *rogatoryv1.Assertion, m []*nodev1.Outgoing) (string, error) {
			out, err := rs.desk.Commit(ctx, &nodev1.CommitRequest{IdempotencyKey: key, Assertion: a, Messages: m})
			if err != nil {
				return "", err
			}
			return out.GetCases()[0].GetCaseToken(), nil
		}
		first, err := commit(key, a, r.Messages)
		must(t, err)
		again, err := commit(key, a, r.Messages)
		must(t, err)
		if first != again {
			t.Errorf("the same key gave %s and %s", first, again)
		}
		_, err = commit([]byte("another key 0123"), a, r.Messages)
		refused(t, "the same act under another key", err, "used")
		second := prepared()
		b, err := federation.SignAct(second.GetAct(), p.key)
		must(t, err)
		_, err = commit(key, b, second.Messages)
		refused(t, "another act under the same key", err, "idempotency-key")

		// Twice at the same moment: one case.
		both := make(chan string, 8)
		for range cap(both) {
			go func() {
				token, err := commit(nil, b, second.Messages)
				both <- token + reason(err)
			}()
		}
		one := <-both
		for range cap(both) - 1 {
			if x := <-both; x != one {
				t.Errorf("the same act at the same moment gave %q and %q", one, x)
			}
		}

		old := prepared()
		c, err := federation.SignAct(old.GetAct(), p.key)
		must(t, err)
		time.Sleep(11 * time.Minute)
		_, err = commit(nil, c, old.Messages)
		refused(t, "an act of eleven minutes ago", err, "act-time")

		stranger := &person{inside: rs, who: p.who, key: keyring.GenerateOfficer()}
		_, err = stranger.commit(prepared())
		refused(t, "a stranger's key", err, "officer")
		forged := p.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST}, time.Now())
		forged.Signature[3] ^= 1
		_, err = rs.desk.List(ctx, &nodev1.ListRequest{Assertion: forged})
		refused(t, "a forged signature", err, "signature")
		rs.halt()
		bg.halt()
		oneEffect(t, f, map[string]string{first: "RS-BG", one: "RS-BG"})
	})
}

func TestAgencySendsAloneOnlyForTheUnitThatListsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federateBy(t, func(d *rogatoryv1.Directory) {
			d.Rules = []*rogatoryv1.Rule{{Name: "answer-all", Verdict: rogatoryv1.Verdict_VERDICT_ANSWER}}
		}, "RS", "BG")
		rs := f.node["RS"].run(fourEyes, agencies("rs-register"), func(c *configs.Node) { c.Units[0].Services = []string{exchange.MethodAsk} })
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

func TestRegisterTakesTwoPeopleAndSurvivesRestartsAndItsFounders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		ctx := context.Background()
		enrol := func(e *rogatoryv1.Enrolment) error {
			_, err := rs.desk.Enrol(ctx, &nodev1.EnrolRequest{Enrolment: e})
			return err
		}
		one, two := rs.founder(1), rs.founder(2)
		ana, ofAna := rs.officer("rs-ana", "police")
		refused(t, "one person twice", enrol(enrolment(t, one, one, ofAna, false)), "four-eyes")
		half := enrolment(t, one, two, ofAna, false)
		half.Assertions = half.Assertions[:1]
		refused(t, "one assertion", enrol(half), "request")
		refused(t, "signed by oneself", enrol(enrolment(t, one, &person{inside: rs, who: "rs-ana", key: ana.key}, ofAna, false)), "officer")
		good := enrolment(t, one, two, ofAna, false)
		must(t, enrol(good))
		must(t, enrol(good)) // a repeated call after a lost answer
		bob, ofBob := rs.officer("rs-bob", "police")
		refused(t, "enrolling without the right", enrol(enrolment(t, one, ana, ofBob, false)), "right")
		must(t, enrol(enrolment(t, one, two, ofBob, false)))
		_, err := bob.hand(request(t, "BG/police"))
		must(t, err)
		must(t, enrol(enrolment(t, one, two, ofBob, true)))
		_, err = bob.commit(&nodev1.PrepareResponse{Act: bob.assert(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_REGISTER, CaseToken: "RS-2026-000001"}, time.Now()).GetAct()})
		refused(t, "acting after the revocation", err, "officer")
		refused(t, "enrolling again who was revoked", enrol(enrolment(t, one, two, ofBob, false)), "officer")

		rs.halt()
		rs = f.node["RS"].run()
		rs.clearedIn(time.Minute)
		_, err = ana.at(rs).hand(request(t, "BG/police"))
		must(t, err)
		if _, err := bob.at(rs).hand(request(t, "BG/police")); err == nil {
			t.Error("the revocation was forgotten")
		}

		// The directory names another second founder. The first enrolments were his predecessor's, and hold.
		next := f.directory.Proto()
		third, ofThird := rs.officer("rs-founder-3", "police", "fiu")
		ofThird.Rights = next.GetMembers()[1].GetFounders()[0].GetRights()
		for _, m := range next.GetMembers() {
			if m.GetCountry() == "RS" {
				m.Founders[1] = ofThird
			}
		}
		f.sign(next)
		within(t, 5*time.Minute, "the directory", func() bool { return rs.state().GetDirectoryVersion() == 2 })
		_, carOf := rs.officer("rs-car", "police")
		enrol = func(e *rogatoryv1.Enrolment) error {
			_, err := rs.desk.Enrol(ctx, &nodev1.EnrolRequest{Enrolment: e})
			return err
		}
		refused(t, "enrolling by a founder who is none any more", enrol(enrolment(t, one, two, carOf, false)), "officer")
		must(t, enrol(enrolment(t, one, third, carOf, false)))
		rs.halt()
		rs = f.node["RS"].run()
		rs.clearedIn(time.Minute)
		officers, err := rs.desk.Officers(ctx, &nodev1.OfficersRequest{})
		must(t, err)
		var names []string
		for _, o := range officers.GetOfficers() {
			names = append(names, o.GetPseudonym())
		}
		if want := []string{"rs-ana", "rs-car", "rs-founder-1", "rs-founder-3"}; !slices.Equal(names, want) {
			t.Errorf("the register is %v, not %v", names, want)
		}
		_, err = ana.at(rs).hand(request(t, "BG/police"))
		must(t, err)
		rs.halt()
		bg.halt()
		var actors []string
		for _, a := range entries[*translog.Actor](f.node["RS"]) {
			actors = append(actors, a.Event+" "+a.Who)
		}
		if want := "[enrol rs-ana enrol rs-bob revoke rs-bob enrol rs-car]"; fmt.Sprint(actors) != want {
			t.Errorf("the log has %v, not %s", actors, want)
		}
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

// parties sets who takes part in a proposed joint case.
func parties(f *rogatoryv1.RequestFile, units ...string) {
	p := f.GetContent().GetJoint().GetPropose()
	p.Parties = units
	leader := proto.CloneOf(p.GetLeaders()[0])
	p.Leaders = nil
	for _, u := range units {
		l := proto.CloneOf(leader)
		l.Unit = u
		p.Leaders = append(p.Leaders, l)
	}
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

// officerOf returns a person's entry in the register.
func officerOf(t *testing.T, p *person) *rogatoryv1.Officer {
	t.Helper()
	list, err := p.desk.Officers(context.Background(), &nodev1.OfficersRequest{})
	must(t, err)
	for _, o := range list.GetOfficers() {
		if o.GetPseudonym() == p.who {
			return o
		}
	}
	t.Fatalf("%s is not on the register", p.who)
	return nil
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

func TestRegisterChangesWhileMessagesComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		sent := map[string]string{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 12 {
				_, o := rs.officer(fmt.Sprintf("rs-new-%d", i), "police")
				if _, err := rs.desk.Enrol(context.Background(), &nodev1.EnrolRequest{Enrolment: enrolment(t, rs.founder(1), rs.founder(2), o, false)}); err != nil {
					t.Error(err)
				}
			}
		}()
		for range 40 {
			sent[bg.mustAsk("RS")] = "BG-RS"
			sent[rs.mustAsk("BG")] = "RS-BG"
		}
		<-done
		settled(t, []*inside{rs, bg})
		rs.halt()
		bg.halt()
		oneEffect(t, f, sent)
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
