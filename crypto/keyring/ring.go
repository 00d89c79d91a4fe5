package keyring

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RingFile is the customary name of a ring's file.
const RingFile = "ring.age"

// Signer holds the two seeds of a log or a witness: Ed25519 and ML-DSA-44. Package translog makes the signers of them.
type Signer struct {
	Ed25519 Secret
	MLDSA44 Secret
}

// DatedIdentity is an identity key with the time in which peers accept it.
type DatedIdentity struct {
	Key *Identity
	// NotBeforeMS and NotAfterMS are its first and last moment, milliseconds since 1970 UTC.
	NotBeforeMS, NotAfterMS uint64
	// Endorsement is the signature of the identity key before it, see Identity.Endorse; nil on a node's first key.
	Endorsement []byte
}

// Ring is what a node keeps for years. Reading it is safe for several goroutines; the methods that change it (RotateIdentity, AddUnit)
// belong to one, before others use it.
type Ring struct {
	redacted
	identities   []DatedIdentity // newest first: it signs
	log, witness Signer
	sealing      Secret // encrypts the file of sealing seeds
	units        map[string]Secret
}

// NewRing returns a ring with fresh keys and no units. Its identity is valid from now for life.
func NewRing(now time.Time, life time.Duration) *Ring {
	return &Ring{
		identities: []DatedIdentity{{
			Key:         GenerateIdentity(),
			NotBeforeMS: uint64(now.UnixMilli()),
			NotAfterMS:  uint64(now.Add(life).UnixMilli()),
		}},
		log:     Signer{GenerateSecret(), GenerateSecret()},
		witness: Signer{GenerateSecret(), GenerateSecret()},
		sealing: GenerateSecret(),
		units:   map[string]Secret{},
	}
}

// Identity returns the key that signs: the newest.
func (r *Ring) Identity() *Identity { return r.identities[0].Key }

// Identities returns the keys that peers accept at now, the signing one first, for the manifest.
func (r *Ring) Identities(now time.Time) []DatedIdentity {
	ms := uint64(now.UnixMilli())
	return slices.DeleteFunc(slices.Clone(r.identities), func(d DatedIdentity) bool { return d.NotAfterMS < ms })
}

// RotateIdentity makes a new signing key, valid from now for life and endorsed by the one before, which stays valid for overlap
// (or to its own end, if that comes earlier). Keys that are over are dropped. The caller saves the ring.
func (r *Ring) RotateIdentity(country string, now time.Time, overlap, life time.Duration) error {
	old := r.identities[0]
	next := DatedIdentity{
		Key:         GenerateIdentity(),
		NotBeforeMS: uint64(now.UnixMilli()),
		NotAfterMS:  uint64(now.Add(life).UnixMilli()),
	}
	var err error
	next.Endorsement, err = old.Key.Endorse(country, next.Key.Public(), next.NotBeforeMS, next.NotAfterMS)
	if err != nil {
		return fmt.Errorf("endorsing the new identity key: %w", err)
	}
	kept := r.Identities(now)
	for i := range kept {
		kept[i].NotAfterMS = min(kept[i].NotAfterMS, uint64(now.Add(overlap).UnixMilli()))
	}
	r.identities = append([]DatedIdentity{next}, kept...)
	return nil
}

// Log returns the seeds that sign the log's checkpoints.
func (r *Ring) Log() Signer { return r.log }

// Witness returns the seeds that cosign peers' checkpoints.
func (r *Ring) Witness() Signer { return r.witness }

// Units returns the names of the units with a key, sorted.
func (r *Ring) Units() []string { return slices.Sorted(maps.Keys(r.units)) }

// UnitKey returns the AES-256 key under which the unit's content keys are wrapped; false if there is no such unit.
func (r *Ring) UnitKey(unit string) (Secret, bool) {
	s, ok := r.units[unit]
	return s, ok
}

// AddUnit makes a key for a unit, or returns ErrUnit. The caller saves the ring.
func (r *Ring) AddUnit(unit string) error {
	if _, taken := r.units[unit]; taken || !isUnit(unit) {
		return fmt.Errorf("unit %q: %w", unit, ErrUnit)
	}
	r.units[unit] = GenerateSecret()
	return nil
}

func isUnit(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && !strings.HasPrefix(s, "-")
}

// maxRing bounds a ring's text: some identities with endorsements of 4.5 kB each, and a few hundred units.
const maxRing = 64 << 10

// CreateRing writes the ring to a new file, or returns ErrExists.
func CreateRing(path string, r *Ring, lock Lock) error {
	b, err := lock.lock(r.format())
	if err == nil {
		err = createFile(path, b)
	}
	if err != nil {
		return fmt.Errorf("creating ring: %w", err)
	}
	return nil
}

// SaveRing replaces the ring's file at once or not at all.
func SaveRing(path string, r *Ring, lock Lock) error {
	b, err := lock.lock(r.format())
	if err == nil {
		err = replaceFile(path, b)
	}
	if err != nil {
		return fmt.Errorf("saving ring: %w", err)
	}
	return nil
}

// OpenRing reads a ring's file. With a passphrase it takes scrypt's second and 256 MiB, once.
func OpenRing(path string, lock Lock) (*Ring, error) {
	b, err := readPrivate(path, 2*maxRing)
	if err != nil {
		return nil, fmt.Errorf("opening ring: %w", err)
	}
	plain, err := lock.unlock(b, maxRing)
	if err != nil {
		return nil, fmt.Errorf("opening ring %s: %w", path, err)
	}
	defer clear(plain)
	r, err := parseRing(plain)
	if err != nil {
		return nil, fmt.Errorf("opening ring %s: %w", path, err)
	}
	return r, nil
}

const ringHeader = "rogatory ring v1\n"

// format returns the ring's canonical text: one line a key, fields apart by one blank, secrets in base64url without padding.
func (r *Ring) format() []byte {
	var b bytes.Buffer
	b.WriteString(ringHeader)
	for _, d := range r.identities {
		endorsement := "-"
		if d.Endorsement != nil {
			endorsement = encoding.EncodeToString(d.Endorsement)
		}
		fmt.Fprintf(&b, "identity %s %s %d %d %s\n", encodeSecret(d.Key.pqSeed), encodeSecret(d.Key.edSeed), d.NotBeforeMS, d.NotAfterMS, endorsement)
	}
	fmt.Fprintf(&b, "log %s %s\n", encodeSecret(r.log.Ed25519), encodeSecret(r.log.MLDSA44))
	fmt.Fprintf(&b, "witness %s %s\n", encodeSecret(r.witness.Ed25519), encodeSecret(r.witness.MLDSA44))
	fmt.Fprintf(&b, "sealing %s\n", encodeSecret(r.sealing))
	for _, u := range r.Units() {
		fmt.Fprintf(&b, "unit %s %s\n", u, encodeSecret(r.units[u]))
	}
	return b.Bytes()
}

func parseRing(text []byte) (*Ring, error) {
	body, ok := strings.CutPrefix(string(text), ringHeader)
	if !ok {
		return nil, fmt.Errorf("%w: first line", ErrFormat)
	}
	r := &Ring{units: map[string]Secret{}}
	for line := range strings.Lines(body) {
		f := strings.Fields(line)
		if len(f) == 0 {
			return nil, fmt.Errorf("%w: empty line", ErrFormat)
		}
		var err error
		switch {
		case f[0] == "identity" && len(f) == 6:
			var d DatedIdentity
			d, err = parseIdentity(f[1:])
			r.identities = append(r.identities, d)
		case f[0] == "log" && len(f) == 3:
			r.log, err = parseSigner(f[1:])
		case f[0] == "witness" && len(f) == 3:
			r.witness, err = parseSigner(f[1:])
		case f[0] == "sealing" && len(f) == 2:
			r.sealing, err = decodeSecret(f[1])
		case f[0] == "unit" && len(f) == 3 && isUnit(f[1]):
			r.units[f[1]], err = decodeSecret(f[2])
		default:
			err = fmt.Errorf("%w: unknown line", ErrFormat)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(r.identities) == 0 || r.log.Ed25519.IsZero() || r.witness.Ed25519.IsZero() || r.sealing.IsZero() {
		return nil, fmt.Errorf("%w: a key is missing", ErrFormat)
	}
	// Order, doubles, white space and second spellings are refused at once: the file says exactly what we would write.
	if !bytes.Equal(r.format(), text) {
		return nil, fmt.Errorf("%w: not in canonical form", ErrFormat)
	}
	if r.log.Ed25519.Equal(r.witness.Ed25519) || r.log.MLDSA44.Equal(r.witness.MLDSA44) {
		return nil, fmt.Errorf("%w: log and witness share a key", ErrFormat)
	}
	return r, nil
}

func parseSigner(f []string) (s Signer, err error) {
	if s.Ed25519, err = decodeSecret(f[0]); err != nil {
		return Signer{}, err
	}
	s.MLDSA44, err = decodeSecret(f[1])
	return s, err
}

func parseIdentity(f []string) (DatedIdentity, error) {
	pq, err := decodeSecret(f[0])
	if err != nil {
		return DatedIdentity{}, err
	}
	ed, err := decodeSecret(f[1])
	if err != nil {
		return DatedIdentity{}, err
	}
	d := DatedIdentity{}
	if d.Key, err = NewIdentity(pq, ed); err != nil {
		return DatedIdentity{}, err
	}
	if d.NotBeforeMS, err = strconv.ParseUint(f[2], 10, 63); err != nil {
		return DatedIdentity{}, fmt.Errorf("%w: time", ErrFormat)
	}
	if d.NotAfterMS, err = strconv.ParseUint(f[3], 10, 63); err != nil {
		return DatedIdentity{}, fmt.Errorf("%w: time", ErrFormat)
	}
	if f[4] != "-" {
		if d.Endorsement, err = encoding.DecodeString(f[4]); err != nil || len(d.Endorsement) != IdentitySignatureSize {
			return DatedIdentity{}, fmt.Errorf("%w: endorsement", ErrFormat)
		}
	}
	return d, nil
}
