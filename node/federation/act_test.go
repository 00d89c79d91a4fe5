package federation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

func TestActIsReadAsItWasMade(t *testing.T) {
	draft, _ := approval()
	draft.Actor = "officer-1"
	before := proto.CloneOf(draft)
	b, err := NewAct(draft, [16]byte{1, 2, 3}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(before, draft) {
		t.Fatal("the draft was changed")
	}
	act, err := ParseAct(b)
	if err != nil {
		t.Fatal(err)
	}
	if act.GetTargets()[0].GetTo() != "AL" || act.GetTargets()[1].GetUnit() != "" || act.GetAtMs() != ms(noon) {
		t.Fatalf("%v", act)
	}
	again, err := encode(act)
	if err != nil || !bytes.Equal(b, again) {
		t.Fatal("two encodings of one act")
	}
	if want := sha256.Sum256(append([]byte("rogatory/v1/act\x00"), b...)); ActDigest(b) != want {
		t.Fatal("another digest than the specification's")
	}
}

// The bytes of an act are what clients in other languages make: this vector holds them to it.
func TestActBytesAreTheSpecifications(t *testing.T) {
	b, err := NewAct(&v1.Act{Verb: v1.Verb_VERB_READ, CaseToken: testCase, Actor: "o-1", Subject: bytes.Repeat([]byte{7}, 32), Reason: "case-work"},
		[16]byte{0xff}, time.UnixMilli(1795435200000))
	if err != nil {
		t.Fatal(err)
	}
	const want = "0806" + "120e52532d323032362d303030313233" + "1a036f2d31" + "2210ff000000000000000000000000000000" +
		"2880fc9bc2a034" + "3a200707070707070707070707070707070707070707070707070707070707070707" + "4209636173652d776f726b"
	if got := hex.EncodeToString(b); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestMalformedActsAreRefused(t *testing.T) {
	good, _ := approval()
	good.Actor = "officer-1"
	for _, c := range []struct {
		name   string
		change func(a *v1.Act)
	}{
		{"no verb", func(a *v1.Act) { a.Verb = 0 }},
		{"an unknown verb", func(a *v1.Act) { a.Verb = 99 }},
		{"no actor", func(a *v1.Act) { a.Actor = "" }},
		{"an actor with a name", func(a *v1.Act) { a.Actor = "Jane Doe" }},
		{"a case of no country", func(a *v1.Act) { a.CaseToken = "2026-1" }},
		{"a short commitment", func(a *v1.Act) { a.Targets[0].DocketCommit = []byte{1} }},
		{"a target twice", func(a *v1.Act) { a.Targets[1] = a.Targets[0] }},
		{"a target of no country", func(a *v1.Act) { a.Targets[0].To = "Bulgaria" }},
		{"nothing to approve", func(a *v1.Act) { a.Targets = nil }},
		{"a short subject", func(a *v1.Act) { a.Subject = []byte{1} }},
		{"a reason in words", func(a *v1.Act) { a.Reason = "because I want" }},
		{"reading without a reason", func(a *v1.Act) { a.Verb = v1.Verb_VERB_READ }},
		{"erasing without a reason", func(a *v1.Act) { a.Verb = v1.Verb_VERB_ERASE }},
		{"enrolling nobody", func(a *v1.Act) { a.Verb = v1.Verb_VERB_ENROL }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := proto.CloneOf(good)
			c.change(a)
			_, err := NewAct(a, [16]byte{}, noon)
			wantErr(t, err, ErrForm)
		})
	}
	_, err := NewAct(good, [16]byte{}, time.Unix(-5, 0))
	wantErr(t, err, ErrForm)
}

func TestNamesHaveOneForm(t *testing.T) {
	for _, c := range []struct {
		name      string
		check     func(string) bool
		good, bad []string
	}{
		{"country", country, []string{"RS", "ZZ"}, []string{"", "R", "rs", "RSB", "R1"}},
		{"code", code, []string{"a", "police-vehicles.2"}, []string{"", "A", "a b", string(make([]byte, 65))}},
		{"unit", unit, []string{"police", "fiu-2"}, []string{"", "a/b", "Fiu", "a.b"}},
		{"case", caseToken, []string{"RS-2026-000123", "BG-2026-123456789012"}, []string{"", "RS-2026-", "RS-2026-00012", "RS-2026-1234567890123", "RS-26-1", "rs-2026-1", "RS-2026-1-2", "RS-2026-x"}},
		{"method", method, []string{askMethod}, []string{"", "Ask", "/Ask", "//Ask", "/a/", "/a/b/c", "/a b/c"}},
		{"zone", zone, []string{"Europe/Belgrade", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+1"}, []string{"", "Local", "/etc", "a//b", "../x"}},
		{"language", language, []string{"en", "sr-Latn", "zh-Hans-CN"}, []string{"", "e", "en-", "en_GB"}},
		{"tzdata", tzdata, []string{"2026a"}, []string{"", "2026", "26a", "2026A"}},
		{"date", date, []string{"2026-02-28"}, []string{"", "2026-2-28", "2026-02-29", "2026-02-28T"}},
		{"federation", federationName, []string{"rogatory.example"}, []string{"", ".x", "a/b", "A"}},
	} {
		for _, s := range c.good {
			if !c.check(s) {
				t.Errorf("%s %q is refused", c.name, s)
			}
		}
		for _, s := range c.bad {
			if c.check(s) {
				t.Errorf("%s %q is accepted", c.name, s)
			}
		}
	}
	for _, s := range []string{"", "a/RS/log", "a/RS/log/0", "a/RS/log/01", "a/RS/log/1001", "a/rs/log/1", "a/RS/tree/1", "a/RS/log/1/2"} {
		if _, _, _, ok := logName(s); ok {
			t.Errorf("log %q is accepted", s)
		}
	}
	if f, c, n, ok := logName(Origin(testFederation, "RS", 12)); !ok || f != testFederation || c != "RS" || n != 12 {
		t.Error("an origin is not read as it was made")
	}
}
