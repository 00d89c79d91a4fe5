package federation

import (
	"errors"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const testFederation = "rogatory.example"

var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

func ms(t time.Time) uint64 { return uint64(t.UnixMilli()) }

// node holds what one country holds.
type node struct {
	country  string
	ring     *keyring.Ring
	founders [2]*keyring.Officer
}

func newNode(country string) *node {
	return &node{
		country:  country,
		ring:     keyring.NewRing(noon.Add(-time.Hour), 3*365*24*time.Hour),
		founders: [2]*keyring.Officer{keyring.GenerateOfficer(), keyring.GenerateOfficer()},
	}
}

func newNodes(countries ...string) []*node {
	var list []*node
	for _, c := range countries {
		list = append(list, newNode(c))
	}
	return list
}

func (n *node) logInfo(t testing.TB, number uint64) *v1.LogInfo {
	t.Helper()
	s, err := translog.NewLogSigner(Origin(testFederation, n.country, number), n.ring.Log().Ed25519.Bytes(), n.ring.Log().MLDSA44.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	ed, pq := s.Verifier().VKeys()
	return &v1.LogInfo{Origin: s.Verifier().Origin(), Keys: []string{ed, pq}}
}

func (n *node) witnessKeys(t testing.TB) []string {
	t.Helper()
	s, err := translog.NewWitnessSigner(testFederation+"/"+n.country+"/witness", Origin(testFederation, n.country, 1),
		n.ring.Witness().Ed25519.Bytes(), n.ring.Witness().MLDSA44.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	ed, pq := s.Verifier().VKeys()
	return []string{ed, pq}
}

func testOfficer(name string, key *keyring.Officer, rights ...v1.Right) *v1.Officer {
	p := key.Public()
	return &v1.Officer{Pseudonym: name, PublicKey: p[:], Units: []string{"police"}, Rights: rights}
}

func (n *node) member(t testing.TB) *v1.Member {
	t.Helper()
	return &v1.Member{
		Country: n.country,
		RootKey: n.ring.Identity().Public().Bytes(),
		Log:     n.logInfo(t, 1),
		Founders: []*v1.Officer{
			testOfficer("founder-a", n.founders[0], v1.Right_RIGHT_ENROL),
			testOfficer("founder-b", n.founders[1], v1.Right_RIGHT_READ, v1.Right_RIGHT_DRAFT, v1.Right_RIGHT_APPROVE, v1.Right_RIGHT_ENROL),
		},
		Zone: "Europe/Belgrade",
		Name: "Contact point of " + n.country,
	}
}

// draft returns a directory of all nodes, with a threshold of just more than half.
func draft(t testing.TB, nodes []*node) *v1.Directory {
	t.Helper()
	d := &v1.Directory{
		Federation:   testFederation,
		ValidFromMs:  ms(noon.Add(-24 * time.Hour)),
		ValidUntilMs: ms(noon.Add(300 * 24 * time.Hour)),
		Threshold:    uint32(len(nodes)/2 + 1),
		Tzdata:       "2026a",
	}
	for _, n := range nodes {
		d.Members = append(d.Members, n.member(t))
	}
	return d
}

// sign returns the proposal with the nodes' signatures by their present identity keys.
func sign(t testing.TB, current *Directory, signed []byte, nodes ...*node) []byte {
	t.Helper()
	for _, n := range nodes {
		var err error
		if signed, err = SignDirectory(current, signed, n.country, n.ring.Identity()); err != nil {
			t.Fatalf("signing as %s: %v", n.country, err)
		}
	}
	return signed
}

func propose(t testing.TB, current *Directory, d *v1.Directory) []byte {
	t.Helper()
	b, err := Propose(current, d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func founded(t testing.TB, nodes []*node, d *v1.Directory) *Directory {
	t.Helper()
	signed := sign(t, nil, propose(t, nil, d), nodes...)
	_, digest, err := ReadDirectory(signed)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := ParseDirectory(signed, digest)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// four returns the nodes BG GR RS TR and their first directory, threshold 3.
func four(t testing.TB) ([]*node, *Directory) {
	t.Helper()
	nodes := newNodes("BG", "GR", "RS", "TR")
	return nodes, founded(t, nodes, draft(t, nodes))
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	var h interface{ Hint() string }
	if err != nil && (!errors.As(err, &h) || h.Hint() == "") {
		t.Fatalf("error %v has no hint", err)
	}
}
