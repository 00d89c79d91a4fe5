package federation

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// edSize is the length of the Ed25519 half at the end of a composite public key.
const edSize = 32

// keySet finds keys that stand for two purposes or two members.
type keySet map[string]string

// add notes raw public keys under the purpose, and refuses one that is there already.
func (s keySet) add(purpose string, raw ...[]byte) error {
	for _, k := range raw {
		if other, taken := s[string(k)]; taken {
			return fmt.Errorf("%s is also %s: %w", purpose, other, ErrKey)
		}
		s[string(k)] = purpose
	}
	return nil
}

// addIdentity notes both halves of a composite key.
func (s keySet) addIdentity(purpose string, k *keyring.PublicKey) error {
	b := k.Bytes()
	return s.add(purpose, b[:len(b)-edSize], b[len(b)-edSize:])
}

// addVKeys notes keys in vkey text form, which translog has read before.
func (s keySet) addVKeys(purpose string, vkeys []string) error {
	for _, v := range vkeys {
		part := strings.SplitN(v, "+", 3)
		b, err := base64.StdEncoding.DecodeString(part[len(part)-1])
		if err != nil || len(b) < 2 {
			return fmt.Errorf("%s: %w", purpose, ErrKey)
		}
		if err := s.add(purpose, b[1:]); err != nil {
			return err
		}
	}
	return nil
}

// parseRoot reads a composite public key.
func parseRoot(b []byte) (*keyring.PublicKey, error) {
	k, err := keyring.ParsePublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("identity key: %w: %w", err, ErrKey)
	}
	return k, nil
}

// parseLog reads the two keys of a log, which bear its origin as their name, in their one text form.
func parseLog(info *v1.LogInfo) (*translog.LogVerifier, error) {
	if len(info.GetKeys()) != 2 {
		return nil, form("log with %d keys, not Ed25519 and ML-DSA-44", len(info.GetKeys()))
	}
	v, err := translog.ParseLogVerifier(info.GetKeys()[0], info.GetKeys()[1])
	if err != nil {
		return nil, fmt.Errorf("log keys: %w: %w", err, ErrKey)
	}
	if v.Origin() != info.GetOrigin() {
		return nil, fmt.Errorf("log keys of %s stand with log %s: %w", v.Origin(), info.GetOrigin(), ErrKey)
	}
	if ed, pq := v.VKeys(); !slices.Equal(info.GetKeys(), []string{ed, pq}) {
		return nil, form("second spelling of the keys of %s", v.Origin())
	}
	return v, nil
}

// parseWitness reads the two keys that a member cosigns with, never for a log of its own.
func parseWitness(ownLog string, closed, keys []string) (*translog.WitnessVerifier, error) {
	if len(keys) != 2 {
		return nil, form("%d witness keys, not Ed25519 and ML-DSA-44", len(keys))
	}
	v, err := translog.ParseWitnessVerifier(ownLog, keys[0], keys[1], closed...)
	if err != nil {
		return nil, fmt.Errorf("witness keys: %w: %w", err, ErrKey)
	}
	if ed, pq := v.VKeys(); !slices.Equal(keys, []string{ed, pq}) {
		return nil, form("second spelling of the keys of witness %s", v.Name())
	}
	return v, nil
}
