package forge

import (
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Pseudonyms of the officers of every country. The two founders may do everything; the clerk drafts and reads. The machine is an agency, in a country
// that has one: it answers by itself what the rules let answer.
const (
	First   = "first"
	Second  = "second"
	Clerk   = "clerk"
	Machine = "machine"
	Unit    = "police"
)

// A Country is one node with all of its keys.
type Country struct {
	Code string
	Log  *History
	// Identities, the one that signs first.
	Identities []keyring.DatedIdentity
	Witness    *translog.WitnessSigner
	Officers   map[string]*keyring.Officer
	Register   *federation.Register
	// Manifest in force, and all that were.
	Manifest  *federation.Manifest
	Manifests [][]byte
	// Known are the manifests of all members, by country, as this one has learned them.
	Known map[string]*federation.Manifest
	Cases map[string]exchange.Case
	// Expired are the cases whose dockets went with their term.
	Expired map[string]bool
	// Closed are the logs before this one, the oldest first.
	Closed []*History
	// base is the place of the log's leaf 0: cases count leaves by place, which goes on from log to log.
	base int64
	// sizes of the closed logs, as they were closed.
	sizes []int64
	// Epoch of its numbers; that of the log.
	Epoch uint32

	w        *World
	root     *keyring.Identity
	tails    map[string]*tail // by recipient
	arrived  map[string]int64 // index of the `in` leaf of each name
	cosigned map[string]translog.Checkpoint
	house    rules.House
	services []string // what the unit answers automatically
}

// tail is where the numbers of messages to one peer stand.
type tail struct {
	seq  uint64
	prev envelope.Name
}

func (w *World) newCountry(code string) *Country {
	w.T.Helper()
	key, err := keyring.NewIdentity(w.secretKey(code, "ml-dsa"), w.secretKey(code, "ed25519"))
	w.must(err)
	origin := federation.Origin(Federation, code, 1)
	signer, err := translog.NewLogSigner(origin, w.secret(code, "log ed"), w.secret(code, "log pq"))
	w.must(err)
	witness, err := translog.NewWitnessSigner(Federation+"/"+code+"/witness", origin, w.secret(code, "witness ed"), w.secret(code, "witness pq"))
	w.must(err)
	return &Country{
		Code: code, Log: &History{T: w.T, Signer: signer}, root: key, Epoch: 1,
		Identities: []keyring.DatedIdentity{{Key: key, NotBeforeMS: uint64(w.Now - 3600_000), NotAfterMS: uint64(w.Now + 5*365*24*3600_000)}},
		Witness:    witness,
		Officers:   map[string]*keyring.Officer{First: keyring.GenerateOfficer(), Second: keyring.GenerateOfficer()},
		Known:      map[string]*federation.Manifest{}, Cases: map[string]exchange.Case{}, Expired: map[string]bool{},
		w: w, tails: map[string]*tail{}, arrived: map[string]int64{}, cosigned: map[string]translog.Checkpoint{},
		house: rules.House{Units: []rules.HouseUnit{{Name: Unit, FourEyes: true}}},
	}
}

var founderRights = []rogatoryv1.Right{
	rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT, rogatoryv1.Right_RIGHT_APPROVE, rogatoryv1.Right_RIGHT_ENROL, rogatoryv1.Right_RIGHT_MANAGE,
}

// Officer returns the public entry of an officer.
func (c *Country) officer(name string, rights ...rogatoryv1.Right) *rogatoryv1.Officer {
	return federation.NewOfficer(name, c.Officers[name].Public(), []string{Unit}, rights, name == Machine)
}

func (c *Country) member() *rogatoryv1.Member {
	ed, pq := c.Log.Signer.Verifier().VKeys()
	return &rogatoryv1.Member{
		Country: c.Code, RootKey: c.root.Public().Bytes(), Zone: "Europe/Belgrade", Name: "Contact point of " + c.Code,
		Log:      &rogatoryv1.LogInfo{Origin: c.Log.Signer.Verifier().Origin(), Keys: []string{ed, pq}},
		Founders: []*rogatoryv1.Officer{c.officer(First, founderRights...), c.officer(Second, founderRights...)},
	}
}

const program = "rogatory-node:forge"

// start writes the first leaves of a log.
func (c *Country) start() {
	c.w.T.Helper()
	w, dir := c.w, c.w.directory()
	c.Log.Append(w.Now, c.genesis())
	c.Log.Append(w.Now, &translog.Node{Event: translog.NodeStart, Program: program})
	c.Log.Append(w.Now, &translog.Dir{What: translog.DirDirectory, Digest: dir.Digest(), Version: int64(dir.Version())})
	c.notePolicy()
	var err error
	c.Register, err = federation.NewRegister(dir, c.Code)
	w.must(err)
}

// genesis is leaf 0 of the country's log.
func (c *Country) genesis() *translog.Genesis {
	c.w.T.Helper()
	dir := c.w.directory()
	m, err := dir.Member(c.Code)
	c.w.must(err)
	g := &translog.Genesis{Log: c.Origin(), Country: c.Code, Directory: dir.Digest(), Epoch: int64(c.Epoch), Spec: "rogatory-log-1"}
	for _, f := range m.Founders() {
		g.Founders = append(g.Founders, sha256Of(f.GetPublicKey()))
	}
	sortHashes(g.Founders)
	return g
}

func (c *Country) notePolicy() {
	policy := c.house.Encode()
	i := c.Log.Append(c.w.Now, &translog.Policy{Name: rules.HousePolicy, Version: c.Log.Size(), Digest: rules.PolicyDigest(policy)})
	c.Log.Entries[i].put("policy", policy)
}

// Automate puts a machine on the register, which may answer requests alone where the rules let them be answered, and publishes that its unit does so.
func (w *World) Automate(country string) {
	w.T.Helper()
	c := w.Country(country)
	c.enrol(Machine, rogatoryv1.Right_RIGHT_SEND)
	c.house.Units[0].Agencies, c.services = []string{Machine}, []string{lint.MethodAsk}
	c.notePolicy()
	c.publish()
}

// Origin returns the name of the country's log.
func (c *Country) Origin() string { return c.Log.Signer.Verifier().Origin() }

// Rotate gives the country another identity key, endorsed by the one before, which stays valid for overlap, and publishes it.
func (c *Country) Rotate(overlap time.Duration) {
	c.w.T.Helper()
	old := &c.Identities[0]
	key, err := keyring.NewIdentity(c.w.secretKey(c.Code, "ml-dsa", c.w.Now), c.w.secretKey(c.Code, "ed25519", c.w.Now))
	c.w.must(err)
	from, until := uint64(c.w.Now), uint64(c.w.Now+5*365*24*3600_000)
	endorsed, err := old.Key.Endorse(c.Code, key.Public(), from, until)
	c.w.must(err)
	old.NotAfterMS = min(old.NotAfterMS, uint64(c.w.Now+overlap.Milliseconds()))
	c.Identities = append([]keyring.DatedIdentity{{Key: key, NotBeforeMS: from, NotAfterMS: until, Endorsement: endorsed}}, *old)
	c.publish()
}

// sealingKey returns the key that seals to the country on the present day.
func (c *Country) sealingKey(day keyring.Day) *keyring.SealingKey {
	k, err := keyring.NewSealingKey(day, c.w.secretKey(c.Code, "sealing", day))
	c.w.must(err)
	return k
}

// publish makes the next manifest; this log and all others take it.
func (c *Country) publish() {
	c.w.T.Helper()
	w := c.w
	w.tick()
	day := keyring.DayOf(w.time())
	ed, pq := c.Log.Signer.Verifier().VKeys()
	wed, wpq := c.Witness.Verifier().VKeys()
	draft := &rogatoryv1.Manifest{
		Country: c.Code, Identities: federation.IdentityKeys(c.Identities),
		Sealings:    federation.SealingKeys([]*keyring.SealingKey{c.sealingKey(day), c.sealingKey(day + 1)}),
		Log:         &rogatoryv1.LogInfo{Origin: c.Origin(), Keys: []string{ed, pq}},
		WitnessKeys: []string{wed, wpq}, Head: c.Log.Note(), Languages: []string{"en"}, Epoch: c.Epoch,
		Units:   []*rogatoryv1.UnitInfo{{Name: Unit, Authority: rogatoryv1.Authority_AUTHORITY_POLICE, Services: c.services}},
		Regimes: []rogatoryv1.Regime{rogatoryv1.Regime_REGIME_EU_2023_977},
	}
	b, err := federation.MakeManifest(w.directory(), c.Manifest, draft, w.time())
	w.must(err)
	signed, err := federation.SignManifest(b, c.Identities[0].Key)
	w.must(err)
	before := c.Manifest
	for _, other := range append([]*Country{c}, w.others(c)...) {
		other.learn(c.Code, signed)
	}
	c.Manifest = c.Known[c.Code]
	for _, k := range newSealings(before, c.Manifest) {
		c.Log.Append(w.Now, k)
	}
}

// learn takes a manifest.
func (c *Country) learn(from string, signed []byte) {
	c.w.T.Helper()
	have := c.Known[from]
	m, err := federation.ParseManifest(signed, c.w.directory(), c.w.time(), have)
	c.w.must(err)
	leaf := &translog.Dir{What: translog.DirManifest, Member: from, Version: int64(m.Version()), Digest: m.Digest()}
	if have != nil {
		leaf.Prev = have.Digest()
	}
	c.Log.Append(c.w.Now, leaf)
	c.Known[from] = m
	c.Manifests = append(c.Manifests, signed)
}

// newSealings returns the leaves by which a node logs the sealing keys that its manifest publishes first.
func newSealings(before, m *federation.Manifest) []*translog.Key {
	was := map[string]bool{}
	if before != nil {
		for _, k := range before.Proto().GetSealings() {
			was[string(k.GetPublicKey())] = true
		}
	}
	var list []*translog.Key
	for _, k := range m.Proto().GetSealings() {
		if day := keyring.Day(k.GetDay()); !was[string(k.GetPublicKey())] {
			list = append(list, &translog.Key{
				Event: "create", Use: "sealing", Key: sha256Of(k.GetPublicKey()),
				NotBefore: day.Start().UnixMilli(), NotAfter: day.End().Add(keyring.KeepAfter).UnixMilli(),
			})
		}
	}
	return list
}

// others lists all countries but one.
func (w *World) others(c *Country) []*Country {
	var list []*Country
	for _, o := range w.Countries() {
		if o != c {
			list = append(list, o)
		}
	}
	return list
}

// enrol puts an officer on the register, by both founders.
func (c *Country) enrol(name string, rights ...rogatoryv1.Right) {
	c.w.T.Helper()
	c.w.tick()
	c.Officers[name] = keyring.GenerateOfficer()
	o := c.officer(name, rights...)
	subject, err := federation.EnrolmentSubject(o)
	c.w.must(err)
	sign := func(who string, verb rogatoryv1.Verb) *rogatoryv1.Assertion {
		return c.Sign(who, &rogatoryv1.Act{Verb: verb, Actor: who, Subject: subject[:]})
	}
	b, err := federation.MakeEnrolment(o, false, sign(First, rogatoryv1.Verb_VERB_ENROL), sign(Second, rogatoryv1.Verb_VERB_ENROL_CONFIRM))
	c.w.must(err)
	c.Register, err = c.Register.Enrol(b, c.w.time())
	c.w.must(err)
	i := c.Log.Append(c.w.Now, &translog.Actor{Who: name, Event: "enrol", Digest: subject, By: []string{First, Second}})
	c.Log.Entries[i].put("enrolment", b)
}

// Sign returns an officer's assertion of an act, now.
func (c *Country) Sign(who string, draft *rogatoryv1.Act) *rogatoryv1.Assertion {
	c.w.T.Helper()
	act, err := federation.NewAct(draft, c.w.nonce(), c.w.time())
	c.w.must(err)
	a, err := federation.SignAct(act, c.Officers[who])
	c.w.must(err)
	return a
}
