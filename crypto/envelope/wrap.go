package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem/xwing"

	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// wrapSize is the length of an encapsulated X-Wing key and a wrapped content-encryption key.
const wrapSize = xwing.CiphertextSize + chunked.KeySize + 16

var errWrap = errors.New("wrapped key does not open")

// suite is HPKE (RFC 9180) with X-Wing, HKDF-SHA256 and AES-256-GCM.
func suite() hpke.Suite {
	return hpke.NewSuite(hpke.KEM_XWING, hpke.KDF_HKDF_SHA256, hpke.AEAD_AES256GCM)
}

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
	sender, err := suite().NewSender(key.KEM(), info)
	if err != nil {
		return nil, fmt.Errorf("wrapping key: %w", err)
	}
	enc, sealer, err := sender.Setup(nil)
	if err != nil {
		return nil, fmt.Errorf("wrapping key: %w", err)
	}
	ct, err := sealer.Seal(cek, nil)
	if err != nil {
		return nil, fmt.Errorf("wrapping key: %w", err)
	}
	return append(enc, ct...), nil
}

func unwrapKey(key *keyring.SealingKey, info, wrap []byte) ([]byte, error) {
	if len(wrap) != wrapSize {
		return nil, errWrap
	}
	enc := wrap[:xwing.CiphertextSize]
	if err := keyring.CheckX25519(enc[len(enc)-32:]); err != nil {
		return nil, fmt.Errorf("encapsulated share: %w", err)
	}
	receiver, err := suite().NewReceiver(key.KEM(), info)
	if err != nil {
		return nil, err
	}
	opener, err := receiver.Setup(enc)
	if err != nil {
		return nil, errWrap
	}
	cek, err := opener.Open(wrap[xwing.CiphertextSize:], nil)
	if err != nil {
		return nil, errWrap
	}
	return cek, nil
}
