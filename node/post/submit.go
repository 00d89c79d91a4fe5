package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/post/outbox"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Outgoing is one message to one recipient, frozen.
type Outgoing struct {
	To              string
	Docket, Content envelope.Part
	CaseToken       string
	// Unit is the sending unit: its key wraps the key of our copy of the content.
	Unit string
	// ContentID is the number of the content if the store has it already, else 0.
	ContentID uint64
}

// Sent is what an Outgoing has become.
type Sent struct {
	Name  envelope.Name
	Index int64 // of the `out` leaf
	At    int64 // of the `out` leaf, milliseconds since 1970 UTC
	// Submitted is the message's submitted_ms.
	Submitted int64
}

// Submit numbers, seals and signs messages and commits them together with what do writes, in one transaction; do may run more than
// once. When do fails nothing has happened and its error comes back; others who submit at the same time do not notice. Submit returns
// when the messages are durable; they are carried until their receipts are here. ErrUncleared, ErrUnconfirmed and ErrOutboxFull mean: later. When ctx
// ends before the messages are numbered, nothing has happened.
func (o *Office) Submit(ctx context.Context, out []Outgoing, do func(*store.Tx, []Sent) error) ([]Sent, error) {
	if len(out) == 0 || len(out) > envelope.MaxBatch {
		return nil, fmt.Errorf("submitting %d messages: %w", len(out), ErrBatchSize)
	}
	if !o.Cleared() {
		return nil, ErrUncleared
	}
	for i := range out {
		if err := o.sendable(&out[i]); err != nil {
			return nil, fmt.Errorf("submitting to %s: %w", out[i].To, err)
		}
	}
	for i := range out {
		if err := o.mayNumber(out[i].To); err != nil {
			return nil, err
		}
	}
	j := &job{out: out, do: do, done: make(chan struct{})}
	select {
	case o.jobs <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-o.stopped:
		return nil, ErrStopped
	}
	select {
	case <-j.done:
		return j.outcome()
	case <-ctx.Done():
		if j.claim() {
			return nil, ctx.Err()
		}
	case <-o.stopped:
		if j.claim() {
			return nil, ErrStopped
		}
	}
	<-j.done // it is being committed, and the caller is to know what became of it
	return j.outcome()
}

// sendable refuses what no recipient would take.
func (o *Office) sendable(m *Outgoing) error {
	switch {
	case o.lanes[m.To] == nil:
		return ErrStranger
	case len(m.Docket.Bytes) > maxDocket:
		return fmt.Errorf("docket of %d bytes: %w", len(m.Docket.Bytes), envelope.ErrTooLarge)
	case envelope.InnerSize(m.Docket, m.Content) > envelope.MaxInner:
		return fmt.Errorf("content of %d bytes: %w", len(m.Content.Bytes), envelope.ErrTooLarge)
	}
	return nil
}

// A job is one call of Submit on its way through numberLoop.
type job struct {
	out   []Outgoing
	do    func(*store.Tx, []Sent) error
	taken atomic.Bool

	// Owned by numberLoop until done is closed.
	drafts  []*numbered
	sent    []Sent
	err     error // why nothing of it has happened
	refused error // do's, each time it runs
	done    chan struct{}
}

// claim decides who answers for the job: numberLoop, or the caller who goes away. It returns true once.
func (j *job) claim() bool { return j.taken.CompareAndSwap(false, true) }

func (j *job) outcome() ([]Sent, error) {
	if j.err != nil {
		return nil, j.err
	}
	return j.sent, nil
}

// numbered is a message with its number, and its envelope if the recipient's day key is known.
type numbered struct {
	out     *Outgoing
	message *rogatoryv1.Message
	bytes   []byte
	name    envelope.Name
	sealed  *envelope.Sealed
	signed  envelope.Signed
	expires time.Time
	err     error // why it cannot be sealed

	// Used by sealHand.
	parcel  *outbox.Parcel
	settled bool // its receipt has come in the meantime
}

func (n *numbered) place() outbox.Place {
	return outbox.Place{Epoch: n.message.GetEpoch(), Seq: n.message.GetSeq()}
}

// carried returns the message as it is published, if it is sealed.
func (n *numbered) carried() outbox.Sealed {
	if n.sealed == nil {
		return outbox.Sealed{}
	}
	return outbox.Sealed{Envelope: n.signed.Envelope, KID: n.sealed.From, Expires: n.expires}
}

// errStale says that what was numbered was not committed within staleAfter: an auditor would find another time in the message than in its leaf. It is
// numbered anew.
var errStale = errors.New("numbered too long ago")

const staleAfter = time.Minute

// tail is where a sequence of messages stands.
type tail struct {
	epoch uint32
	seq   uint64 // of the next message
	prev  envelope.Name
}

// numberLoop takes all jobs that wait, numbers, seals and signs their messages together, and commits them in one transaction.
func (o *Office) numberLoop(ctx context.Context) error {
	for {
		var jobs []*job
		select {
		case j := <-o.jobs:
			jobs = o.gather(j)
		case <-ctx.Done():
			return nil
		}
		if err := o.submitAll(ctx, jobs); err != nil {
			return err
		}
	}
}

// gather claims a job and those that wait at this moment, up to a batch. It does not wait for any.
func (o *Office) gather(j *job) (jobs []*job) {
	for n := 0; ; {
		if j.claim() {
			jobs = append(jobs, j)
			n += len(j.out)
		}
		if n >= envelope.MaxBatch {
			return jobs
		}
		select {
		case j = <-o.jobs:
		default:
			return jobs
		}
	}
}

// submitAll commits the jobs and answers them; one whose do fails is taken out and the others are numbered anew. An error is returned only
// when the store is of no use any more; the jobs carry theirs.
func (o *Office) submitAll(ctx context.Context, jobs []*job) error {
	answer := sync.OnceFunc(func() {
		for _, j := range jobs {
			close(j.done)
		}
	})
	defer answer()
	left := o.withRoom(jobs)
	for len(left) > 0 {
		messages, err := o.number(left)
		if err == nil {
			err = o.sealAll(messages)
		}
		if err == nil && !unsealable(left) {
			o.step(StepSealed)
			err = o.commit(ctx, left)
		}
		if errors.Is(err, errStale) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(left), func(j *job) bool {
			j.err = j.refused
			return j.err != nil
		})
		if len(rest) < len(left) {
			left = rest
			continue
		}
		if err != nil && !errors.Is(err, store.ErrUnguarded) {
			for _, j := range left {
				j.err = err
			}
			if store.Fatal(err) {
				return err
			}
			return nil
		}
		o.step(StepSubmitted)
		if err != nil {
			answer() // it is durable; sending it waits for the guard
			if err := o.guarded(ctx, err); store.Fatal(err) {
				return err
			} else if err != nil {
				return nil // the node stops, and carries it at its start
			}
		}
		for _, m := range messages {
			l := o.lanes[m.out.To]
			l.queue.Add(m.place(), m.name, m.carried())
			l.signal()
		}
		return nil
	}
	return nil
}

// withRoom returns the jobs for whose recipients there is room in the outbox, and refuses the others.
func (o *Office) withRoom(jobs []*job) (left []*job) {
	waiting := map[string]int{}
	for _, j := range jobs {
		for i := range j.out {
			to := j.out[i].To
			if _, counted := waiting[to]; !counted {
				waiting[to] = o.lanes[to].queue.Len()
			}
			if waiting[to] >= o.cfg.OutboxPerPeer {
				j.err = fmt.Errorf("submitting to %s: %w", to, ErrOutboxFull)
			}
		}
		if j.err != nil {
			continue
		}
		for i := range j.out {
			waiting[j.out[i].To]++
		}
		left = append(left, j)
	}
	return left
}

// unsealable refuses the jobs with a message that could not be sealed, and reports whether there are any.
func unsealable(jobs []*job) (any bool) {
	for _, j := range jobs {
		for _, n := range j.drafts {
			if n.err != nil {
				j.refused, any = fmt.Errorf("sealing for %s: %w", n.out.To, n.err), true
			}
		}
	}
	return any
}

// number gives each message the next number to its recipient.
func (o *Office) number(jobs []*job) ([]*numbered, error) {
	tails := map[string]*tail{}
	var all []*numbered
	now := time.Now().UnixMilli()
	err := o.cfg.Store.View(func(r *store.Reader) error {
		// The time of leaves never falls, even if the clock was set back, and a message says that of its leaf.
		if size := r.Size(); size > 0 {
			raw, err := r.Leaf(size - 1)
			if err != nil {
				return err
			}
			last, err := translog.ParseLeaf(raw)
			if err != nil {
				return err
			}
			now = max(now, last.At)
		}
		for _, j := range jobs {
			j.drafts = j.drafts[:0]
			for i := range j.out {
				m := &j.out[i]
				t := tails[m.To]
				if t == nil {
					epoch, seq, prev, err := r.NextOutgoing(m.To)
					if err != nil {
						return err
					}
					t = &tail{epoch: epoch, seq: seq, prev: envelope.Name(prev)}
					tails[m.To] = t
				}
				n, err := o.compose(m, t, now)
				if err != nil {
					return err
				}
				t.seq, t.prev = t.seq+1, n.name
				j.drafts = append(j.drafts, n)
				all = append(all, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("numbering messages: %w", err)
	}
	return all, nil
}

func (o *Office) compose(m *Outgoing, t *tail, now int64) (*numbered, error) {
	docket := envelope.Commit(m.Docket.Salt, envelope.Docket, m.Docket.Bytes)
	content := envelope.Commit(m.Content.Salt, envelope.Content, m.Content.Bytes)
	n := &numbered{out: m, message: &rogatoryv1.Message{
		From: o.cfg.Country, To: m.To,
		Epoch: t.epoch, Seq: t.seq, Prev: bytes.Clone(t.prev[:]),
		DocketCommit: docket[:], ContentCommit: content[:],
		SubmittedMs: uint64(now),
	}}
	var err error
	if n.bytes, err = envelope.Marshal(n.message); err != nil {
		return nil, fmt.Errorf("composing message: %w", err)
	}
	n.name = envelope.MessageName(n.bytes)
	return n, nil
}

// commit writes leaves, the callers' cases, contents and outbox in one transaction.
func (o *Office) commit(ctx context.Context, jobs []*job) error {
	directory := o.cfg.Peers.Directory().Version()
	_, err := o.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		for _, j := range jobs {
			if len(j.drafts) > 0 && tx.At()-int64(j.drafts[0].message.SubmittedMs) > staleAfter.Milliseconds() {
				return errStale
			}
			// A disk that is full says so at the commit: what fails here is this job's fault.
			if j.refused = o.commitJob(tx, j, directory); j.refused != nil {
				return j.refused
			}
		}
		return nil
	})
	return err
}

func (o *Office) commitJob(tx *store.Tx, j *job, directory uint64) error {
	j.sent = j.sent[:0]
	for _, n := range j.drafts {
		index, err := tx.Append(o.outLeaf(n, directory))
		if err != nil {
			return err
		}
		j.sent = append(j.sent, Sent{Name: n.name, Index: index, At: tx.At(), Submitted: int64(n.message.SubmittedMs)})
	}
	// The case comes before the messages that are listed with it.
	if err := j.do(tx, j.sent); err != nil {
		return err
	}
	for i, n := range j.drafts {
		if err := n.keep(tx, j.sent[i].Index); err != nil {
			return err
		}
	}
	return nil
}

func (o *Office) outLeaf(n *numbered, directory uint64) *translog.Msg {
	m := n.message
	leaf := &translog.Msg{
		Dir: translog.Out, Msg: translog.Hash(n.name), From: m.From, To: m.To,
		Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit),
		DirectoryVersion: int64(directory), ManifestVersion: int64(o.cfg.Peers.OwnVersion()),
		Size: int64(envelope.InnerSize(n.out.Docket, n.out.Content)),
	}
	if n.sealed != nil {
		leaf.Stmt, leaf.Sig = n.sealed.Hash, n.signed.Hash
	}
	return leaf
}

// keep writes the content, the side record and the outbox entry of a message whose leaf stands at index.
func (n *numbered) keep(tx *store.Tx, index int64) error {
	m := n.message
	id := n.out.ContentID
	if id == 0 {
		var err error
		if id, err = tx.PutContent(n.out.Unit, saltedContent(n.out.Content)); err != nil {
			return err
		}
	}
	row := &storev1.LoggedMessage{
		Outgoing: true, Peer: m.To, Msg: n.name[:], Message: n.bytes,
		Docket: n.out.Docket.Bytes, DocketSalt: n.out.Docket.Salt[:], ContentId: id, CaseToken: n.out.CaseToken,
	}
	entry := &storev1.OutboxEntry{
		To: m.To, Epoch: m.Epoch, Seq: m.Seq, Msg: n.name[:], Message: n.bytes,
		Docket: n.out.Docket.Bytes, DocketSalt: n.out.Docket.Salt[:], ContentId: id,
		LeafIndex: uint64(index), CaseToken: n.out.CaseToken, SubmittedMs: m.SubmittedMs,
	}
	if n.sealed != nil {
		row.Statement, row.Signature = n.sealed.Statement, n.signed.Signature
		entry.Statement, entry.ExpiresMs = n.sealed.Hash[:], uint64(n.expires.UnixMilli())
	}
	if err := tx.PutMessage(index, row); err != nil {
		return err
	}
	return tx.PutOutbox(entry)
}

// saltedContent is how a content is kept: its salt, then its bytes. Both go when its key goes.
func saltedContent(p envelope.Part) []byte {
	return slices.Concat(p.Salt[:], p.Bytes)
}

// SplitContent is the inverse: what the store keeps of a content.
func SplitContent(b []byte) (envelope.Part, error) {
	if len(b) < len(envelope.Salt{}) {
		return envelope.Part{}, ErrContent
	}
	return envelope.Part{Salt: envelope.Salt(b[:32]), Bytes: b[32:]}, nil
}
