package federation

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// ParseDirectory returns the directory in a SignedDirectory's bytes whose digest the operator pinned: it was compared with other
// members, by telephone or in a meeting, and so is trusted as it stands.
//
// A first directory is signed by every member in it, none missing: nobody stands in a federation from its beginning without
// having said so. Of a later one, signatures by keys that it names must verify; others, of members who have left since,
// cannot be verified here and prove nothing. Whether it holds at a given time is for ValidAt to say.
func ParseDirectory(signed []byte, pinned [32]byte) (*Directory, error) {
	d, sigs, err := readSigned(signed)
	if err != nil {
		return nil, err
	}
	if d.digest != pinned {
		return nil, fmt.Errorf("directory %d with digest %x: %w", d.Version(), d.digest, ErrNotPinned)
	}
	t, err := tally(nil, d, sigs)
	if err != nil {
		return nil, err
	}
	if d.Version() == 1 {
		if err := t.missing(nil, d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Advance returns the directory that follows current, if it does: its version is one more, it names current's digest, at least
// current's threshold of current's members signed it with their root keys in current, every member whose root key is new in
// it signed it with that key, every other signature in it verifies too, and it holds at now.
//
// A current directory that has expired still authorises the next one: a federation that forgot to renew can go on.
func Advance(current *Directory, signed []byte, now time.Time) (*Directory, error) {
	next, sigs, err := readSigned(signed)
	if err != nil {
		return nil, err
	}
	if err := follows(current, next); err != nil {
		return nil, err
	}
	t, err := tally(current, next, sigs)
	if err != nil {
		return nil, err
	}
	if err := t.missing(current, next); err != nil {
		return nil, err
	}
	if err := next.ValidAt(now); err != nil {
		return nil, err
	}
	return next, nil
}

// follows refuses a directory that does not come directly after current.
func follows(current, next *Directory) error {
	have, got := current.Version(), next.Version()
	switch {
	case got == have && next.digest == current.digest:
		return fmt.Errorf("directory %d: %w", got, ErrSame)
	case got == have:
		return fmt.Errorf("another directory %d: %w", got, ErrFork)
	case got < have:
		return fmt.Errorf("directory %d, while %d is in force: %w", got, have, ErrOlder)
	case got > have+1:
		return fmt.Errorf("directory %d, while %d is in force: %w", got, have, ErrGap)
	case !bytes.Equal(next.pb.GetPrevious(), current.digest[:]):
		return fmt.Errorf("directory %d does not follow our %d: %w", got, have, ErrFork)
	case next.Federation() != current.Federation():
		return form("directory %d renames the federation %s to %s", got, current.Federation(), next.Federation())
	}
	for c, cal := range next.calendars {
		old, was := current.calendars[c]
		if !was {
			continue
		}
		same := slices.Equal(cal.Holidays, old.Holidays) && slices.Equal(cal.RestDays, old.RestDays)
		if cal.Version < old.Version || cal.Version == old.Version && !same {
			return form("calendar of %s changed from version %d to %d: a change raises the version", c, old.Version, cal.Version)
		}
	}
	return nil
}

// readSigned reads a SignedDirectory: well-formed, signatures in order, none verified.
func readSigned(signed []byte) (*Directory, []*v1.DirectorySignature, error) {
	s := new(v1.SignedDirectory)
	if err := decode(signed, maxSigned, s); err != nil {
		return nil, nil, fmt.Errorf("reading signed directory: %w", err)
	}
	sigs := s.GetSignatures()
	if len(sigs) > 3*maxMembers {
		return nil, nil, form("%d signatures", len(sigs))
	}
	for i, sig := range sigs {
		switch {
		case !country(sig.GetCountry()):
			return nil, nil, form("signature of country %q", sig.GetCountry())
		case len(sig.GetKid()) != keyring.KIDSize || len(sig.GetSignature()) != keyring.IdentitySignatureSize:
			return nil, nil, form("signature of %s: a length", sig.GetCountry())
		case i > 0 && compareSignatures(sigs[i-1], sig) >= 0:
			return nil, nil, form("signatures are not in order, or one stands twice: %s", sig.GetCountry())
		}
	}
	d, err := newDirectory(s.GetDirectory(), signed)
	if err != nil {
		return nil, nil, err
	}
	return d, sigs, nil
}

// compareSignatures orders by country, then key: a member that changes its root key signs with both.
func compareSignatures(a, b *v1.DirectorySignature) int {
	return cmp.Or(strings.Compare(a.GetCountry(), b.GetCountry()), bytes.Compare(a.GetKid(), b.GetKid()))
}

// signers counts who signed a directory: by the root keys of the one before it, and by its own.
type signers struct{ before, own map[string]bool }

// tally verifies every signature. current is nil for a directory that is pinned; then signatures by unknown keys do not count.
func tally(current, next *Directory, sigs []*v1.DirectorySignature) (signers, error) {
	t := signers{before: map[string]bool{}, own: map[string]bool{}}
	message := envelope.PAE(typeDirectory, next.bytes)
	for _, sig := range sigs {
		before := rootOf(current, sig)
		own := rootOf(next, sig)
		key := cmp.Or(before, own)
		if key == nil {
			if current == nil && next.Version() > 1 {
				continue
			}
			return t, fmt.Errorf("signature of %s with key %x: %w", sig.GetCountry(), sig.GetKid(), ErrStranger)
		}
		if err := key.Verify(message, sig.GetSignature()); err != nil {
			return t, fmt.Errorf("directory %d, signature of %s: %w", next.Version(), sig.GetCountry(), ErrSignature)
		}
		t.before[sig.GetCountry()] = t.before[sig.GetCountry()] || before != nil
		t.own[sig.GetCountry()] = t.own[sig.GetCountry()] || own != nil && own.Equal(key)
	}
	return t, nil
}

// rootOf returns the root key in d that the signature says it was made with, or nil.
func rootOf(d *Directory, sig *v1.DirectorySignature) *keyring.PublicKey {
	if d == nil {
		return nil
	}
	m, err := d.Member(sig.GetCountry())
	if err != nil || m.root.KID() != keyring.KID(sig.GetKid()) {
		return nil
	}
	return m.root
}

// Progress says how far the signing of a directory has come.
type Progress struct {
	// Members of the directory in force that have signed, and how many must have.
	Signed []string
	Needed int
	// Members whose root key is new and who have not signed with it.
	Unproven []string
}

// Complete reports whether all signatures are there.
func (p Progress) Complete() bool { return len(p.Signed) >= p.Needed && len(p.Unproven) == 0 }

func (t signers) progress(current, next *Directory) Progress {
	p := Progress{Needed: len(next.members)}
	var old []*Member
	if current != nil {
		p.Needed, old = current.Threshold(), current.members
	} else {
		old = next.members
		t.before = t.own
	}
	for _, m := range old {
		if t.before[m.Country()] {
			p.Signed = append(p.Signed, m.Country())
		}
	}
	for _, m := range next.members {
		if t.own[m.Country()] {
			continue
		}
		if current != nil {
			if was, err := current.Member(m.Country()); err == nil && was.root.Equal(m.root) {
				continue
			}
		}
		p.Unproven = append(p.Unproven, m.Country())
	}
	return p
}

// missing returns nil if all signatures are there, ErrThreshold or ErrUnproven.
func (t signers) missing(current, next *Directory) error {
	p := t.progress(current, next)
	switch {
	case len(p.Signed) < p.Needed:
		return fmt.Errorf("directory %d has %d of %d signatures (%s): %w",
			next.Version(), len(p.Signed), p.Needed, strings.Join(p.Signed, " "), ErrThreshold)
	case len(p.Unproven) != 0:
		return fmt.Errorf("directory %d (%s): %w", next.Version(), strings.Join(p.Unproven, " "), ErrUnproven)
	}
	return nil
}

// CheckProgress verifies the signatures that a proposal has, and says which are missing. current is nil for a first directory.
func CheckProgress(current *Directory, signed []byte) (Progress, error) {
	next, sigs, err := readProposal(current, signed)
	if err != nil {
		return Progress{}, err
	}
	t, err := tally(current, next, sigs)
	if err != nil {
		return Progress{}, err
	}
	return t.progress(current, next), nil
}

// readProposal reads a directory that is to follow current.
func readProposal(current *Directory, signed []byte) (*Directory, []*v1.DirectorySignature, error) {
	next, sigs, err := readSigned(signed)
	if err != nil {
		return nil, nil, err
	}
	if current == nil {
		if next.Version() != 1 {
			return nil, nil, fmt.Errorf("directory %d, while none is in force: %w", next.Version(), ErrGap)
		}
		return next, sigs, nil
	}
	return next, sigs, follows(current, next)
}

// Propose returns a SignedDirectory's bytes, without signatures yet, of the directory that shall follow current, or of a first
// one if current is nil. It takes the draft's content, sets version and previous, and brings members, calendars and
// founders' units and rights into their order; rules stay in theirs, for the first one that fits decides. It does not modify
// the draft.
func Propose(current *Directory, draft *v1.Directory) ([]byte, error) {
	pb := cloned(draft)
	pb.Version, pb.Previous = 1, nil
	if current != nil {
		pb.Version, pb.Previous = current.Version()+1, current.digest[:]
	}
	slices.SortFunc(pb.GetMembers(), func(a, b *v1.Member) int { return strings.Compare(a.GetCountry(), b.GetCountry()) })
	slices.SortFunc(pb.GetCalendars(), func(a, b *v1.HolidayCalendar) int { return strings.Compare(a.GetCountry(), b.GetCountry()) })
	for _, m := range pb.GetMembers() {
		for _, f := range m.GetFounders() {
			slices.Sort(f.GetUnits())
			slices.Sort(f.GetRights())
		}
	}
	b, err := encode(pb)
	if err != nil {
		return nil, err
	}
	signed, err := encode(&v1.SignedDirectory{Directory: b})
	if err != nil {
		return nil, err
	}
	if _, _, err := readProposal(current, signed); err != nil {
		return nil, fmt.Errorf("proposing directory %d: %w", pb.GetVersion(), err)
	}
	return signed, nil
}

// ReadDirectory returns what a proposal says and its digest, for people to look at and compare. It is well-formed, but nobody's
// word stands behind it: signatures are not verified.
func ReadDirectory(signed []byte) (*v1.Directory, [32]byte, error) {
	d, _, err := readSigned(signed)
	if err != nil {
		return nil, [32]byte{}, err
	}
	return d.pb, d.digest, nil
}

// SignDirectory returns the proposal with the signature of a country's root key added, the one in current or the one that the
// proposal names. current is nil for a first directory.
func SignDirectory(current *Directory, signed []byte, country string, key *keyring.Identity) ([]byte, error) {
	next, sigs, err := readProposal(current, signed)
	if err != nil {
		return nil, fmt.Errorf("signing directory: %w", err)
	}
	kid := key.KID()
	sig := &v1.DirectorySignature{Country: country, Kid: kid[:]}
	root := cmp.Or(rootOf(current, sig), rootOf(next, sig))
	if root == nil || !root.Equal(key.Public()) {
		return nil, fmt.Errorf("signing directory %d for %s with key %s: %w", next.Version(), country, kid, ErrStranger)
	}
	if sig.Signature, err = key.Sign(envelope.PAE(typeDirectory, next.bytes)); err != nil {
		return nil, fmt.Errorf("signing directory %d: %w", next.Version(), err)
	}
	return assemble(next.bytes, sigs, sig)
}

// JoinDirectories returns the same directory with the signatures of both. It refuses two different directories (ErrFork), and
// a signature by a key that the directory names if it does not verify. Where both have one of the same key, either is good.
func JoinDirectories(a, b []byte) ([]byte, error) {
	x, first, err := readSigned(a)
	if err != nil {
		return nil, err
	}
	y, second, err := readSigned(b)
	if err != nil {
		return nil, err
	}
	if x.digest != y.digest {
		return nil, fmt.Errorf("joining directory %x with %x: %w", x.digest[:4], y.digest[:4], ErrFork)
	}
	message := envelope.PAE(typeDirectory, x.bytes)
	all := slices.Concat(first, second)
	for _, sig := range all {
		if root := rootOf(x, sig); root != nil && root.Verify(message, sig.GetSignature()) != nil {
			return nil, fmt.Errorf("joining directory %d, signature of %s: %w", x.Version(), sig.GetCountry(), ErrSignature)
		}
	}
	return assemble(x.bytes, all)
}

// assemble returns a SignedDirectory's bytes. Of two signatures by one key the one that sorts first stays, so that the order of
// joining makes no difference.
func assemble(directory []byte, sigs []*v1.DirectorySignature, more ...*v1.DirectorySignature) ([]byte, error) {
	all := slices.Concat(sigs, more)
	slices.SortFunc(all, func(a, b *v1.DirectorySignature) int {
		return cmp.Or(compareSignatures(a, b), bytes.Compare(a.GetSignature(), b.GetSignature()))
	})
	all = slices.CompactFunc(all, func(a, b *v1.DirectorySignature) bool { return compareSignatures(a, b) == 0 })
	return encode(&v1.SignedDirectory{Directory: directory, Signatures: all})
}

// DirectoryDigest returns the SHA-256 of a Directory's bytes.
func DirectoryDigest(directory []byte) [32]byte { return sha256.Sum256(directory) }
