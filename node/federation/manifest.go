package federation

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Times of manifests.
const (
	// ClockSkew is how far a peer's clock may be ahead of ours.
	ClockSkew = 120 * time.Second
	// ManifestLife is how long after its making a manifest is fresh.
	ManifestLife = 24 * time.Hour
	// Sealing keys are published for so many days before and after the day of the manifest's making.
	sealingBefore, sealingAfter = 3, 14
)

const (
	maxIdentities     = 4
	maxSignedManifest = maxManifest + 8<<10
)

// Manifest is a node's statement of itself, verified: its keys, log, units and services. It is not modified after it was made,
// and is safe for concurrent use.
type Manifest struct {
	pb         *v1.Manifest
	signed     []byte
	digest     [32]byte
	identities []identity
	root       keyring.KID // of the directory's key for the member when it was verified; zero if that is not known
	sealings   map[keyring.Day]*keyring.SealingPublicKey
	log        *translog.LogVerifier
	logNumber  uint64
	witness    *translog.WitnessVerifier
	head       translog.Checkpoint
}

// identity is an identity key with its time.
type identity struct {
	key                 *keyring.PublicKey
	notBefore, notAfter time.Time
}

// validAt allows the peer's clock to be ahead of ours when the key begins, and nothing when it ends.
func (i *identity) validAt(t time.Time) bool {
	return !t.Add(ClockSkew).Before(i.notBefore) && !t.After(i.notAfter)
}

// MakeManifest returns a Manifest's bytes, to be signed. It takes the draft's content and sets the version (one more than have's,
// or the draft's if that is larger, as after a recovery), the time, the directory's version and the zone that the directory
// names; sealing keys and units are brought into their order. have is the node's manifest before, nil at the first.
// It does not modify the draft.
func MakeManifest(dir *Directory, have *Manifest, draft *v1.Manifest, now time.Time) ([]byte, error) {
	m, err := dir.Member(draft.GetCountry())
	if err != nil {
		return nil, fmt.Errorf("making manifest: %w", err)
	}
	pb := cloned(draft)
	pb.Version = max(pb.GetVersion(), 1)
	if have != nil {
		pb.Version = max(pb.GetVersion(), have.Version()+1)
	}
	pb.MadeMs, pb.DirectoryVersion, pb.Zone = uint64(max(now.UnixMilli(), 0)), dir.Version(), m.Zone()
	slices.SortFunc(pb.GetSealings(), func(a, b *v1.SealingKey) int { return int(a.GetDay()) - int(b.GetDay()) })
	slices.SortFunc(pb.GetUnits(), func(a, b *v1.UnitInfo) int { return strings.Compare(a.GetName(), b.GetName()) })
	b, err := encode(pb)
	if err != nil {
		return nil, err
	}
	if _, err := newManifest(b, &basis{dir: dir, have: have, now: now}); err != nil {
		return nil, fmt.Errorf("making manifest: %w", err)
	}
	return b, nil
}

// SignManifest returns a SignedManifest's bytes. The key is the manifest's first identity key.
func SignManifest(manifest []byte, key *keyring.Identity) ([]byte, error) {
	pb := new(v1.Manifest)
	if err := decode(manifest, maxManifest, pb); err != nil {
		return nil, fmt.Errorf("signing manifest: %w", err)
	}
	if ids := pb.GetIdentities(); len(ids) == 0 || !bytes.Equal(ids[0].GetPublicKey(), key.Public().Bytes()) {
		return nil, fmt.Errorf("signing manifest with key %s: it is not the manifest's first: %w", key.KID(), ErrKey)
	}
	sig, err := key.Sign(envelope.PAE(typeManifest, manifest))
	if err != nil {
		return nil, fmt.Errorf("signing manifest: %w", err)
	}
	return encode(&v1.SignedManifest{Manifest: manifest, Signature: sig})
}

// ParseManifest returns the manifest in a SignedManifest's bytes, if all of it holds at now, the time of receiving. have is the
// member's manifest before, nil if there is none: the version then rises (ErrSame for the same bytes again, ErrOlder, ErrFork for
// two different manifests of one version), and the log and the epoch never go back.
//
// The first identity key signed it, is valid at now, and leads back to the directory: it is the member's root key there; or
// stands in have and is still valid, its time at most shortened; or was endorsed by the root key, by one of have's that is
// valid at now, or by another of this manifest that itself leads back and is. If the directory names another root key than when have was verified,
// have's keys count as [Manifest.Under] says. So a key whose time is over vouches for nobody, and a
// member that changes its identity key a second time has the directory name the first successor before. Other identity
// keys, of a rotation's overlap, stand on the word of the first.
//
// The log is the directory's, with the same keys, or a later one.
func ParseManifest(signed []byte, dir *Directory, now time.Time, have *Manifest) (*Manifest, error) {
	return openManifest(signed, &basis{dir: dir, have: have, now: now})
}

// KnownManifest returns the manifest in a SignedManifest's bytes whose digest is known: the log names it, or the node kept it when
// ParseManifest had returned it. It is trusted as it was then, whatever the time is now.
func KnownManifest(signed []byte, dir *Directory, digest [32]byte) (*Manifest, error) {
	m, err := openManifest(signed, &basis{dir: dir, known: true})
	if err != nil {
		return nil, err
	}
	if m.digest != digest {
		return nil, fmt.Errorf("manifest %d of %s with digest %x: %w", m.Version(), m.Country(), m.digest, ErrNotPinned)
	}
	return m, nil
}

// KeptManifest is KnownManifest for one that a node kept: root is the identifier of the root key that the directory named for the member then. If dir
// names another, the manifest is held against it as Under says.
func KeptManifest(signed []byte, dir *Directory, digest [32]byte, root keyring.KID, now time.Time) (*Manifest, error) {
	m, err := KnownManifest(signed, dir, digest)
	if err != nil {
		return nil, err
	}
	m.root = root
	return m.Under(dir, now)
}

// Under returns the manifest as it counts under a directory: the same while that names the root key under which the manifest was verified. When it
// names another, what the old one vouched for is over, whatever its time: only those identity keys are left that lead to the new root key within the
// manifest itself. ErrChain means that the one that signed does not, so nothing in the manifest counts any more.
func (m *Manifest) Under(dir *Directory, now time.Time) (*Manifest, error) {
	member, err := dir.Member(m.Country())
	if err != nil {
		return nil, err
	}
	root := member.root.KID()
	if m.root == root || m.root == (keyring.KID{}) {
		return m, nil
	}
	var left []identity
	for i, pb := range slices.Backward(m.pb.GetIdentities()) {
		at := slices.IndexFunc(m.identities, func(id identity) bool { return bytes.Equal(id.key.Bytes(), pb.GetPublicKey()) })
		if at < 0 {
			continue // an earlier directory has put it out of force
		}
		id := m.identities[at]
		if chained(m.Country(), pb, &id, left, &basis{member: member, now: now}) {
			left = append(left, id)
		} else if i == 0 {
			return nil, fmt.Errorf("manifest %d of %s under directory %d: identity key %s: %w", m.Version(), m.Country(), dir.Version(), id.key.KID(), ErrChain)
		}
	}
	slices.Reverse(left)
	under := *m
	under.identities, under.root = left, root
	return &under, nil
}

// Root returns the identifier of the root key under which the manifest was verified; zeros if that is not known.
func (m *Manifest) Root() keyring.KID { return m.root }

// basis is what a manifest is held against.
type basis struct {
	dir    *Directory
	member *Member // of the manifest's country
	have   *Manifest
	now    time.Time
	known  bool // was verified before: have and now do not matter
}

func openManifest(signed []byte, c *basis) (*Manifest, error) {
	s := new(v1.SignedManifest)
	if err := decode(signed, maxSignedManifest, s); err != nil {
		return nil, fmt.Errorf("reading signed manifest: %w", err)
	}
	m, err := newManifest(s.GetManifest(), c)
	if err != nil {
		return nil, err
	}
	if err := m.identities[0].key.Verify(envelope.PAE(typeManifest, s.GetManifest()), s.GetSignature()); err != nil {
		return nil, fmt.Errorf("manifest %d of %s: %w", m.Version(), m.Country(), ErrSignature)
	}
	m.signed = bytes.Clone(signed)
	return m, nil
}

// newManifest checks everything but the signature.
func newManifest(b []byte, c *basis) (*Manifest, error) {
	m := &Manifest{pb: new(v1.Manifest), digest: sha256.Sum256(b), sealings: map[keyring.Day]*keyring.SealingPublicKey{}}
	if err := decode(b, maxManifest, m.pb); err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	var err error
	if c.member, err = c.dir.Member(m.Country()); err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	if c.have != nil && c.have.Country() != m.Country() {
		return nil, fmt.Errorf("manifest of %s after one of %s: %w", m.Country(), c.have.Country(), ErrStranger)
	}
	keys := keySet{}
	for _, check := range []func() error{
		func() error { return m.checkHead(c) },
		func() error { return m.readIdentities(c, keys) },
		func() error { return m.readSealings(keys) },
		func() error { return m.readLog(c, keys) },
		m.checkServices,
	} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("manifest %d of %s: %w", m.Version(), m.Country(), err)
		}
	}
	return m, nil
}

func (m *Manifest) checkHead(c *basis) error {
	have := c.have
	switch {
	case m.pb.GetVersion() == 0 || m.pb.GetVersion() >= 1<<53:
		return form("version")
	case m.pb.GetMadeMs() == 0 || m.pb.GetMadeMs() > latest:
		return form("made at %d ms", m.pb.GetMadeMs())
	case m.pb.GetVersion() > m.pb.GetMadeMs()/1000:
		// Else one manifest with a stolen key could name the last version, and nothing that its owner says after it would count.
		return form("version %d of %s: more than one a second since 1970", m.pb.GetVersion(), m.Made().Format(time.RFC3339))
	case m.pb.GetDirectoryVersion() == 0 || m.pb.GetDirectoryVersion() >= 1<<53:
		return form("directory version %d", m.pb.GetDirectoryVersion())
	case m.pb.GetEpoch() == 0:
		return form("epoch 0")
	case !zone(m.pb.GetZone()):
		return form("zone %q", m.pb.GetZone())
	case !c.known && m.Made().After(c.now.Add(ClockSkew)):
		return fmt.Errorf("made at %s: %w", m.Made().Format(time.RFC3339), ErrFuture)
	case have == nil:
		return nil
	case m.Version() == have.Version() && m.digest == have.digest:
		return ErrSame
	case m.Version() == have.Version():
		return ErrFork
	case m.Version() < have.Version():
		return fmt.Errorf("we hold %d: %w", have.Version(), ErrOlder)
	}
	return nil
}

// readIdentities reads the identity keys, and has the first lead back to the directory unless the manifest is known.
func (m *Manifest) readIdentities(c *basis, keys keySet) error {
	list := m.pb.GetIdentities()
	if len(list) == 0 || len(list) > maxIdentities {
		return form("%d identity keys, at least 1 and at most %d", len(list), maxIdentities)
	}
	for _, pb := range list {
		id, err := readIdentity(pb)
		if err != nil {
			return err
		}
		if err := keys.addIdentity("an identity key", id.key); err != nil {
			return err
		}
		m.identities = append(m.identities, id)
	}
	if c.known {
		return nil
	}
	m.root = c.member.root.KID()
	var trusted []identity
	if c.have != nil {
		if have, err := c.have.Under(c.dir, c.now); err == nil {
			trusted = slices.Clone(have.identities)
		}
	}
	// The newest stands first, so the one that endorsed it stands behind it.
	for i := len(list) - 1; i >= 0; i-- {
		if chained(m.Country(), list[i], &m.identities[i], trusted, c) {
			trusted = append(trusted, m.identities[i])
		} else if i == 0 {
			return fmt.Errorf("identity key %s: %w", m.identities[0].key.KID(), ErrChain)
		}
	}
	if first := m.identities[0]; !first.validAt(c.now) {
		return fmt.Errorf("signing key %s is for %s to %s: %w", first.key.KID(),
			first.notBefore.Format(time.RFC3339), first.notAfter.Format(time.RFC3339), ErrExpired)
	}
	return nil
}

func readIdentity(pb *v1.IdentityKey) (identity, error) {
	key, err := parseRoot(pb.GetPublicKey())
	if err != nil {
		return identity{}, err
	}
	if kid := key.KID(); !bytes.Equal(pb.GetKid(), kid[:]) {
		return identity{}, fmt.Errorf("identity key %s has identifier %x: %w", kid, pb.GetKid(), ErrKey)
	}
	if pb.GetNotBeforeMs() >= pb.GetNotAfterMs() || pb.GetNotAfterMs() > latest {
		return identity{}, form("identity key %s from %d to %d ms", key.KID(), pb.GetNotBeforeMs(), pb.GetNotAfterMs())
	}
	return identity{key: key, notBefore: at(pb.GetNotBeforeMs()), notAfter: at(pb.GetNotAfterMs())}, nil
}

// chained reports whether id leads back to the directory, as ParseManifest says, given keys that do.
func chained(country string, pb *v1.IdentityKey, id *identity, trusted []identity, c *basis) bool {
	root := c.member.root
	if id.key.Equal(root) {
		return true
	}
	endorses := func(k *keyring.PublicKey) bool {
		return k.VerifyEndorsement(country, id.key, pb.GetNotBeforeMs(), pb.GetNotAfterMs(), pb.GetEndorsement()) == nil
	}
	for _, k := range trusted {
		same := k.key.Equal(id.key) && k.notBefore.Equal(id.notBefore) && !id.notAfter.After(k.notAfter)
		if k.validAt(c.now) && (same || !k.key.Equal(id.key) && endorses(k.key)) {
			return true
		}
	}
	return endorses(root)
}

func (m *Manifest) readSealings(keys keySet) error {
	list := m.pb.GetSealings()
	made := int64(keyring.DayOf(m.Made()))
	for i, s := range list {
		day := int64(s.GetDay())
		if i > 0 && list[i-1].GetDay() >= s.GetDay() {
			return form("sealing keys are not in order of their days, or a day stands twice: %s", keyring.Day(s.GetDay()))
		}
		if day < made-sealingBefore || day > made+sealingAfter {
			return form("sealing key for day %d in a manifest of day %d", day, made)
		}
		key, err := keyring.ParseSealingPublicKey(s.GetPublicKey())
		if err != nil {
			return fmt.Errorf("sealing key of %s: %w: %w", keyring.Day(s.GetDay()), err, ErrKey)
		}
		if kid := key.KID(); !bytes.Equal(s.GetKid(), kid[:]) {
			return fmt.Errorf("sealing key %s has identifier %x: %w", kid, s.GetKid(), ErrKey)
		}
		if err := keys.add("a sealing key", s.GetPublicKey()); err != nil {
			return err
		}
		m.sealings[keyring.Day(s.GetDay())] = key
	}
	return nil
}

func (m *Manifest) readLog(c *basis, keys keySet) error {
	member, have := c.member, c.have
	info := m.pb.GetLog()
	federation, _, first, _ := logName(member.pb.GetLog().GetOrigin())
	f, cc, number, ok := logName(info.GetOrigin())
	if !ok || f != federation || cc != m.Country() {
		return fmt.Errorf("log %q: %w", info.GetOrigin(), ErrLog)
	}
	if number < first || number == first && !slices.Equal(info.GetKeys(), member.pb.GetLog().GetKeys()) {
		return fmt.Errorf("log %s or its keys: %w", info.GetOrigin(), ErrLog)
	}
	if have != nil {
		same := number == have.logNumber
		if number < have.logNumber || same && !slices.Equal(info.GetKeys(), have.pb.GetLog().GetKeys()) ||
			m.Epoch() < have.Epoch() || same != (m.Epoch() == have.Epoch()) {
			return fmt.Errorf("log %s in epoch %d after %s in epoch %d: %w",
				info.GetOrigin(), m.Epoch(), have.pb.GetLog().GetOrigin(), have.Epoch(), ErrLog)
		}
	}
	var err error
	if m.log, err = parseLog(info); err != nil {
		return err
	}
	var closed []string
	for n := range number - 1 {
		closed = append(closed, Origin(federation, m.Country(), n+1))
	}
	if m.witness, err = parseWitness(info.GetOrigin(), closed, m.pb.GetWitnessKeys()); err != nil {
		return err
	}
	if err := keys.addVKeys("a log key", info.GetKeys()); err != nil {
		return err
	}
	if err := keys.addVKeys("a witness key", m.pb.GetWitnessKeys()); err != nil {
		return err
	}
	m.logNumber = number
	if head := m.pb.GetHead(); len(head) != 0 {
		if m.head, err = translog.ParseCheckpoint(head, m.log); err != nil {
			return fmt.Errorf("head: %w: %w", err, ErrLog)
		}
	}
	return nil
}

func (m *Manifest) checkServices() error {
	units := m.pb.GetUnits()
	if len(units) == 0 || len(units) > maxList {
		return form("%d units, at least 1 and at most %d", len(units), maxList)
	}
	for i, u := range units {
		if !unit(u.GetName()) || i > 0 && units[i-1].GetName() >= u.GetName() {
			return form("unit %q: units are named with [a-z0-9-] and stand in order", u.GetName())
		}
		if !coded[v1.Authority](v1.Authority_name)(u.GetAuthority()) {
			return form("authority %d of unit %s", u.GetAuthority(), u.GetName())
		}
		if err := checkList("service of unit "+u.GetName(), u.GetServices(), method); err != nil {
			return err
		}
	}
	if err := checkList("language", m.pb.GetLanguages(), language); err != nil {
		return err
	}
	return checkList("regime", m.pb.GetRegimes(), coded[v1.Regime](v1.Regime_name))
}

// Country returns the member's country code.
func (m *Manifest) Country() string { return m.pb.GetCountry() }

// Version returns the version.
func (m *Manifest) Version() uint64 { return m.pb.GetVersion() }

// Made returns when it was made, by the member's clock.
func (m *Manifest) Made() time.Time { return at(m.pb.GetMadeMs()) }

// Digest returns the SHA-256 of the Manifest's bytes, which sealings and log leaves name.
func (m *Manifest) Digest() [32]byte { return m.digest }

// Signed returns the SignedManifest's bytes. The caller does not modify them.
func (m *Manifest) Signed() []byte { return m.signed }

// Proto returns the manifest as a message. The caller may modify it.
func (m *Manifest) Proto() *v1.Manifest { return cloned(m.pb) }

// Stale reports whether the manifest was not renewed within ManifestLife: automatic answers to the member stop then.
func (m *Manifest) Stale(now time.Time) bool { return now.Sub(m.Made()) > ManifestLife }

// SealingKeyFor returns the key that seals to the member on the UTC day of now, or ErrNoSealingKey.
func (m *Manifest) SealingKeyFor(now time.Time) (*keyring.SealingPublicKey, error) {
	day := keyring.DayOf(now)
	key, ok := m.sealings[day]
	if !ok {
		return nil, fmt.Errorf("sealing to %s on %s by manifest %d: %w", m.Country(), day, m.Version(), ErrNoSealingKey)
	}
	return key, nil
}

// IdentityAt returns the identity key of that identifier if it is valid at now, the time of receiving, or ErrNoIdentity.
func (m *Manifest) IdentityAt(kid keyring.KID, now time.Time) (*keyring.PublicKey, error) {
	for _, id := range m.identities {
		if id.key.KID() == kid && id.validAt(now) {
			return id.key, nil
		}
	}
	return nil, fmt.Errorf("key %s of %s by manifest %d: %w", kid, m.Country(), m.Version(), ErrNoIdentity)
}

// Log returns the verifier of the log that the member writes.
func (m *Manifest) Log() *translog.LogVerifier { return m.log }

// Witness returns the verifier of the member's cosignatures.
func (m *Manifest) Witness() *translog.WitnessVerifier { return m.witness }

// Head returns the newest checkpoint of the log when the manifest was made, and its signed bytes; false if there was none.
func (m *Manifest) Head() (translog.Checkpoint, []byte, bool) {
	return m.head, m.pb.GetHead(), len(m.pb.GetHead()) != 0
}

// Epoch returns the epoch of the member's sequence numbers.
func (m *Manifest) Epoch() uint32 { return m.pb.GetEpoch() }

// Capacity returns the most durable messages an hour that one sender may send, 0 without limit.
func (m *Manifest) Capacity() uint32 { return m.pb.GetCapacityPerHour() }

// Units returns the units that receive messages, by name. The caller does not modify them.
func (m *Manifest) Units() []*v1.UnitInfo { return m.pb.GetUnits() }

// Services returns the methods that a unit answers automatically; with an empty unit those of all units. The caller does not
// modify the list.
func (m *Manifest) Services(unit string) []string {
	var list []string
	for _, u := range m.pb.GetUnits() {
		if unit == "" || u.GetName() == unit {
			list = append(list, u.GetServices()...)
		}
	}
	return list
}

// Languages returns the languages that the node's officers read, BCP 47. The caller does not modify the list.
func (m *Manifest) Languages() []string { return m.pb.GetLanguages() }

// IdentityKeys returns a ring's identity keys as a manifest lists them, the signing one first.
func IdentityKeys(ring []keyring.DatedIdentity) []*v1.IdentityKey {
	var list []*v1.IdentityKey
	for _, d := range ring {
		kid := d.Key.KID()
		list = append(list, &v1.IdentityKey{
			Kid: kid[:], PublicKey: d.Key.Public().Bytes(),
			NotBeforeMs: d.NotBeforeMS, NotAfterMs: d.NotAfterMS, Endorsement: d.Endorsement,
		})
	}
	return list
}

// SealingKeys returns the public halves of a node's sealing keys as a manifest lists them.
func SealingKeys(keys []*keyring.SealingKey) []*v1.SealingKey {
	var list []*v1.SealingKey
	for _, k := range keys {
		kid := k.KID()
		list = append(list, &v1.SealingKey{Kid: kid[:], Day: uint32(k.Day()), PublicKey: k.Public().Bytes()})
	}
	return list
}
