package post

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/post/outbox"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// A lone message goes past the mailbox, and through it when its receipt is not there after outbox.DirectWait. So does the lone answer to a
	// message that has come for the first time: if it gets lost, the message comes again. A frame of up to directMost of either is lone if
	// nothing else is under way.
	directMost = 4
	// publishTimeout bounds one attempt to publish a frame, publishPause follows one that failed: the mailbox is full, for example.
	publishTimeout = 15 * time.Second
	publishPause   = time.Second
	// frameRoom is what a frame may hold of envelopes, receipts and advice, the rest is for lengths.
	frameRoom = transport.MaxFrame - 8<<10
	// maxReceipts is how many receipts one checkpoint proves in one frame: each takes up to 2.5 KiB.
	maxReceipts = 384
	// adviceInFrame is how much advice goes into one frame, some 60 bytes each.
	adviceInFrame = envelope.MaxBatch
)

// load reads the outbox of the peer at the start. Envelopes are not kept: each message is sealed anew.
func (l *lane) load() error {
	var at outbox.Place
	for {
		var entries []*storev1.OutboxEntry
		err := l.o.cfg.Store.View(func(r *store.Reader) (err error) {
			entries, err = r.Outbox(l.country, at.Epoch, at.Seq, 1000)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading the outbox to %s: %w", l.country, err)
		}
		if len(entries) == 0 {
			return nil
		}
		for _, e := range entries {
			at = outbox.Place{Epoch: e.Epoch, Seq: e.Seq}
			l.queue.Add(at, envelope.Name(e.Msg), outbox.Sealed{})
		}
	}
}

// carryLoop publishes what is due to one peer: messages, receipts, advice.
func (l *lane) carryLoop(ctx context.Context) error {
	select {
	case <-l.o.clear:
	case <-ctx.Done():
		return nil
	}
	for {
		// Taken before looking, so that no change is missed.
		peers, net := l.o.cfg.Peers.Changed(), l.o.cfg.Net.Changed()
		wait, err := l.carry(ctx)
		if err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		case <-peers:
		case <-net:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// carry publishes what is due now and returns how long nothing else is. Only an error that ends the node comes back.
func (l *lane) carry(ctx context.Context) (time.Duration, error) {
	for ctx.Err() == nil {
		if !l.o.cfg.Net.Connected() {
			return outbox.LastRetry, nil // woken by Changed
		}
		if wait := time.Until(l.quiet); wait > 0 {
			return wait, nil
		}
		// Without a key of the day nothing can be sealed, and what was sealed before is over soon: only receipts go.
		_, keyed := l.o.cfg.Peers.SealingKey(l.country, time.Now())
		if keyed {
			l.queue.Pick()
			if err := l.sealHand(ctx); err != nil {
				if store.Fatal(err) {
					return 0, err
				}
				l.o.log.Error("sealing anew failed", "peer", l.country, "err", err, "hint", store.Hint(err))
				l.quiet = time.Now().Add(retryPause)
				continue
			}
		}
		f, err := l.frame()
		if err != nil {
			return 0, err
		}
		if f == nil {
			if keyed && l.queue.Holding() {
				continue // what was in hand has been settled or set aside
			}
			return l.untilDue(), nil
		}
		switch err := l.publish(ctx, f); {
		case err == nil:
			l.published(f)
		case errors.Is(err, transport.ErrTooLarge):
			return 0, fmt.Errorf("publishing to %s: %w", l.country, err)
		default:
			l.restore(f)
			l.o.log.Debug("publishing failed", "peer", l.country, "err", err)
			l.quiet = time.Now().Add(publishPause)
		}
	}
	return 0, nil
}

// lone reports whether a frame may pass the mailbox by: nothing in it is under way for the second time, or would not come again.
func (l *lane) lone(f *packing, size int) bool {
	if size > transport.MaxDirect || f.parcels > directMost || len(f.answers) > directMost || len(f.frame.Advice) > 0 || f.mailbox {
		return false
	}
	return l.queue.Lone(f.parcels)
}

func (l *lane) publish(ctx context.Context, f *packing) error {
	b, err := envelope.Marshal(f.frame)
	if err != nil {
		return err
	}
	if f.direct = l.lone(f, len(b)); f.direct {
		return l.o.cfg.Net.Send(l.country, b)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return l.o.cfg.Net.Publish(ctx, l.country, b)
}

// A packing is a frame and what it was made of.
type packing struct {
	frame   *rogatoryv1.Frame
	parcels int // how many of the hand, from its front
	answers []int64
	mailbox bool // answers are to go by the mailbox
	direct  bool // it passed the mailbox by
}

// frame puts together what is due, up to a frame's size; nil when nothing is.
func (l *lane) frame() (*packing, error) {
	f := &packing{frame: &rogatoryv1.Frame{}}
	room := frameRoom
	if !l.alone && !time.Now().Before(l.proveNext) {
		var err error
		if room, err = l.packAnswers(f, room); err != nil {
			return nil, err
		}
	}
	var over bool
	f.frame.Envelopes, over = l.queue.Pack(room)
	switch f.parcels = len(f.frame.Envelopes); {
	case f.parcels > 0:
		l.alone = false
	case over:
		l.alone = true
	}
	if len(f.frame.Envelopes)+len(f.frame.Receipts)+len(f.frame.Advice) == 0 {
		l.alone = false
		return nil, nil
	}
	return f, nil
}

// packAnswers takes receipts and advice into a frame and returns the room that is left.
func (l *lane) packAnswers(f *packing, room int) (int, error) {
	l.mu.Lock()
	n := min(len(l.answers), maxReceipts)
	f.answers = slices.Clone(l.answers[:n])
	l.answers = slices.Delete(l.answers, 0, n)
	f.mailbox = l.mailbox
	l.mailbox = l.mailbox && len(l.answers) > 0
	n = min(len(l.advice), adviceInFrame)
	f.frame.Advice = slices.Clone(l.advice[:n])
	l.advice = slices.Delete(l.advice, 0, n)
	l.mu.Unlock()
	for _, a := range f.frame.Advice {
		room -= proto.Size(a) + 8
	}
	if len(f.answers) == 0 {
		return room, nil
	}
	receipts, err := l.o.notary.Prove(f.answers)
	if err != nil {
		l.restore(f)
		if store.Fatal(err) {
			return 0, err
		}
		// The guard's disk is full, for example. Messages go on; receipts wait.
		l.o.log.Error("proving receipts failed", "peer", l.country, "err", err, "hint", store.Hint(err))
		l.proveNext = time.Now().Add(retryPause)
		f.answers, f.frame.Advice = nil, nil
		return frameRoom, nil
	}
	f.frame.Receipts = append(f.frame.Receipts, receipts...)
	for _, rs := range receipts {
		room -= proto.Size(rs) + 8
	}
	return room, nil
}

// restore puts receipts and advice of a frame that was not published back. Its messages are still in hand.
func (l *lane) restore(f *packing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, index := range f.answers {
		l.reply(index)
	}
	l.mailbox = l.mailbox || f.mailbox
	for _, a := range f.frame.Advice {
		l.advise(a)
	}
}

// published sets when the messages of a frame are due again.
func (l *lane) published(f *packing) {
	if f.parcels > 0 {
		l.o.step(StepPublished)
	}
	if len(f.answers) > 0 {
		l.o.step(StepReceipted)
	}
	l.queue.Published(f.parcels, f.direct)
}
