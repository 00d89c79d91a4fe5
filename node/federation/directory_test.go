package federation

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestFirstDirectoryIsSignedByAllItsMembers(t *testing.T) {
	nodes := newNodes("BG", "GR", "RS")
	proposal := propose(t, nil, draft(t, nodes))
	_, digest, err := ReadDirectory(proposal)
	if err != nil {
		t.Fatal(err)
	}
	for n := range nodes {
		signed := sign(t, nil, proposal, nodes[:n]...)
		_, err := ParseDirectory(signed, digest)
		wantErr(t, err, ErrThreshold)
	}
	d, err := ParseDirectory(sign(t, nil, proposal, nodes...), digest)
	if err != nil {
		t.Fatal(err)
	}
	if d.Version() != 1 || d.Digest() != digest || len(d.Members()) != 3 {
		t.Fatalf("version %d with %d members", d.Version(), len(d.Members()))
	}
}

func TestDirectoryThatWasNotPinnedIsRefused(t *testing.T) {
	_, d := four(t)
	_, err := ParseDirectory(d.Signed(), [32]byte{1})
	wantErr(t, err, ErrNotPinned)
}

func TestLaterDirectoryIsTrustedByItsDigestAlone(t *testing.T) {
	nodes, first := four(t)
	pb := first.Proto()
	pb.Members = slices.DeleteFunc(pb.GetMembers(), func(m *v1.Member) bool { return m.GetCountry() == "TR" })
	pb.Threshold = 2
	signed := sign(t, first, propose(t, first, pb), nodes...) // TR signs that it leaves
	_, digest, err := ReadDirectory(signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseDirectory(signed, digest); err != nil {
		t.Fatal(err)
	}
	if _, err := Advance(first, signed, noon); err != nil {
		t.Fatal(err)
	}
}

func TestNextDirectoryTakesTheThresholdOfTheOneInForce(t *testing.T) {
	nodes, first := four(t)
	pb := first.Proto()
	pb.Threshold = 4
	proposal := propose(t, first, pb)
	_, err := Advance(first, sign(t, first, proposal, nodes[:2]...), noon)
	wantErr(t, err, ErrThreshold)
	next, err := Advance(first, sign(t, first, proposal, nodes[:3]...), noon)
	if err != nil {
		t.Fatal(err)
	}
	if next.Version() != 2 || next.Threshold() != 4 {
		t.Fatalf("version %d, threshold %d", next.Version(), next.Threshold())
	}
}

func TestNewMemberSignsToo(t *testing.T) {
	nodes, first := four(t)
	hu := newNode("HU")
	pb := first.Proto()
	pb.Members = append(pb.Members, hu.member(t))
	proposal := sign(t, first, propose(t, first, pb), nodes...)
	_, err := Advance(first, proposal, noon)
	wantErr(t, err, ErrUnproven)
	p, err := CheckProgress(first, proposal)
	if err != nil || p.Complete() || !slices.Equal(p.Unproven, []string{"HU"}) || len(p.Signed) != 4 || p.Needed != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := Advance(first, sign(t, first, proposal, hu), noon); err != nil {
		t.Fatal(err)
	}
	// The new member's signature does not count towards the threshold of the one in force.
	_, err = Advance(first, sign(t, first, propose(t, first, pb), hu, nodes[0], nodes[1]), noon)
	wantErr(t, err, ErrThreshold)
}

func TestNewRootKeySignsTooAndTheOldOneCounts(t *testing.T) {
	nodes := newNodes("BG", "RS")
	first := founded(t, nodes, draft(t, nodes))
	old := nodes[1].ring.Identity()
	if err := nodes[1].ring.RotateIdentity("RS", noon, time.Hour, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	pb := first.Proto()
	pb.GetMembers()[1].RootKey = nodes[1].ring.Identity().Public().Bytes()
	proposal := sign(t, first, propose(t, first, pb), nodes...)
	_, err := Advance(first, proposal, noon)
	wantErr(t, err, ErrThreshold)
	both, err := SignDirectory(first, proposal, "RS", old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Advance(first, both, noon); err != nil {
		t.Fatal(err)
	}
	onlyOld, err := SignDirectory(first, sign(t, first, propose(t, first, pb), nodes[0]), "RS", old)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Advance(first, onlyOld, noon)
	wantErr(t, err, ErrUnproven)
}

func TestOlderSameForkedAndGappedDirectoriesAreRefused(t *testing.T) {
	nodes, first := four(t)
	advance := func(current *Directory, until time.Duration) *Directory {
		pb := current.Proto()
		pb.ValidUntilMs = ms(noon.Add(until))
		next, err := Advance(current, sign(t, current, propose(t, current, pb), nodes...), noon)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	second, other := advance(first, time.Hour), advance(first, 2*time.Hour)
	third, onOther := advance(second, time.Hour), advance(other, time.Hour)
	for _, c := range []struct {
		name          string
		current, next *Directory
		want          error
	}{
		{"older", second, first, ErrOlder},
		{"same", second, second, ErrSame},
		{"another of the same version", second, other, ErrFork},
		{"a version missing", first, third, ErrGap},
		{"on another history", second, onOther, ErrFork},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Advance(c.current, c.next.Signed(), noon)
			wantErr(t, err, c.want)
		})
	}
}

func TestDirectoryHoldsWithinItsTimeOnly(t *testing.T) {
	nodes, first := four(t)
	next := sign(t, first, propose(t, first, first.Proto()), nodes...)
	_, err := Advance(first, next, noon.Add(-25*time.Hour))
	wantErr(t, err, ErrNotYet)
	_, err = Advance(first, next, noon.Add(301*24*time.Hour))
	wantErr(t, err, ErrExpired)
	wantErr(t, first.ValidAt(noon.Add(301*24*time.Hour)), ErrExpired)
	if err := first.ValidAt(noon); err != nil {
		t.Fatal(err)
	}
}

func TestExpiredDirectoryStillAuthorisesTheNext(t *testing.T) {
	nodes, first := four(t)
	later := noon.Add(400 * 24 * time.Hour)
	pb := first.Proto()
	pb.ValidFromMs, pb.ValidUntilMs = ms(later.Add(-time.Hour)), ms(later.Add(time.Hour))
	if _, err := Advance(first, sign(t, first, propose(t, first, pb), nodes...), later); err != nil {
		t.Fatal(err)
	}
}

func TestStrangersCannotSign(t *testing.T) {
	nodes, first := four(t)
	proposal := propose(t, first, first.Proto())
	_, err := SignDirectory(first, proposal, "RS", keyring.GenerateIdentity())
	wantErr(t, err, ErrStranger)
	_, err = SignDirectory(first, proposal, "HU", nodes[2].ring.Identity())
	wantErr(t, err, ErrStranger)

	s := new(v1.SignedDirectory)
	if err := proto.Unmarshal(sign(t, first, proposal, nodes...), s); err != nil {
		t.Fatal(err)
	}
	stranger := keyring.GenerateIdentity().KID()
	s.GetSignatures()[1].Kid = stranger[:]
	b, err := encode(s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Advance(first, b, noon)
	wantErr(t, err, ErrStranger)
}

func TestJoiningTakesBothSidesSignaturesInAnyOrder(t *testing.T) {
	nodes, first := four(t)
	proposal := propose(t, first, first.Proto())
	a, b := sign(t, first, proposal, nodes[0], nodes[1]), sign(t, first, proposal, nodes[1], nodes[2])
	ab, err := JoinDirectories(a, b)
	if err != nil {
		t.Fatal(err)
	}
	ba, err := JoinDirectories(b, a)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ab, ba) {
		t.Fatal("the order of joining matters")
	}
	if _, err := Advance(first, ab, noon); err != nil {
		t.Fatal(err)
	}
	pb := first.Proto()
	pb.Tzdata = "2026b"
	_, err = JoinDirectories(a, propose(t, first, pb))
	wantErr(t, err, ErrFork)
}

func TestJoiningRefusesABrokenSignature(t *testing.T) {
	nodes, first := four(t)
	good := sign(t, first, propose(t, first, first.Proto()), nodes[0])
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	_, err := JoinDirectories(good, bad)
	wantErr(t, err, ErrSignature)
}

func TestMalformedDirectoriesAreRefused(t *testing.T) {
	nodes := newNodes("BG", "RS", "TR")
	good := draft(t, nodes)
	good.Rules = []*v1.Rule{{Name: "one", Verdict: v1.Verdict_VERDICT_ASK_OFFICER}}
	good.Calendars = []*v1.HolidayCalendar{{Country: "RS", Version: 1, Dates: []string{"2026-01-07", "2027-01-07"}, RestDays: []uint32{5, 7}}}
	if _, err := Propose(nil, good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		want   error
		change func(d *v1.Directory)
	}{
		{"no federation", ErrForm, func(d *v1.Directory) { d.Federation = "" }},
		{"no members", ErrForm, func(d *v1.Directory) { d.Members = nil }},
		{"a threshold of half", ErrForm, func(d *v1.Directory) { d.Threshold = 1 }},
		{"a threshold beyond the members", ErrForm, func(d *v1.Directory) { d.Threshold = 4 }},
		{"no time", ErrForm, func(d *v1.Directory) { d.ValidUntilMs = d.ValidFromMs }},
		{"a century", ErrForm, func(d *v1.Directory) { d.ValidUntilMs = d.ValidFromMs + 100*365*86400000 }},
		{"no time zone database", ErrForm, func(d *v1.Directory) { d.Tzdata = "" }},
		{"a lower-case country", ErrForm, func(d *v1.Directory) { d.Members[1].Country = "rs" }},
		{"a country twice", ErrForm, func(d *v1.Directory) { d.Members[1].Country = "BG" }},
		{"two members with one root key", ErrKey, func(d *v1.Directory) { d.Members[1].RootKey = d.Members[0].RootKey }},
		{"a short root key", ErrKey, func(d *v1.Directory) { d.Members[1].RootKey = d.Members[1].RootKey[1:] }},
		{"another member's log", ErrForm, func(d *v1.Directory) { d.Members[1].Log = d.Members[0].Log }},
		{"log keys in another order", ErrKey, func(d *v1.Directory) { slices.Reverse(d.Members[1].Log.Keys) }},
		{"a log of one key", ErrForm, func(d *v1.Directory) { d.Members[1].Log.Keys = d.Members[1].Log.Keys[:1] }},
		{"a short genesis", ErrForm, func(d *v1.Directory) { d.Members[1].Genesis = []byte{1} }},
		{"one founder", ErrForm, func(d *v1.Directory) { d.Members[1].Founders = d.Members[1].Founders[:1] }},
		{"one founder twice", ErrFourEyes, func(d *v1.Directory) { d.Members[1].Founders[1] = d.Members[1].Founders[0] }},
		{"one founder's key twice", ErrFourEyes, func(d *v1.Directory) { d.Members[1].Founders[1].PublicKey = d.Members[1].Founders[0].PublicKey }},
		{"one person founding two registers with one key", ErrKey, func(d *v1.Directory) { d.Members[1].Founders[0].PublicKey = d.Members[0].Founders[0].PublicKey }},
		{"a founder who may not enrol", ErrForm, func(d *v1.Directory) { d.Members[1].Founders[0].Rights = nil }},
		{"a founder without a good key", ErrKey, func(d *v1.Directory) { d.Members[1].Founders[0].PublicKey = make([]byte, 32) }},
		{"a malformed zone", ErrForm, func(d *v1.Directory) { d.Members[1].Zone = "../etc/passwd" }},
		{"a name with a line break", ErrForm, func(d *v1.Directory) { d.Members[1].Name = "a\nb" }},
		{"a rule without a name", ErrForm, func(d *v1.Directory) { d.Rules[0].Name = "" }},
		{"a rule named for no rule", ErrForm, func(d *v1.Directory) { d.Rules[0].Name = NoRule }},
		{"two rules of one name", ErrForm, func(d *v1.Directory) { d.Rules = append(d.Rules, d.Rules[0]) }},
		{"a rule without a verdict", ErrForm, func(d *v1.Directory) { d.Rules[0].Verdict = 0 }},
		{"a refusal without a ground", ErrForm, func(d *v1.Directory) { d.Rules[0].Verdict = v1.Verdict_VERDICT_REFUSE }},
		{"a ground without a refusal", ErrForm, func(d *v1.Directory) { d.Rules[0].Ground = v1.Ground_GROUND_INACCURATE }},
		{"a rule for a stranger", ErrStranger, func(d *v1.Directory) { d.Rules[0].From = []string{"HU"} }},
		{"a rule for no method", ErrForm, func(d *v1.Directory) { d.Rules[0].Methods = []string{"Ask"} }},
		{"a rule for an unknown purpose", ErrForm, func(d *v1.Directory) { d.Rules[0].Purposes = []v1.Purpose{99} }},
		{"a stranger's calendar", ErrStranger, func(d *v1.Directory) { d.Calendars[0].Country = "HU" }},
		{"a calendar without version", ErrForm, func(d *v1.Directory) { d.Calendars[0].Version = 0 }},
		{"dates in no order", ErrForm, func(d *v1.Directory) { slices.Reverse(d.Calendars[0].Dates) }},
		{"a date that does not exist", ErrForm, func(d *v1.Directory) { d.Calendars[0].Dates[0] = "2026-02-30" }},
		{"an eighth day", ErrForm, func(d *v1.Directory) { d.Calendars[0].RestDays[1] = 8 }},
		{"a week of rest", ErrForm, func(d *v1.Directory) { d.Calendars[0].RestDays = []uint32{1, 2, 3, 4, 5, 6, 7} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := proto.CloneOf(good)
			c.change(d)
			_, err := Propose(nil, d)
			wantErr(t, err, c.want)
		})
	}
}

func TestChangedCalendarRaisesItsVersion(t *testing.T) {
	nodes := newNodes("BG", "RS")
	d := draft(t, nodes)
	d.Calendars = []*v1.HolidayCalendar{{Country: "RS", Version: 3, Dates: []string{"2026-01-07"}}}
	first := founded(t, nodes, d)
	pb := first.Proto()
	pb.Calendars[0].Dates[0] = "2026-01-08"
	_, err := Propose(first, pb)
	wantErr(t, err, ErrForm)
	pb.Calendars[0].Version = 4
	if _, err := Propose(first, pb); err != nil {
		t.Fatal(err)
	}
}

func TestCalendarRestsOnSaturdayAndSundayUnlessItSaysOtherwise(t *testing.T) {
	nodes := newNodes("BG", "TR")
	d := draft(t, nodes)
	d.Calendars = []*v1.HolidayCalendar{{Country: "TR", Version: 2, Dates: []string{"2026-03-20"}, RestDays: []uint32{5, 7}}}
	dir := founded(t, nodes, d)
	bg, err := dir.Calendar("BG")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bg.RestDays, []time.Weekday{time.Sunday, time.Saturday}) || bg.FromMs != int64(d.GetValidFromMs()) || bg.Version != 0 || bg.Zone != "Europe/Belgrade" {
		t.Fatalf("%+v", bg)
	}
	tr, err := dir.Calendar("TR")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tr.RestDays, []time.Weekday{time.Sunday, time.Friday}) || !slices.Equal(tr.Holidays, []string{"2026-03-20"}) || tr.TZData != "2026a" {
		t.Fatalf("%+v", tr)
	}
	_, err = dir.Calendar("HU")
	wantErr(t, err, ErrStranger)
}

func TestDiffShowsWhatASignerMustSee(t *testing.T) {
	nodes, first := four(t)
	pb := first.Proto()
	pb.Members = append(pb.Members[1:], newNode("HU").member(t))
	pb.Members[0].Zone = "Europe/Athens"
	pb.Members[1].Founders[0] = testOfficer("founder-c", keyring.GenerateOfficer(), v1.Right_RIGHT_ENROL)
	pb.Threshold = 4
	pb.Rules = []*v1.Rule{{Name: "never-the-first", To: []string{"RS"}, Verdict: v1.Verdict_VERDICT_REFUSE, Ground: v1.Ground_GROUND_NATIONAL_SECURITY}}
	pb.Calendars = []*v1.HolidayCalendar{{Country: "RS", Version: 1, Dates: []string{"2027-01-07"}}}
	next, _, err := ReadDirectory(propose(t, first, pb))
	if err != nil {
		t.Fatal(err)
	}
	got := Diff(first, next)
	for _, want := range []string{
		"threshold: 3 of 4 -> 4 of 4",
		"member BG (Contact point of BG) leaves",
		"member HU joins",
		"member GR zone: Europe/Belgrade -> Europe/Athens",
		"rule never-the-first: refuse (national_security) to RS",
		"calendar RS: 2027-01-07 becomes a holiday",
		"calendar RS version: 1",
		"member HU root key: " + keyring.Fingerprint(pb.Members[3].GetRootKey()),
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, bytes.Join(lineBytes(got), []byte("\n")))
		}
	}
	if d := Diff(first, first.Proto()); len(d) != 0 {
		t.Fatalf("no change shows as %q", d)
	}
	if d := Diff(nil, first.Proto()); len(d) < 4*len(nodes) {
		t.Fatalf("a first directory shows as %q", d)
	}
}

func lineBytes(list []string) (b [][]byte) {
	for _, s := range list {
		b = append(b, []byte(s))
	}
	return b
}

// Whatever signatures are put together, in whatever order and from whomever: a directory is accepted only with k different
// members' valid signatures, and always with them.
func TestNoDirectoryWithoutThresholdOfValidSignatures(t *testing.T) {
	nodes, first := four(t)
	proposal := propose(t, first, first.Proto())
	other := first.Proto()
	other.Tzdata = "2026b"
	otherProposal := propose(t, first, other)
	signature := func(p []byte, n *node) *v1.DirectorySignature {
		s := new(v1.SignedDirectory)
		if err := proto.Unmarshal(sign(t, first, p, n), s); err != nil {
			t.Fatal(err)
		}
		return s.GetSignatures()[0]
	}
	bare := new(v1.SignedDirectory)
	if err := proto.Unmarshal(proposal, bare); err != nil {
		t.Fatal(err)
	}
	type piece struct {
		sig  *v1.DirectorySignature
		good string
	}
	var pieces []piece
	for i, n := range nodes {
		good := signature(proposal, n)
		broken := proto.CloneOf(good)
		broken.Signature[7] ^= 1
		claimed := proto.CloneOf(good)
		claimed.Country = nodes[(i+1)%len(nodes)].country
		pieces = append(pieces, piece{good, n.country}, piece{signature(proposal, n), n.country},
			piece{broken, ""}, piece{claimed, ""}, piece{signature(otherProposal, n), ""})
	}
	rapid.Check(t, func(rt *rapid.T) {
		chosen := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 6).Draw(rt, "chosen")
		if rapid.Bool().Draw(rt, "sorted") {
			slices.SortFunc(chosen, func(a, b piece) int { return compareSignatures(a.sig, b.sig) })
		}
		s := &v1.SignedDirectory{Directory: bare.GetDirectory()}
		signers, allGood, ordered := map[string]bool{}, true, true
		for i, p := range chosen {
			s.Signatures = append(s.Signatures, p.sig)
			signers[p.good] = true
			allGood = allGood && p.good != ""
			ordered = ordered && (i == 0 || compareSignatures(chosen[i-1].sig, p.sig) < 0)
		}
		b, err := encode(s)
		if err != nil {
			rt.Fatal(err)
		}
		_, err = Advance(first, b, noon)
		if want := allGood && ordered && len(signers) >= first.Threshold(); (err == nil) != want {
			rt.Fatalf("accepted: %v (%v), want %v", err == nil, err, want)
		}
	})
}

func TestEveryChangedByteOfASignedDirectoryIsRefused(t *testing.T) {
	nodes := newNodes("BG", "RS")
	first := founded(t, nodes, draft(t, nodes))
	b := first.Signed()
	step := len(b)/400 + 1
	for i := 0; i < len(b); i += step {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		if _, err := ParseDirectory(c, first.Digest()); err == nil {
			t.Fatalf("byte %d of %d changed, and accepted", i, len(b))
		}
	}
}
