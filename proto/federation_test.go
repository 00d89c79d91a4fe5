package proto_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A directoryVector is a first directory of three members, signed by all of them.
type directoryVector struct {
	JSON   json.RawMessage `json:"json"`
	Bytes  hexBytes        `json:"bytes"`
	Digest hexBytes        `json:"digest"`
	Signed hexBytes        `json:"signed"`
}

func founders(code string) []*rogatoryv1.Officer {
	var out []*rogatoryv1.Officer
	for _, name := range []string{"founder-a", "founder-b"} {
		out = append(out, &rogatoryv1.Officer{
			Pseudonym: name, PublicKey: public(officerKey(code + " " + name)), Units: []string{"fiu", "police"},
			Rights: []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE, rogatoryv1.Right_RIGHT_ENROL},
		})
	}
	return out
}

func makeDirectory(t *testing.T, w *world) directoryVector {
	draft := &rogatoryv1.Directory{
		Federation: fed, ValidFromMs: ms(noon.AddDate(0, 0, -20)), ValidUntilMs: ms(noon.AddDate(1, 0, 0)), Threshold: 2, Tzdata: "2026a",
		Rules: []*rogatoryv1.Rule{
			{
				Name: "fiu-only-to-fiu", Authorities: []rogatoryv1.Authority{rogatoryv1.Authority_AUTHORITY_POLICE},
				Regimes: []rogatoryv1.Regime{rogatoryv1.Regime_REGIME_EGMONT}, Verdict: rogatoryv1.Verdict_VERDICT_REFUSE,
				Ground: rogatoryv1.Ground_GROUND_DATA_CATEGORY_NOT_ALLOWED,
			},
			{Name: "ask", Verdict: rogatoryv1.Verdict_VERDICT_ASK_OFFICER},
		},
		Calendars: []*rogatoryv1.HolidayCalendar{{Country: "HU", Version: 1, Dates: []string{"2026-12-25", "2026-12-26"}}},
	}
	zones := map[string]string{"BG": "Europe/Sofia", "HU": "Europe/Budapest", "RS": "Europe/Belgrade"}
	for _, code := range codes {
		c := w.members[code]
		draft.Members = append(draft.Members, &rogatoryv1.Member{
			Country: code, RootKey: c.identity.Public().Bytes(), Log: c.logInfo(), Founders: founders(code), Zone: zones[code], Name: "Contact point of " + code,
		})
	}
	signed, err := federation.Propose(nil, draft)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		if signed, err = federation.SignDirectory(nil, signed, code, w.members[code].identity); err != nil {
			t.Fatal(err)
		}
	}
	s := &rogatoryv1.SignedDirectory{}
	if err := envelope.StrictUnmarshal(signed, s, 2<<20); err != nil {
		t.Fatal(err)
	}
	d := &rogatoryv1.Directory{}
	if err := envelope.StrictUnmarshal(s.Directory, d, 1<<20); err != nil {
		t.Fatal(err)
	}
	return directoryVector{
		JSON: asJSON(t, d), Bytes: s.Directory, Digest: sum(s.Directory), Signed: signed,
	}
}

func checkDirectory(t *testing.T, w *world, v directoryVector) {
	says(t, v.JSON, v.Bytes, &rogatoryv1.Directory{})
	same(t, "digest", sum(v.Bytes), v.Digest)
	message := pae("application/vnd.rogatory.directory.v1+protobuf", v.Bytes)
	s := &rogatoryv1.SignedDirectory{}
	if err := envelope.StrictUnmarshal(v.Signed, s, 2<<20); err != nil {
		t.Fatal(err)
	}
	same(t, "directory", s.Directory, v.Bytes)
	for i, sig := range s.Signatures {
		k := w.members[codes[i]].identity.Public()
		kid := k.KID()
		same(t, "kid", kid[:], sig.Kid)
		if err := k.Verify(message, sig.Signature); err != nil || sig.Country != codes[i] {
			t.Errorf("signature of %s: %v", sig.Country, err)
		}
	}
	d, err := federation.ParseDirectory(v.Signed, [32]byte(v.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ValidAt(noon); err != nil {
		t.Error(err)
	}
	// All members sign a first directory.
	s.Signatures = s.Signatures[:2]
	if _, err := federation.ParseDirectory(encode(t, s), [32]byte(v.Digest)); !errors.Is(err, federation.ErrThreshold) {
		t.Errorf("two of three signatures: %v", err)
	}
}

// A manifestVector is a member's manifest, which stands under the directory of directory.json.
type manifestVector struct {
	Country string          `json:"country"`
	JSON    json.RawMessage `json:"json"`
	Bytes   hexBytes        `json:"bytes"`
	Digest  hexBytes        `json:"digest"`
	Signed  hexBytes        `json:"signed"`
}

func makeManifests(t *testing.T, w *world) []manifestVector {
	var out []manifestVector
	for _, code := range []string{"HU", "RS"} {
		c := w.members[code]
		ed, pq := c.witness.Verifier().VKeys()
		draft := &rogatoryv1.Manifest{
			Country: code, Version: 7, Epoch: 1, Log: c.logInfo(), WitnessKeys: []string{ed, pq},
			Identities: federation.IdentityKeys([]keyring.DatedIdentity{{
				Key: c.identity, NotBeforeMS: ms(noon.AddDate(0, 0, -20)), NotAfterMS: ms(noon.AddDate(3, 0, 0)),
			}}),
			Units: []*rogatoryv1.UnitInfo{
				{Name: "fiu", Authority: rogatoryv1.Authority_AUTHORITY_FIU}, {Name: "police", Authority: rogatoryv1.Authority_AUTHORITY_POLICE},
			},
			Languages: []string{"en"}, CapacityPerHour: 3600, Regimes: []rogatoryv1.Regime{rogatoryv1.Regime_REGIME_EU_2023_977, rogatoryv1.Regime_REGIME_EGMONT},
		}
		for day := w.today; day <= w.today+1; day++ {
			draft.Sealings = append(draft.Sealings, federation.SealingKeys([]*keyring.SealingKey{w.sealingKey(t, code, day)})...)
		}
		if code == "HU" {
			leaves := huBeginning(t, w)
			head, err := translog.SignCheckpoint(translog.Checkpoint{Origin: draft.Log.Origin, Size: 2, Root: translog.Hash(logRoot(leaves))}, c.log)
			if err != nil {
				t.Fatal(err)
			}
			draft.Head = head
		}
		b, err := federation.MakeManifest(w.directory(t), nil, draft, noon.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := federation.SignManifest(b, c.identity)
		if err != nil {
			t.Fatal(err)
		}
		pb := &rogatoryv1.Manifest{}
		if err := envelope.StrictUnmarshal(b, pb, 1<<20); err != nil {
			t.Fatal(err)
		}
		out = append(out, manifestVector{
			Country: code, JSON: asJSON(t, pb), Bytes: b, Digest: sum(b), Signed: signed,
		})
	}
	return out
}

func checkManifests(t *testing.T, w *world, all []manifestVector) {
	for _, v := range all {
		says(t, v.JSON, v.Bytes, &rogatoryv1.Manifest{})
		same(t, "digest", sum(v.Bytes), v.Digest)
		s := &rogatoryv1.SignedManifest{}
		if err := envelope.StrictUnmarshal(v.Signed, s, 1<<20); err != nil {
			t.Fatal(err)
		}
		same(t, "manifest", s.Manifest, v.Bytes)
		if err := w.members[v.Country].identity.Public().Verify(pae("application/vnd.rogatory.manifest.v1+protobuf", v.Bytes), s.Signature); err != nil {
			t.Error(err)
		}
		if m := w.manifest(t, v.Country); m.Stale(noon) || m.Epoch() != 1 {
			t.Errorf("manifest %d of %s, epoch %d", m.Version(), v.Country, m.Epoch())
		}
	}
}

// An actVector is an act with the officer's assertion, and what its digest is over.
type actVector struct {
	About  string          `json:"about"`
	JSON   json.RawMessage `json:"json"`
	Act    hexBytes        `json:"act"`
	Digest hexBytes        `json:"digest"`
	// Officer names the key in keys.json.
	Officer         string   `json:"officer"`
	Signature       hexBytes `json:"signature"`
	Assertion       hexBytes `json:"assertion"`
	AssertionDigest hexBytes `json:"assertion_digest"`
}

type actVectors struct {
	Acts []actVector `json:"acts"`
	// Enrolment of officer-1 by both founders: the officer's bytes, the subject of both acts, and the whole.
	Officer   hexBytes `json:"officer"`
	Subject   hexBytes `json:"subject"`
	Enrolment hexBytes `json:"enrolment"`
}

func makeActs(t *testing.T, w *world) actVectors {
	var v actVectors
	add := func(about, officer string, act *rogatoryv1.Act) *rogatoryv1.Assertion {
		act.Actor, act.Nonce, act.AtMs = officer, seed("nonce of " + about)[:16], ms(noon)
		b := encode(t, act)
		digest := labelled("rogatory/v1/act\x00", b)
		key := officerKey("RS " + officer)
		kid := keyring.KIDOf(public(key))
		a := &rogatoryv1.Assertion{Act: b, Kid: kid[:], Signature: ed25519.Sign(key, digest)}
		v.Acts = append(v.Acts, actVector{
			About: about, JSON: asJSON(t, act), Act: b, Digest: digest, Officer: officer, Signature: a.Signature,
			Assertion: encode(t, a), AssertionDigest: labelled("rogatory/v1/assertion\x00", encode(t, a)),
		})
		return a
	}
	target := func(to, unit string) *rogatoryv1.ActTarget {
		return &rogatoryv1.ActTarget{To: to, Unit: unit, DocketCommit: seed("docket to " + to + unit), ContentCommit: seed("content")}
	}
	add("send to two countries", "officer-1", &rogatoryv1.Act{
		Verb: rogatoryv1.Verb_VERB_SEND, CaseToken: "RS-2026-000123", Targets: []*rogatoryv1.ActTarget{target("BG", ""), target("HU", "fiu"), target("HU", "police")},
	})
	add("read a case", "officer-1", &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_READ, CaseToken: "RS-2026-000123", Reason: "case-work"})
	officer := &rogatoryv1.Officer{
		Pseudonym: "officer-1", PublicKey: public(officerKey("RS officer-1")), Units: []string{"police"},
		Rights: []rogatoryv1.Right{rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_SEND},
	}
	v.Officer = encode(t, officer)
	v.Subject = labelled("rogatory/v1/enrolment\x00", v.Officer)
	first := add("enrol", "founder-a", &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_ENROL, Subject: v.Subject})
	second := add("confirm the enrolment", "founder-b", &rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_ENROL_CONFIRM, Subject: v.Subject})
	v.Enrolment = encode(t, &rogatoryv1.Enrolment{Officer: officer, Assertions: []*rogatoryv1.Assertion{first, second}})
	return v
}

func checkActs(t *testing.T, w *world, v actVectors) {
	equalJSON(t, v, makeActs(t, w))
	founded, err := federation.NewRegister(w.directory(t), "RS")
	if err != nil {
		t.Fatal(err)
	}
	register, err := founded.Enrol(v.Enrolment, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range v.Acts {
		says(t, a.JSON, a.Act, &rogatoryv1.Act{})
		digest := federation.ActDigest(a.Act)
		same(t, "digest", digest[:], a.Digest)
		assertion := &rogatoryv1.Assertion{}
		if err := envelope.StrictUnmarshal(a.Assertion, assertion, 1<<20); err != nil {
			t.Fatal(err)
		}
		d, err := federation.AssertionDigest(assertion)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "assertion digest", d[:], a.AssertionDigest)
		act, err := federation.ParseAct(a.Act)
		if err != nil {
			t.Fatal(err)
		}
		unit := "police"
		if len(act.Subject) != 0 {
			unit = ""
		}
		if _, err := register.VerifyAssertion(assertion, noon, federation.ActWant{
			Verb: act.Verb, CaseToken: act.CaseToken, Unit: unit, Targets: act.Targets, Subject: act.Subject,
		}); err != nil {
			t.Errorf("%s: %v", a.About, err)
		}
		if !bytes.Equal(assertion.Signature, a.Signature) {
			t.Errorf("%s: another signature", a.About)
		}
	}
}
