package post

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/wait"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// receiveBytes is how much one pull brings at most.
	receiveBytes = 4 << 20
	// maxDocket and maxContent bound what is parsed of a message.
	maxDocket  = 16 << 10
	maxContent = envelope.MaxInner
	// maxEnvelopes, maxBundles and maxAdvice bound what is looked at in one frame. No envelope is so short that more would fit, and a sender
	// puts its receipts behind one checkpoint. maxAdvice bounds what waits to be sent as well.
	maxEnvelopes = 256
	maxBundles   = 4
	maxAdvice    = 1024
	// retryPause is how long a frame waits that could not be committed.
	retryPause = 2 * time.Second
)

// Codes of final refusals that this package gives, beside the reasons of package envelope; the desk has its own.
const (
	RejectMalformed = "malformed"
	RejectDropped   = "dropped"
)

// takeLoop takes what one peer sends, until ctx ends.
func (l *lane) takeLoop(ctx context.Context) error {
	select {
	case <-l.o.clear:
	case <-ctx.Done():
		return nil
	}
	if l.barred != nil {
		select {
		case <-l.barred:
		case <-ctx.Done():
			return nil
		}
	}
	for {
		changed := l.o.cfg.Net.Changed()
		frames, err := l.o.cfg.Net.Receive(ctx, l.country, receiveBytes)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, transport.ErrClosed):
			return nil
		case err != nil:
			l.o.log.Debug("receiving failed", "peer", l.country, "err", err)
			if !wait.For(ctx, retryPause, changed) {
				return nil
			}
			continue
		}
		l.heard()
		if err := l.take(ctx, frames); err != nil {
			return err
		}
	}
}

// mail is everything that came in one pull.
type mail struct {
	openings []*opening
	bundles  []*bundle
	advice   []*rogatoryv1.Advice
}

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

// take opens, commits, answers and acknowledges. Only an error that ends the node comes back.
func (l *lane) take(ctx context.Context, frames []transport.Frame) error {
	m := l.sort(frames)
	switch err := l.commit(ctx, m); {
	case err == nil, errors.Is(err, store.ErrUnguarded):
		// What the guard does not know yet is committed all the same; its receipts are signed when the guard knows it.
	case store.Fatal(err):
		return err
	case ctx.Err() != nil:
		return nil
	default:
		// A full disk: the frames come again, nothing is lost.
		l.o.log.Error("taking messages failed", "peer", l.country, "err", err, "hint", store.Hint(err))
		for _, f := range frames {
			_ = f.Nak(retryPause)
		}
		wait.For(ctx, retryPause)
		return nil
	}
	if len(m.openings) > 0 {
		l.o.step(StepTaken)
	}
	if len(m.bundles) > 0 {
		l.o.step(StepSettled)
	}
	l.settled(m)
	l.answer(m.openings)
	for _, a := range m.advice {
		l.advised(a)
	}
	for _, f := range frames {
		if err := f.Ack(); err != nil {
			l.o.log.Debug("acknowledging failed", "peer", l.country, "err", err) // it comes again
		}
	}
	return nil
}

// sort parses the frames and opens the envelopes, on all cores.
func (l *lane) sort(frames []transport.Frame) *mail {
	m := &mail{}
	for _, raw := range frames {
		f := &rogatoryv1.Frame{}
		if err := envelope.StrictUnmarshal(raw.Data, f, transport.MaxFrame); err != nil {
			l.o.stray("frame")
			continue
		}
		if len(f.GetEnvelopes()) > maxEnvelopes || len(f.GetReceipts()) > maxBundles || len(f.GetAdvice()) > maxAdvice {
			l.o.stray("frame-crowded")
			continue
		}
		for _, e := range f.GetEnvelopes() {
			m.openings = append(m.openings, &opening{raw: e})
		}
		for _, rs := range f.GetReceipts() {
			if b := l.check(rs); b != nil {
				m.bundles = append(m.bundles, b)
			}
		}
		m.advice = append(m.advice, f.GetAdvice()...)
	}
	if len(m.bundles) > 0 {
		l.o.step(StepProven)
	}
	now := time.Now()
	l.roomMessages.Store(l.messages.Room(now)) // a flood costs no decryption
	l.roomBytes.Store(l.bytes.Room(now))
	l.o.spread(len(m.openings), func(i int) { l.open(m.openings[i]) })
	if len(m.openings) > 0 {
		l.o.step(StepOpened)
	}
	l.limit(m.openings)
	l.park(m.openings)
	return m
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

// commit writes everything that came in one transaction; if the desk fails at something, then each in its own, and leaves that out.
func (l *lane) commit(ctx context.Context, m *mail) error {
	var work []func(*store.Tx) error
	var failed []func(error)
	for _, op := range m.openings {
		op.answer = -1
		if op.arrival != nil || op.refused != "" || op.parked != nil || op.fork != nil {
			work = append(work, func(tx *store.Tx) error { return l.commitOne(tx, op) })
			failed = append(failed, func(err error) {
				if l.refusals.First("not-taken") {
					l.o.log.Error("message could not be taken", "peer", l.country, "msg", op.o.Name().String(), "err", err)
				}
				op.answer, op.late, op.parked = -1, nil, nil
				op.advice = op.advise(rogatoryv1.AdviceCode_ADVICE_CODE_BUSY)
			})
		}
	}
	for _, b := range m.bundles {
		for i := range b.proofs {
			p := &b.proofs[i]
			work = append(work, func(tx *store.Tx) error { return l.settle(tx, b, p) })
			failed = append(failed, func(err error) {
				if l.refusals.First("receipt-not-taken") {
					l.o.log.Error("receipt could not be taken", "peer", l.country, "msg", p.msg.String(), "err", err)
				}
				p.outcome = 0
			})
		}
		work = append(work, func(tx *store.Tx) error { return l.keepHead(tx, b) })
		failed = append(failed, func(err error) { l.o.log.Error("head could not be kept", "peer", l.country, "err", err) })
	}
	if len(work) == 0 {
		return nil
	}
	_, err := l.o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, do := range work {
			if err := do(tx); err != nil {
				return err
			}
		}
		if len(m.openings) == 1 { // many share one signature, whose time nobody feels
			tx.Foretell(l.o.signEarly)
		}
		return nil
	})
	if err == nil || store.Fatal(err) || errors.Is(err, store.ErrDisk) || ctx.Err() != nil {
		return err
	}
	for i, do := range work {
		_, err := l.o.cfg.Store.Update(ctx, do)
		switch {
		case err == nil || errors.Is(err, store.ErrUnguarded):
		case store.Fatal(err) || errors.Is(err, store.ErrDisk) || ctx.Err() != nil:
			return err
		default:
			failed[i](err)
		}
	}
	return nil
}

func (l *lane) commitOne(tx *store.Tx, op *opening) error {
	op.answer, op.late = -1, nil
	switch {
	case op.arrival != nil:
		return l.admit(tx, op)
	case op.refused != "":
		return l.reject(tx, op, op.refused)
	case op.parked != nil:
		_, err := tx.Park(op.parked)
		return err
	case op.fork != nil:
		return l.keepFork(tx, op.o, op.fork)
	}
	return nil
}

// arrived answers a message that came twice in one transaction, or between the look and the commit.
func (l *lane) arrived(tx *store.Tx, op *opening) (bool, error) {
	m := op.o.Message()
	seen, ok, err := tx.Seen(l.country, m.GetEpoch(), m.GetSeq())
	if err != nil || !ok {
		return false, err
	}
	if envelope.Name(seen.GetMsg()) == op.o.Name() {
		op.answer = int64(seen.GetLeafIndex())
		return true, nil
	}
	op.late = seen
	return true, l.keepFork(tx, op.o, seen)
}

// admit puts a new message into log, case, contents and seen, as the desk judges.
func (l *lane) admit(tx *store.Tx, op *opening) error {
	if done, err := l.arrived(tx, op); done || err != nil {
		return err
	}
	a := op.arrival
	expected, err := l.expected(tx, a.Message, a.Name)
	if err != nil {
		return err
	}
	a.Index, a.At = tx.Size(), tx.At()
	if first := int64(expected.GetFirstAt()); first != 0 {
		a.At = min(a.At, first)
	}
	adm, err := l.o.cfg.Desk.Admit(tx, a)
	if err != nil {
		return fmt.Errorf("judging a message from %s: %w", l.country, err)
	}
	if adm.Reject != "" {
		return l.reject(tx, op, adm.Reject)
	}
	m := a.Message
	if op.answer, err = tx.Append(&translog.Msg{
		Dir: translog.In, Msg: translog.Hash(a.Name),
		Stmt: envelope.StatementHash(a.statement), Sig: envelope.SignatureHash(a.signature),
		From: m.From, To: m.To, Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit),
		DirectoryVersion: int64(l.o.cfg.Peers.Directory().Version()),
		ManifestVersion:  int64(a.manifest),
		Size:             int64(envelope.InnerSize(a.docket, a.content)),
		FirstAt:          int64(expected.GetFirstAt()),
	}); err != nil {
		return err
	}
	// The case comes before the message that is listed with it.
	if err := adm.Record(tx); err != nil {
		return err
	}
	id, err := tx.PutContent(adm.Unit, saltedContent(a.content))
	if err != nil {
		return err
	}
	if err := tx.PutMessage(op.answer, &storev1.LoggedMessage{
		Peer: l.country, Msg: a.Name[:], Message: a.raw,
		Docket: a.docket.Bytes, DocketSalt: a.docket.Salt[:], ContentId: id, CaseToken: adm.CaseToken,
		Statement: a.statement, Signature: a.signature,
	}); err != nil {
		return err
	}
	if err := tx.PutSeen(l.country, m.Epoch, m.Seq, &storev1.Seen{Msg: a.Name[:], LeafIndex: uint64(op.answer), CaseToken: adm.CaseToken}); err != nil {
		return err
	}
	return l.resent(tx, m, expected, id)
}

// reject logs a final refusal; it uses up the message's number.
func (l *lane) reject(tx *store.Tx, op *opening, code string) error {
	if done, err := l.arrived(tx, op); done || err != nil {
		return err
	}
	m, name := op.o.Message(), op.o.Name()
	expected, err := l.expected(tx, m, name)
	if err != nil {
		return err
	}
	index, err := tx.Append(&translog.Rej{Code: code, From: l.country, Msg: translog.Hash(name)})
	if err != nil {
		return err
	}
	op.answer = index
	signature, err := op.o.Signature()
	if err != nil {
		return err
	}
	// It proves to the sender that this number was given out.
	if err := tx.PutStatement(index, &storev1.LoggedStatement{Msg: name[:], Statement: op.o.Statement(), Signature: signature}); err != nil {
		return err
	}
	if err := tx.PutSeen(l.country, m.GetEpoch(), m.GetSeq(), &storev1.Seen{Msg: name[:], LeafIndex: uint64(index)}); err != nil {
		return err
	}
	return l.resent(tx, m, expected, 0)
}

// answer queues receipts and advice for the peer, after the commit.
func (l *lane) answer(openings []*opening) {
	l.mu.Lock()
	for _, op := range openings {
		if op.parked != nil {
			l.shelve(envelope.Name(op.parked.GetMsg()), int64(len(op.parked.GetEnvelope())))
		}
		switch {
		case op.again != nil:
			l.o.Duplicates.Add(1)
			l.reply(int64(op.again.GetLeafIndex()))
			l.mailbox = true // the receipt before has not arrived
		case op.answer >= 0:
			l.reply(op.answer)
		case op.late != nil:
			l.advise(op.advise(rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC))
		case op.advice != nil:
			l.advise(op.advice)
		}
	}
	l.mu.Unlock()
	l.signal()
}
