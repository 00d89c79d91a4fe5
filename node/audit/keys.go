package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// skew is how far clocks may differ, and how long a manifest that was replaced is still met in what was under way.
	skew = int64(federation.ClockSkew / time.Millisecond)
	// maxSignedManifest bounds what is parsed of a manifest.
	maxSignedManifest = 1 << 20
)

// A book is what the archive's manifests say, in little memory: a year of twelve countries has thousands of them. What stands in
// it proves nothing: the ordered pass finds out which of its manifests the log names, and whether those lead to the directory.
// It is not modified after it was made.
type book struct {
	manifests  map[[32]byte]*statement
	identities map[string]map[keyring.KID][]*keyring.PublicKey // by country
	logs       map[string][]*logKeys                           // by origin
	witnesses  []*translog.WitnessVerifier
	witnessOf  map[string]string // text of the Ed25519 key of a witness: its country
}

// A statement is a manifest, in little memory.
type statement struct {
	country    string
	version    uint64
	digest     [32]byte
	directory  uint64
	made       int64
	identities []dated
	log        *logKeys
	witness    string // text of its Ed25519 key
}

// A dated is an identity key with its time, in milliseconds.
type dated struct {
	key                 *keyring.PublicKey
	notBefore, notAfter uint64
}

// logKeys are the keys of a log as some manifest has them. One value stands for all manifests that agree.
type logKeys struct {
	text string
	v    *translog.LogVerifier
}

// validAt allows the signer's clock to be ahead when the key begins.
func (d *dated) validAt(ms int64) bool {
	return ms+skew >= int64(d.notBefore) && uint64(max(ms, 0)) <= d.notAfter
}

// has reports whether the manifest lists the key at a time. A message that was verified a moment before its leaf was written counts.
func (s *statement) has(key *keyring.PublicKey, ms int64) bool {
	return slices.ContainsFunc(s.identities, func(d dated) bool {
		return d.key == key && (d.validAt(ms) || d.validAt(ms-skew))
	})
}

// readBook reads all manifests of an archive. The error is one of reading.
func readBook(r *archive.Reader, rep *report) (*book, error) {
	b := &book{
		manifests: map[[32]byte]*statement{}, identities: map[string]map[keyring.KID][]*keyring.PublicKey{},
		logs: map[string][]*logKeys{}, witnessOf: map[string]string{},
	}
	for _, digest := range r.Manifests() {
		signed, err := r.Manifest(digest)
		if err == nil {
			err = b.add(signed, digest)
		}
		var f *archive.FormatError
		switch {
		case err == nil:
		case errors.As(err, &f):
			found, _ := formatFinding(err)
			rep.add(found)
		case errors.Is(err, federation.ErrForm), errors.Is(err, federation.ErrKey):
			rep.note(CodeCanon, -1, fmt.Sprintf("manifest %x: %v", digest[:4], err), "", "")
		default:
			return nil, err
		}
	}
	return b, nil
}

// add notes what a manifest says.
func (b *book) add(signed []byte, digest [32]byte) error {
	sm, pb := new(rogatoryv1.SignedManifest), new(rogatoryv1.Manifest)
	if err := envelope.StrictUnmarshal(signed, sm, maxSignedManifest); err != nil {
		return fmt.Errorf("%w: %w", err, federation.ErrForm)
	}
	if sha256.Sum256(sm.GetManifest()) != digest {
		return fmt.Errorf("another manifest than its name says: %w", federation.ErrForm)
	}
	if err := envelope.StrictUnmarshal(sm.GetManifest(), pb, maxSignedManifest); err != nil {
		return fmt.Errorf("%w: %w", err, federation.ErrForm)
	}
	s := &statement{
		country: pb.GetCountry(), version: pb.GetVersion(), digest: digest, directory: pb.GetDirectoryVersion(), made: int64(pb.GetMadeMs()),
	}
	for _, id := range pb.GetIdentities() {
		key, err := b.identity(s.country, id.GetPublicKey())
		if err != nil {
			return err
		}
		s.identities = append(s.identities, dated{key, id.GetNotBeforeMs(), id.GetNotAfterMs()})
	}
	var err error
	if s.log, err = b.logKeys(pb.GetLog()); err != nil {
		return err
	}
	w, err := b.witness(s.country, pb)
	if err != nil {
		return err
	}
	s.witness, _ = w.VKeys()
	b.manifests[digest] = s
	return nil
}

func (b *book) identity(country string, raw []byte) (*keyring.PublicKey, error) {
	keys := b.identities[country]
	if keys == nil {
		keys = map[keyring.KID][]*keyring.PublicKey{}
		b.identities[country] = keys
	}
	kid := keyring.KIDOf(raw)
	for _, k := range keys[kid] {
		if bytes.Equal(k.Bytes(), raw) {
			return k, nil
		}
	}
	k, err := keyring.ParsePublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, federation.ErrKey)
	}
	keys[kid] = append(keys[kid], k)
	return k, nil
}

func (b *book) logKeys(info *rogatoryv1.LogInfo) (*logKeys, error) {
	text := strings.Join(info.GetKeys(), "\n")
	for _, k := range b.logs[info.GetOrigin()] {
		if k.text == text {
			return k, nil
		}
	}
	if len(info.GetKeys()) != 2 {
		return nil, federation.ErrKey
	}
	v, err := translog.ParseLogVerifier(info.GetKeys()[0], info.GetKeys()[1])
	if err != nil || v.Origin() != info.GetOrigin() {
		return nil, fmt.Errorf("keys of log %s: %w", info.GetOrigin(), federation.ErrKey)
	}
	k := &logKeys{text, v}
	b.logs[info.GetOrigin()] = append(b.logs[info.GetOrigin()], k)
	return k, nil
}

// witness returns the verifier of a member's cosignatures. A member never counts for a log that it keeps or kept: of the verifiers of
// one key that of its latest log stands for all.
func (b *book) witness(country string, pb *rogatoryv1.Manifest) (*translog.WitnessVerifier, error) {
	keys := pb.GetWitnessKeys()
	if len(keys) != 2 {
		return nil, federation.ErrKey
	}
	own := pb.GetLog().GetOrigin()
	stem, number, _ := cutLast(own)
	last, err := strconv.Atoi(number)
	if err != nil || last < 1 || last > 1000 {
		return nil, fmt.Errorf("log %s: %w", own, federation.ErrKey)
	}
	for i, w := range b.witnesses {
		if ed, pq := w.VKeys(); ed == keys[0] && pq == keys[1] {
			if w.Keeps(own) {
				return w, nil
			}
			b.witnesses = slices.Delete(b.witnesses, i, i+1)
			break
		}
	}
	var closed []string
	for n := 1; n < last; n++ {
		closed = append(closed, stem+"/"+strconv.Itoa(n))
	}
	w, err := translog.ParseWitnessVerifier(own, keys[0], keys[1], closed...)
	if err != nil {
		return nil, fmt.Errorf("witness keys of %s: %w: %w", country, err, federation.ErrKey)
	}
	b.witnesses = append(b.witnesses, w)
	b.witnessOf[keys[0]] = country
	return w, nil
}

func cutLast(origin string) (stem, number string, ok bool) {
	i := strings.LastIndexByte(origin, '/')
	if i < 0 {
		return origin, "", false
	}
	return origin[:i], origin[i+1:], true
}

// verify returns the key of a country, by its identifier, that signed a statement; nil when none did.
func (b *book) verify(v *envelope.Verifier, country string, kid keyring.KID, stmt, signature []byte) (*keyring.PublicKey, error) {
	err := errNoKey
	for _, k := range b.identities[country][kid] {
		if err = v.VerifyStatement(k, stmt, signature); err == nil {
			return k, nil
		}
	}
	return nil, err
}

var errNoKey = errors.New("no such key in any manifest of the archive")
