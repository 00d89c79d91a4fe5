// Package peers is what a node knows of the other members at this moment: the directory it goes by, each member's newest manifest, and
// when it was heard of. It decides nothing: package federation judges every document, package store keeps them.
package peers

import (
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
)

// Book is what is known of the members. Its methods may be called by several goroutines.
type Book struct {
	country string

	mu        sync.RWMutex
	directory *federation.Directory
	manifests map[string]*federation.Manifest // our own among them
	closed    map[string]Closed               // by origin
	heard     map[string]time.Time
	changed   chan struct{}
}

// New returns the book of a country that goes by a directory. Manifests that were kept come in by Learn.
func New(country string, dir *federation.Directory) *Book {
	return &Book{
		country:   country,
		directory: dir,
		manifests: map[string]*federation.Manifest{},
		closed:    map[string]Closed{},
		heard:     map[string]time.Time{},
		changed:   make(chan struct{}),
	}
}

// Country returns whose book it is.
func (b *Book) Country() string { return b.country }

// Directory returns the directory in force.
func (b *Book) Directory() *federation.Directory {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.directory
}

// SetDirectory puts a later version in force. Where it names another root key for a member, what that key's predecessor vouched for is over: the
// keys of the member's manifest, or all of it until the member publishes anew.
func (b *Book) SetDirectory(dir *federation.Directory) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.directory = dir
	for country, m := range b.manifests {
		if country == b.country {
			continue // ours is the next one's to follow
		}
		if under, err := m.Under(dir, now); err == nil {
			b.manifests[country] = under
		} else {
			delete(b.manifests, country)
		}
	}
	b.tell()
}

// Countries returns the members' codes, our own among them, in order.
func (b *Book) Countries() []string {
	var codes []string
	for _, m := range b.Directory().Members() {
		codes = append(codes, m.Country())
	}
	return codes
}

// Learn takes in a signed manifest that was received at now. The error is package federation's: ErrSame means that nothing is new.
func (b *Book) Learn(signed []byte, country string, now time.Time) (*federation.Manifest, error) {
	b.mu.RLock()
	dir, have := b.directory, b.manifests[country]
	b.mu.RUnlock()
	m, err := federation.ParseManifest(signed, dir, now, have)
	if err != nil {
		return nil, err
	}
	if m.Country() != country {
		return nil, federation.ErrStranger
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if newer := b.manifests[country]; newer != nil && newer.Version() >= m.Version() {
		return nil, federation.ErrOlder
	}
	b.manifests[country] = m
	b.tell()
	return m, nil
}

// tell wakes those who wait for a change; b.mu is held.
func (b *Book) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Changed returns a channel that is closed when the next manifest or directory comes in.
func (b *Book) Changed() <-chan struct{} {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.changed
}

// Manifest returns a member's newest manifest, nil if none is known.
func (b *Book) Manifest(country string) *federation.Manifest {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.manifests[country]
}

// Published returns the other members of whom a manifest is known, in order.
func (b *Book) Published() []string {
	var codes []string
	for _, c := range b.Countries() {
		if c != b.country && b.Manifest(c) != nil {
			codes = append(codes, c)
		}
	}
	return codes
}

// OwnVersion returns the version of our own manifest, 0 before the first.
func (b *Book) OwnVersion() uint64 { return b.Version(b.country) }

// Version returns the version of a member's manifest, 0 for none.
func (b *Book) Version(country string) uint64 {
	if m := b.Manifest(country); m != nil {
		return m.Version()
	}
	return 0
}

// DayKey is what a message to a member is sealed with today.
type DayKey struct {
	Key             *keyring.SealingPublicKey
	Day             keyring.Day
	ManifestVersion uint64
	ManifestDigest  [32]byte
}

// Expires returns when the recipient destroys the key: a sealing lives no longer.
func (k DayKey) Expires() time.Time {
	return k.Day.End().Add(keyring.KeepAfter)
}

// SealingKey returns the key of today that a member has published; false if there is none.
func (b *Book) SealingKey(country string, now time.Time) (DayKey, bool) {
	m := b.Manifest(country)
	if m == nil {
		return DayKey{}, false
	}
	key, err := m.SealingKeyFor(now)
	if err != nil {
		return DayKey{}, false
	}
	return DayKey{Key: key, Day: keyring.DayOf(now), ManifestVersion: m.Version(), ManifestDigest: m.Digest()}, true
}

// Identity returns a member's identity key of that identifier if it is valid at now, else nil.
func (b *Book) Identity(country string, kid keyring.KID, now time.Time) *keyring.PublicKey {
	m := b.Manifest(country)
	if m == nil {
		return nil
	}
	key, err := m.IdentityAt(kid, now)
	if err != nil {
		return nil
	}
	return key
}

// Log returns the verifier of the log that a member writes, by its manifest or, before the first, by the directory; nil for a
// stranger.
func (b *Book) Log(country string) *translog.LogVerifier {
	if m := b.Manifest(country); m != nil {
		return m.Log()
	}
	member, err := b.Directory().Member(country)
	if err != nil {
		return nil
	}
	return member.Log()
}

// Closed is a log that a member has closed after a rollback.
type Closed struct {
	Country string
	// Log verifies its checkpoints. Of those only the ones of at most Size leaves count.
	Log  *translog.LogVerifier
	Size int64
}

// Close takes in a log that a member has closed: receipts from it go on to count.
func (b *Book) Close(c Closed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed[c.Log.Origin()] = c
}

// Closed returns a log of that name that a member has closed; ok is false when there is none.
func (b *Book) Closed(country, origin string) (c Closed, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, ok = b.closed[origin]
	return c, ok && c.Country == country
}

// Fresh reports whether a member has renewed its manifest within the last day.
func (b *Book) Fresh(country string, now time.Time) bool {
	m := b.Manifest(country)
	return m != nil && !m.Stale(now)
}

// Hear notes that a member was heard of.
func (b *Book) Hear(country string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard[country] = now
}

// Heard returns when a member was heard of last; zero for never since the start.
func (b *Book) Heard(country string) time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.heard[country]
}

// Restore takes back a manifest that was kept, at the start. It is older than what comes in now, or the same.
func (b *Book) Restore(m *federation.Manifest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if have := b.manifests[m.Country()]; have == nil || have.Version() < m.Version() {
		b.manifests[m.Country()] = m
		b.tell()
	}
}
