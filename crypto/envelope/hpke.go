package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// The suite of RFC 9180 that envelopes use: base mode, X-Wing (0x647a, draft-connolly-cfrg-xwing-kem), HKDF-SHA256, AES-256-GCM.
//
// The key schedule is written out here, over circl's X-Wing: circl's own calls SHA-256 with vector registers that its X-Wing has left dirty,
// which on Intel processors more than doubles the time of sealing and opening (package vector). An envelope has one wrapped key, so of HPKE
// only the first message is needed, without additional data.
const (
	kemXWing      = 0x647a
	kdfHKDFSHA256 = 0x0001
	aeadAES256GCM = 0x0002
)

// hpkeContext returns the AEAD and the nonce of an HPKE context's first message, in base mode, for a KEM's shared secret. The KDF is
// HKDF-SHA256 and the AEAD AES-256-GCM (RFC 9180, 5.1).
func hpkeContext(kem uint16, sharedSecret, info []byte) (cipher.AEAD, []byte, error) {
	suite := []byte("HPKE")
	for _, id := range []uint16{kem, kdfHKDFSHA256, aeadAES256GCM} {
		suite = binary.BigEndian.AppendUint16(suite, id)
	}
	extract := func(salt []byte, label string, ikm []byte) ([]byte, error) {
		return hkdf.Extract(sha256.New, labelled(nil, suite, label, ikm), salt)
	}
	expand := func(prk []byte, label string, context []byte, n int) ([]byte, error) {
		length := binary.BigEndian.AppendUint16(nil, uint16(n))
		return hkdf.Expand(sha256.New, prk, string(labelled(length, suite, label, context)), n)
	}
	pskIDHash, err := extract(nil, "psk_id_hash", nil)
	if err != nil {
		return nil, nil, err
	}
	infoHash, err := extract(nil, "info_hash", info)
	if err != nil {
		return nil, nil, err
	}
	context := append([]byte{0}, pskIDHash...) // mode_base
	context = append(context, infoHash...)
	secret, err := extract(sharedSecret, "secret", nil)
	if err != nil {
		return nil, nil, err
	}
	key, err := expand(secret, "key", context, 32)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	nonce, err := expand(secret, "base_nonce", context, 12)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, nonce, err
}

// labelled returns prefix || "HPKE-v1" || suite_id || label || b.
func labelled(prefix, suite []byte, label string, b []byte) []byte {
	out := make([]byte, 0, len(prefix)+7+len(suite)+len(label)+len(b))
	out = append(out, prefix...)
	out = append(out, "HPKE-v1"...)
	out = append(out, suite...)
	out = append(out, label...)
	return append(out, b...)
}
