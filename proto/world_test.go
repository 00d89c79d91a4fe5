package proto_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const fed = "rogatory.example"

// noon is the time of the vectors.
var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

func ms(t time.Time) uint64 { return uint64(t.UnixMilli()) }

// seed is the rule by which the vectors' secrets are made: SHA-256 of words.
func seed(words string) []byte {
	s := sha256.Sum256([]byte(words))
	return s[:]
}

func secret(t *testing.T, words string) keyring.Secret {
	t.Helper()
	s, err := keyring.NewSecret(seed(words))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A country is all that one member of the vectors' federation holds.
type country struct {
	code     string
	identity *keyring.Identity
	log      *translog.LogSigner
	witness  *translog.WitnessSigner
	today    *keyring.SealingKey
}

// A world is the federation of the vectors: BG, HU and RS.
type world struct {
	members map[string]*country
	today   keyring.Day
}

// directory is the one of directory.json.
func (w *world) directory(t *testing.T) *federation.Directory {
	t.Helper()
	v := readVector[directoryVector](t, "directory")
	d, err := federation.ParseDirectory(v.Signed, [32]byte(v.Digest))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// manifest is a member's in manifest.json.
func (w *world) manifest(t *testing.T, code string) *federation.Manifest {
	t.Helper()
	for _, v := range readVector[[]manifestVector](t, "manifest") {
		if v.Country == code {
			m, err := federation.ParseManifest(v.Signed, w.directory(t), noon, nil)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	t.Fatalf("no manifest of %s", code)
	return nil
}

var codes = []string{"BG", "HU", "RS"}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{members: map[string]*country{}, today: keyring.DayOf(noon)}
	for _, code := range codes {
		c := &country{code: code}
		var err error
		if c.identity, err = keyring.NewIdentity(secret(t, code+" identity ML-DSA-65"), secret(t, code+" identity Ed25519")); err != nil {
			t.Fatal(err)
		}
		origin := federation.Origin(fed, code, 1)
		if c.log, err = translog.NewLogSigner(origin, seed(code+" log Ed25519"), seed(code+" log ML-DSA-44")); err != nil {
			t.Fatal(err)
		}
		if c.witness, err = translog.NewWitnessSigner(fed+"/"+code+"/witness", origin, seed(code+" witness Ed25519"), seed(code+" witness ML-DSA-44")); err != nil {
			t.Fatal(err)
		}
		c.today = w.sealingKey(t, code, w.today)
		w.members[code] = c
	}
	return w
}

func (w *world) sealingKey(t *testing.T, code string, day keyring.Day) *keyring.SealingKey {
	t.Helper()
	k, err := keyring.NewSealingKey(day, secret(t, fmt.Sprintf("%s sealing %s", code, day)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// officerKey is an officer's Ed25519 key.
func officerKey(words string) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed(words)) }

func public(k ed25519.PrivateKey) []byte { return k[ed25519.SeedSize:] }

// logInfo names a member's log.
func (c *country) logInfo() *rogatoryv1.LogInfo {
	ed, pq := c.log.Verifier().VKeys()
	return &rogatoryv1.LogInfo{Origin: c.log.Verifier().Origin(), Keys: []string{ed, pq}}
}

// keyVectors are the keys of the vectors. Every seed is SHA-256 of the words beside it.
type keyVectors struct {
	Identities []identityVector `json:"identities"`
	Sealings   []sealingVector  `json:"sealings"`
	Logs       []logVector      `json:"logs"`
	Officers   []officerVector  `json:"officers"`
	// An identity key's successor, with the word of the key before it.
	Endorsement endorsementVector `json:"endorsement"`
}

type seedVector struct {
	Words string   `json:"words"`
	Seed  hexBytes `json:"seed"`
}

type identityVector struct {
	Country     string     `json:"country"`
	MLDSA65     seedVector `json:"ml_dsa_65"`
	Ed25519     seedVector `json:"ed25519"`
	PublicKey   hexBytes   `json:"public_key"`
	KID         hexBytes   `json:"kid"`
	Fingerprint string     `json:"fingerprint"`
}

type sealingVector struct {
	Country   string     `json:"country"`
	Day       uint32     `json:"day"`
	XWing     seedVector `json:"x_wing"`
	PublicKey hexBytes   `json:"public_key"`
	KID       hexBytes   `json:"kid"`
}

type logVector struct {
	Origin  string     `json:"origin"`
	Ed25519 seedVector `json:"ed25519"`
	MLDSA44 seedVector `json:"ml_dsa_44"`
	Keys    []string   `json:"keys"`
}

type officerVector struct {
	Pseudonym string     `json:"pseudonym"`
	Ed25519   seedVector `json:"ed25519"`
	PublicKey hexBytes   `json:"public_key"`
	KID       hexBytes   `json:"kid"`
}

type endorsementVector struct {
	Country     string   `json:"country"`
	By          hexBytes `json:"by"`
	PublicKey   hexBytes `json:"public_key"`
	NotBeforeMS uint64   `json:"not_before_ms"`
	NotAfterMS  uint64   `json:"not_after_ms"`
	Digest      hexBytes `json:"digest"`
	Signature   hexBytes `json:"signature"`
}

func words(s string) seedVector { return seedVector{s, seed(s)} }

func nextIdentity(t *testing.T) *keyring.Identity {
	t.Helper()
	k, err := keyring.NewIdentity(secret(t, "RS next identity ML-DSA-65"), secret(t, "RS next identity Ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fixedKeys are the keys without the signature, which is made with fresh randomness.
func fixedKeys(t *testing.T, w *world) keyVectors {
	t.Helper()
	var v keyVectors
	for _, code := range codes {
		c := w.members[code]
		k := c.identity.Public()
		kid := k.KID()
		v.Identities = append(v.Identities, identityVector{
			Country: code, MLDSA65: words(code + " identity ML-DSA-65"), Ed25519: words(code + " identity Ed25519"),
			PublicKey: k.Bytes(), KID: kid[:], Fingerprint: k.Fingerprint(),
		})
		day := c.today.KID()
		v.Sealings = append(v.Sealings, sealingVector{
			Country: code, Day: uint32(w.today), XWing: words(fmt.Sprintf("%s sealing %s", code, w.today)),
			PublicKey: c.today.Public().Bytes(), KID: day[:],
		})
		v.Logs = append(v.Logs, logVector{
			Origin: c.logInfo().Origin, Ed25519: words(code + " log Ed25519"), MLDSA44: words(code + " log ML-DSA-44"), Keys: c.logInfo().Keys,
		})
	}
	for _, name := range []string{"founder-a", "founder-b", "officer-1"} {
		k := public(officerKey("RS " + name))
		kid := keyring.KIDOf(k)
		v.Officers = append(v.Officers, officerVector{Pseudonym: name, Ed25519: words("RS " + name), PublicKey: k, KID: kid[:]})
	}
	by, next := w.members["RS"].identity, nextIdentity(t).Public()
	v.Endorsement = endorsementVector{
		Country: "RS", By: by.Public().Bytes(), PublicKey: next.Bytes(),
		NotBeforeMS: ms(noon), NotAfterMS: ms(noon.AddDate(3, 0, 0)),
	}
	v.Endorsement.Digest = labelled("rogatory/v1/identity\x00", []byte("RS\x00"), next.Bytes(), u64(v.Endorsement.NotBeforeMS), u64(v.Endorsement.NotAfterMS))
	return v
}

func makeKeys(t *testing.T, w *world) keyVectors {
	v := fixedKeys(t, w)
	e := &v.Endorsement
	var err error
	if e.Signature, err = w.members["RS"].identity.Endorse(e.Country, nextIdentity(t).Public(), e.NotBeforeMS, e.NotAfterMS); err != nil {
		t.Fatal(err)
	}
	return v
}

func checkKeys(t *testing.T, w *world, v keyVectors) {
	e := v.Endorsement
	by, next := w.members["RS"].identity.Public(), nextIdentity(t).Public()
	if err := by.VerifyEndorsement(e.Country, next, e.NotBeforeMS, e.NotAfterMS, e.Signature); err != nil {
		t.Error(err)
	}
	if err := by.Verify(e.Digest, e.Signature); err != nil {
		t.Errorf("digest of the endorsement: %v", err)
	}
	want := fixedKeys(t, w)
	want.Endorsement.Signature = e.Signature
	equalJSON(t, v, want)
	for _, k := range v.Identities {
		same(t, "kid", labelled("rogatory/v1/kid\x00", k.PublicKey)[:8], k.KID)
	}
	for _, k := range v.Sealings {
		same(t, "kid", labelled("rogatory/v1/kid\x00", k.PublicKey)[:8], k.KID)
	}
	for _, k := range v.Officers {
		same(t, "kid", labelled("rogatory/v1/kid\x00", k.PublicKey)[:8], k.KID)
	}
	for _, l := range v.Logs {
		for _, k := range l.Keys {
			// name+key id+base64(type || key): the key id is SHA-256(name || LF || type || key)[:4].
			part := strings.SplitN(k, "+", 3)
			raw := decode64(t, part[2])
			id := sha256.Sum256(append([]byte(part[0]+"\n"), raw...))
			if part[1] != hex.EncodeToString(id[:4]) || !bytes.Contains([]byte{1, 6}, raw[:1]) {
				t.Errorf("log key %.60s", k)
			}
		}
	}
}
