package envelope

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/kem/xwing"

	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/keyring/vector"
)

// wrapSize is the length of an encapsulated X-Wing key and a wrapped content-encryption key.
const wrapSize = xwing.CiphertextSize + chunked.KeySize + 16

var errWrap = errors.New("wrapped key does not open")

// wrapInfo returns "rogatory/v1/wrap\0" || sealing hash || u16be len(to) || to || to_kid.
func wrapInfo(sealing [32]byte, to string, kid keyring.KID) []byte {
	b := make([]byte, 0, len(contextWrap)+len(sealing)+2+len(to)+len(kid))
	b = append(b, contextWrap...)
	b = append(b, sealing[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(to)))
	b = append(b, to...)
	return append(b, kid[:]...)
}

// wrapKey encrypts cek to a sealing key, in base mode: who sent it is the signature's business.
func wrapKey(key *keyring.SealingPublicKey, info, cek []byte) ([]byte, error) {
	var seed [xwing.EncapsulationSeedSize]byte
	_, _ = rand.Read(seed[:]) // never fails: crypto/rand stops the program instead
	var secret [xwing.SharedKeySize]byte
	wrap := make([]byte, xwing.CiphertextSize, wrapSize)
	key.KEM().EncapsulateTo(wrap, secret[:], seed[:])
	vector.Leave()
	aead, nonce, err := hpkeContext(kemXWing, secret[:], info)
	if err != nil {
		return nil, fmt.Errorf("wrapping key: %w", err)
	}
	return aead.Seal(wrap, nonce, cek, nil), nil
}

func unwrapKey(key *keyring.SealingKey, info, wrap []byte) ([]byte, error) {
	if len(wrap) != wrapSize {
		return nil, errWrap
	}
	enc := wrap[:xwing.CiphertextSize]
	if err := keyring.CheckX25519(enc[len(enc)-32:]); err != nil {
		return nil, fmt.Errorf("encapsulated share: %w", err)
	}
	var secret [xwing.SharedKeySize]byte
	key.KEM().DecapsulateTo(secret[:], enc)
	vector.Leave()
	aead, nonce, err := hpkeContext(kemXWing, secret[:], info)
	if err != nil {
		return nil, fmt.Errorf("unwrapping key: %w", err)
	}
	cek, err := aead.Open(nil, nonce, wrap[xwing.CiphertextSize:], nil)
	if err != nil {
		return nil, errWrap
	}
	return cek, nil
}
