package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// A message is published again after firstRetry, then after twice as long each time, up to lastRetry. While the peer is away the
	// backbone keeps what was published, so it costs little to be patient; when the peer is heard of after a silence, all that
	// waits is due after firstRetry.
	firstRetry = 5 * time.Second
	lastRetry  = time.Hour
	// silence is how long a peer is silent before it counts as having been away.
	silence = 20 * time.Second
	// cacheLimit bounds the envelopes that are held in memory for one peer, in bytes. What is dropped is sealed anew if it must be
	// published again.
	cacheLimit = 32 << 20
	// publishTimeout bounds one attempt to publish a frame.
	publishTimeout = 15 * time.Second
	// frameRoom is what a frame may hold of envelopes and receipts, the rest is for lengths and advice.
	frameRoom = transport.MaxFrame - 8<<10
)

// place is where a message stands in the sequence to one peer.
type place struct {
	epoch uint32
	seq   uint64
}

// A parcel is an entry of the outbox, as far as carrying it needs.
type parcel struct {
	place
	name     envelope.Name
	envelope []byte    // nil: to be sealed anew before it is published
	expires  time.Time // of the sealing
	due      time.Time
	attempts int
}

// backlog returns how many messages wait for the peer's receipt.
func (c *counter) backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// add takes over a message that was committed.
func (c *counter) add(n *numbered) {
	c.mu.Lock()
	p := &parcel{
		place: place{n.message.Epoch, n.message.Seq}, name: n.name,
		envelope: n.signed.Envelope, expires: n.expires,
	}
	c.waiting[p.place], c.names[p.name] = p, p
	c.cached += len(p.envelope)
	c.mu.Unlock()
	c.signal()
}

// drop forgets a message whose receipt is committed.
func (c *counter) drop(at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.waiting[at]; p != nil {
		c.cached -= len(p.envelope)
		delete(c.waiting, at)
		delete(c.names, p.name)
	}
}

// heard notes a sign of life. After a silence, what waits is carried soon.
func (c *counter) heard() {
	now := time.Now()
	c.o.cfg.Peers.Hear(c.country, now)
	c.mu.Lock()
	away := now.Sub(c.last) > silence
	c.last = now
	if away {
		for _, p := range c.waiting {
			if soon := now.Add(firstRetry); p.due.After(soon) {
				p.due = soon
			}
			p.attempts = 0
		}
	}
	c.mu.Unlock()
	if away {
		c.signal()
	}
}

// load reads the outbox of the peer at the start. Envelopes are not kept: each message is sealed anew.
func (c *counter) load() error {
	var at place
	for {
		var entries []*storev1.OutboxEntry
		err := c.o.cfg.Store.View(func(r *store.Reader) (err error) {
			entries, err = r.Outbox(c.country, at.epoch, at.seq, 1000)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading the outbox to %s: %w", c.country, err)
		}
		if len(entries) == 0 {
			return nil
		}
		c.mu.Lock()
		for _, e := range entries {
			at = place{e.Epoch, e.Seq}
			if c.waiting[at] == nil {
				p := &parcel{place: at, name: envelope.Name(e.Msg)}
				c.waiting[at], c.names[p.name] = p, p
			}
		}
		c.mu.Unlock()
	}
}

// carryLoop publishes what is due to one peer: messages, receipts, advice.
func (c *counter) carryLoop(ctx context.Context) error {
	select {
	case <-c.o.clear:
	case <-ctx.Done():
		return nil
	}
	for {
		// Taken before looking, so that no change is missed.
		peers, net := c.o.cfg.Peers.Changed(), c.o.cfg.Net.Changed()
		wait, err := c.carry(ctx)
		if err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-c.wake:
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

// carry publishes what is due now and returns how long nothing else is. Only an error of the store comes back.
func (c *counter) carry(ctx context.Context) (time.Duration, error) {
	for ctx.Err() == nil {
		if !c.o.cfg.Net.Connected() {
			return lastRetry, nil // woken by Changed
		}
		if err := c.resealDue(ctx); err != nil {
			return 0, err
		}
		frame, parcels, err := c.frame()
		if err != nil {
			return 0, err
		}
		if frame == nil {
			break
		}
		switch err := c.publish(ctx, frame); {
		case err == nil:
			c.o.step(StepPublished)
			c.published(parcels)
		case errors.Is(err, transport.ErrTooLarge):
			return 0, fmt.Errorf("publishing to %s: %w", c.country, err)
		default:
			c.restore(frame)
			c.o.log.Debug("publishing failed", "peer", c.country, "err", err)
			return time.Second, nil
		}
	}
	return c.untilDue(), nil
}

func (c *counter) publish(ctx context.Context, f *rogatoryv1.Frame) error {
	b, err := envelope.Marshal(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return c.o.cfg.Net.Publish(ctx, c.country, b)
}

// untilDue returns how long until the next message is due.
func (c *counter) untilDue() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := lastRetry
	for _, p := range c.waiting {
		next = min(next, time.Until(p.due))
	}
	return max(next, 10*time.Millisecond)
}

// dueParcels returns the messages that are due, in the order of their numbers; those with an envelope, or those without.
func (c *counter) dueParcels(sealed bool, limit int) []*parcel {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var due []*parcel
	for _, p := range c.waiting {
		if !p.due.After(now) && (p.envelope != nil && p.expires.After(now)) == sealed {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *parcel) int {
		if a.epoch != b.epoch {
			return int(a.epoch) - int(b.epoch)
		}
		return int(int64(a.seq) - int64(b.seq))
	})
	return due[:min(len(due), limit)]
}

// frame puts together what is due, up to a frame's size; nil when nothing is.
func (c *counter) frame() (*rogatoryv1.Frame, []*parcel, error) {
	f := &rogatoryv1.Frame{}
	c.mu.Lock()
	answers := c.answers
	if len(answers) > maxReceipts {
		answers = answers[:maxReceipts]
	}
	c.answers = c.answers[len(answers):]
	f.Advice = c.advice
	if len(f.Advice) > maxAdvice {
		f.Advice = f.Advice[:maxAdvice]
	}
	c.advice = c.advice[len(f.Advice):]
	c.mu.Unlock()
	room := frameRoom - len(f.Advice)*64
	if len(answers) > 0 {
		receipts, err := c.o.prove(answers)
		if err != nil {
			return nil, nil, err
		}
		f.Receipts = append(f.Receipts, receipts)
		room -= proto.Size(receipts) + 8
	}
	var parcels []*parcel
	for _, p := range c.dueParcels(true, 4*envelope.MaxBatch) {
		if len(p.envelope)+8 > room {
			break
		}
		room -= len(p.envelope) + 8
		f.Envelopes = append(f.Envelopes, p.envelope)
		parcels = append(parcels, p)
	}
	if len(f.Envelopes)+len(f.Receipts)+len(f.Advice) == 0 {
		return nil, nil, nil
	}
	return f, parcels, nil
}

// restore puts receipts and advice of a frame that was not published back.
func (c *counter) restore(f *rogatoryv1.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range f.Receipts {
		for _, r := range rs.Receipts {
			c.answers = append(c.answers, int64(r.Index))
		}
	}
	c.advice = append(c.advice, f.Advice...)
}

// published sets when the messages are due again.
func (c *counter) published(parcels []*parcel) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parcels {
		wait := min(firstRetry<<min(p.attempts, 16), lastRetry)
		// Up to a quarter more, so that those who waited for one peer do not come at once.
		p.due = now.Add(wait + rand.N(wait/4))
		p.attempts++
		if c.cached > cacheLimit && c.waiting[p.place] == p {
			c.cached -= len(p.envelope)
			p.envelope = nil
		}
	}
}

// resealDue seals the due messages that have no envelope that could be sent, signs them together, and commits their reseal leaves before
// they may be published. Messages to a peer whose day key is not known stay.
func (c *counter) resealDue(ctx context.Context) error {
	if _, ok := c.o.cfg.Peers.SealingKey(c.country, time.Now()); !ok {
		return nil
	}
	for ctx.Err() == nil {
		due := c.dueParcels(false, envelope.MaxBatch)
		if len(due) == 0 {
			return nil
		}
		if err := c.reseal(ctx, due); err != nil {
			if errors.Is(err, store.ErrBroken) {
				return err
			}
			c.o.log.Error("sealing anew failed", "peer", c.country, "err", err)
			c.postpone(due)
			return nil
		}
	}
	return nil
}

func (c *counter) postpone(parcels []*parcel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parcels {
		p.due = time.Now().Add(firstRetry)
	}
}

func (c *counter) reseal(ctx context.Context, parcels []*parcel) error {
	messages := make([]*numbered, 0, len(parcels))
	for _, p := range parcels {
		n, err := c.o.reload(c.country, p.place)
		if errors.Is(err, store.ErrNotFound) {
			c.drop(p.place) // its receipt has come in the meantime
			continue
		}
		if err != nil {
			return err
		}
		messages = append(messages, n)
	}
	if err := c.o.sealAll(messages); err != nil {
		return err
	}
	_, err := c.o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, n := range messages {
			if err := n.logReseal(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.o.step(StepResealed)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range messages {
		if p := c.waiting[place{n.message.Epoch, n.message.Seq}]; p != nil && n.sealed != nil {
			c.cached += len(n.signed.Envelope) - len(p.envelope)
			p.envelope, p.expires = n.signed.Envelope, n.expires
		}
	}
	return nil
}

// reload reads a message of the outbox with its content.
func (o *Office) reload(to string, at place) (*numbered, error) {
	var entry *storev1.OutboxEntry
	err := o.cfg.Store.View(func(r *store.Reader) (err error) {
		entry, err = r.OutboxEntry(to, at.epoch, at.seq)
		return err
	})
	if err != nil {
		return nil, err
	}
	kept, err := o.cfg.Store.Content(entry.ContentId)
	if err != nil {
		return nil, err
	}
	content, err := SplitContent(kept)
	if err != nil {
		return nil, err
	}
	m, err := envelope.ParseMessage(entry.Message)
	if err != nil {
		return nil, err
	}
	return &numbered{
		out: &Outgoing{
			To: to, CaseToken: entry.CaseToken, Content: content,
			Docket: envelope.Part{Bytes: entry.Docket, Salt: envelope.Salt(entry.DocketSalt)},
		},
		message: m, bytes: entry.Message, name: envelope.Name(entry.Msg),
	}, nil
}

// logReseal commits another attempt to carry a message, unless its receipt has come in the meantime.
func (n *numbered) logReseal(tx *store.Tx) error {
	if n.sealed == nil {
		return nil
	}
	entry, err := tx.OutboxEntry(n.message.To, n.message.Epoch, n.message.Seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	index, err := tx.Append(&translog.Reseal{Of: translog.Hash(n.name), Stmt: n.sealed.Hash, Sig: n.signed.Hash})
	if err != nil {
		return err
	}
	entry.Statement, entry.ExpiresMs = bytes.Clone(n.sealed.Hash[:]), uint64(n.expires.UnixMilli())
	if err := tx.UpdateOutbox(entry); err != nil {
		return err
	}
	return tx.PutStatement(index, &storev1.LoggedStatement{Msg: n.name[:], Statement: n.sealed.Statement, Signature: n.signed.Signature})
}

// advised follows the peer's advice about a message: wait, or seal anew.
func (c *counter) advised(a *rogatoryv1.Advice) {
	if len(a.GetMsg()) != len(envelope.Name{}) {
		return
	}
	wait := min(max(time.Duration(a.GetRetryAfterMs())*time.Millisecond, firstRetry), lastRetry)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.names[envelope.Name(a.GetMsg())]
	if p == nil {
		return
	}
	p.due = time.Now().Add(wait)
	switch a.GetCode() {
	case rogatoryv1.AdviceCode_ADVICE_CODE_KEY_GONE, rogatoryv1.AdviceCode_ADVICE_CODE_CLOCK, rogatoryv1.AdviceCode_ADVICE_CODE_NOT_AUTHENTIC:
		c.cached -= len(p.envelope)
		p.envelope = nil
	}
	c.o.log.Info("peer advises", "peer", c.country, "msg", p.name.String(), "advice", a.GetCode().String(), "wait", wait)
}

// Resend makes messages due that a peer has missed, although it has seen later ones.
func (o *Office) Resend(peer string, epoch uint32, seqs []uint64) {
	c := o.desks[peer]
	if c == nil {
		return
	}
	c.mu.Lock()
	soon := time.Now().Add(firstRetry)
	for _, seq := range seqs {
		// What was published a moment ago may still be on its way.
		if p := c.waiting[place{epoch, seq}]; p != nil && p.due.After(soon) {
			p.due = soon
		}
	}
	c.mu.Unlock()
	c.signal()
}

// Prove queues the receipt that one of our leaves is for a peer, as a `whole` leaf is.
func (o *Office) Prove(peer string, leafIndex int64) {
	c := o.desks[peer]
	if c == nil {
		return
	}
	c.mu.Lock()
	c.answers = append(c.answers, leafIndex)
	c.mu.Unlock()
	c.signal()
}
