package outbox

import (
	"container/heap"
	"slices"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
)

// perEnvelope is what a frame needs for an envelope beside its bytes.
const perEnvelope = 8

// Pick takes what is due into the hand: what is to be published again, then as much of the rest as may be under way.
func (q *Queue) Pick() {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hand = slices.DeleteFunc(q.hand, func(p *Parcel) bool { return q.waiting[p.Place] != p })
	for len(q.hand) < envelope.MaxBatch && len(q.again) > 0 && !q.again[0].due.After(now) {
		q.hand = append(q.hand, heap.Pop(&q.again).(*Parcel))
	}
	for len(q.hand) < envelope.MaxBatch && len(q.fresh) > 0 && q.flying+len(q.hand) < maxFlying {
		p := q.fresh[0]
		q.fresh[0] = nil
		q.fresh = q.fresh[1:]
		if q.waiting[p.Place] == p {
			q.hand = append(q.hand, p)
		}
	}
}

// Holding reports whether anything is in hand.
func (q *Queue) Holding() bool { return len(q.hand) > 0 }

// Unsealed returns those in hand that must be sealed before they are published: never sealed, over, or signed by another key than kid.
func (q *Queue) Unsealed(kid keyring.KID) (list []*Parcel) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.hand {
		if p.sealed.Envelope != nil && p.sealed.Expires.After(now) && p.sealed.KID == kid {
			continue
		}
		q.release(p)
		list = append(list, p)
	}
	return list
}

// SetAside takes a message out of the hand that cannot be sealed. It is tried again after LastRetry; the others go on.
func (q *Queue) SetAside(p *Parcel) {
	q.hand = slices.DeleteFunc(q.hand, func(o *Parcel) bool { return o == p })
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[p.Place] == p {
		q.land(p)
		q.later(p, time.Now().Add(LastRetry))
	}
}

// Pack returns the envelopes from the front of the hand that fit into so many bytes of a frame. over says that the next one does not fit; one that is
// not sealed ends them too.
func (q *Queue) Pack(room int) (envelopes [][]byte, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.hand {
		b := p.sealed.Envelope
		if b == nil { // it is sealed in the next turn, or when there is a key
			break
		}
		if len(b)+perEnvelope > room {
			return envelopes, true
		}
		room -= len(b) + perEnvelope
		envelopes = append(envelopes, b)
	}
	return envelopes, false
}

// Lone reports whether the first n of the hand may pass the mailbox by: they go for the first time, and nothing else is under way.
func (q *Queue) Lone(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n > 0 && q.flying > 0 {
		return false
	}
	return !slices.ContainsFunc(q.hand[:n], func(p *Parcel) bool { return p.direct || p.attempts > 0 })
}
