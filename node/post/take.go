package post

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// receiveBytes is how much one pull brings at most.
	receiveBytes = 4 << 20
	// maxDocket and maxContent bound what is parsed of a message.
	maxDocket  = 16 << 10
	maxContent = envelope.MaxInner
	// maxAdvice bounds the advice in one frame and what waits to be sent.
	maxAdvice = 1024
	// retryPause is how long a frame waits that could not be committed.
	retryPause = 2 * time.Second
)

// Codes of final refusals that this package gives; the desk has its own.
const (
	RejectMalformed = "malformed"
	RejectDropped   = "dropped"
)

// takeLoop takes what one peer sends, until ctx ends.
func (c *counter) takeLoop(ctx context.Context) error {
	select {
	case <-c.o.clear:
	case <-ctx.Done():
		return nil
	}
	for {
		changed := c.o.cfg.Net.Changed()
		frames, err := c.o.cfg.Net.Receive(ctx, c.country, receiveBytes)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, transport.ErrClosed):
			return nil
		case err != nil:
			c.o.log.Debug("receiving failed", "peer", c.country, "err", err)
			if !pause(ctx, retryPause, changed) {
				return nil
			}
			continue
		}
		c.heard()
		if err := c.take(ctx, frames); err != nil {
			return err
		}
	}
}

// pause waits for d, or until early is closed; false when ctx has ended.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// A case of mail: everything that came in one pull.
type mail struct {
	openings []*opening
	proven   []*proof
	advice   []*rogatoryv1.Advice
}

// An opening is one envelope on its way in.
type opening struct {
	raw []byte
	// Exactly one of these is set when it was opened.
	arrival *Arrival
	again   *storev1.Seen // it has arrived before
	advice  *rogatoryv1.Advice
	parked  *storev1.Parked
	refused *refusal

	// Set by the transaction, each time it runs.
	answer int64 // index of the leaf that is its receipt; -1 for none
}

// refusal is a message that is authentic and wrong for good.
type refusal struct {
	message *rogatoryv1.Message
	name    envelope.Name
	code    string
}

// take opens, commits, answers and acknowledges. Only an error that ends the node comes back.
func (c *counter) take(ctx context.Context, frames []transport.Frame) error {
	m := c.sort(frames)
	for ctx.Err() == nil {
		err := c.commitMail(ctx, m)
		if err == nil {
			break
		}
		if errors.Is(err, store.ErrBroken) || errors.Is(err, store.ErrClosed) {
			return err
		}
		// A full disk, for example: the frames come again, nothing is lost, and we look again soon.
		c.o.log.Error("taking messages failed", "peer", c.country, "err", err, "hint", store.Hint(err))
		for _, f := range frames {
			_ = f.Nak(retryPause)
		}
		pause(ctx, retryPause, nil)
		return nil
	}
	if ctx.Err() != nil {
		return nil
	}
	if len(m.openings) > 0 {
		c.o.step(StepTaken)
	}
	if len(m.proven) > 0 {
		c.o.step(StepSettled)
	}
	c.answer(m)
	for _, a := range m.advice {
		c.advised(a)
	}
	for _, f := range frames {
		if err := f.Ack(); err != nil {
			c.o.log.Debug("acknowledging failed", "peer", c.country, "err", err) // it comes again
		}
	}
	return nil
}

// sort parses the frames and opens the envelopes, on all cores.
func (c *counter) sort(frames []transport.Frame) *mail {
	m := &mail{}
	for _, raw := range frames {
		f := &rogatoryv1.Frame{}
		if err := envelope.StrictUnmarshal(raw.Data, f, transport.MaxFrame); err != nil {
			c.o.stray("frame")
			continue
		}
		for _, e := range f.GetEnvelopes() {
			m.openings = append(m.openings, &opening{raw: e})
		}
		for _, rs := range f.GetReceipts() {
			m.proven = append(m.proven, c.check(rs)...)
		}
		m.advice = append(m.advice, f.GetAdvice()[:min(len(f.GetAdvice()), maxAdvice)]...)
	}
	if len(m.proven) > 0 {
		c.o.step(StepProven)
	}
	var wg sync.WaitGroup
	for _, op := range m.openings {
		wg.Go(func() { c.o.withCPU(func() { c.open(op) }) })
	}
	wg.Wait()
	if len(m.openings) > 0 {
		c.o.step(StepOpened)
	}
	c.limit(m.openings)
	return m
}

// open takes an envelope through the checks of a recipient, closed on the first failure.
func (c *counter) open(op *opening) {
	now := time.Now()
	o, err := envelope.Parse(op.raw, envelope.MaxEnvelope)
	if err != nil {
		c.refuse(op, nil, err)
		return
	}
	key := c.o.cfg.Peers.Identity(c.country, o.FromKID(), now)
	if err := o.VerifySignature(&c.o.verifier, c.country, key); err != nil {
		c.refuse(op, o, err)
		return
	}
	if err := o.Check(envelope.Recipient{Country: c.o.cfg.Country, Lane: envelope.Durable, Now: now}); err != nil {
		// An old sealing of a message that we have is answered with its receipt all the same.
		if !c.seen(op, o) {
			c.refuse(op, o, err)
		}
		return
	}
	if c.seen(op, o) {
		return
	}
	opened, err := o.Decrypt(c.o.cfg.Sealing.Key(o.ToKID()))
	if err != nil {
		c.refuse(op, o, err)
		return
	}
	c.understand(op, o, opened, now)
}

// seen looks whether the message has arrived before. Another message in its place is a fork, which is kept as proof.
func (c *counter) seen(op *opening, o *envelope.Opening) bool {
	m := o.Message()
	if m.GetEpoch() == 0 || m.GetSeq() == 0 || m.GetTo() != c.o.cfg.Country {
		return false
	}
	var seen *storev1.Seen
	var ok bool
	err := c.o.cfg.Store.View(func(r *store.Reader) (err error) {
		seen, ok, err = r.Seen(c.country, m.GetEpoch(), m.GetSeq())
		return err
	})
	switch {
	case err != nil:
		op.advice = &rogatoryv1.Advice{Msg: nameOf(o), Code: rogatoryv1.AdviceCode_ADVICE_CODE_BUSY}
		return true
	case !ok:
		return false
	case envelope.Name(seen.GetMsg()) == o.Name():
		op.again = seen
		return true
	}
	c.fork(o, seen)
	op.advice = &rogatoryv1.Advice{Msg: nameOf(o), Code: rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC}
	return true
}

func nameOf(o *envelope.Opening) []byte {
	n := o.Name()
	return n[:]
}

// understand parses docket and content.
func (c *counter) understand(op *opening, o *envelope.Opening, opened *envelope.Opened, now time.Time) {
	signature, err := o.Signature()
	if err != nil {
		c.refuse(op, o, err)
		return
	}
	a := &Arrival{
		From: c.country, Name: opened.Name, Message: opened.Message,
		Docket: &rogatoryv1.Docket{}, Content: &rogatoryv1.Content{},
		Fresh:  c.o.cfg.Peers.Fresh(c.country, now),
		docket: opened.Docket, content: opened.Content, raw: opened.MessageBytes,
		statement: o.Statement(), signature: signature,
		stmt: envelope.StatementHash(o.Statement()), sig: envelope.SignatureHash(signature),
	}
	err = envelope.StrictUnmarshal(opened.Docket.Bytes, a.Docket, maxDocket)
	if err == nil {
		err = envelope.StrictUnmarshal(opened.Content.Bytes, a.Content, maxContent)
	}
	switch {
	case err == nil:
		op.arrival = a
	case errors.Is(err, envelope.ErrNotUnderstood):
		op.parked = c.park(o, op.raw, "not-understood")
	default:
		op.refused = &refusal{message: opened.Message, name: opened.Name, code: RejectMalformed}
	}
}

// refuse sorts an envelope that did not pass a check by what is to be done with it. o is nil when nothing of it could be parsed.
func (c *counter) refuse(op *opening, o *envelope.Opening, err error) {
	var e *envelope.Error
	if !errors.As(err, &e) {
		e = &envelope.Error{Reason: envelope.ReasonOuter, Class: envelope.NotAuthentic, Err: err}
	}
	c.o.log.Info("envelope refused", "peer", c.country, "reason", string(e.Reason), "class", e.Class.String())
	switch e.Class {
	case envelope.NotUnderstood:
		op.parked = c.park(o, op.raw, string(e.Reason))
		return
	case envelope.Refused:
		m := o.Message()
		if m.GetEpoch() != 0 && m.GetSeq() != 0 {
			op.refused = &refusal{message: m, name: o.Name(), code: string(e.Reason)}
			return
		}
		c.o.stray(string(e.Reason))
		return
	case envelope.NotAuthentic:
		c.o.stray(string(e.Reason))
	}
	if o != nil {
		op.advice = &rogatoryv1.Advice{Msg: nameOf(o), Code: e.Advice}
	}
}

func (c *counter) park(o *envelope.Opening, raw []byte, reason string) *storev1.Parked {
	return &storev1.Parked{Peer: c.country, Msg: nameOf(o), Reason: reason, AtMs: uint64(time.Now().UnixMilli()), Envelope: raw}
}

// limit answers new messages beyond the capacity that we have declared with the time to come again.
func (c *counter) limit(openings []*opening) {
	for _, op := range openings {
		if op.arrival == nil {
			continue
		}
		if wait := c.quota.take(time.Now()); wait > 0 {
			op.advice = &rogatoryv1.Advice{
				Msg: op.arrival.Name[:], Code: rogatoryv1.AdviceCode_ADVICE_CODE_BUSY,
				RetryAfterMs: uint64(wait.Milliseconds()),
			}
			op.arrival = nil
		}
	}
}

// commitMail writes everything that came in one transaction.
func (c *counter) commitMail(ctx context.Context, m *mail) error {
	work := len(m.proven) > 0
	for _, op := range m.openings {
		op.answer = -1
		work = work || op.arrival != nil || op.parked != nil || op.refused != nil
	}
	if !work {
		return nil
	}
	_, err := c.o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, op := range m.openings {
			if err := c.commitOne(tx, op); err != nil {
				return err
			}
		}
		for _, p := range m.proven {
			if err := c.settle(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func (c *counter) commitOne(tx *store.Tx, op *opening) error {
	op.answer = -1
	switch {
	case op.arrival != nil:
		return c.admit(tx, op)
	case op.refused != nil:
		return c.reject(tx, op, op.refused)
	case op.parked != nil:
		return c.keepParked(tx, op)
	}
	return nil
}

// again answers a message that came twice in one transaction, or between the look and the commit.
func (c *counter) again(tx *store.Tx, op *opening, m *rogatoryv1.Message, name envelope.Name) (bool, error) {
	seen, ok, err := tx.Seen(c.country, m.GetEpoch(), m.GetSeq())
	if err != nil || !ok {
		return false, err
	}
	if envelope.Name(seen.GetMsg()) == name {
		op.answer = int64(seen.GetLeafIndex())
	}
	return true, nil
}

// admit puts a new message into log, case, contents and seen, as the desk judges.
func (c *counter) admit(tx *store.Tx, op *opening) error {
	a := op.arrival
	if done, err := c.again(tx, op, a.Message, a.Name); done || err != nil {
		return err
	}
	a.Index, a.At = tx.Size(), tx.At()
	adm, err := c.o.cfg.Desk.Admit(tx, a)
	if err != nil {
		return fmt.Errorf("judging a message from %s: %w", c.country, err)
	}
	if adm.Reject != "" {
		return c.reject(tx, op, &refusal{message: a.Message, name: a.Name, code: adm.Reject})
	}
	m := a.Message
	if op.answer, err = tx.Append(&translog.Msg{
		Dir: translog.In, Msg: translog.Hash(a.Name), Stmt: a.stmt, Sig: a.sig,
		From: m.From, To: m.To, Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit),
		DirectoryVersion: int64(c.o.cfg.Peers.Directory().Version()),
		ManifestVersion:  int64(c.o.cfg.Peers.Manifest(c.country).Version()),
		Size:             int64(envelope.InnerSize(a.docket, a.content)),
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
		Peer: c.country, Msg: a.Name[:], Message: a.raw,
		Docket: a.docket.Bytes, DocketSalt: a.docket.Salt[:], ContentId: id, CaseToken: adm.CaseToken,
		Statement: a.statement, Signature: a.signature,
	}); err != nil {
		return err
	}
	return tx.PutSeen(c.country, m.Epoch, m.Seq, &storev1.Seen{Msg: a.Name[:], LeafIndex: uint64(op.answer), CaseToken: adm.CaseToken})
}

// reject logs a final refusal; it uses up the message's number.
func (c *counter) reject(tx *store.Tx, op *opening, r *refusal) error {
	if done, err := c.again(tx, op, r.message, r.name); done || err != nil {
		return err
	}
	index, err := tx.Append(&translog.Rej{Code: r.code, From: c.country, Msg: translog.Hash(r.name)})
	if err != nil {
		return err
	}
	op.answer = index
	return tx.PutSeen(c.country, r.message.GetEpoch(), r.message.GetSeq(), &storev1.Seen{Msg: r.name[:], LeafIndex: uint64(index)})
}

// keepParked parks an envelope once, as long as there is room for its sender.
func (c *counter) keepParked(tx *store.Tx, op *opening) error {
	of, known := 0, false
	err := tx.EachParked(func(p *storev1.Parked) bool {
		if p.GetPeer() == c.country {
			of++
		}
		known = known || slices.Equal(p.GetMsg(), op.parked.GetMsg())
		return !known
	})
	if err != nil {
		return err
	}
	op.advice = &rogatoryv1.Advice{Msg: op.parked.GetMsg(), Code: rogatoryv1.AdviceCode_ADVICE_CODE_PARKED, RetryAfterMs: uint64(lastRetry.Milliseconds())}
	if known {
		return nil
	}
	if of >= c.o.cfg.ParkedMax {
		op.advice.Code = rogatoryv1.AdviceCode_ADVICE_CODE_BUSY
		return nil
	}
	_, err = tx.Park(op.parked)
	return err
}

// answer queues receipts and advice for the peer.
func (c *counter) answer(m *mail) {
	c.mu.Lock()
	for _, op := range m.openings {
		switch {
		case op.again != nil:
			c.o.Duplicates.Add(1)
			c.answers = append(c.answers, int64(op.again.GetLeafIndex()))
		case op.answer >= 0:
			c.answers = append(c.answers, op.answer)
		case op.advice != nil && len(c.advice) < maxAdvice:
			c.advice = append(c.advice, op.advice)
		}
	}
	c.mu.Unlock()
	c.signal()
}

// Unpark takes a parked envelope in, or drops it with a final refusal. It returns the case that it went to.
func (o *Office) Unpark(ctx context.Context, id uint64, drop bool) (caseToken string, err error) {
	var p *storev1.Parked
	if err := o.cfg.Store.View(func(r *store.Reader) (err error) {
		p, err = r.ParkedEnvelope(id)
		return err
	}); err != nil {
		return "", err
	}
	c := o.desks[p.GetPeer()]
	if c == nil {
		return "", fmt.Errorf("parked envelope %d: %w", id, ErrStranger)
	}
	op := &opening{raw: p.GetEnvelope(), answer: -1}
	if drop {
		parsed, err := envelope.Parse(op.raw, envelope.MaxEnvelope)
		if err != nil {
			return "", fmt.Errorf("parked envelope %d: %w", id, err)
		}
		op.refused = &refusal{message: parsed.Message(), name: parsed.Name(), code: RejectDropped}
	} else {
		c.open(op)
		if op.parked != nil {
			return "", fmt.Errorf("parked envelope %d (%s): %w", id, op.parked.GetReason(), ErrStillNotUnderstood)
		}
	}
	_, err = o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if err := c.commitOne(tx, op); err != nil {
			return err
		}
		if op.answer >= 0 && op.arrival != nil {
			if m, err := tx.Message(op.answer); err == nil {
				caseToken = m.GetCaseToken()
			}
		}
		return tx.Unpark(id)
	})
	if err != nil {
		return "", err
	}
	c.answer(&mail{openings: []*opening{op}})
	return caseToken, nil
}
