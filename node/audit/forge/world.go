package forge

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/timestamp/authority"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Federation is the name of every World's.
const Federation = "rogatory.example"

// T is what a test gives: testing.TB, and rapid.T.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A World is a federation at some moment of its time.
type World struct {
	T T
	// Now is the time of all clocks, in milliseconds since 1970. Every act takes some.
	Now int64
	// Directories in force, in turn; the last is what an auditor trusts.
	Directories []*federation.Directory
	// TSA, if there is one, confirms logs now and then in [Days].
	TSA *authority.Authority

	countries map[string]*Country
	seed      string
	cases     int
	nonces    uint64
}

// New makes a federation of countries whose nodes have started, know each other's manifests, and have put a third officer on their
// registers. Keys follow from the countries' names: two worlds have the same, and differ in nothing but what is random in signatures.
func New(t T, countries ...string) *World {
	t.Helper()
	w := &World{
		T: t, Now: time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC).UnixMilli(),
		countries: map[string]*Country{}, seed: "forge",
	}
	slices.Sort(countries)
	for _, c := range countries {
		w.countries[c] = w.newCountry(c)
	}
	w.found(countries)
	for _, c := range countries {
		w.countries[c].start()
	}
	for _, c := range countries {
		w.countries[c].publish()
	}
	for _, c := range countries {
		w.countries[c].enrol(Clerk, rogatoryv1.Right_RIGHT_READ, rogatoryv1.Right_RIGHT_DRAFT)
	}
	return w
}

// must ends the test on an error.
func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatalf("forge: %v", err)
	}
}

// Country returns a country of the world.
func (w *World) Country(code string) *Country {
	w.T.Helper()
	c := w.countries[code]
	if c == nil {
		w.T.Fatalf("forge: no country %s", code)
	}
	return c
}

// Countries lists the countries in order.
func (w *World) Countries() []*Country {
	var list []*Country
	for _, m := range w.directory().Members() {
		list = append(list, w.countries[m.Country()])
	}
	return list
}

// Sleep lets time pass. Who has a manifest older than a day afterwards publishes the next, and all learn it.
func (w *World) Sleep(d time.Duration) {
	w.T.Helper()
	w.Now += d.Milliseconds()
	for _, c := range w.Countries() {
		if c.Manifest.Stale(w.time()) {
			c.publish()
		}
	}
}

// Trusted returns the SignedDirectory that an auditor holds: the newest.
func (w *World) Trusted() []byte { return w.directory().Signed() }

func (w *World) directory() *federation.Directory { return w.Directories[len(w.Directories)-1] }
func (w *World) time() time.Time                  { return time.UnixMilli(w.Now).UTC() }

// tick lets a moment pass, as between any two things.
func (w *World) tick() { w.Now += 1500 }

// secret returns 32 bytes that follow from words.
func (w *World) secret(words ...any) []byte {
	h := sha256.Sum256(fmt.Append([]byte(w.seed), words...))
	return h[:]
}

// nonce returns 16 bytes that nobody had before.
func (w *World) nonce() (n [16]byte) {
	w.nonces++
	binary.BigEndian.PutUint64(n[:], w.nonces)
	copy(n[8:], w.secret("nonce", w.nonces))
	return n
}

// found makes the first directory, with the hash of no log's first leaf: logs begin after it.
func (w *World) found(countries []string) {
	w.T.Helper()
	d := &rogatoryv1.Directory{
		Federation: Federation, ValidFromMs: uint64(w.Now - 24*3600_000), ValidUntilMs: uint64(w.Now + 5*365*24*3600_000),
		Threshold: uint32(len(countries)/2 + 1), Tzdata: "2026a",
	}
	for _, c := range countries {
		d.Members = append(d.Members, w.countries[c].member())
	}
	w.NextDirectory(d)
}

// NextDirectory puts a version of the directory in force that all members sign, with the founders' consent of nobody else. It is logged by
// those who have started. The draft comes from the last version's Proto.
func (w *World) NextDirectory(draft *rogatoryv1.Directory) {
	w.T.Helper()
	var current *federation.Directory
	if len(w.Directories) > 0 {
		current = w.directory()
	}
	signed, err := federation.Propose(current, draft)
	w.must(err)
	for _, m := range draft.GetMembers() {
		c := w.countries[m.GetCountry()]
		signed, err = federation.SignDirectory(current, signed, c.Code, c.root)
		w.must(err)
	}
	var next *federation.Directory
	if current == nil {
		_, digest, err := federation.ReadDirectory(signed)
		w.must(err)
		next, err = federation.ParseDirectory(signed, digest)
		w.must(err)
	} else {
		next, err = federation.Advance(current, signed, w.time())
		w.must(err)
	}
	w.Directories = append(w.Directories, next)
	if current == nil {
		return
	}
	for _, c := range w.Countries() {
		c.Log.Append(w.Now, &translog.Dir{
			What: translog.DirDirectory, Digest: next.Digest(), Prev: current.Digest(), Version: int64(next.Version()),
		})
	}
}

// rules are those that all nodes follow.
func (w *World) rules() rules.Rules {
	w.T.Helper()
	var versions []*rogatoryv1.Directory
	for _, d := range w.Directories {
		versions = append(versions, d.Proto())
	}
	r, err := rules.Of(versions...)
	w.must(err)
	return r
}

// secretKey returns a seed as keyring has it.
func (w *World) secretKey(words ...any) keyring.Secret {
	s, err := keyring.NewSecret(w.secret(words...))
	w.must(err)
	return s
}
