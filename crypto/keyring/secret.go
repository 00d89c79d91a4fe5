package keyring

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// redacted is embedded in whatever holds a secret: fmt, slog and the text and JSON encoders print "[key]" for it.
type redacted struct{}

const shown = "[key]"

// String returns "[key]".
func (redacted) String() string { return shown }

// Format writes "[key]" for every verb.
func (redacted) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, shown) }

// LogValue returns "[key]".
func (redacted) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText returns "[key]", so that JSON, YAML and XML print it too.
func (redacted) MarshalText() ([]byte, error) { return []byte(shown), nil }

// hidden holds a value where fmt cannot reach it. fmt prints the fields of a foreign struct without asking their methods, and follows
// pointers when the verb does not fit; of a function it shows the address.
type hidden[T any] func() T

func hide[T any](v T) hidden[T] { return func() T { return v } }

// SecretSize is the length of every seed and symmetric key, in bytes.
const SecretSize = 32

// Secret is a 32-byte seed or symmetric key. It prints as "[key]". Copies share the same bytes. The zero Secret holds no key.
type Secret struct {
	redacted
	b hidden[*[SecretSize]byte]
}

// GenerateSecret returns a random secret.
func GenerateSecret() Secret {
	var b [SecretSize]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand stops the program instead
	return Secret{b: hide(&b)}
}

// NewSecret returns a secret with a copy of b, or ErrSeed if b is not 32 bytes long.
func NewSecret(b []byte) (Secret, error) {
	if len(b) != SecretSize {
		return Secret{}, ErrSeed
	}
	c := [SecretSize]byte(b)
	return Secret{b: hide(&c)}, nil
}

// Bytes returns a copy of the secret's bytes, nil if there are none.
func (s Secret) Bytes() []byte {
	if s.b == nil {
		return nil
	}
	c := *s.b()
	return c[:]
}

// IsZero reports whether s holds no key.
func (s Secret) IsZero() bool { return s.b == nil }

// Equal reports in constant time whether both hold the same key. Two zero secrets are not equal.
func (s Secret) Equal(o Secret) bool {
	return s.b != nil && o.b != nil && subtle.ConstantTimeCompare(s.b()[:], o.b()[:]) == 1
}

// Destroy overwrites the bytes of s and of all its copies.
func (s Secret) Destroy() {
	if s.b != nil {
		clear(s.b()[:])
	}
}
