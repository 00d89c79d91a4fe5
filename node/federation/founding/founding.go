// Package founding makes federations for tests: members with their keys, and a directory that all of them have signed.
package founding

import (
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Federation is the name of every federation that is made here.
const Federation = "rogatory.example"

// Member is one country with its keys.
type Member struct {
	Country string
	Ring    *keyring.Ring
	Log     *translog.LogSigner
	Witness *translog.WitnessSigner

	dir *federation.Directory
}

// New founds a federation of these countries. Each has a unit, "police", and two founders.
func New(t testing.TB, countries ...string) (*federation.Directory, map[string]*Member) {
	t.Helper()
	now := time.Now()
	draft := &rogatoryv1.Directory{
		Federation: Federation, ValidFromMs: uint64(now.Add(-time.Hour).UnixMilli()), ValidUntilMs: uint64(now.Add(9000 * time.Hour).UnixMilli()),
		Threshold: uint32(len(countries)/2 + 1), Tzdata: "2026a",
	}
	members := map[string]*Member{}
	for _, c := range countries {
		m := &Member{Country: c, Ring: keyring.NewRing(now.Add(-time.Hour), 3*365*24*time.Hour)}
		if err := m.Ring.AddUnit("police"); err != nil {
			t.Fatal(err)
		}
		origin := federation.Origin(Federation, c, 1)
		m.Log = must(translog.NewLogSigner(origin, m.Ring.Log().Ed25519.Bytes(), m.Ring.Log().MLDSA44.Bytes()))(t)
		m.Witness = must(translog.NewWitnessSigner(Federation+"/"+c+"/witness", origin, m.Ring.Witness().Ed25519.Bytes(), m.Ring.Witness().MLDSA44.Bytes()))(t)
		founder := func(name string) *rogatoryv1.Officer {
			return federation.NewOfficer(name, keyring.GenerateOfficer().Public(), []string{"police"}, []rogatoryv1.Right{rogatoryv1.Right_RIGHT_ENROL}, false)
		}
		draft.Members = append(draft.Members, &rogatoryv1.Member{
			Country: c, RootKey: m.Ring.Identity().Public().Bytes(), Log: m.logInfo(), Zone: "Europe/Belgrade", Name: "Contact point of " + c,
			Founders: []*rogatoryv1.Officer{founder("founder-a"), founder("founder-b")},
		})
		members[c] = m
	}
	signed := must(federation.Propose(nil, draft))(t)
	for _, m := range members {
		signed = must(federation.SignDirectory(nil, signed, m.Country, m.Ring.Identity()))(t)
	}
	_, digest, err := federation.ReadDirectory(signed)
	if err != nil {
		t.Fatal(err)
	}
	dir := must(federation.ParseDirectory(signed, digest))(t)
	for _, m := range members {
		m.dir = dir
	}
	return dir, members
}

func (m *Member) logInfo() *rogatoryv1.LogInfo {
	ed, pq := m.Log.Verifier().VKeys()
	return &rogatoryv1.LogInfo{Origin: m.Log.Verifier().Origin(), Keys: []string{ed, pq}}
}

// Manifest returns a signed manifest that follows have, which may be nil, and names these sealing keys. Version 0 is the next.
func (m *Member) Manifest(t testing.TB, have *federation.Manifest, version uint64, keys *keyring.SealingKeys) []byte {
	t.Helper()
	now := time.Now()
	ed, pq := m.Witness.Verifier().VKeys()
	b := must(federation.MakeManifest(m.dir, have, &rogatoryv1.Manifest{
		Country: m.Country, Version: version, Epoch: 1, Languages: []string{"en"}, CapacityPerHour: 1000,
		Identities: federation.IdentityKeys(m.Ring.Identities(now)), Sealings: federation.SealingKeys(keys.All()),
		Log: m.logInfo(), WitnessKeys: []string{ed, pq},
		Units: []*rogatoryv1.UnitInfo{{Name: "police", Authority: rogatoryv1.Authority_AUTHORITY_POLICE}},
	}, now))(t)
	return must(federation.SignManifest(b, m.Ring.Identity()))(t)
}

// Statement returns the statement of a message of the member with that number to a peer, and the member's signature.
func (m *Member) Statement(t testing.TB, to string, epoch uint32, seq uint64) (statement, signature []byte) {
	t.Helper()
	id, commit := m.Ring.Identity(), envelope.Commit(envelope.NewSalt(), envelope.Docket, nil)
	message := &rogatoryv1.Message{
		From: m.Country, To: to, Epoch: epoch, Seq: seq, Prev: make([]byte, 32),
		DocketCommit: commit[:], ContentCommit: commit[:], SubmittedMs: uint64(time.Now().UnixMilli()),
	}
	if seq > 1 {
		message.Prev[0] = 1
	}
	kid := id.KID()
	sealing := must(envelope.Marshal(&rogatoryv1.Sealing{Message: must(envelope.Marshal(message))(t), FromKid: kid[:]}))(t)
	statement = must(envelope.Marshal(&rogatoryv1.Statement{Sealing: sealing}))(t)
	signed := must(envelope.SignBatch(id, []*envelope.Sealed{{Statement: statement, From: kid}}))(t)
	return statement, signed[0].Signature
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
