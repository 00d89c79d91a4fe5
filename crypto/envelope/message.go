package envelope

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/keyring"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Limits of sizes, in bytes.
const (
	// MaxEnvelope is the largest envelope that Seal and SignBatch make; one fits into a frame.
	MaxEnvelope = 1<<20 - 16<<10
	// MaxInner is the largest padded inner part: salts, lengths, docket and content.
	MaxInner = 960 << 10

	maxStatement = 4 << 10
	maxSealing   = 3 << 10
	maxMessage   = 2 << 10
)

// Limits of time.
const (
	// MaxLife is the longest life of a sealing on the durable lane: a day key is published 14 days ahead and lives 3 days more.
	MaxLife = 17 * 24 * time.Hour
	// OnlineLife is the longest life of a sealing on the online lane.
	OnlineLife = 30 * time.Second
	// Skew is how far two nodes' clocks may differ.
	Skew = 120 * time.Second
)

// suiteXWing is the one cipher suite: X-Wing HPKE wrap, chunked AES-256-GCM, composite signature.
const suiteXWing = 1

// Lane is the way a message travels.
type Lane int

const (
	// Durable messages have a sequence number and are receipted.
	Durable Lane = iota
	// Online messages have a nonce and a deadline.
	Online
)

// LaneOf returns a Message's lane: online if it has a nonce.
func LaneOf(m *rogatoryv1.Message) Lane {
	if len(m.GetNonce()) > 0 {
		return Online
	}
	return Durable
}

// ParseMessage parses a Message strictly and checks what holds for every message. The error is ErrMalformed, ErrNotUnderstood (then the
// message comes with it) or ErrTooLarge.
func ParseMessage(b []byte) (*rogatoryv1.Message, error) {
	m := new(rogatoryv1.Message)
	err := StrictUnmarshal(b, m, maxMessage)
	switch {
	case err == nil:
		err = validMessage(m)
	case errors.Is(err, ErrNotUnderstood):
		// What is amiss may be explained by what we do not know.
		return m, err
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// maxSeq is the largest sequence number: leaves hold integers up to 2^53-1.
const maxSeq = 1<<53 - 1

func validMessage(m *rogatoryv1.Message) error {
	bad := func(what string) error { return fmt.Errorf("%w: Message: %s", ErrMalformed, what) }
	switch {
	case !isCountry(m.GetFrom()) || !isCountry(m.GetTo()):
		return bad("country code")
	case m.GetFrom() == m.GetTo():
		return bad("from and to are equal")
	case len(m.GetDocketCommit()) != 32 || len(m.GetContentCommit()) != 32:
		return bad("commitment")
	case m.GetSubmittedMs() == 0:
		return bad("no time")
	}
	if LaneOf(m) == Online {
		if len(m.GetNonce()) != 16 || m.GetEpoch() != 0 || m.GetSeq() != 0 || len(m.GetPrev()) != 0 {
			return bad("nonce")
		}
		return nil
	}
	// A number that no leaf can hold could be neither taken nor refused, and would come again for ever.
	if m.GetEpoch() == 0 || m.GetSeq() == 0 || m.GetSeq() > maxSeq || len(m.GetPrev()) != 32 {
		return bad("epoch, seq or prev")
	}
	if (m.GetSeq() == 1) != (Name(m.GetPrev()) == Name{}) {
		return bad("prev does not go with seq")
	}
	return nil
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// ParseSealing parses a Sealing strictly, its Message not included. Errors are those of ParseMessage; the key
// identifiers' lengths hold in any case.
func ParseSealing(b []byte) (*rogatoryv1.Sealing, error) {
	s := new(rogatoryv1.Sealing)
	strict := StrictUnmarshal(b, s, maxSealing)
	if strict != nil && !errors.Is(strict, ErrNotUnderstood) {
		return nil, strict
	}
	if len(s.GetFromKid()) != 8 || len(s.GetToKid()) != 8 || len(s.GetManifestDigest()) != 32 {
		return nil, fmt.Errorf("%w: Sealing: length of a key identifier or digest", ErrMalformed)
	}
	return s, strict
}

// ParseStatement parses a Statement strictly, its Sealing not included. Errors are those of ParseMessage.
func ParseStatement(b []byte) (*rogatoryv1.Statement, error) {
	s := new(rogatoryv1.Statement)
	strict := StrictUnmarshal(b, s, maxStatement)
	if strict != nil && !errors.Is(strict, ErrNotUnderstood) {
		return nil, strict
	}
	if len(s.GetCtDigest()) != 32 || len(s.GetWrapDigest()) != 32 {
		return nil, fmt.Errorf("%w: Statement: length of a digest", ErrMalformed)
	}
	return s, strict
}

var (
	statementFields = new(rogatoryv1.Statement).ProtoReflect().Descriptor()
	sealingFields   = new(rogatoryv1.Sealing).ProtoReflect().Descriptor()
)

// Carried returns the message in a Statement's bytes, to which it refers, the key that its Sealing says has signed it, and when that was, in milliseconds. The
// error is that of ParseStatement, or of ParseSealing.
func Carried(statement []byte) (message []byte, from keyring.KID, sealedMS uint64, err error) {
	if checkStrict(statement, statementFields, maxStatement) != nil {
		_, err = ParseStatement(statement)
		return nil, from, 0, err
	}
	var sealing []byte
	var lengths [9]int
	for b := statement; len(b) > 0; {
		var num protowire.Number
		var list []byte
		if num, _, list, b = cutField(b); num == 1 {
			sealing = list
		}
		lengths[num] = len(list)
	}
	if lengths[2] != 32 || lengths[4] != 32 {
		_, err = ParseStatement(statement)
		return nil, from, 0, err
	}
	if checkStrict(sealing, sealingFields, maxSealing) != nil {
		_, err = ParseSealing(sealing)
		return nil, from, 0, err
	}
	lengths = [9]int{}
	for b := sealing; len(b) > 0; {
		var num protowire.Number
		var value uint64
		var list []byte
		num, value, list, b = cutField(b)
		switch lengths[num] = len(list); num {
		case 2:
			message = list
		case 3:
			copy(from[:], list)
		case 5:
			sealedMS = value
		}
	}
	if lengths[3] != 8 || lengths[4] != 8 || lengths[8] != 32 {
		_, err = ParseSealing(sealing)
		return nil, from, 0, err
	}
	return message, from, sealedMS, nil
}
