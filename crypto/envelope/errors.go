package envelope

import (
	"errors"
	"fmt"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Parsing.
var (
	// ErrTooLarge means that the bytes exceed the limit.
	ErrTooLarge = errors.New("too large")
	// ErrMalformed means that the bytes are not the one encoding of a message.
	ErrMalformed = errors.New("malformed")
	// ErrNotUnderstood means that the bytes are well formed but hold a field or an enum value that this version does not know.
	ErrNotUnderstood = errors.New("not understood by this version")
)

// Sealing and signing.
var (
	// ErrMessage means that the Message to seal is not valid.
	ErrMessage = errors.New("message is not valid")
	// ErrCommitment means that docket or content are not what the Message commits to.
	ErrCommitment = errors.New("docket or content are not what the message commits to")
	// ErrLife means that a sealing would live longer than its lane allows, or not at all.
	ErrLife = errors.New("life of the sealing is outside its lane's limits")
	// ErrBatch means that a batch is empty, exceeds 256 statements, or names another signing key.
	ErrBatch = errors.New("batch cannot be signed by this key")
)

// ErrOrder means that a check was called before the one it relies on: a mistake of the program.
var ErrOrder = errors.New("checks of an envelope called out of order")

// Reason says at which check an envelope was refused. It is safe in logs and metric labels.
type Reason string

// The checks in their order.
const (
	ReasonSize       Reason = "size"       // too large
	ReasonOuter      Reason = "outer"      // outer parse
	ReasonSender     Reason = "sender"     // no valid key of this sender, or another sender's
	ReasonPath       Reason = "path"       // path in the batch
	ReasonSignature  Reason = "signature"  // root signature
	ReasonSealing    Reason = "sealing"    // strict parse of Sealing
	ReasonMessage    Reason = "message"    // strict parse of Message
	ReasonSuite      Reason = "suite"      // unknown cipher suite
	ReasonAddress    Reason = "address"    // not to me, or not on this lane
	ReasonClock      Reason = "clock"      // outside the sealing's life
	ReasonDigest     Reason = "digest"     // ciphertext or wrapped key are not those that were signed
	ReasonKeyGone    Reason = "key-gone"   // sealing key unknown or destroyed
	ReasonUnwrap     Reason = "unwrap"     // wrapped key does not open
	ReasonDecrypt    Reason = "decrypt"    // ciphertext does not open
	ReasonInner      Reason = "inner"      // layout or padding inside
	ReasonCommitment Reason = "commitment" // docket or content are not what was committed to
)

// Class says what to do with a refused envelope.
type Class int

const (
	// NotAuthentic: count it; it never becomes a leaf. The sender may be told ADVICE_CODE_NOT_AUTHENTIC.
	NotAuthentic Class = iota
	// Retryable: the same message may be taken later or in another sealing; answer with Error.Advice.
	Retryable
	// NotUnderstood: authentic; park it and answer ADVICE_CODE_PARKED.
	NotUnderstood
	// Refused: authentic, and wrong for good. It becomes a rej leaf, whose receipt ends the sending.
	Refused
)

// String returns the class's name.
func (c Class) String() string {
	switch c {
	case NotAuthentic:
		return "not authentic"
	case Retryable:
		return "retryable"
	case NotUnderstood:
		return "not understood"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("class %d", int(c))
}

// Error is the refusal of an envelope. It holds nothing of what the envelope carries.
type Error struct {
	Reason Reason
	Class  Class
	// Advice is what the sender may be told; unspecified for Refused, which a receipt answers.
	Advice rogatoryv1.AdviceCode
	// Err is the cause.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("envelope refused at %s: %v", e.Reason, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func notAuthentic(r Reason, err error) *Error {
	return &Error{r, NotAuthentic, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC, err}
}

func retryable(r Reason, advice rogatoryv1.AdviceCode, err error) *Error {
	return &Error{r, Retryable, advice, err}
}

// judged is the refusal of bytes that are authentic: parked if another version may understand them, refused if they are wrong for good.
func judged(r Reason, err error) *Error {
	if errors.Is(err, ErrNotUnderstood) {
		return &Error{r, NotUnderstood, rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, err}
	}
	return &Error{r, Refused, rogatoryv1.AdviceCode_ADVICE_CODE_UNSPECIFIED, err}
}
