package post

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/limit"
	"github.com/rogatory/rogatory/node/post/outbox"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// lane is all that concerns one peer.
type lane struct {
	o       *Office
	country string
	wake    chan struct{} // something has become due
	queue   *outbox.Queue // our messages to the peer that have no receipt yet

	mu      sync.Mutex
	answers []int64                 // indices of our leaves that are receipts to be sent, ascending
	advice  []*rogatoryv1.Advice    // to be sent
	parked  map[envelope.Name]int64 // what of the peer's is parked, in bytes
	shelf   int64                   // the sum of parked
	mailbox bool                    // answers are to go by the mailbox: those before may have got lost

	// Owned by carryLoop.
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
		queue:    outbox.New(),
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

// drop forgets a message whose receipt is committed.
func (l *lane) drop(at outbox.Place) {
	if l.queue.Drop(at) {
		l.signal()
	}
}

// untilDue returns how long until the next message or receipt is due.
func (l *lane) untilDue() time.Duration {
	next := l.queue.Due()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.answers) > 0 {
		next = min(next, time.Until(l.proveNext))
	}
	return max(next, 10*time.Millisecond)
}

// heard notes a sign of life.
func (l *lane) heard() {
	now := time.Now()
	l.o.cfg.Peers.Hear(l.country, now)
	if l.queue.Hear(now) {
		l.signal()
	}
}

// advised follows the peer's advice about a message: wait, or seal anew.
func (l *lane) advised(a *rogatoryv1.Advice) {
	if len(a.GetMsg()) != len(envelope.Name{}) {
		return
	}
	wait := time.Duration(min(a.GetRetryAfterMs(), uint64(outbox.LastRetry.Milliseconds()))) * time.Millisecond
	reseal := false
	switch a.GetCode() {
	case rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC:
		reseal = true
	}
	name := envelope.Name(a.GetMsg())
	due, ok := l.queue.Advise(name, wait, reseal)
	if !ok {
		return
	}
	level := slog.LevelInfo
	if a.GetCode() == rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC {
		level = slog.LevelError // the peer holds it for forged, or has another message under its number
	}
	l.o.log.Log(context.Background(), level, "peer advises", "peer", l.country, "msg", name.String(), "advice", a.GetCode().String(), "due", due)
	l.signal()
}

// Resend makes messages due that a peer has missed, although it has seen later ones.
func (o *Office) Resend(peer string, epoch uint32, seqs []uint64) {
	if l := o.lanes[peer]; l != nil {
		l.queue.Missed(epoch, seqs)
		l.signal()
	}
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
