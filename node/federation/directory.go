package federation

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxTerm is the longest time that a directory may hold.
const maxTerm = 5 * 366 * 24 * time.Hour

// Directory is who is in the federation and by which rules, as its members signed it. It is not modified after it was made, and
// is safe for concurrent use.
type Directory struct {
	pb        *v1.Directory
	bytes     []byte // what was signed
	signed    []byte // with signatures
	digest    [32]byte
	members   []*Member
	policy    *Policy
	calendars map[string]Calendar
}

// Member is one country in a directory.
type Member struct {
	pb   *v1.Member
	root *keyring.PublicKey
	log  *translog.LogVerifier
}

// Country returns the member's country code.
func (m *Member) Country() string { return m.pb.GetCountry() }

// Name returns the member's name for people, in English.
func (m *Member) Name() string { return m.pb.GetName() }

// Zone returns the IANA zone that the member's clocks run in.
func (m *Member) Zone() string { return m.pb.GetZone() }

// RootKey returns the identity key that all others of the member are endorsed by.
func (m *Member) RootKey() *keyring.PublicKey { return m.root }

// Log returns the verifier of the member's log as the directory names it; a manifest may name a later one.
func (m *Member) Log() *translog.LogVerifier { return m.log }

// Genesis returns the hash of the log's first leaf, false while the member has not declared it.
func (m *Member) Genesis() (translog.Hash, bool) {
	if len(m.pb.GetGenesis()) == 0 {
		return translog.Hash{}, false
	}
	return translog.Hash(m.pb.GetGenesis()), true
}

// Founders returns the two founders of the register of officers. The caller does not modify them.
func (m *Member) Founders() []*v1.Officer { return m.pb.GetFounders() }

// Federation returns the federation's name.
func (d *Directory) Federation() string { return d.pb.GetFederation() }

// Version returns the version.
func (d *Directory) Version() uint64 { return d.pb.GetVersion() }

// Digest returns the SHA-256 of the Directory's bytes, which people compare and log leaves name.
func (d *Directory) Digest() [32]byte { return d.digest }

// Signed returns the SignedDirectory's bytes. The caller does not modify them.
func (d *Directory) Signed() []byte { return d.signed }

// Proto returns the directory as a message, a draft for the next one. The caller may modify it.
func (d *Directory) Proto() *v1.Directory { return cloned(d.pb) }

// Threshold returns how many members' signatures the next version takes.
func (d *Directory) Threshold() int { return int(d.pb.GetThreshold()) }

// TZData returns the version of the time zone database that clocks are computed with.
func (d *Directory) TZData() string { return d.pb.GetTzdata() }

// Members returns all members by country code. The caller does not modify the list.
func (d *Directory) Members() []*Member { return d.members }

// Member returns the member of that country code, or ErrStranger.
func (d *Directory) Member(country string) (*Member, error) {
	i, ok := slices.BinarySearchFunc(d.members, country, func(m *Member, c string) int {
		return strings.Compare(m.Country(), c)
	})
	if !ok {
		return nil, fmt.Errorf("country %q in directory %d: %w", country, d.Version(), ErrStranger)
	}
	return d.members[i], nil
}

// Policy returns the rules between members.
func (d *Directory) Policy() *Policy { return d.policy }

// ValidAt returns nil if the directory holds at t, ErrNotYet or ErrExpired.
func (d *Directory) ValidAt(t time.Time) error {
	from, until := at(d.pb.GetValidFromMs()), at(d.pb.GetValidUntilMs())
	switch {
	case t.Before(from):
		return fmt.Errorf("directory %d holds from %s: %w", d.Version(), from.Format(time.RFC3339), ErrNotYet)
	case t.After(until):
		return fmt.Errorf("directory %d held until %s: %w", d.Version(), until.Format(time.RFC3339), ErrExpired)
	}
	return nil
}

// Calendar is what a country's clocks run by, as plain values.
type Calendar struct {
	// Country code.
	Country string
	// IANA zone, for example "Europe/Belgrade".
	Zone string
	// Version of the time zone database, for example "2026a".
	TZData string
	// Version of the list of holidays; 0 without one.
	Version uint32
	// From when the directory holds, milliseconds since 1970 UTC: clocks that started before go by the directory before.
	FromMs int64
	// Days on which limits in working days do not run, as YYYY-MM-DD, ascending.
	Holidays []string
	// Weekly rest days, ascending from Sunday; Saturday and Sunday unless the directory says otherwise.
	RestDays []time.Weekday
}

// Calendar returns a member's calendar, or ErrStranger. The caller does not modify its lists.
func (d *Directory) Calendar(country string) (Calendar, error) {
	c, ok := d.calendars[country]
	if !ok {
		return Calendar{}, fmt.Errorf("country %q in directory %d: %w", country, d.Version(), ErrStranger)
	}
	return c, nil
}

// newDirectory checks everything in a directory that can be checked without another one. It says nothing about signatures.
func newDirectory(b, signed []byte) (*Directory, error) {
	pb := new(v1.Directory)
	if err := decode(b, maxDirectory, pb); err != nil {
		return nil, fmt.Errorf("reading directory: %w", err)
	}
	d := &Directory{
		pb: pb, bytes: bytes.Clone(b), signed: bytes.Clone(signed), digest: sha256.Sum256(b),
		calendars: map[string]Calendar{},
	}
	if err := checkHead(pb); err != nil {
		return nil, err
	}
	if err := d.readMembers(); err != nil {
		return nil, err
	}
	if err := checkRules(pb.GetRules()); err != nil {
		return nil, err
	}
	for _, r := range pb.GetRules() {
		for _, c := range slices.Concat(r.GetFrom(), r.GetTo()) {
			if _, err := d.Member(c); err != nil {
				return nil, fmt.Errorf("rule %s: %w", r.GetName(), err)
			}
		}
	}
	d.policy = &Policy{rules: pb.GetRules(), digest: d.digest}
	return d, d.readCalendars()
}

func checkHead(pb *v1.Directory) error {
	from, until := pb.GetValidFromMs(), pb.GetValidUntilMs()
	n, k := uint32(len(pb.GetMembers())), pb.GetThreshold()
	switch {
	case !federationName(pb.GetFederation()):
		return form("federation's name %q", pb.GetFederation())
	case pb.GetVersion() == 0 || pb.GetVersion() >= 1<<53:
		return form("directory version %d", pb.GetVersion())
	case pb.GetVersion() == 1 && len(pb.GetPrevious()) != 0:
		return form("a first directory names one before it")
	case pb.GetVersion() > 1 && len(pb.GetPrevious()) != sha256.Size:
		return form("digest of the directory before has %d bytes, not 32", len(pb.GetPrevious()))
	case until > latest || from >= until || at(until).Sub(at(from)) > maxTerm:
		return form("directory from %d to %d ms: it holds for some time, five years at most", from, until)
	case n == 0 || n > maxMembers:
		return form("%d members, at least 1 and at most %d", n, maxMembers)
	case k > n || 2*k <= n:
		// Two groups without a common member could otherwise each sign a next version.
		return form("threshold of %d for %d members: it is more than half of them", k, n)
	case !tzdata(pb.GetTzdata()):
		return form("version of the time zone database %q", pb.GetTzdata())
	}
	return nil
}

func (d *Directory) readMembers() error {
	keys := keySet{}
	for i, pb := range d.pb.GetMembers() {
		if i > 0 && d.pb.GetMembers()[i-1].GetCountry() >= pb.GetCountry() {
			return form("members are not in order of their country codes, or one stands twice: %q", pb.GetCountry())
		}
		m, err := readMember(d.Federation(), pb, keys)
		if err != nil {
			return fmt.Errorf("member %q: %w", pb.GetCountry(), err)
		}
		d.members = append(d.members, m)
	}
	return nil
}

func readMember(federation string, pb *v1.Member, keys keySet) (*Member, error) {
	switch {
	case !country(pb.GetCountry()):
		return nil, form("country code")
	case !zone(pb.GetZone()):
		return nil, form("zone %q", pb.GetZone())
	case !readable(pb.GetName()):
		return nil, form("name %q", pb.GetName())
	case len(pb.GetGenesis()) != 0 && len(pb.GetGenesis()) != sha256.Size:
		return nil, form("genesis of %d bytes, not 32", len(pb.GetGenesis()))
	}
	if f, c, _, ok := logName(pb.GetLog().GetOrigin()); !ok || f != federation || c != pb.GetCountry() {
		return nil, form("log %q, not %s/%s/log/…", pb.GetLog().GetOrigin(), federation, pb.GetCountry())
	}
	m := &Member{pb: pb}
	var err error
	if m.root, err = parseRoot(pb.GetRootKey()); err != nil {
		return nil, err
	}
	if m.log, err = parseLog(pb.GetLog()); err != nil {
		return nil, err
	}
	if err := checkFounders(pb.GetFounders()); err != nil {
		return nil, err
	}
	if err := keys.addIdentity("root key of "+pb.GetCountry(), m.root); err != nil {
		return nil, err
	}
	if err := keys.addVKeys("log key of "+pb.GetCountry(), pb.GetLog().GetKeys()); err != nil {
		return nil, err
	}
	for _, f := range pb.GetFounders() {
		if err := keys.add("key of founder "+f.GetPseudonym()+" of "+pb.GetCountry(), f.GetPublicKey()); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (d *Directory) readCalendars() error {
	for _, m := range d.members {
		d.calendars[m.Country()] = Calendar{
			Country: m.Country(), Zone: m.Zone(), TZData: d.TZData(),
			FromMs:   int64(d.pb.GetValidFromMs()),
			RestDays: []time.Weekday{time.Sunday, time.Saturday},
		}
	}
	list := d.pb.GetCalendars()
	for i, pb := range list {
		c, ok := d.calendars[pb.GetCountry()]
		if !ok {
			return fmt.Errorf("calendar of country %q: %w", pb.GetCountry(), ErrStranger)
		}
		if i > 0 && list[i-1].GetCountry() >= pb.GetCountry() {
			return form("calendars are not in order of their country codes, or one stands twice: %s", pb.GetCountry())
		}
		if err := checkCalendar(pb); err != nil {
			return fmt.Errorf("calendar of %s: %w", pb.GetCountry(), err)
		}
		c.Version, c.Holidays = pb.GetVersion(), pb.GetDates()
		if rest := pb.GetRestDays(); len(rest) != 0 {
			c.RestDays = nil
			for _, r := range rest {
				c.RestDays = append(c.RestDays, time.Weekday(r%7))
			}
			slices.Sort(c.RestDays)
		}
		d.calendars[pb.GetCountry()] = c
	}
	return nil
}

func checkCalendar(pb *v1.HolidayCalendar) error {
	dates, rest := pb.GetDates(), pb.GetRestDays()
	switch {
	case pb.GetVersion() == 0:
		return form("version 0")
	case len(dates) > maxDates:
		return form("%d dates, at most %d", len(dates), maxDates)
	case len(rest) > 6:
		return form("%d rest days in a week", len(rest))
	}
	for i, s := range dates {
		if !date(s) || i > 0 && dates[i-1] >= s {
			return form("date %q: dates are YYYY-MM-DD, ascending", s)
		}
	}
	for i, r := range rest {
		if r < 1 || r > 7 || i > 0 && rest[i-1] >= r {
			return form("rest day %d: rest days are 1 to 7, ascending", r)
		}
	}
	return nil
}
