package post

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/post/outbox"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// loadParked learns at the start what is parked, so that nothing is parked twice.
func (o *Office) loadParked() error {
	err := o.cfg.Store.View(func(r *store.Reader) error {
		return r.EachParked(func(p *storev1.Parked) bool {
			if l := o.lanes[p.GetPeer()]; l != nil && len(p.GetMsg()) == len(envelope.Name{}) {
				l.mu.Lock()
				l.shelve(envelope.Name(p.GetMsg()), int64(len(p.GetEnvelope())))
				l.mu.Unlock()
			}
			return true
		})
	})
	if err != nil {
		return fmt.Errorf("reading what is parked: %w", err)
	}
	return nil
}

// shelve notes that a message is parked, or forgets it when size is 0; l.mu is held.
func (l *lane) shelve(name envelope.Name, size int64) {
	l.shelf += size - l.parked[name]
	if l.parked[name] = size; size == 0 {
		delete(l.parked, name)
	}
}

// park chooses what is to be parked: each message once, as long as there is room for its sender and on the disk. What there is no room for stays with
// the peer, which comes again. Only takeLoop adds to what is parked.
func (l *lane) park(openings []*opening) {
	l.mu.Lock()
	defer l.mu.Unlock()
	chosen := map[envelope.Name]bool{}
	more := int64(0)
	for _, op := range openings {
		if op.parked == nil {
			continue
		}
		name, size := op.o.Name(), int64(len(op.raw))
		op.advice = op.advise(rogatoryv1.AdviceCode_ADVICE_CODE_PARKED)
		op.advice.RetryAfterMs = uint64(outbox.LastRetry.Milliseconds())
		switch {
		case l.parked[name] > 0 || chosen[name]:
			op.parked = nil
		case len(l.parked)+len(chosen) >= l.o.cfg.ParkedMax, l.shelf+more+size > l.o.cfg.ParkedBytes:
			op.parked, op.advice.Code = nil, rogatoryv1.AdviceCode_ADVICE_CODE_BUSY
		case l.noRoom(more + size):
			op.parked, op.advice.Code = nil, rogatoryv1.AdviceCode_ADVICE_CODE_BUSY
			op.advice.RetryAfterMs = uint64(time.Minute.Milliseconds())
		default:
			chosen[name], more = true, more+size
		}
	}
}

// noRoom reports whether the disk has no room for so many bytes that nobody has asked for.
func (l *lane) noRoom(bytes int64) bool {
	if l.o.cfg.Room == nil {
		return false
	}
	err := l.o.cfg.Room(bytes)
	if err != nil && l.refusals.First("no-room") {
		l.o.log.Error("nothing more is taken or parked", "peer", l.country, "err", err)
	}
	return err != nil
}

// Unpark takes a parked envelope in, or drops it with a final refusal. It returns the case that it went to. When its sealing is over the
// sender is told to seal it anew, and it comes by itself.
func (o *Office) Unpark(ctx context.Context, id uint64, drop bool) (caseToken string, err error) {
	var p *storev1.Parked
	if err := o.cfg.Store.View(func(r *store.Reader) (err error) {
		p, err = r.ParkedEnvelope(id)
		return err
	}); err != nil {
		return "", err
	}
	l := o.lanes[p.GetPeer()]
	if l == nil {
		return "", fmt.Errorf("parked envelope %d: %w", id, ErrStranger)
	}
	op := &opening{raw: p.GetEnvelope(), released: true, answer: -1}
	if drop {
		if op.o, err = envelope.Parse(op.raw, envelope.MaxEnvelope); err != nil {
			return "", fmt.Errorf("parked envelope %d: %w", id, err)
		}
		if l.placed(op.o.Message()) { // else there is no number to use up
			op.refused = RejectDropped
		}
	} else {
		l.open(op)
		if op.parked != nil {
			return "", fmt.Errorf("parked envelope %d (%s): %w", id, op.parked.GetReason(), ErrStillNotUnderstood)
		}
	}
	_, err = o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		caseToken = ""
		if err := l.commitOne(tx, op); err != nil {
			return err
		}
		if op.answer >= 0 && op.arrival != nil {
			if seen, ok, err := tx.Seen(l.country, op.arrival.Message.GetEpoch(), op.arrival.Message.GetSeq()); err != nil {
				return err
			} else if ok {
				caseToken = seen.GetCaseToken()
			}
		}
		return tx.Unpark(id)
	})
	if err != nil && !errors.Is(err, store.ErrUnguarded) {
		return "", fmt.Errorf("parked envelope %d: %w", id, err)
	}
	l.mu.Lock()
	l.shelve(envelope.Name(p.GetMsg()), 0)
	l.mu.Unlock()
	l.answer([]*opening{op})
	return caseToken, nil
}
