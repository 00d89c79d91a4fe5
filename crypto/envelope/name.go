package envelope

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	stdhash "hash"
	"io"
	"log/slog"
	"slices"
)

// Name is a message's stable name: replies, receipts and leaves use it, and it stays the same however often the message is sealed.
type Name [sha256.Size]byte

var nameEncoding = base64.RawURLEncoding.Strict()

// String returns the 43 characters of base64url that leaves use.
func (n Name) String() string { return nameEncoding.EncodeToString(n[:]) }

// ParseName reads what String writes, or returns ErrMalformed.
func ParseName(s string) (Name, error) {
	b, err := nameEncoding.DecodeString(s)
	if err != nil || len(s) != 43 || len(b) != len(Name{}) {
		return Name{}, fmt.Errorf("%w: not a message's name", ErrMalformed)
	}
	return Name(b), nil
}

func hash(context string, b []byte) [sha256.Size]byte {
	var room [1 << 10]byte
	if len(context)+len(b) <= len(room) { // without allocations
		return sha256.Sum256(append(append(room[:0], context...), b...))
	}
	h := sha256.New()
	_, _ = io.WriteString(h, context)
	h.Write(b)
	return [sha256.Size]byte(h.Sum(nil))
}

// MessageName returns the name of a Message's bytes.
func MessageName(message []byte) Name { return hash(contextMessage, message) }

// SealingHash returns the hash of a Sealing's bytes, which binds the encryption to it.
func SealingHash(sealing []byte) [32]byte { return hash(contextSealing, sealing) }

// StatementHash returns the hash of a Statement's bytes: stmt in leaves.
func StatementHash(statement []byte) [32]byte { return hash(contextStatement, statement) }

// SignatureHash returns the hash of a BatchSignature's bytes: sig in leaves.
func SignatureHash(signature []byte) [32]byte { return hash(contextSignature, signature) }

// BegunSignature is the hash of the beginning of BatchSignatures: those of one batch have the root's signature in common, most of their bytes. It may be
// used by several goroutines.
type BegunSignature struct {
	beginning []byte
	state     stdhash.Hash // after it
}

// BeginSignature hashes the beginning of a BatchSignature's bytes, which it keeps.
func BeginSignature(beginning []byte) BegunSignature {
	s := BegunSignature{beginning, sha256.New()}
	_, _ = io.WriteString(s.state, contextSignature)
	s.state.Write(beginning)
	return s
}

// Hash returns [SignatureHash] of the beginning and the rest.
func (s BegunSignature) Hash(rest []byte) [32]byte {
	if c, ok := s.state.(stdhash.Cloner); ok {
		if h, err := c.Clone(); err == nil {
			h.Write(rest)
			return [32]byte(h.Sum(nil))
		}
	}
	return SignatureHash(slices.Concat(s.beginning, rest)) // by a module that cannot
}

// Salt is the random key of a commitment. Whoever lacks it learns nothing of what was committed to, however guessable. It prints as "[key]".
type Salt [32]byte

// NewSalt returns a random salt.
func NewSalt() Salt {
	var s Salt
	_, _ = rand.Read(s[:]) // never fails: crypto/rand stops the program instead
	return s
}

// String returns "[key]".
func (Salt) String() string { return "[key]" }

// Format writes "[key]" for every verb.
func (Salt) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[key]") }

// LogValue returns "[key]".
func (Salt) LogValue() slog.Value { return slog.StringValue("[key]") }

// MarshalText returns "[key]", so that JSON prints it too.
func (Salt) MarshalText() ([]byte, error) { return []byte("[key]"), nil }

// Kind is what a commitment is to.
type Kind int

// The two parts of a message.
const (
	Docket Kind = iota
	Content
)

// Commit returns HMAC-SHA256(salt, "rogatory/v1/commitment/{docket|content}\0" || u64be(len) || b).
func Commit(salt Salt, kind Kind, b []byte) [32]byte {
	context := contextDocket
	if kind == Content {
		context = contextContent
	}
	if len(b) <= shortCommit {
		return commitShort(salt, context, b)
	}
	h := hmac.New(sha256.New, salt[:])
	_, _ = io.WriteString(h, context)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(b)))
	h.Write(n[:])
	h.Write(b)
	return [32]byte(h.Sum(nil))
}

// shortCommit is up to how many bytes a commitment is computed without allocations: most dockets have less.
const shortCommit = 768

// commitShort is Commit by the definition of HMAC (RFC 2104), in memory of its own. A salt is shorter than a block.
func commitShort(salt Salt, context string, b []byte) [32]byte {
	var inner [sha256.BlockSize + 64 + shortCommit]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := range sha256.BlockSize {
		inner[i], outer[i] = 0x36, 0x5c
	}
	for i, v := range salt {
		inner[i] ^= v
		outer[i] ^= v
	}
	text := append(inner[:sha256.BlockSize], context...)
	text = append(binary.BigEndian.AppendUint64(text, uint64(len(b))), b...)
	digest := sha256.Sum256(text)
	copy(outer[sha256.BlockSize:], digest[:])
	return sha256.Sum256(outer[:])
}
