package federation

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// desk is a register with the keys of everybody on it.
type desk struct {
	t     testing.TB
	node  *node
	dir   *Directory
	reg   *Register
	keys  map[string]*keyring.Officer
	acts  uint64
	units []string
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	nodes, dir := four(t)
	return newDeskOf(t, nodes[2], dir)
}

func newDeskOf(t testing.TB, rs *node, dir *Directory) *desk {
	t.Helper()
	reg, err := NewRegister(dir, "RS")
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, node: rs, dir: dir, reg: reg, units: []string{"police"},
		keys: map[string]*keyring.Officer{"founder-a": rs.founders[0], "founder-b": rs.founders[1]}}
}

// act returns who's assertion of the draft at the time.
func (d *desk) act(who string, draft *v1.Act, at time.Time) *v1.Assertion {
	d.t.Helper()
	d.acts++
	draft.Actor = who
	var nonce [16]byte
	binary.BigEndian.PutUint64(nonce[:], d.acts)
	b, err := NewAct(draft, nonce, at)
	if err != nil {
		d.t.Fatal(err)
	}
	a, err := SignAct(b, d.keys[who])
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// officer returns an entry with a fresh key, which the desk holds.
func (d *desk) officer(name string, rights ...v1.Right) *v1.Officer {
	d.keys[name] = keyring.GenerateOfficer()
	return NewOfficer(name, d.keys[name].Public(), d.units, rights, false)
}

func (d *desk) enrolment(o *v1.Officer, revoked bool, first, second string, at time.Time) ([]byte, error) {
	d.t.Helper()
	subject, err := EnrolmentSubject(o)
	if err != nil {
		d.t.Fatal(err)
	}
	verbs := []v1.Verb{v1.Verb_VERB_ENROL, v1.Verb_VERB_ENROL_CONFIRM}
	if revoked {
		verbs = []v1.Verb{v1.Verb_VERB_REVOKE, v1.Verb_VERB_REVOKE}
	}
	return MakeEnrolment(o, revoked,
		d.act(first, &v1.Act{Verb: verbs[0], Subject: subject[:]}, at),
		d.act(second, &v1.Act{Verb: verbs[1], Subject: subject[:]}, at))
}

// enrol puts the officer on the desk's register, or off it.
func (d *desk) enrol(o *v1.Officer, revoked bool, first, second string) {
	d.t.Helper()
	b, err := d.enrolment(o, revoked, first, second, noon)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.reg, err = d.reg.Enrol(b, noon); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) enrolErr(o *v1.Officer, revoked bool, first, second string, want error) {
	d.t.Helper()
	b, err := d.enrolment(o, revoked, first, second, noon)
	if err == nil {
		_, err = d.reg.Enrol(b, noon)
	}
	wantErr(d.t, err, want)
}

func target(to, unit string, n byte) *v1.ActTarget {
	docket, content := sha256.Sum256([]byte{n}), sha256.Sum256([]byte{n, n})
	return &v1.ActTarget{To: to, Unit: unit, DocketCommit: docket[:], ContentCommit: content[:]}
}

const testCase = "RS-2026-000123"

func approval() (*v1.Act, ActWant) {
	targets := []*v1.ActTarget{target("BG", "police", 1), target("BG", "", 2), target("AL", "police", 3)}
	return &v1.Act{Verb: v1.Verb_VERB_APPROVE, CaseToken: testCase, Targets: targets},
		ActWant{Verb: v1.Verb_VERB_APPROVE, CaseToken: testCase, Unit: "police", Targets: targets, Drafter: "drafter"}
}

func TestTwoFoundersEnrolOthersWhoEnrolOthers(t *testing.T) {
	d := newDesk(t)
	d.enrol(d.officer("third", v1.Right_RIGHT_ENROL), false, "founder-a", "founder-b")
	d.enrol(d.officer("fourth", v1.Right_RIGHT_READ), false, "third", "founder-b")
	if got := len(d.reg.Officers()); got != 4 {
		t.Fatalf("%d on the register", got)
	}
	o, err := d.reg.Officer("fourth")
	if err != nil || o.GetRights()[0] != v1.Right_RIGHT_READ {
		t.Fatalf("%v, %v", o, err)
	}
	d.enrolErr(d.officer("fifth"), false, "fourth", "third", ErrRight)
	_, err = d.reg.Officer("fifth")
	wantErr(t, err, ErrUnknownOfficer)
}

func TestOnePersonEnrolsNobody(t *testing.T) {
	d := newDesk(t)
	d.enrolErr(d.officer("third"), false, "founder-a", "founder-a", ErrFourEyes)
	d.enrol(d.officer("third", v1.Right_RIGHT_ENROL), false, "founder-a", "founder-b")
	own := proto.CloneOf(mustOfficer(t, d.reg, "third"))
	own.Rights = append(own.Rights, v1.Right_RIGHT_MANAGE)
	d.enrolErr(own, false, "third", "founder-a", ErrFourEyes)
	d.enrol(own, false, "founder-b", "founder-a")
}

func mustOfficer(t testing.TB, r *Register, name string) *v1.Officer {
	t.Helper()
	o, err := r.Officer(name)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAgencyNeverApprovesOrEnrols(t *testing.T) {
	d := newDesk(t)
	for _, right := range []v1.Right{v1.Right_RIGHT_APPROVE, v1.Right_RIGHT_ENROL, v1.Right_RIGHT_MANAGE} {
		_, err := EnrolmentSubject(NewOfficer("robot", keyring.GenerateOfficer().Public(), nil, []v1.Right{right}, true))
		wantErr(t, err, ErrForm)
	}
	d.keys["robot"] = keyring.GenerateOfficer()
	d.enrol(NewOfficer("robot", d.keys["robot"].Public(), []string{"police"}, []v1.Right{v1.Right_RIGHT_DRAFT}, true), false, "founder-a", "founder-b")
	send := &v1.Act{Verb: v1.Verb_VERB_SEND, CaseToken: testCase, Targets: []*v1.ActTarget{target("BG", "", 1)}}
	want := ActWant{Verb: send.Verb, CaseToken: testCase, Unit: "police", Targets: send.Targets}
	_, err := d.reg.VerifyAssertion(d.act("robot", send, noon), noon, want)
	wantErr(t, err, ErrRight)
	// An officer with the same right may, alone for danger to life.
	if _, err := d.reg.VerifyAssertion(d.act("founder-b", send, noon), noon, want); err != nil {
		t.Fatal(err)
	}
}

func TestRevokedOfficerActsNoMoreAndNeverComesBack(t *testing.T) {
	d := newDesk(t)
	third := d.officer("third", v1.Right_RIGHT_APPROVE)
	first, err := d.enrolment(third, false, "founder-a", "founder-b", noon)
	if err != nil {
		t.Fatal(err)
	}
	if d.reg, err = d.reg.Enrol(first, noon); err != nil {
		t.Fatal(err)
	}
	act, want := approval()
	a := d.act("third", act, noon)
	if _, err := d.reg.VerifyAssertion(a, noon, want); err != nil {
		t.Fatal(err)
	}
	before := d.reg
	d.enrol(third, true, "founder-b", "founder-a")
	_, err = d.reg.VerifyAssertion(a, noon, want)
	wantErr(t, err, ErrRevoked)
	_, err = d.reg.Officer("third")
	wantErr(t, err, ErrRevoked)
	if _, err := before.VerifyAssertion(a, noon, want); err != nil {
		t.Fatalf("the register before was changed: %v", err)
	}
	_, err = d.reg.Enrol(first, noon)
	wantErr(t, err, ErrActUsed)
	d.enrolErr(third, false, "founder-a", "founder-b", ErrRevoked)
	other := proto.CloneOf(third)
	other.Pseudonym = "other"
	d.enrolErr(other, false, "founder-a", "founder-b", ErrRevoked)
}

func TestEnrolmentMarkedRevokedRevokesNobody(t *testing.T) {
	d := newDesk(t)
	third := d.officer("third")
	b, err := d.enrolment(third, false, "founder-a", "founder-b", noon)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseEnrolment(b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = MakeEnrolment(e.GetOfficer(), true, e.GetAssertions()[0], e.GetAssertions()[1])
	wantErr(t, err, ErrOtherAct)
	_, err = MakeEnrolment(e.GetOfficer(), false, e.GetAssertions()[1], e.GetAssertions()[0])
	wantErr(t, err, ErrOtherAct)
}

func TestReplacedKeyActsNoMore(t *testing.T) {
	d := newDesk(t)
	d.enrol(d.officer("third", v1.Right_RIGHT_APPROVE), false, "founder-a", "founder-b")
	act, want := approval()
	old := d.act("third", act, noon)
	d.enrol(d.officer("third", v1.Right_RIGHT_APPROVE), false, "founder-a", "founder-b")
	_, err := d.reg.VerifyAssertion(old, noon, want)
	wantErr(t, err, ErrRevoked)
	if _, err := d.reg.VerifyAssertion(d.act("third", act, noon), noon, want); err != nil {
		t.Fatal(err)
	}
}

func TestTwoEnrollersRemain(t *testing.T) {
	d := newDesk(t)
	a := mustOfficer(t, d.reg, "founder-a")
	d.enrolErr(a, true, "founder-a", "founder-b", ErrTooFewEnrollers)
	d.enrol(d.officer("third", v1.Right_RIGHT_ENROL), false, "founder-a", "founder-b")
	d.enrol(a, true, "founder-a", "founder-b") // one signs for the own leaving
	_, err := d.reg.Officer("founder-a")
	wantErr(t, err, ErrRevoked)
}

func TestSecondPersonHasAWeek(t *testing.T) {
	d := newDesk(t)
	b, err := d.enrolment(d.officer("third"), false, "founder-a", "founder-b", noon)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.reg.Enrol(b, noon.Add(EnrolmentLife+time.Millisecond))
	wantErr(t, err, ErrActTime)
	_, err = d.reg.Enrol(b, noon.Add(-ActSkew-time.Millisecond))
	wantErr(t, err, ErrActTime)
	if _, err := d.reg.Enrol(b, noon.Add(EnrolmentLife)); err != nil {
		t.Fatal(err)
	}
}

func TestRegisterFollowsTheDirectorysFounders(t *testing.T) {
	d := newDesk(t)
	same, err := d.reg.Follow(d.dir)
	if err != nil || same != d.reg {
		t.Fatalf("another register without a change: %v", err)
	}
	pb := d.dir.Proto()
	d.keys["founder-c"] = keyring.GenerateOfficer()
	pb.GetMembers()[2].GetFounders()[0] = NewOfficer("founder-c", d.keys["founder-c"].Public(), nil, []v1.Right{v1.Right_RIGHT_ENROL}, false)
	next, _, err := readSigned(propose(t, d.dir, pb))
	if err != nil {
		t.Fatal(err)
	}
	if d.reg, err = d.reg.Follow(next); err != nil {
		t.Fatal(err)
	}
	_, err = d.reg.Officer("founder-a")
	wantErr(t, err, ErrRevoked)
	d.enrol(d.officer("third"), false, "founder-b", "founder-c")
	if _, err := NewRegister(next, "HU"); err == nil {
		t.Fatal("a stranger has a register")
	}
}

func TestAssertionSaysExactlyWhatIsDone(t *testing.T) {
	d := newDesk(t)
	d.enrol(d.officer("third", v1.Right_RIGHT_READ), false, "founder-a", "founder-b")
	act, want := approval()
	good := d.act("founder-b", act, noon)
	v, err := d.reg.VerifyAssertion(good, noon, want)
	if err != nil {
		t.Fatal(err)
	}
	if v.Officer.GetPseudonym() != "founder-b" || len(v.Act.GetNonce()) != 16 || v.Act.GetTargets()[0].GetTo() != "AL" {
		t.Fatalf("%v", v)
	}
	for _, c := range []struct {
		name   string
		want   error
		now    time.Time
		sign   func() *v1.Assertion
		change func(w *ActWant)
	}{
		{name: "just early enough", now: noon.Add(-ActSkew)},
		{name: "just late enough", now: noon.Add(ActSkew)},
		{name: "too early", now: noon.Add(-ActSkew - time.Millisecond), want: ErrActTime},
		{name: "too late", now: noon.Add(ActSkew + time.Millisecond), want: ErrActTime},
		{name: "another verb", change: func(w *ActWant) { w.Verb = v1.Verb_VERB_RATIFY }, want: ErrOtherAct},
		{name: "another case", change: func(w *ActWant) { w.CaseToken = "RS-2026-000124" }, want: ErrOtherAct},
		{name: "a target less", change: func(w *ActWant) { w.Targets = w.Targets[1:] }, want: ErrOtherAct},
		{name: "another target", change: func(w *ActWant) { w.Targets = append(w.Targets[:2:2], target("AL", "fiu", 3)) }, want: ErrOtherAct},
		{name: "another content", change: func(w *ActWant) { w.Targets = append(w.Targets[:2:2], target("AL", "police", 4)) }, want: ErrOtherAct},
		{name: "another subject", change: func(w *ActWant) { w.Subject = make([]byte, 32) }, want: ErrOtherAct},
		{name: "another unit", change: func(w *ActWant) { w.Unit = "fiu" }, want: ErrUnit},
		{name: "no unit", change: func(w *ActWant) { w.Unit = "" }, want: ErrUnit},
		{name: "by its drafter", change: func(w *ActWant) { w.Drafter = "founder-b" }, want: ErrFourEyes},
		{name: "without a drafter", change: func(w *ActWant) { w.Drafter = "" }, want: ErrFourEyes},
		{name: "without the right", sign: func() *v1.Assertion { return d.act("third", act, noon) }, want: ErrRight},
		{name: "no assertion", sign: func() *v1.Assertion { return nil }, want: ErrForm},
		{name: "a stranger", sign: func() *v1.Assertion {
			d.keys["stranger"] = keyring.GenerateOfficer()
			return d.act("stranger", act, noon)
		}, want: ErrUnknownOfficer},
		{name: "in another's name", sign: func() *v1.Assertion {
			b := proto.CloneOf(act)
			b.Actor = "founder-a"
			raw, err := NewAct(b, [16]byte{9}, noon)
			if err != nil {
				t.Fatal(err)
			}
			a, err := SignAct(raw, d.keys["founder-b"])
			if err != nil {
				t.Fatal(err)
			}
			return a
		}, want: ErrOtherAct},
		{name: "a broken signature", sign: func() *v1.Assertion {
			a := proto.CloneOf(good)
			a.Signature[0] ^= 1
			return a
		}, want: ErrSignature},
		{name: "no signature", sign: func() *v1.Assertion {
			a := proto.CloneOf(good)
			a.Signature = nil
			return a
		}, want: ErrSignature},
		{name: "another's key", sign: func() *v1.Assertion {
			a := proto.CloneOf(good)
			kid := d.keys["founder-a"].Public().KID()
			a.Kid = kid[:]
			return a
		}, want: ErrSignature},
		{name: "a short key identifier", sign: func() *v1.Assertion {
			a := proto.CloneOf(good)
			a.Kid = a.Kid[:7]
			return a
		}, want: ErrForm},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, now := want, good, noon
			if c.change != nil {
				c.change(&w)
			}
			if c.sign != nil {
				a = c.sign()
			}
			if !c.now.IsZero() {
				now = c.now
			}
			v, err := d.reg.VerifyAssertion(a, now, w)
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantErr(t, err, c.want)
			if v.Act != nil || v.Officer != nil {
				t.Fatal("a refused act is returned as verified")
			}
		})
	}
}

func TestEveryVerbHasRightsThatAllowIt(t *testing.T) {
	for n, name := range v1.Verb_name {
		if v := v1.Verb(n); v != v1.Verb_VERB_UNSPECIFIED && len(rights[v]) == 0 {
			t.Errorf("nobody may do %s", name)
		}
	}
}

func TestEveryChangedBitOfAnActIsRefused(t *testing.T) {
	d := newDesk(t)
	act, want := approval()
	good := d.act("founder-b", act, noon)
	for i := range len(good.Act) * 8 {
		a := proto.CloneOf(good)
		a.Act[i/8] ^= 1 << (i % 8)
		if _, err := d.reg.VerifyAssertion(a, noon, want); err == nil {
			t.Fatalf("bit %d changed, and accepted", i)
		}
	}
}

// Whoever signs, in whatever pairs and order: nobody comes onto the register, changes or leaves it without two different people
// on it who can enrol; and such people never become fewer than two.
func TestRegisterNeedsTwoPeopleWhateverHappens(t *testing.T) {
	people := []string{"founder-a", "founder-b", "p0", "p1", "p2"}
	nodes, dir := four(t)
	rapid.Check(t, func(rt *rapid.T) {
		d := newDeskOf(t, nodes[2], dir)
		for step := range rapid.IntRange(1, 8).Draw(rt, "steps") {
			name := rapid.SampledFrom(people).Draw(rt, fmt.Sprint("who", step))
			first := rapid.SampledFrom(people).Draw(rt, fmt.Sprint("first", step))
			second := rapid.SampledFrom(people).Draw(rt, fmt.Sprint("second", step))
			revoke := rapid.Bool().Draw(rt, fmt.Sprint("revoke", step))
			enrols := rapid.Bool().Draw(rt, fmt.Sprint("enrols", step))
			for _, p := range people {
				if d.keys[p] == nil {
					d.keys[p] = keyring.GenerateOfficer()
				}
			}
			rights := []v1.Right{v1.Right_RIGHT_READ}
			if enrols {
				rights = []v1.Right{v1.Right_RIGHT_ENROL}
			}
			o := NewOfficer(name, d.keys[name].Public(), d.units, rights, false)
			if have, err := d.reg.Officer(name); revoke && err == nil {
				o = have
			}
			canEnrol := func(who string) bool {
				e, err := d.reg.Officer(who)
				return err == nil && may(e, v1.Verb_VERB_ENROL)
			}
			two := first != second && canEnrol(first) && canEnrol(second)
			b, err := d.enrolment(o, revoke, first, second, noon)
			var next *Register
			if err == nil {
				next, err = d.reg.Enrol(b, noon)
			}
			if err != nil {
				continue
			}
			if !two {
				rt.Fatalf("%s changed by %s and %s", name, first, second)
			}
			if next.enrollers() < 2 {
				rt.Fatalf("%d can enrol", next.enrollers())
			}
			d.reg = next
		}
	})
}
