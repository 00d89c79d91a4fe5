package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

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

// An officer of a unit that is not there could do nothing, and nobody would see why. Who is on the register already leaves it all the same.
func TestNobodyIsEnrolledIntoAUnitThatIsNotThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rs, bg := pair(t)
		_, o := rs.officer("rs-new", "police", "navy")
		_, err := rs.desk.Enrol(context.Background(), &nodev1.EnrolRequest{Enrolment: enrolment(t, rs.founder(1), rs.founder(2), o, false)})
		if reason(err) != "unit" || !strings.Contains(err.Error(), `"navy"`) || !strings.Contains(err.Error(), "police") {
			t.Errorf("enrolled: %v", err)
		}
		rs.halt()
		bg.halt()
	})
}
