package rig

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node"
	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange/calendar"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport/broker"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Names that all clusters share.
const (
	Federation = "rig.example"
	Unit       = "police"
	zone       = "Europe/Belgrade"
	hubFolder  = "hub"
)

// Options say what to set up.
type Options struct {
	// Dir is a new or empty folder. Its path must be short: sockets lie in it.
	Dir string
	// Countries are the members.
	Countries []string
	// Round is the nodes' round; 0 takes the product's default.
	Round time.Duration
}

// A Cluster is a federation in a folder, running or not.
type Cluster struct {
	Dir       string
	Countries []string
	Broker    *Process // nil while it does not run

	members map[string]*Member
	port    int
}

// A Member is one country: its node's folder and its people.
type Member struct {
	Country string
	Config  *configs.Node
	// Founders draft and approve; Agency sends alone, for its unit.
	Founders [2]*client.Officer
	Agency   *client.Officer
	Node     *Process // nil while it does not run

	cluster *Cluster
	ring    *keyring.Ring
	origin  string
}

// New sets up a cluster. Nothing runs yet.
func New(o Options) (*Cluster, error) {
	c := &Cluster{Dir: o.Dir, Countries: o.Countries, members: map[string]*Member{}}
	hub := filepath.Join(o.Dir, hubFolder)
	if err := os.MkdirAll(hub, 0o700); err != nil {
		return nil, err
	}
	authority, err := broker.OpenAuthority(hub)
	if err != nil {
		return nil, err
	}
	for name, issue := range map[string]func() (broker.Pair, error){
		"server":   func() (broker.Pair, error) { return authority.Server("127.0.0.1", "localhost") },
		"operator": authority.Operator,
	} {
		if err := write(issue, hub, name); err != nil {
			return nil, err
		}
	}
	if c.port, err = freePort(); err != nil {
		return nil, err
	}
	for _, country := range o.Countries {
		m, err := c.newMember(country, o, authority)
		if err != nil {
			return nil, fmt.Errorf("setting up %s: %w", country, err)
		}
		c.members[country] = m
	}
	return c, c.agree()
}

func write(issue func() (broker.Pair, error), dir, name string) error {
	pair, err := issue()
	if err != nil {
		return err
	}
	return pair.WriteFiles(dir, name)
}

// freePort returns a port that nobody listens at. The broker keeps it over its restarts.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (c *Cluster) newMember(country string, o Options, authority *broker.Authority) (*Member, error) {
	dir := filepath.Join(c.Dir, country)
	low := strings.ToLower(country)
	made, err := setup.Init(setup.Options{
		Dir: dir, Country: country, Federation: Federation, Zone: zone,
		Units: []setup.Unit{{Name: Unit, Contact: configs.Contact{
			Name: "Invented police of " + country, Officer: "Duty officer", Phone: "+381110000000", Email: "duty@police." + low + ".example",
		}}},
		Lock: keyring.Plain(), Insecure: true,
		NATS: []string{fmt.Sprintf("tls://127.0.0.1:%d", c.port)}, Round: o.Round, Now: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	m := &Member{Country: country, cluster: c, origin: federation.Origin(Federation, country, 1)}
	tls := filepath.Join(dir, setup.TLSFolder)
	if err := write(func() (broker.Pair, error) { return authority.Member(country) }, tls, "nats"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(tls, "nats-ca.pem"), authority.Roots(), 0o644); err != nil {
		return nil, err
	}
	for i, path := range made.Officers {
		if m.Founders[i], err = client.OpenOfficer(path, keyring.Plain()); err != nil {
			return nil, err
		}
	}
	m.Agency = &client.Officer{Pseudonym: low + "-agency", Key: keyring.GenerateOfficer()}
	if err := amend(made.Config, m.Agency.Pseudonym); err != nil {
		return nil, err
	}
	if m.Config, err = configs.Load(made.Config); err != nil {
		return nil, err
	}
	m.ring, err = keyring.OpenRing(m.Config.RingFile(), keyring.Plain())
	return m, err
}

// amend writes into a configuration what setup has no option for: the agency that sends alone, and no limit on what a peer sends.
func amend(path, agency string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const anchor = "    default: true\n"
	text, rest, ok := strings.Cut(string(b), anchor)
	if !ok {
		return fmt.Errorf("amending %s: no default unit", path)
	}
	text += fmt.Sprintf("%s    agencies: [%s]\n    four_eyes: false\n%s\ncapacity_per_hour: 0\n", anchor, agency, rest)
	return os.WriteFile(path, []byte(text), 0o600)
}

// agree has all members sign a directory, and puts it in place.
func (c *Cluster) agree() error {
	now := time.Now()
	draft := &rogatoryv1.Directory{
		Federation: Federation, Threshold: uint32(len(c.Countries)/2 + 1), Tzdata: calendar.TZData,
		ValidFromMs: uint64(now.Add(-time.Minute).UnixMilli()), ValidUntilMs: uint64(now.Add(30 * 24 * time.Hour).UnixMilli()),
	}
	for _, m := range c.members {
		entry, err := setup.Member(m.Country, Federation, zone, "Contact point of "+m.Country, m.ring, m.founders())
		if err != nil {
			return err
		}
		draft.Members = append(draft.Members, entry)
	}
	signed, err := federation.Propose(nil, draft)
	for country, m := range c.members {
		if err == nil {
			signed, err = federation.SignDirectory(nil, signed, country, m.ring.Identity())
		}
	}
	if err != nil {
		return fmt.Errorf("agreeing on a directory: %w", err)
	}
	_, digest, err := federation.ReadDirectory(signed)
	if err != nil {
		return err
	}
	for _, m := range c.members {
		if err := errors.Join(
			os.WriteFile(m.Config.Directory, signed, 0o644),
			os.WriteFile(m.Config.Pin, []byte(hex.EncodeToString(digest[:])+"\n"), 0o644),
		); err != nil {
			return err
		}
	}
	return nil
}

func (m *Member) founders() []*rogatoryv1.Officer {
	var list []*rogatoryv1.Officer
	for _, f := range m.Founders {
		key := f.Key.Public()
		list = append(list, &rogatoryv1.Officer{Pseudonym: f.Pseudonym, PublicKey: key[:], Units: []string{Unit}, Rights: setup.HumanRights})
	}
	return list
}

// Member returns the member of that country.
func (c *Cluster) Member(country string) *Member { return c.members[country] }

// OpenStore opens the store of a node that does not run.
func (m *Member) OpenStore() (*store.Store, error) {
	return store.Open(node.StoreOptions(m.Config, m.ring))
}

// Log returns the verifier of the member's log.
func (m *Member) Log() (*translog.LogVerifier, error) {
	seeds := m.ring.Log()
	signer, err := translog.NewLogSigner(m.origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
	if err != nil {
		return nil, err
	}
	return signer.Verifier(), nil
}
