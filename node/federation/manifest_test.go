package federation

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

const askMethod = "/rogatory.peer.v1.DurableService/Ask"

// manifestDraft returns what a node would publish at now.
func (n *node) manifestDraft(t testing.TB, now time.Time) *v1.Manifest {
	t.Helper()
	var sealings []*keyring.SealingKey
	for d := range keyring.Day(3) {
		k, err := keyring.NewSealingKey(keyring.DayOf(now)+d, keyring.GenerateSecret())
		if err != nil {
			t.Fatal(err)
		}
		sealings = append(sealings, k)
	}
	return &v1.Manifest{
		Country:         n.country,
		Identities:      IdentityKeys(n.ring.Identities(now)),
		Sealings:        SealingKeys(sealings),
		Log:             n.logInfo(t, 1),
		WitnessKeys:     n.witnessKeys(t),
		Units:           []*v1.UnitInfo{{Name: "police", Authority: v1.Authority_AUTHORITY_POLICE, Services: []string{askMethod}}, {Name: "fiu", Authority: v1.Authority_AUTHORITY_FIU}},
		Languages:       []string{"sr-Latn", "en"},
		CapacityPerHour: 600,
		Regimes:         []v1.Regime{v1.Regime_REGIME_EU_2023_977},
		Epoch:           1,
	}
}

// publish returns the node's signed manifest.
func (n *node) publish(t testing.TB, dir *Directory, have *Manifest, draft *v1.Manifest, now time.Time) []byte {
	t.Helper()
	b, err := MakeManifest(dir, have, draft, now)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := SignManifest(b, n.ring.Identity())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func parseManifest(t testing.TB, signed []byte, dir *Directory, now time.Time, have *Manifest) *Manifest {
	t.Helper()
	m, err := ParseManifest(signed, dir, now, have)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifestSaysWhatItsNodePublished(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	d := rs.manifestDraft(t, noon)
	signer, err := translog.NewLogSigner(d.GetLog().GetOrigin(), rs.ring.Log().Ed25519.Bytes(), rs.ring.Log().MLDSA44.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d.Head, err = translog.SignCheckpoint(translog.Checkpoint{Origin: d.GetLog().GetOrigin(), Size: 7, Root: translog.Hash{1}}, signer); err != nil {
		t.Fatal(err)
	}
	m := parseManifest(t, rs.publish(t, dir, nil, d, noon), dir, noon.Add(time.Minute), nil)
	if m.Country() != "RS" || m.Version() != 1 || !m.Made().Equal(noon) || m.Proto().GetDirectoryVersion() != 1 || m.Epoch() != 1 || m.Capacity() != 600 {
		t.Fatalf("%v", m.Proto())
	}
	if head, b, ok := m.Head(); !ok || head.Size != 7 || !bytes.Equal(b, d.Head) {
		t.Fatalf("head %v", head)
	}
	if got := m.Services("police"); !slices.Equal(got, []string{askMethod}) || m.Services("fiu") != nil || len(m.Services("")) != 1 {
		t.Fatalf("services %q", got)
	}
	if m.Units()[0].GetName() != "fiu" {
		t.Fatal("units are not in order")
	}
	key, err := m.IdentityAt(rs.ring.Identity().KID(), noon)
	if err != nil || !key.Equal(rs.ring.Identity().Public()) {
		t.Fatal(err)
	}
	_, err = m.IdentityAt(keyring.KID{1}, noon)
	wantErr(t, err, ErrNoIdentity)
	_, err = m.IdentityAt(key.KID(), noon.Add(4*365*24*time.Hour))
	wantErr(t, err, ErrNoIdentity)
}

func TestManifestIsStaleAfterADay(t *testing.T) {
	nodes, dir := four(t)
	m := parseManifest(t, nodes[2].publish(t, dir, nil, nodes[2].manifestDraft(t, noon), noon), dir, noon, nil)
	if m.Stale(noon.Add(24 * time.Hour)) {
		t.Fatal("stale within the day")
	}
	if !m.Stale(noon.Add(24*time.Hour + time.Millisecond)) {
		t.Fatal("fresh after the day")
	}
}

func TestSealingGoesOnAsLongAsAPublishedDayKeyLives(t *testing.T) {
	nodes, dir := four(t)
	d := nodes[2].manifestDraft(t, noon)
	m := parseManifest(t, nodes[2].publish(t, dir, nil, d, noon), dir, noon, nil)
	midnight := time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]int{noon: 0, midnight.Add(-1): 0, midnight: 1, midnight.Add(47 * time.Hour): 2} {
		key, err := m.SealingKeyFor(at)
		if err != nil || !bytes.Equal(key.Bytes(), d.Sealings[want].PublicKey) {
			t.Fatalf("at %s: another key than of day %d: %v", at, want, err)
		}
	}
	_, err := m.SealingKeyFor(midnight.Add(48 * time.Hour))
	wantErr(t, err, ErrNoSealingKey)
}

func TestManifestVersionsOnlyRise(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	b1 := rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon)
	first := parseManifest(t, b1, dir, noon, nil)
	b2 := rs.publish(t, dir, first, rs.manifestDraft(t, noon), noon.Add(time.Hour))
	later := noon.Add(time.Hour)
	second := parseManifest(t, b2, dir, later, first)
	if second.Version() != 2 {
		t.Fatalf("version %d", second.Version())
	}
	_, err := ParseManifest(b1, dir, later, second)
	wantErr(t, err, ErrOlder)
	_, err = ParseManifest(b2, dir, later, second)
	wantErr(t, err, ErrSame)
	_, err = ParseManifest(rs.publish(t, dir, first, rs.manifestDraft(t, noon), later), dir, later, second)
	wantErr(t, err, ErrFork)

	d := rs.manifestDraft(t, noon)
	d.Version = 40
	if m := parseManifest(t, rs.publish(t, dir, second, d, later), dir, later, second); m.Version() != 40 {
		t.Fatalf("version %d after a recovery, want 40", m.Version())
	}
}

func TestManifestFromTheFutureIsRefused(t *testing.T) {
	nodes, dir := four(t)
	b := nodes[2].publish(t, dir, nil, nodes[2].manifestDraft(t, noon), noon)
	_, err := ParseManifest(b, dir, noon.Add(-ClockSkew-time.Millisecond), nil)
	wantErr(t, err, ErrFuture)
	parseManifest(t, b, dir, noon.Add(-ClockSkew), nil)
}

func TestManifestOfAStrangerIsRefused(t *testing.T) {
	nodes, dir := four(t)
	hu := newNode("HU")
	_, err := MakeManifest(dir, nil, hu.manifestDraft(t, noon), noon)
	wantErr(t, err, ErrStranger)

	// A key that the directory does not name signs for RS.
	d := nodes[2].manifestDraft(t, noon)
	d.Identities = IdentityKeys(hu.ring.Identities(noon))
	_, err = MakeManifest(dir, nil, d, noon)
	wantErr(t, err, ErrChain)
}

func TestManifestWithAnotherSignatureIsRefused(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	b, err := MakeManifest(dir, nil, rs.manifestDraft(t, noon), noon)
	if err != nil {
		t.Fatal(err)
	}
	_, err = SignManifest(b, nodes[0].ring.Identity())
	wantErr(t, err, ErrKey)
	sig, err := nodes[0].ring.Identity().Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := encode(&v1.SignedManifest{Manifest: b, Signature: sig})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseManifest(signed, dir, noon, nil)
	wantErr(t, err, ErrSignature)
}

func TestNewIdentityKeyIsEndorsedByTheOneBefore(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	root := rs.ring.Identity()
	first := parseManifest(t, rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon), dir, noon, nil)

	day := 24 * time.Hour
	if err := rs.ring.RotateIdentity("RS", noon, 2*day, 400*day); err != nil {
		t.Fatal(err)
	}
	b2 := rs.publish(t, dir, first, rs.manifestDraft(t, noon), noon)
	second := parseManifest(t, b2, dir, noon, first)
	parseManifest(t, b2, dir, noon, nil) // a newcomer follows the root key too
	if _, err := second.IdentityAt(root.KID(), noon.Add(day)); err != nil {
		t.Fatalf("within the overlap: %v", err)
	}
	_, err := second.IdentityAt(root.KID(), noon.Add(3*day))
	wantErr(t, err, ErrNoIdentity)

	// A second change: whoever knows the first successor follows; a newcomer does when the directory names it.
	later := noon.Add(10 * day)
	if err := rs.ring.RotateIdentity("RS", later, 2*day, 400*day); err != nil {
		t.Fatal(err)
	}
	b3 := rs.publish(t, dir, second, rs.manifestDraft(t, later), later)
	parseManifest(t, b3, dir, later, second)
	_, err = ParseManifest(b3, dir, later, nil)
	wantErr(t, err, ErrChain)
	pb := dir.Proto()
	successor := second.Proto().GetIdentities()[0].GetPublicKey()
	pb.GetMembers()[2].RootKey = successor
	dir2, _, err := readSigned(propose(t, dir, pb))
	if err != nil {
		t.Fatal(err)
	}
	parseManifest(t, b3, dir2, later, nil)
	// As does one who finds the root key of before still listed for its overlap.
	parseManifest(t, b2, dir2, noon, nil)
}

func TestKnownManifestIsReadWhateverTheTime(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	b := rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon)
	m := parseManifest(t, b, dir, noon, nil)
	known, err := KnownManifest(b, dir, m.Digest())
	if err != nil || known.Version() != m.Version() {
		t.Fatal(err)
	}
	_, err = known.IdentityAt(rs.ring.Identity().KID(), noon.Add(9*365*24*time.Hour))
	wantErr(t, err, ErrNoIdentity)
	_, err = KnownManifest(b, dir, [32]byte{1})
	wantErr(t, err, ErrNotPinned)
	b[len(b)-1] ^= 1
	_, err = KnownManifest(b, dir, m.Digest())
	wantErr(t, err, ErrSignature)
}

func TestRetiredIdentityKeyVouchesForNobody(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	day := 24 * time.Hour
	if err := rs.ring.RotateIdentity("RS", noon, day, 5*day); err != nil {
		t.Fatal(err)
	}
	thief := rs.ring.Identity() // stolen after its time was over
	known := parseManifest(t, rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon), dir, noon, nil)
	later := noon.Add(6 * day)
	evil := keyring.GenerateIdentity()
	e, err := thief.Endorse("RS", evil.Public(), ms(noon), ms(later.Add(day)))
	if err != nil {
		t.Fatal(err)
	}
	d := rs.manifestDraft(t, later)
	d.Identities = append([]*v1.IdentityKey{IdentityKeys([]keyring.DatedIdentity{{
		Key: evil, NotBeforeMS: ms(noon), NotAfterMS: ms(later.Add(day)), Endorsement: e,
	}})[0]}, known.Proto().GetIdentities()[0])
	_, err = MakeManifest(dir, known, d, later)
	wantErr(t, err, ErrChain)
	// And its own time cannot be made longer.
	d.Identities = known.Proto().GetIdentities()[:1]
	d.Identities[0].NotAfterMs += uint64((10 * day).Milliseconds())
	_, err = MakeManifest(dir, known, d, later)
	wantErr(t, err, ErrChain)
}

func TestExpiredSigningKeyIsRefused(t *testing.T) {
	nodes, dir := four(t)
	b := nodes[2].publish(t, dir, nil, nodes[2].manifestDraft(t, noon), noon)
	_, err := ParseManifest(b, dir, noon.Add(4*365*24*time.Hour), nil)
	wantErr(t, err, ErrExpired)
}

func TestLogIsTheDirectorysOrALaterOne(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	first := parseManifest(t, rs.publish(t, dir, nil, rs.manifestDraft(t, noon), noon), dir, noon, nil)

	d := rs.manifestDraft(t, noon)
	d.Log = nodes[0].logInfo(t, 1)
	_, err := MakeManifest(dir, nil, d, noon)
	wantErr(t, err, ErrLog)

	d = rs.manifestDraft(t, noon)
	d.Log = (&node{country: "RS", ring: keyring.NewRing(noon, time.Hour)}).logInfo(t, 1)
	_, err = MakeManifest(dir, nil, d, noon)
	wantErr(t, err, ErrLog)

	d = rs.manifestDraft(t, noon)
	d.Log, d.Epoch = rs.logInfo(t, 2), 2
	second := parseManifest(t, rs.publish(t, dir, first, d, noon), dir, noon, first)
	if !second.Witness().Keeps(Origin(testFederation, "RS", 1)) || !second.Witness().Keeps(Origin(testFederation, "RS", 2)) {
		t.Fatal("the witness counts for a log of its own")
	}
	_, err = MakeManifest(dir, second, rs.manifestDraft(t, noon), noon)
	wantErr(t, err, ErrLog)

	d.Epoch = 1
	_, err = MakeManifest(dir, first, d, noon)
	wantErr(t, err, ErrLog)
}

func TestMalformedManifestsAreRefused(t *testing.T) {
	nodes, dir := four(t)
	rs := nodes[2]
	good := rs.manifestDraft(t, noon)
	for _, c := range []struct {
		name   string
		want   error
		change func(m *v1.Manifest)
	}{
		{"no identity", ErrForm, func(m *v1.Manifest) { m.Identities = nil }},
		{"an identity twice", ErrKey, func(m *v1.Manifest) { m.Identities = append(m.Identities, m.Identities[0]) }},
		{"another key's identifier", ErrKey, func(m *v1.Manifest) { m.Identities[0].Kid = make([]byte, 8) }},
		{"an identity that ends before it begins", ErrForm, func(m *v1.Manifest) { m.Identities[0].NotAfterMs = 1 }},
		{"a day twice", ErrForm, func(m *v1.Manifest) { m.Sealings[1].Day = m.Sealings[0].Day }},
		{"a day too far", ErrForm, func(m *v1.Manifest) { m.Sealings[2].Day += 13 }},
		{"a day long past", ErrForm, func(m *v1.Manifest) { m.Sealings[0].Day -= 4 }},
		{"a key for two days", ErrKey, func(m *v1.Manifest) {
			m.Sealings[1].PublicKey, m.Sealings[1].Kid = m.Sealings[0].PublicKey, m.Sealings[0].Kid
		}},
		{"a sealing key of low order", ErrKey, func(m *v1.Manifest) { clear(m.Sealings[1].PublicKey[1184:]) }},
		{"a sealing key with another's identifier", ErrKey, func(m *v1.Manifest) { m.Sealings[1].Kid = m.Sealings[0].Kid }},
		{"no witness keys", ErrForm, func(m *v1.Manifest) { m.WitnessKeys = nil }},
		{"log keys as witness keys", ErrKey, func(m *v1.Manifest) { m.WitnessKeys = m.Log.Keys }},
		{"witness keys of the log's seeds", ErrKey, func(m *v1.Manifest) {
			s, err := translog.NewWitnessSigner("w", "", rs.ring.Log().Ed25519.Bytes(), rs.ring.Log().MLDSA44.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			ed, pq := s.Verifier().VKeys()
			m.WitnessKeys = []string{ed, pq}
		}},
		{"a head that is none", ErrLog, func(m *v1.Manifest) { m.Head = []byte("head") }},
		{"no unit", ErrForm, func(m *v1.Manifest) { m.Units = nil }},
		{"a unit twice", ErrForm, func(m *v1.Manifest) { m.Units[0].Name = m.Units[1].Name }},
		{"a unit of no authority", ErrForm, func(m *v1.Manifest) { m.Units[0].Authority = 0 }},
		{"a service that is no method", ErrForm, func(m *v1.Manifest) { m.Units[0].Services[0] = "Ask" }},
		{"a language that is none", ErrForm, func(m *v1.Manifest) { m.Languages[0] = "x y" }},
		{"epoch 0", ErrForm, func(m *v1.Manifest) { m.Epoch = 0 }},
		{"an unknown regime", ErrForm, func(m *v1.Manifest) { m.Regimes[0] = 77 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := proto.CloneOf(good)
			c.change(m)
			_, err := MakeManifest(dir, nil, m, noon)
			wantErr(t, err, c.want)
		})
	}
}

func TestEveryChangedByteOfAManifestIsRefused(t *testing.T) {
	nodes, dir := four(t)
	b := nodes[2].publish(t, dir, nil, nodes[2].manifestDraft(t, noon), noon)
	for i := 0; i < len(b); i += len(b)/400 + 1 {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		if _, err := ParseManifest(c, dir, noon, nil); err == nil {
			t.Fatalf("byte %d of %d changed, and accepted", i, len(b))
		}
	}
}
