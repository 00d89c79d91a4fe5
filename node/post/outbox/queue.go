// Package outbox is what waits, in memory, for one peer's receipts: in which order it is published, when again, and how much of it at once. The
// entries themselves stand in the store, and a message leaves both when its receipt is committed.
//
// A message is published again after FirstRetry, then after twice as long each time, up to LastRetry. While the peer is away the backbone keeps what
// was published, so it costs little to be patient; when the peer is heard of after a silence, all that was published is due after FirstRetry.
package outbox

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
)

const (
	// FirstRetry and LastRetry are the first and the longest pause after which a message is published again.
	FirstRetry = 5 * time.Second
	LastRetry  = time.Hour
	// DirectWait is that pause for what passed the mailbox by.
	DirectWait = time.Second
	// silence is how long a peer is silent before it counts as having been away.
	silence = 20 * time.Second
	// maxFlying is how many messages are under way to one peer: more than it takes in the time of a round trip, fewer than it takes in
	// FirstRetry.
	maxFlying = 4096
	// cacheLimit bounds the envelopes that are held in memory for one peer, in bytes. What is beyond it is sealed anew when it is
	// published.
	cacheLimit = 32 << 20
)

// Place is where a message stands in the sequence to one peer.
type Place struct {
	Epoch uint32
	Seq   uint64
}

// Sealed is a message as it is published. The zero value says that it is to be sealed first.
type Sealed struct {
	Envelope []byte
	KID      keyring.KID // of the identity key that signed
	Expires  time.Time   // of the sealing
}

// A Parcel is a message in the queue, as far as carrying it needs. Its other fields belong to its Queue.
type Parcel struct {
	Place
	Name envelope.Name

	sealed   Sealed
	direct   bool // it was sent past the mailbox once
	due      time.Time
	attempts int
	flying   bool
	advised  bool // due was set by the peer's advice
	at       int  // index in again plus one; 0 when it is not there
}

// Queue holds the messages to one peer. Its methods may be called by several goroutines; those on the hand by one.
type Queue struct {
	mu      sync.Mutex
	waiting map[Place]*Parcel         // what has no receipt yet
	names   map[envelope.Name]*Parcel // the same by name
	fresh   []*Parcel                 // those that were not published since the start, in order; receipted ones may be among them
	again   retries                   // those that are to be published again
	flying  int                       // those that were published and that the peer has not answered
	cached  int                       // bytes of envelopes held in waiting
	heard   time.Time                 // when the peer was heard of

	hand []*Parcel // picked to be published next; owned by who carries
}

// New returns an empty Queue.
func New() *Queue {
	return &Queue{waiting: map[Place]*Parcel{}, names: map[envelope.Name]*Parcel{}}
}

// retries is a heap of parcels, the next due first.
type retries []*Parcel

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].due.Before(r[j].due) }
func (r retries) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].at, r[j].at = i+1, j+1
}

func (r *retries) Push(x any) {
	p := x.(*Parcel)
	*r = append(*r, p)
	p.at = len(*r)
}

func (r *retries) Pop() any {
	last := len(*r) - 1
	p := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	p.at = 0
	return p
}

// Add puts a message at the end, unless it is there. Its envelope is kept as long as there is room.
func (q *Queue) Add(at Place, name envelope.Name, s Sealed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.waiting[at]
	if p == nil {
		p = &Parcel{Place: at, Name: name}
		q.waiting[at], q.names[name] = p, p
		q.fresh = append(q.fresh, p)
	}
	if s.Envelope != nil && q.cached < cacheLimit {
		q.hold(p, s)
	}
}

// Hold keeps the envelope of a message that was sealed anew, if it still waits.
func (q *Queue) Hold(p *Parcel, s Sealed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[p.Place] == p {
		q.hold(p, s)
	}
}

// hold keeps an envelope in memory; q.mu is held.
func (q *Queue) hold(p *Parcel, s Sealed) {
	q.release(p)
	p.sealed = s
	q.cached += len(s.Envelope)
}

// release forgets a parcel's envelope; q.mu is held.
func (q *Queue) release(p *Parcel) {
	q.cached -= len(p.sealed.Envelope)
	p.sealed.Envelope = nil
}

// land notes that a parcel is not under way any more; q.mu is held.
func (q *Queue) land(p *Parcel) {
	if p.flying {
		p.flying = false
		q.flying--
	}
}

// Drop forgets a message whose receipt is committed. more says that others wait which were never published: there is room for the next.
func (q *Queue) Drop(at Place) (more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.waiting[at]; p != nil {
		q.release(p)
		q.land(p)
		delete(q.waiting, p.Place)
		delete(q.names, p.Name)
		if p.at > 0 {
			heap.Remove(&q.again, p.at-1)
		}
	}
	return len(q.fresh) > 0
}

// Len returns how many messages wait for the peer's receipt.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Find returns where the message of that name stands; false when its receipt is here or it was never sent.
func (q *Queue) Find(name envelope.Name) (Place, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.names[name]
	if p == nil {
		return Place{}, false
	}
	return p.Place, true
}

// later has a message published at a time; q.mu is held. It is not in hand.
func (q *Queue) later(p *Parcel, due time.Time) {
	p.due = due
	if p.at > 0 {
		heap.Fix(&q.again, p.at-1)
	} else {
		heap.Push(&q.again, p)
	}
}

// Due returns how long until the next message is due, at most LastRetry. What waits for room or for a key is not due: who carries is woken for it.
func (q *Queue) Due() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.again) > 0 {
		return min(LastRetry, time.Until(q.again[0].due))
	}
	return LastRetry
}

// backoff returns how long after its n-th publication a message is published again.
func backoff(n int) time.Duration {
	return min(FirstRetry<<min(max(n-1, 0), 16), LastRetry)
}

// Hear notes a sign of life. After a silence, what was published before it is published again soon, and away is true.
func (q *Queue) Hear(now time.Time) (away bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	away = now.Sub(q.heard) > silence
	q.heard = now
	if away {
		soon := now.Add(FirstRetry)
		for _, p := range q.again {
			if !p.advised && p.due.After(soon) {
				p.due, p.attempts = soon, 0
			}
		}
		heap.Init(&q.again)
	}
	return away
}

// Advise follows the peer's advice about a message: it is published again after wait at the earliest, and sealed anew if it must be. Advice is not
// signed: whoever makes it up gains a resend, less often each time. It returns when that is, false when the message is settled or was not published
// since the last advice.
func (q *Queue) Advise(name envelope.Name, wait time.Duration, reseal bool) (due time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.names[name]
	if p == nil || !p.flying || p.at == 0 {
		return time.Time{}, false
	}
	q.land(p)
	p.advised = true
	q.later(p, time.Now().Add(max(wait, backoff(p.attempts))))
	if reseal {
		q.release(p)
	}
	return p.due, true
}

// Missed makes messages due soon that the peer has not seen, although it has seen later ones. What was published a moment ago may still be on its way.
func (q *Queue) Missed(epoch uint32, seqs []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	soon := time.Now().Add(FirstRetry)
	for _, seq := range seqs {
		if p := q.waiting[Place{epoch, seq}]; p != nil && p.at > 0 && p.due.After(soon) {
			q.later(p, soon)
		}
	}
}

// Published sets when the first n messages of the hand, which were published together, are due again. direct says that they passed the mailbox by.
func (q *Queue) Published(n int, direct bool) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.hand[:n] {
		if q.waiting[p.Place] != p {
			continue // its receipt was faster
		}
		wait := DirectWait
		if p.direct = p.direct || direct; !direct {
			p.attempts++
			wait = backoff(p.attempts)
		}
		// Up to a quarter more, so that those who waited for one peer do not come at once.
		p.due, p.advised = now.Add(wait+rand.N(wait/4)), false
		heap.Push(&q.again, p)
		if !p.flying {
			p.flying = true
			q.flying++
		}
		if q.cached > cacheLimit {
			q.release(p)
		}
	}
	q.hand = slices.Delete(q.hand, 0, n)
}
