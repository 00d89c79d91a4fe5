package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// ErrKey says that a content's key is missing, or does not open it.
var ErrKey = errors.New("content does not open")

// A Key seals and opens one content. It prints as "[key]".
type Key struct {
	id  uint64
	key UnitKey
}

// ID returns the number of the key and of its content.
func (k Key) ID() uint64 { return k.id }

// Seal encrypts the content.
func (k Key) Seal(plaintext []byte) ([]byte, error) {
	return seal(&k.key, plaintext, contentContext(k.id))
}

// Open decrypts the content, or returns [ErrKey].
func (k Key) Open(sealed []byte) ([]byte, error) { return open(&k.key, sealed, contentContext(k.id)) }

// Format prints "[key]": fmt does not ask fields that are not exported.
func (k Key) Format(f fmt.State, verb rune) { k.key.Format(f, verb) }

// Contexts of the two encryptions here, beside what they are followed by.
const (
	contextWrap    = "rogatory/v1/store/key\x00"     // u64be content || unit
	contextContent = "rogatory/v1/store/content\x00" // u64be content
)

func wrapContext(id uint64, unit string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(contextWrap), id), unit...)
}

func contentContext(id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(contextContent), id)
}

// wrap returns the row of a key that a unit may read.
func (f *File) wrap(unit string, key *Key) ([]byte, error) {
	unitKey, err := f.opts.UnitKeys(unit)
	if err != nil {
		return nil, fmt.Errorf("key of unit %s: %w", unit, err)
	}
	wrapped, err := seal(&unitKey, key.key[:], wrapContext(key.id, unit))
	if err != nil {
		return nil, err
	}
	return rows.Marshal(&storev1.DataKey{Unit: unit, Wrapped: wrapped})
}

// unwrap is the inverse of wrap.
func (f *File) unwrap(id uint64, row []byte) (unit string, key Key, err error) {
	var r storev1.DataKey
	if err := rows.Parse(row, &r); err != nil {
		return "", Key{}, err
	}
	unitKey, err := f.opts.UnitKeys(r.Unit)
	if err != nil {
		return "", Key{}, fmt.Errorf("key of unit %s: %w", r.Unit, err)
	}
	b, err := open(&unitKey, r.Wrapped, wrapContext(id, r.Unit))
	if err != nil || len(b) != len(key.key) {
		return "", Key{}, fmt.Errorf("key of content %d: %w", id, ErrKey)
	}
	return r.Unit, Key{id, UnitKey(b)}, nil
}

const nonceSize = 12

func seal(key *UnitKey, plaintext, context []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, nonceSize, nonceSize+len(plaintext)+gcm.Overhead())
	if _, err := rand.Read(out); err != nil {
		return nil, err
	}
	return gcm.Seal(out, out, plaintext, context), nil
}

func open(key *UnitKey, sealed, context []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < nonceSize {
		return nil, ErrKey
	}
	plaintext, err := gcm.Open(nil, sealed[:nonceSize], sealed[nonceSize:], context)
	if err != nil {
		return nil, ErrKey
	}
	return plaintext, nil
}

func newGCM(key *UnitKey) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
