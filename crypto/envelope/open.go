package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"

	"github.com/rogatory/rogatory/crypto/envelope/chunked"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// Opening is an envelope on its way through the checks: Parse, VerifySignature, Check, Decrypt. A check that failed has failed for good.
// It is not safe for use by several goroutines.
type Opening struct {
	envelope  *rogatoryv1.Envelope
	statement *rogatoryv1.Statement
	sealing   *rogatoryv1.Sealing
	message   *rogatoryv1.Message
	sh        [32]byte
	name      Name
	done      step
	// strict is why the signed part is not the one encoding. It is told only once the part is known to be authentic.
	strict *Error
}

type step int

const (
	failed step = iota
	parsed
	verified
	checked
)

// advance runs a check if the one before it has passed.
func (o *Opening) advance(from step, check func() error) error {
	if o.done != from {
		return ErrOrder
	}
	o.done = failed
	if err := check(); err != nil {
		return err
	}
	o.done = from + 1
	return nil
}

var (
	errSender   = errors.New("no valid key of the sender is known")
	errOther    = errors.New("another sender, or another key, than the envelope names")
	errSuite    = fmt.Errorf("cipher suite: %w", ErrNotUnderstood)
	errAddress  = errors.New("addressed to somebody else")
	errLane     = errors.New("sent on the other lane")
	errLife     = errors.New("sealing outlives its lane's limit")
	errFuture   = errors.New("sealed in the future")
	errExpired  = errors.New("sealing has expired")
	errDigest   = errors.New("ciphertext or wrapped key are not those that were signed")
	errKeyGone  = errors.New("sealing key is unknown or destroyed")
	errNameless = errors.New("signed part names no sender")
)

// Parse reads an envelope of at most max bytes. Nothing in it is authentic yet: From and FromKID say which key to check it with. Errors
// are *Error with ReasonSize or ReasonOuter.
func Parse(b []byte, max int) (*Opening, error) {
	o := &Opening{envelope: new(rogatoryv1.Envelope)}
	if len(b) > max {
		return nil, notAuthentic(ReasonSize, ErrTooLarge)
	}
	if err := StrictUnmarshal(b, o.envelope, max); err != nil {
		return nil, notAuthentic(ReasonOuter, err)
	}
	var err error
	if o.statement, err = ParseStatement(o.envelope.GetStatement()); o.statement == nil {
		return nil, notAuthentic(ReasonOuter, err)
	}
	var sealingErr, messageErr error
	o.sealing, sealingErr = ParseSealing(o.statement.GetSealing())
	if o.sealing == nil {
		return nil, notAuthentic(ReasonOuter, sealingErr)
	}
	if o.message, messageErr = ParseMessage(o.sealing.GetMessage()); o.message == nil {
		// Its sender is needed to find out whether it is authentic.
		o.message = new(rogatoryv1.Message)
		if proto.Unmarshal(o.sealing.GetMessage(), o.message) != nil {
			return nil, notAuthentic(ReasonOuter, messageErr)
		}
	}
	if !isCountry(o.message.GetFrom()) {
		return nil, notAuthentic(ReasonOuter, errNameless)
	}
	switch {
	case err != nil:
		o.strict = judged(ReasonSealing, err)
	case sealingErr != nil:
		o.strict = judged(ReasonSealing, sealingErr)
	case messageErr != nil:
		o.strict = judged(ReasonMessage, messageErr)
	}
	o.sh = SealingHash(o.statement.GetSealing())
	o.name = MessageName(o.sealing.GetMessage())
	o.done = parsed
	return o, nil
}

// From returns the sender's country: a claim until VerifySignature.
func (o *Opening) From() string { return o.message.GetFrom() }

// FromKID returns which of the sender's keys signed: a claim until VerifySignature.
func (o *Opening) FromKID() keyring.KID { return keyring.KID(o.sealing.GetFromKid()) }

// Message returns the Message. It is complete and in order only after Check; after a refusal that is Refused or NotUnderstood it is
// authentic as far as it was understood.
func (o *Opening) Message() *rogatoryv1.Message { return o.message }

// MessageBytes returns the Message's bytes, to be kept and forwarded as they are.
func (o *Opening) MessageBytes() []byte { return o.sealing.GetMessage() }

// Name returns the message's name.
func (o *Opening) Name() Name { return o.name }

// Sealing returns the Sealing.
func (o *Opening) Sealing() *rogatoryv1.Sealing { return o.sealing }

// ToKID returns which of the recipient's sealing keys opens the envelope.
func (o *Opening) ToKID() keyring.KID { return keyring.KID(o.sealing.GetToKid()) }

// Statement returns the signed bytes.
func (o *Opening) Statement() []byte { return o.envelope.GetStatement() }

// Signature returns the BatchSignature's bytes, to be kept beside the statement.
func (o *Opening) Signature() ([]byte, error) { return Marshal(o.envelope.GetSig()) }

// VerifySignature checks that from, the country on whose behalf the envelope was delivered, signed it with key. The caller has found the key
// by From and FromKID in the manifest that is valid now; nil means that there is none, and the envelope is retryable.
func (o *Opening) VerifySignature(v *Verifier, from string, key *keyring.PublicKey) error {
	return o.advance(parsed, func() error {
		if key == nil {
			return retryable(ReasonSender, rogatoryv1.AdviceCode_ADVICE_CODE_MANIFEST_UNKNOWN, errSender)
		}
		if from != o.From() || key.KID() != o.FromKID() {
			return notAuthentic(ReasonSender, errOther)
		}
		sig := o.envelope.GetSig()
		return v.verify(key, o.Statement(), sig.GetRootSignature(), sig.GetTreeSize(), sig.GetIndex(), sig.GetPath())
	})
}

// Recipient is who opens an envelope, where and when.
type Recipient struct {
	// Country is the recipient's code.
	Country string
	// Lane is the lane that the envelope came by.
	Lane Lane
	// Now is the recipient's time.
	Now time.Time
}

// Check checks the signed part, in order: strict form, suite, address and lane, time. After it, and before Decrypt, the caller asks
// whether (From, epoch, seq), or the nonce, was seen.
func (o *Opening) Check(r Recipient) error {
	return o.advance(verified, func() error {
		switch {
		case o.strict != nil:
			return o.strict
		case o.sealing.GetSuite() != suiteXWing:
			return judged(ReasonSuite, errSuite)
		case o.message.GetTo() != r.Country:
			// Authentic, but its sender sent it to another: whoever delivered it here did not.
			return notAuthentic(ReasonAddress, errAddress)
		case LaneOf(o.message) != r.Lane:
			return notAuthentic(ReasonAddress, errLane)
		}
		if err := checkTime(o.sealing, r); err != nil {
			return retryable(ReasonClock, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK, err)
		}
		return nil
	})
}

func checkTime(s *rogatoryv1.Sealing, r Recipient) error {
	// Beyond the year 10000 the arithmetic below could overflow.
	const end = uint64(1) << 48
	sealed, expires := s.GetSealedMs(), s.GetExpiresMs()
	if sealed >= end || expires >= end || expires <= sealed || expires-sealed > uint64(maxLife(r.Lane).Milliseconds()) {
		return errLife
	}
	switch {
	case time.UnixMilli(int64(sealed)).After(r.Now.Add(Skew)):
		return errFuture
	case time.UnixMilli(int64(expires)).Add(Skew).Before(r.Now):
		return errExpired
	}
	return nil
}

// Opened is what an envelope held. The bytes are the recipient's own.
type Opened struct {
	Message         *rogatoryv1.Message
	MessageBytes    []byte
	Name            Name
	Docket, Content Part
}

// Decrypt checks the digests, unwraps, decrypts, and checks layout and commitments. key is the one that ToKID names; nil means that it is
// gone, and the envelope is retryable.
func (o *Opening) Decrypt(key *keyring.SealingKey) (*Opened, error) {
	var out *Opened
	err := o.advance(checked, func() (err error) {
		out, err = o.decrypt(key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (o *Opening) decrypt(key *keyring.SealingKey) (*Opened, error) {
	ctDigest, wrapDigest := hash(contextCiphertext, o.envelope.GetCt()), hash(contextWrapped, o.envelope.GetWrap())
	if uint64(len(o.envelope.GetCt())) != o.statement.GetCtLen() || !bytes.Equal(ctDigest[:], o.statement.GetCtDigest()) ||
		!bytes.Equal(wrapDigest[:], o.statement.GetWrapDigest()) {
		return nil, notAuthentic(ReasonDigest, errDigest)
	}
	if key == nil || key.KID() != o.ToKID() {
		return nil, retryable(ReasonKeyGone, rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE, errKeyGone)
	}
	cek, err := unwrapKey(key, wrapInfo(o.sh, o.message.GetTo(), key.KID()), o.envelope.GetWrap())
	if err != nil {
		return nil, notAuthentic(ReasonUnwrap, err)
	}
	defer clear(cek)
	inner, err := chunked.Open(cek, o.sh[:], o.envelope.GetCt())
	if err != nil {
		return nil, notAuthentic(ReasonDecrypt, err)
	}
	docket, content, err := unpackInner(LaneOf(o.message), inner)
	if err != nil {
		return nil, judged(ReasonInner, err)
	}
	if Commit(docket.Salt, Docket, docket.Bytes) != [32]byte(o.message.GetDocketCommit()) ||
		Commit(content.Salt, Content, content.Bytes) != [32]byte(o.message.GetContentCommit()) {
		return nil, judged(ReasonCommitment, ErrCommitment)
	}
	return &Opened{
		Message: o.message, MessageBytes: o.MessageBytes(), Name: o.name,
		Docket: docket, Content: content,
	}, nil
}
