package peers

import (
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const testFederation = "rogatory.example"

type member struct {
	country string
	ring    *keyring.Ring
	keys    [2]*keyring.Officer
}

func (m *member) log(t *testing.T) *rogatoryv1.LogInfo {
	t.Helper()
	s, err := translog.NewLogSigner(federation.Origin(testFederation, m.country, 1), m.ring.Log().Ed25519.Bytes(), m.ring.Log().MLDSA44.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	ed, pq := s.Verifier().VKeys()
	return &rogatoryv1.LogInfo{Origin: s.Verifier().Origin(), Keys: []string{ed, pq}}
}

func directory(t *testing.T, now time.Time, members ...*member) (*federation.Directory, *rogatoryv1.Directory) {
	t.Helper()
	pb := &rogatoryv1.Directory{
		Federation: testFederation, Threshold: uint32(len(members)), Tzdata: "2026a",
		ValidFromMs: uint64(now.Add(-time.Hour).UnixMilli()), ValidUntilMs: uint64(now.Add(300 * 24 * time.Hour).UnixMilli()),
	}
	for _, m := range members {
		founder := func(name string, key *keyring.Officer) *rogatoryv1.Officer {
			return federation.NewOfficer(name, key.Public(), []string{"police"}, []rogatoryv1.Right{rogatoryv1.Right_RIGHT_ENROL}, false)
		}
		pb.Members = append(pb.Members, &rogatoryv1.Member{
			Country: m.country, RootKey: m.ring.Identity().Public().Bytes(), Log: m.log(t), Zone: "Europe/Belgrade", Name: "Contact point of " + m.country,
			Founders: []*rogatoryv1.Officer{founder("founder-a", m.keys[0]), founder("founder-b", m.keys[1])},
		})
	}
	signed, err := federation.Propose(nil, pb)
	for _, m := range members {
		if err == nil {
			signed, err = federation.SignDirectory(nil, signed, m.country, m.ring.Identity())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	_, digest, err := federation.ReadDirectory(signed)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := federation.ParseDirectory(signed, digest)
	if err != nil {
		t.Fatal(err)
	}
	return dir, dir.Proto()
}

// A member's key was stolen and the directory names another: nothing that the stolen one has signed is believed, and nothing sealed to the keys that
// it has published, before its owner has said a word.
func TestDirectoryThatNamesAnotherKeyPutsTheManifestOutOfForce(t *testing.T) {
	now := time.Now()
	newMember := func(country string) *member {
		return &member{country, keyring.NewRing(now.Add(-time.Hour), 1000*24*time.Hour), [2]*keyring.Officer{keyring.GenerateOfficer(), keyring.GenerateOfficer()}}
	}
	bg, rs := newMember("BG"), newMember("RS")
	dir, pb := directory(t, now, bg, rs)
	book := New("BG", dir)
	key, err := keyring.NewSealingKey(keyring.DayOf(now), keyring.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	witness, err := translog.NewWitnessSigner(testFederation+"/RS/witness", rs.log(t).GetOrigin(), rs.ring.Witness().Ed25519.Bytes(), rs.ring.Witness().MLDSA44.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	ed, pq := witness.Verifier().VKeys()
	b, err := federation.MakeManifest(dir, nil, &rogatoryv1.Manifest{
		Country: "RS", Identities: federation.IdentityKeys(rs.ring.Identities(now)), Sealings: federation.SealingKeys([]*keyring.SealingKey{key}),
		Log: rs.log(t), WitnessKeys: []string{ed, pq}, Units: []*rogatoryv1.UnitInfo{{Name: "police", Authority: rogatoryv1.Authority_AUTHORITY_POLICE}},
		Languages: []string{"en"}, Epoch: 1,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := federation.SignManifest(b, rs.ring.Identity())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Learn(signed, "RS", now); err != nil {
		t.Fatal(err)
	}
	stolen := rs.ring.Identity().KID()
	counts := func() (identity, sealing, published bool) {
		_, sealing = book.SealingKey("RS", now)
		return book.Identity("RS", stolen, now) != nil, sealing, len(book.Published()) == 1
	}
	if id, seal, pub := counts(); !id || !seal || !pub {
		t.Fatalf("the manifest counts: %v %v %v", id, seal, pub)
	}

	type signer struct {
		country string
		key     *keyring.Identity
	}
	advance := func(signers ...signer) {
		t.Helper()
		next, err := federation.Propose(book.Directory(), pb)
		for _, s := range signers {
			if err == nil {
				next, err = federation.SignDirectory(book.Directory(), next, s.country, s.key)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		d, err := federation.Advance(book.Directory(), next, now)
		if err != nil {
			t.Fatal(err)
		}
		book.SetDirectory(d)
	}
	signers := []signer{{"BG", bg.ring.Identity()}, {"RS", rs.ring.Identity()}}
	pb.Members[1].Name = "Another name of RS"
	advance(signers...)
	if id, seal, pub := counts(); !id || !seal || !pub {
		t.Errorf("a directory with the same key changes what counts: %v %v %v", id, seal, pub)
	}
	changed := book.Changed()
	pb = book.Directory().Proto()
	fresh := newMember("RS")
	pb.Members[1].RootKey = fresh.ring.Identity().Public().Bytes()
	advance(append(signers, signer{"RS", fresh.ring.Identity()})...)
	if id, seal, pub := counts(); id || seal || pub {
		t.Errorf("the manifest of a replaced key counts: %v %v %v", id, seal, pub)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody is told")
	}
	if _, err := book.Learn(signed, "RS", now); err == nil {
		t.Error("it comes back by itself")
	}
}
