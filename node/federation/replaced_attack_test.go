package federation

import (
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// renamed returns the directory after dir, with another root key for RS.
func renamed(t *testing.T, dir *Directory, root *keyring.PublicKey) *Directory {
	t.Helper()
	pb := dir.Proto()
	pb.GetMembers()[2].RootKey = root.Bytes()
	next, _, err := readSigned(propose(t, dir, pb))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// The directory names a new key because the old one was stolen: from then on the old one signs nothing, vouches for nobody and its manifest is over,
// though its time is not and its owner has published nothing yet.
func TestKeyThatTheDirectoryReplacesStopsAtOnce(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	stolen := rs.ring.Identity()
	signed := rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon)
	have := parseManifest(t, signed, dir, noon, nil)
	fresh := keyring.GenerateIdentity()
	next := renamed(t, dir, fresh.Public())

	_, err := have.Under(next, noon)
	wantErr(t, err, ErrChain)
	if same, err := have.Under(dir, noon); err != nil || same != have {
		t.Errorf("under the same directory it changes: %v", err)
	}
	_, err = KeptManifest(signed, next, have.Digest(), have.Root(), noon)
	wantErr(t, err, ErrChain)
	if kept, err := KeptManifest(signed, dir, have.Digest(), have.Root(), noon); err != nil || kept.Root() != stolen.KID() {
		t.Errorf("kept: %v", err)
	}

	// What the thief publishes afterwards.
	later := noon.Add(time.Minute)
	d := rs.manifestDraft(t, noon)
	b, err := MakeManifest(dir, have, d, later)
	if err != nil {
		t.Fatal(err)
	}
	b, err = SignManifest(b, stolen)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseManifest(b, next, later, have)
	wantErr(t, err, ErrChain)
	evil := keyring.GenerateIdentity()
	e, err := stolen.Endorse("RS", evil.Public(), ms(noon), ms(noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	d.Identities = append(IdentityKeys([]keyring.DatedIdentity{{
		Key: evil, NotBeforeMS: ms(noon), NotAfterMS: ms(noon.Add(time.Hour)), Endorsement: e,
	}}), have.Proto().GetIdentities()...)
	_, err = MakeManifest(next, have, d, later)
	wantErr(t, err, ErrChain)

	// What the owner publishes counts.
	d.Identities = []*v1.IdentityKey{IdentityKeys([]keyring.DatedIdentity{{
		Key: fresh, NotBeforeMS: ms(noon), NotAfterMS: ms(noon.Add(24 * time.Hour)),
	}})[0]}
	if b, err = MakeManifest(next, have, d, later); err != nil {
		t.Fatal(err)
	}
	if b, err = SignManifest(b, fresh); err != nil {
		t.Fatal(err)
	}
	parseManifest(t, b, next, later, have)
}

// A planned change: the manifest is the successor's already when the directory follows. It stays, without the key that was replaced.
func TestManifestOfTheSuccessorStaysWhenTheDirectoryFollows(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	day := 24 * time.Hour
	old := rs.ring.Identity().KID()
	first := parseManifest(t, rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon), dir, noon, nil)
	if err := rs.ring.RotateIdentity("RS", noon, 9*day, 400*day); err != nil {
		t.Fatal(err)
	}
	successor := rs.ring.Identity().Public()
	second := parseManifest(t, rs.publish(t, dir, first, rs.manifestDraft(t, noon), noon), dir, noon, first)
	if _, err := second.IdentityAt(old, noon); err != nil {
		t.Fatalf("within the overlap: %v", err)
	}
	if err := rs.ring.RotateIdentity("RS", noon.Add(day), 9*day, 400*day); err != nil {
		t.Fatal(err)
	}
	third := parseManifest(t, rs.publish(t, dir, second, rs.manifestDraft(t, noon), noon.Add(day)), dir, noon.Add(day), second)

	next := renamed(t, dir, successor)
	for _, m := range []*Manifest{second, third} {
		under, err := m.Under(next, noon.Add(day))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := under.IdentityAt(successor.KID(), noon.Add(day)); err != nil {
			t.Errorf("manifest %d: %v", m.Version(), err)
		}
		_, err = under.IdentityAt(old, noon.Add(day))
		wantErr(t, err, ErrNoIdentity)
		if again, err := under.Under(next, noon.Add(day)); err != nil || again != under {
			t.Errorf("manifest %d changes again: %v", m.Version(), err)
		}
		if _, err := m.IdentityAt(old, noon.Add(day)); err != nil {
			t.Errorf("the manifest itself was changed: %v", err)
		}
	}
	if under, err := third.Under(next, noon.Add(day)); err != nil {
		t.Error(err)
	} else if _, err := under.IdentityAt(rs.ring.Identity().KID(), noon.Add(day)); err != nil {
		t.Errorf("the key that the successor endorsed: %v", err)
	}
}
