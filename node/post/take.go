package post

import (
	"context"
	"errors"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/wait"
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
			tx.Foretell(l.o.notary.Foresee)
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
