package post

import (
	"errors"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Codes of final refusals that this package gives, beside the reasons of package envelope; the desk has its own.
const (
	RejectMalformed = "malformed"
	RejectDropped   = "dropped"
)

// An opening is one envelope on its way in.
type opening struct {
	raw      []byte
	released bool              // an operator has it taken in: no capacity limits it
	o        *envelope.Opening // nil when it does not parse
	over     bool              // beyond the peer's capacity
	full     bool              // the disk has no room for it

	// What becomes of it, one of these; advice beside parked and fork.
	arrival *Arrival
	again   *storev1.Seen // it has arrived before
	fork    *storev1.Seen // another message has arrived in its place
	parked  *storev1.Parked
	refused string // a final refusal's code
	advice  *rogatoryv1.Advice

	// Set by the transaction, each time it runs.
	answer int64         // index of the leaf that is its receipt; -1 for none
	late   *storev1.Seen // a fork that shows only now: both came at once
}

// open takes an envelope through the checks of a recipient, closed on the first failure.
func (l *lane) open(op *opening) {
	now := time.Now()
	o, err := envelope.Parse(op.raw, envelope.MaxEnvelope)
	if err != nil {
		l.refuse(op, err)
		return
	}
	op.o = o
	key := l.o.cfg.Peers.Identity(l.country, o.FromKID(), now)
	if err := o.VerifySignature(&l.o.verifier, l.country, key); err != nil {
		l.refuse(op, err)
		return
	}
	err = o.Check(envelope.Recipient{Country: l.o.cfg.Country, Lane: envelope.Durable, Now: now})
	// An old sealing of a message that we have is answered with its receipt all the same.
	if l.seen(op) {
		return
	}
	if err != nil {
		l.refuse(op, err)
		return
	}
	if !op.released && (l.roomMessages.Add(-1) < 0 || l.roomBytes.Add(-int64(len(op.raw))) < 0) {
		op.over = true
		return
	}
	opened, err := o.Decrypt(l.o.cfg.Sealing.Key(o.ToKID()))
	if err != nil {
		l.refuse(op, err)
		return
	}
	if op.arrival, err = l.understand(o, opened, now); err != nil {
		l.refuse(op, err)
	}
}

// seen looks whether the message, or another in its place, has arrived before. It is authentic.
func (l *lane) seen(op *opening) bool {
	m := op.o.Message()
	if !l.placed(m) {
		return false
	}
	var seen *storev1.Seen
	var ok bool
	err := l.o.cfg.Store.View(func(r *store.Reader) (err error) {
		seen, ok, err = r.Seen(l.country, m.GetEpoch(), m.GetSeq())
		return err
	})
	switch {
	case err != nil:
		op.advice = op.advise(rogatoryv1.AdviceCode_ADVICE_CODE_BUSY)
	case !ok:
		return false
	case envelope.Name(seen.GetMsg()) == op.o.Name():
		op.again = seen
	default:
		op.fork, op.advice = seen, op.advise(rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC)
	}
	return true
}

// placed reports whether a message has a place in the sequence of the peer's messages to us.
func (l *lane) placed(m *rogatoryv1.Message) bool {
	return m.GetEpoch() != 0 && m.GetSeq() != 0 && m.GetTo() == l.o.cfg.Country
}

func (op *opening) advise(code rogatoryv1.AdviceCode) *rogatoryv1.Advice {
	n := op.o.Name()
	return &rogatoryv1.Advice{Msg: n[:], Code: code}
}

// understand parses docket and content.
func (l *lane) understand(o *envelope.Opening, opened *envelope.Opened, now time.Time) (*Arrival, error) {
	signature, err := o.Signature()
	if err != nil {
		return nil, err
	}
	a := &Arrival{
		From: l.country, Name: opened.Name, Message: opened.Message,
		Docket: &rogatoryv1.Docket{}, Content: &rogatoryv1.Content{},
		Fresh: l.o.cfg.Peers.Fresh(l.country, now), manifest: l.o.cfg.Peers.Version(l.country),
		docket: opened.Docket, content: opened.Content, raw: opened.MessageBytes,
		statement: o.Statement(), signature: signature,
	}
	// Both are parsed: what is wrong for good in one is not parked for what is not understood in the other.
	docket := envelope.StrictUnmarshal(opened.Docket.Bytes, a.Docket, maxDocket)
	content := envelope.StrictUnmarshal(opened.Content.Bytes, a.Content, maxContent)
	for _, err := range []error{docket, content} {
		if err != nil && !errors.Is(err, envelope.ErrNotUnderstood) {
			return nil, &envelope.Error{Reason: RejectMalformed, Class: envelope.Refused, Err: err}
		}
	}
	if err := errors.Join(docket, content); err != nil {
		return nil, &envelope.Error{Reason: "not-understood", Class: envelope.NotUnderstood, Err: err}
	}
	return a, nil
}

// refuse sorts an envelope that did not pass a check by what is to be done with it.
func (l *lane) refuse(op *opening, err error) {
	var e *envelope.Error
	if !errors.As(err, &e) {
		e = &envelope.Error{Reason: envelope.ReasonOuter, Class: envelope.NotAuthentic, Err: err}
	}
	if l.refusals.First(string(e.Reason)) {
		l.o.log.Info("envelope refused", "peer", l.country, "reason", string(e.Reason), "class", e.Class.String())
	}
	switch {
	case op.o == nil:
		l.o.stray(string(e.Reason))
	case e.Class == envelope.NotUnderstood:
		name := op.o.Name()
		op.parked = &storev1.Parked{
			Peer: l.country, Msg: name[:], Reason: string(e.Reason), AtMs: uint64(time.Now().UnixMilli()), Envelope: op.raw,
		}
	case e.Class == envelope.Refused && l.placed(op.o.Message()):
		op.refused = string(e.Reason)
	case e.Class == envelope.Refused: // nothing that a receipt could be for
		l.o.stray(string(e.Reason))
	default:
		if e.Class == envelope.NotAuthentic {
			l.o.stray(string(e.Reason))
		}
		op.advice = op.advise(e.Advice)
	}
}

// limit answers new messages beyond the capacity that we have declared, in messages and in bytes, with the time to come again; those that the disk has no
// room for as well, be they refused for good: that is kept, too.
func (l *lane) limit(openings []*opening) {
	for _, op := range openings {
		if op.arrival == nil && op.refused == "" {
			continue
		}
		now, size := time.Now(), int64(len(op.raw))
		op.full = l.noRoom(size)
		if op.over = op.full || l.messages.Room(now) < 1 || l.bytes.Room(now) < size; !op.over {
			l.messages.Take(1)
			l.bytes.Take(size)
		}
	}
	for _, op := range openings {
		if op.over {
			op.arrival, op.refused = nil, ""
			op.advice = op.advise(rogatoryv1.AdviceCode_ADVICE_CODE_BUSY)
			wait := max(l.messages.Wait(1), l.bytes.Wait(int64(len(op.raw))))
			if op.full {
				wait = max(wait, time.Minute)
			}
			op.advice.RetryAfterMs = uint64(wait.Milliseconds())
		}
	}
}
