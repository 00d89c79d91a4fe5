package evidence

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// maxSignedManifest bounds what is parsed of a manifest.
const maxSignedManifest = 1 << 20

// A pooled is a manifest of an archive, as far as choosing takes.
type pooled struct {
	digest     [32]byte
	signed     []byte
	country    string
	version    uint64
	directory  uint64
	log        string
	identities map[keyring.KID]bool
	witnesses  []string // name+id of the Ed25519 key
}

func poolOf(signed []byte, digest [32]byte) (pooled, error) {
	sm, m := new(rogatoryv1.SignedManifest), new(rogatoryv1.Manifest)
	err := envelope.StrictUnmarshal(signed, sm, maxSignedManifest)
	if err == nil {
		err = envelope.StrictUnmarshal(sm.GetManifest(), m, maxSignedManifest)
	}
	if err != nil {
		return pooled{}, fmt.Errorf("manifest %x: %w", digest[:4], err)
	}
	p := pooled{
		digest: digest, signed: signed, country: m.GetCountry(), version: m.GetVersion(), directory: m.GetDirectoryVersion(),
		log: m.GetLog().GetOrigin(), identities: map[keyring.KID]bool{},
	}
	for _, id := range m.GetIdentities() {
		p.identities[keyring.KIDOf(id.GetPublicKey())] = true
	}
	for _, k := range m.GetWitnessKeys() {
		if i := strings.LastIndexByte(k[:max(0, strings.IndexByte(k, '+')+9)], '+'); i >= 0 {
			p.witnesses = append(p.witnesses, k[:min(len(k), i+9)])
		}
	}
	return p, nil
}

// witnessesOf lists the keys of the lines under a head, its log's own left out, as name+id.
func witnessesOf(note []byte) []string {
	_, lines, _ := bytes.Cut(note, []byte("\n\n"))
	var list []string
	for i, line := range strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n") {
		parts := strings.Split(line, " ")
		if i < 2 || len(parts) != 3 {
			continue
		}
		if sig, err := base64.StdEncoding.DecodeString(parts[2]); err == nil && len(sig) > 4 {
			list = append(list, fmt.Sprintf("%s+%x", parts[1], sig[:4]))
		}
	}
	return list
}

// madeOf returns when a manifest says that it was made.
func madeOf(signed []byte) (time.Time, error) {
	sm, m := new(rogatoryv1.SignedManifest), new(rogatoryv1.Manifest)
	if err := envelope.StrictUnmarshal(signed, sm, maxSignedManifest); err != nil {
		return time.Time{}, err
	}
	if err := envelope.StrictUnmarshal(sm.GetManifest(), m, maxSignedManifest); err != nil {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(m.GetMadeMs())), nil
}
