package post

import (
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/limit"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// lane is all that concerns one peer.
type lane struct {
	o       *Office
	country string
	wake    chan struct{} // something has become due

	mu      sync.Mutex
	waiting map[place]*parcel         // what has no receipt yet
	names   map[envelope.Name]*parcel // the same by name
	fresh   []*parcel                 // those that were not published since the start, in order; receipted ones may be among them
	again   retries                   // those that are to be published again
	flying  int                       // those that were published and that the peer has not answered
	cached  int                       // bytes of envelopes held in waiting
	answers []int64                   // indices of our leaves that are receipts to be sent, ascending
	advice  []*rogatoryv1.Advice      // to be sent
	parked  map[envelope.Name]int64   // what of the peer's is parked, in bytes
	shelf   int64                     // the sum of parked
	mailbox bool                      // answers are to go by the mailbox: those before may have got lost
	last    time.Time                 // when the peer was heard of

	// Owned by carryLoop.
	hand      []*parcel // picked to be published next
	alone     bool      // the next envelope is so long that it takes a frame without receipts
	proveNext time.Time // not before this time are receipts tried again
	quiet     time.Time // not before this time is anything tried again

	barred chan struct{} // closed when the peer may be listened to; nil if it always may
	unbar  sync.Once
	erased map[[32]byte]bool // names of messages of a lost time whose contents were erased here

	confirmed atomic.Bool // since the start, or since its last doubtful claim, the peer has shown what it has of ours

	refusals                limit.Refusals
	messages, bytes         limit.Quota  // owned by takeLoop
	roomMessages, roomBytes atomic.Int64 // how many envelopes of this pull are worth decrypting, and how many bytes of them
}

func newLane(o *Office, country string) *lane {
	return &lane{
		o: o, country: country,
		wake:     make(chan struct{}, 1),
		waiting:  map[place]*parcel{},
		names:    map[envelope.Name]*parcel{},
		parked:   map[envelope.Name]int64{},
		messages: limit.Messages(o.cfg.CapacityPerHour), bytes: limit.Bytes(o.cfg.CapacityPerHour),
	}
}

// signal wakes carryLoop.
func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// place is where a message stands in the sequence to one peer.
type place struct {
	epoch uint32
	seq   uint64
}

// A parcel is an entry of the outbox, as far as carrying it needs. Its fields are guarded by its lane's mu.
type parcel struct {
	place
	name     envelope.Name
	envelope []byte      // nil: to be sealed anew before it is published
	kid      keyring.KID // of the identity key that signed
	expires  time.Time   // of the sealing
	direct   bool        // it was sent past the mailbox once
	due      time.Time
	attempts int
	flying   bool
	advised  bool // due was set by the peer's advice
	at       int  // index in again plus one; 0 when it is not there
}

// retries is a heap of parcels, the next due first.
type retries []*parcel

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].due.Before(r[j].due) }
func (r retries) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].at, r[j].at = i+1, j+1
}

func (r *retries) Push(x any) {
	p := x.(*parcel)
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

// put adds a parcel; l.mu is held.
func (l *lane) put(p *parcel) {
	if l.waiting[p.place] != nil {
		return
	}
	l.waiting[p.place], l.names[p.name] = p, p
	l.fresh = append(l.fresh, p)
}

// add takes over a message that was committed.
func (l *lane) add(n *numbered) {
	p := &parcel{place: n.place(), name: n.name}
	l.mu.Lock()
	l.put(p)
	if n.sealed != nil && l.cached < cacheLimit {
		l.hold(p, n)
	}
	l.mu.Unlock()
	l.signal()
}

// hold keeps an envelope in memory; l.mu is held.
func (l *lane) hold(p *parcel, n *numbered) {
	l.release(p)
	p.envelope, p.kid, p.expires = n.signed.Envelope, n.sealed.From, n.expires
	l.cached += len(p.envelope)
}

// release forgets a parcel's envelope; l.mu is held.
func (l *lane) release(p *parcel) {
	l.cached -= len(p.envelope)
	p.envelope = nil
}

// land notes that a parcel is not under way any more; l.mu is held.
func (l *lane) land(p *parcel) {
	if p.flying {
		p.flying = false
		l.flying--
	}
}

// drop forgets a message whose receipt is committed.
func (l *lane) drop(at place) {
	l.mu.Lock()
	p := l.waiting[at]
	if p != nil {
		l.release(p)
		l.land(p)
		delete(l.waiting, p.place)
		delete(l.names, p.name)
		if p.at > 0 {
			heap.Remove(&l.again, p.at-1)
		}
	}
	more := len(l.fresh) > 0
	l.mu.Unlock()
	if more {
		l.signal() // there is room for the next
	}
}

// backlog returns how many messages wait for the peer's receipt.
func (l *lane) backlog() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// find returns where the message of that name stands in the outbox; false when its receipt is here or it was never sent.
func (l *lane) find(name envelope.Name) (place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.names[name]
	if p == nil {
		return place{}, false
	}
	return p.place, true
}

// later has a message published at a time; l.mu is held. It is not in hand.
func (l *lane) later(p *parcel, due time.Time) {
	p.due = due
	if p.at > 0 {
		heap.Fix(&l.again, p.at-1)
	} else {
		heap.Push(&l.again, p)
	}
}

// pick takes what is due into the hand: what is to be published again, then as much of the rest as may be under way.
func (l *lane) pick() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hand = slices.DeleteFunc(l.hand, func(p *parcel) bool { return l.waiting[p.place] != p })
	for len(l.hand) < envelope.MaxBatch && len(l.again) > 0 && !l.again[0].due.After(now) {
		l.hand = append(l.hand, heap.Pop(&l.again).(*parcel))
	}
	for len(l.hand) < envelope.MaxBatch && len(l.fresh) > 0 && l.flying+len(l.hand) < maxFlying {
		p := l.fresh[0]
		l.fresh[0] = nil
		l.fresh = l.fresh[1:]
		if l.waiting[p.place] == p {
			l.hand = append(l.hand, p)
		}
	}
}

// untilDue returns how long until the next message is due. What waits for room or for a key is not due: its coming wakes carryLoop.
func (l *lane) untilDue() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := lastRetry
	if len(l.again) > 0 {
		next = min(next, time.Until(l.again[0].due))
	}
	if len(l.answers) > 0 {
		next = min(next, time.Until(l.proveNext))
	}
	return max(next, 10*time.Millisecond)
}

// backoff returns how long after its n-th publication a message is published again.
func backoff(n int) time.Duration {
	return min(firstRetry<<min(max(n-1, 0), 16), lastRetry)
}

// heard notes a sign of life. After a silence, what was published before it is published again soon.
func (l *lane) heard() {
	now := time.Now()
	l.o.cfg.Peers.Hear(l.country, now)
	l.mu.Lock()
	away := now.Sub(l.last) > silence
	l.last = now
	if away {
		soon := now.Add(firstRetry)
		for _, p := range l.again {
			if !p.advised && p.due.After(soon) {
				p.due, p.attempts = soon, 0
			}
		}
		heap.Init(&l.again)
	}
	l.mu.Unlock()
	if away {
		l.signal()
	}
}

// advised follows the peer's advice about a message: wait, or seal anew. Advice is not signed: whoever makes it up gains a resend, less
// often each time.
func (l *lane) advised(a *rogatoryv1.Advice) {
	if len(a.GetMsg()) != len(envelope.Name{}) {
		return
	}
	wait := min(time.Duration(min(a.GetRetryAfterMs(), uint64(lastRetry.Milliseconds())))*time.Millisecond, lastRetry)
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.names[envelope.Name(a.GetMsg())]
	if p == nil || !p.flying || p.at == 0 {
		return // settled, or not published since the last advice
	}
	l.land(p)
	p.advised = true
	l.later(p, time.Now().Add(max(wait, backoff(p.attempts))))
	switch a.GetCode() {
	case rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC:
		l.release(p)
	}
	level := slog.LevelInfo
	if a.GetCode() == rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC {
		level = slog.LevelError // the peer holds it for forged, or has another message under its number
	}
	l.o.log.Log(context.Background(), level, "peer advises", "peer", l.country, "msg", p.name.String(), "advice", a.GetCode().String(), "due", p.due)
	l.signal()
}

// Resend makes messages due that a peer has missed, although it has seen later ones.
func (o *Office) Resend(peer string, epoch uint32, seqs []uint64) {
	l := o.lanes[peer]
	if l == nil {
		return
	}
	l.mu.Lock()
	soon := time.Now().Add(firstRetry)
	for _, seq := range seqs {
		// What was published a moment ago may still be on its way.
		if p := l.waiting[place{epoch, seq}]; p != nil && p.at > 0 && p.due.After(soon) {
			l.later(p, soon)
		}
	}
	l.mu.Unlock()
	l.signal()
}

// Prove queues the receipt that one of our leaves is for a peer, as a `whole` leaf is.
func (o *Office) Prove(peer string, leafIndex int64) {
	if l := o.lanes[peer]; l != nil {
		l.mu.Lock()
		l.reply(leafIndex)
		l.mailbox = true // nothing would ask for it again
		l.mu.Unlock()
		l.signal()
	}
}

// reply queues a receipt, once; l.mu is held.
func (l *lane) reply(index int64) {
	if i, there := slices.BinarySearch(l.answers, index); !there {
		l.answers = slices.Insert(l.answers, i, index)
	}
}

// advise queues an advice, if there is room; l.mu is held.
func (l *lane) advise(a *rogatoryv1.Advice) {
	if len(l.advice) < maxAdvice {
		l.advice = append(l.advice, a)
	}
}
