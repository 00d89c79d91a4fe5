package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/keys"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// maxFindings is how many findings Check reports.
const maxFindings = 100

// Check reads everything and holds it against everything else: bbolt's own structure, leaves against the tree, side
// records, sequences, outbox and seen against the leaves, contents against their keys and tombstones, cases against their
// listings. It returns nil, or an error that wraps [ErrInconsistent] and names each finding. Nothing is written while it
// runs.
func (s *Store) Check(ctx context.Context) error {
	if s.queue.Closed() {
		return ErrClosed
	}
	s.choreMu.Lock()
	defer s.choreMu.Unlock()
	main, err := s.main.Begin(true) // a writer's transaction: nothing changes meanwhile
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	defer func() { _ = main.Rollback() }()
	keys, err := s.keys.Still()
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	defer func() { _ = keys.End() }()

	c := &checker{ctx: ctx, r: &Reader{s: s, b: main}, keys: keys, open: make(map[translog.Hash]int64), next: make(map[string]position), wits: make(map[string]witness)}
	for _, part := range []func() error{
		c.files, c.log, c.witnessed, c.messages, c.outbox, c.seen, c.sequences, c.cases, c.listings, c.contents, c.dataKeys, c.acts, c.blobs,
	} {
		if err := errors.Join(ctx.Err(), part()); err != nil {
			return fmt.Errorf("checking: %w", err)
		}
	}
	if len(c.findings) > 0 {
		return fmt.Errorf("%w: %w", ErrInconsistent, errors.Join(c.findings...))
	}
	return nil
}

type checker struct {
	ctx      context.Context
	r        *Reader
	keys     *keys.Snapshot
	findings []error

	in   *Reader                 // of the log whose leaves are looked at
	open map[translog.Hash]int64 // `out` leaves without receipt
	next map[string]position     // of messages to a peer
	wits map[string]witness      // the last `wit` leaf of each log
	cos  int64                   // the largest size of a `cos` leaf
	ins  int                     // `msg` leaves of arrived messages
	outs int                     // `msg` leaves of sent messages
}

type witness struct {
	index, size int64
	root        translog.Hash
}

type position struct {
	epoch, seq int64
	prev       translog.Hash
}

func (c *checker) find(format string, args ...any) {
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, fmt.Errorf(format, args...))
	}
}

// must turns an error of a row into a finding and reports whether there was none.
func (c *checker) must(err error) bool {
	if err != nil {
		c.find("%w", err)
	}
	return err == nil
}

// each calls f with every row of a bucket of main.db.
func (c *checker) each(bucket []byte, f func(k, v []byte)) error {
	n := 0
	return c.r.b.Bucket(bucket).ForEach(func(k, v []byte) error {
		if n++; n%1024 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		f(k, v)
		return nil
	})
}

func (c *checker) files() error {
	for err := range c.r.b.Check() {
		c.find("%s: %w", mainName, err)
	}
	for err := range c.keys.Check() {
		c.find("%s: %w", keysName, err)
	}
	return nil
}

func (c *checker) log() error {
	logs, err := c.r.Logs()
	if err != nil {
		return err
	}
	bases := make([]int64, len(logs))
	for i, l := range logs {
		bases[i] = l.Base
	}
	n, at := 0, -1
	if err := c.r.row().Check(bases, func(log int, leaf translog.Leaf) error {
		if n++; n%1024 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if log != at {
			at, c.in, c.cos = log, c.r.In(logs[log]), 0
		}
		c.leaf(leaf)
		return nil
	}, c.find); err != nil {
		return err
	}
	guarded, size := c.r.s.Head(), c.r.LogSize()
	if guarded.Size == 0 { // nothing is guarded yet, or these are the files of a backup
		return nil
	}
	if guarded.Size > size {
		c.find("guard has %d leaves, the log %d", guarded.Size, size)
	} else if at, err := c.r.HeadAt(guarded.Size); c.must(err) && at != guarded {
		c.find("guard has another root at %d", guarded.Size)
	}
	return nil
}

// leaf holds one leaf against the other rows.
func (c *checker) leaf(leaf translog.Leaf) {
	switch e := leaf.Entry.(type) {
	case *translog.Msg:
		m, err := c.r.Message(leaf.Index)
		if !c.must(err) {
			return
		}
		if !bytes.Equal(m.Msg, e.Msg[:]) || m.Outgoing != (e.Dir == translog.Out) {
			c.find("side record of leaf %d is of another message", leaf.Index)
		}
		if e.Dir == translog.Out {
			c.outs++
			c.open[e.Msg] = leaf.Index
			if e.FirstAt != 0 { // it was given a number that the log before has lost
				return
			}
			at := c.next[e.To]
			if e.Epoch > at.epoch {
				at = position{epoch: e.Epoch}
			}
			if e.Epoch != at.epoch || e.Seq != at.seq+1 || e.Prev != at.prev {
				c.find("leaf %d sends %d.%d to %s after %d.%d", leaf.Index, e.Epoch, e.Seq, e.To, at.epoch, at.seq)
			}
			c.next[e.To] = position{e.Epoch, e.Seq, e.Msg}
			return
		}
		c.ins++
		seen, ok, err := c.r.Seen(e.From, uint32(e.Epoch), uint64(e.Seq))
		if c.must(err) && (!ok || !bytes.Equal(seen.Msg, e.Msg[:]) || int64(seen.LeafIndex) != leaf.Index) {
			c.find("leaf %d has arrived and is not seen", leaf.Index)
		}
	case *translog.Rcpt:
		out, ok := c.open[e.Of]
		switch {
		case e.Whole:
			// About the attachments; the message's own receipt stands before or behind it.
		case ok && max(out-c.in.base(), 0) != e.Ref:
			c.find("receipt at leaf %d refers to leaf %d of its log, message stands at %d", leaf.Index, e.Ref, out)
		case ok:
			delete(c.open, e.Of)
		case c.again(leaf.Index, e):
		default:
			c.find("receipt at leaf %d is for a message that does not wait", leaf.Index)
		}
	case *translog.Wit:
		if last := c.wits[e.Log]; e.Size < last.size || e.Size == last.size && e.Root != last.root {
			c.find("leaf %d cosigns %s at %d after %d", leaf.Index, e.Log, e.Size, last.size)
		}
		c.wits[e.Log] = witness{leaf.Index, e.Size, e.Root}
	case *translog.Cos:
		c.cos = max(c.cos, e.Size)
		side, err := c.r.Side(leaf.Index, "checkpoint")
		if c.must(err) && translog.Hash(sha256.Sum256(side)) != e.Digest {
			c.find("leaf %d has another cosigned checkpoint beside it", leaf.Index)
		}
		if at, err := c.in.HeadAt(e.Size); c.must(err) && at.Root != e.Root {
			c.find("leaf %d has another root at %d", leaf.Index, e.Size)
		}
	case *translog.Reseal:
		st, err := c.r.Statement(leaf.Index)
		if c.must(err) && !bytes.Equal(st.Msg, e.Of[:]) {
			c.find("statement at leaf %d carries another message", leaf.Index)
		}
	}
}

// witnessed holds what has been cosigned, here and by others, against the leaves that say so.
func (c *checker) witnessed() error {
	if err := c.each(bucketWitnessed, func(k, v []byte) {
		var w storev1.Witnessed
		if !c.must(rows.Parse(v, &w)) {
			return
		}
		last := c.wits[string(k)]
		delete(c.wits, string(k))
		switch {
		case w.LeafIndex == 0 && w.Size >= uint64(last.size): // none, or one of a closed log of ours
		case w.LeafIndex != uint64(last.index) || w.Size != uint64(last.size) || !bytes.Equal(w.Root, last.root[:]):
			c.find("%s was cosigned at %d, the last leaf that says so has %d", k, w.Size, last.size)
		}
	}); err != nil {
		return err
	}
	for origin, last := range c.wits {
		c.find("%s was cosigned at leaf %d, which is not kept", origin, last.index)
	}
	size, _, err := c.r.CosignedHead()
	if c.must(err) && size < c.cos {
		c.find("the cosigned head has %d leaves, one of %d has reached its quorum", size, c.cos)
	}
	return nil
}

// again reports whether a receipt is one more for a message that has one: its recipient has lost a part of its log, with the leaf that the
// first one proves.
func (c *checker) again(index int64, e *translog.Rcpt) bool {
	if e.Ref == 0 {
		return c.in.base() > 0 // sent in an earlier log
	}
	m, err := c.r.messageRow(c.in.base() + e.Ref)
	return err == nil && m.Outgoing && bytes.Equal(m.Msg, e.Of[:]) && int64(m.ReceiptPlusOne)-1 >= index
}

func (c *checker) seen() error {
	type stand struct{ through, largest uint64 }
	stands := make(map[string]stand)
	if err := c.each(bucketSeen, func(k, v []byte) {
		var seen storev1.Seen
		if !c.must(rows.Parse(v, &seen)) {
			return
		}
		at, seq := stands[string(k[:len(k)-8])], rows.Number(k[len(k)-8:])
		if seq == at.through+1 {
			at.through = seq
		}
		at.largest = seq
		stands[string(k[:len(k)-8])] = at
		line, err := c.r.Leaf(int64(seen.LeafIndex))
		if !c.must(err) {
			return
		}
		leaf, err := translog.ParseLeaf(line)
		if !c.must(err) {
			return
		}
		var msg translog.Hash
		switch e := leaf.Entry.(type) {
		case *translog.Msg:
			msg = e.Msg
		case *translog.Rej:
			msg = e.Msg
		}
		if !bytes.Equal(msg[:], seen.Msg) {
			c.find("what was seen at %x is not leaf %d", k, seen.LeafIndex)
		}
	}); err != nil {
		return err
	}
	n := 0
	if err := c.each(bucketIncoming, func(k, v []byte) {
		n++
		var in storev1.Incoming
		if at := stands[string(k)]; c.must(rows.Parse(v, &in)) && (in.Through != at.through || in.Largest != at.largest) {
			c.find("sequence %x stands at %d of %d, seen are %d of %d", k, in.Through, in.Largest, at.through, at.largest)
		}
	}); err != nil {
		return err
	}
	if n != len(stands) {
		c.find("%d incoming sequences are kept, %d have been seen", n, len(stands))
	}
	return nil
}

func (c *checker) sequences() error {
	n := 0
	if err := c.each(bucketOutgoing, func(k, v []byte) {
		n++
		var o storev1.Outgoing
		at, ok := c.next[string(k)]
		if c.must(rows.Parse(v, &o)) && (!ok || int64(o.Epoch) != at.epoch || int64(o.NextSeq) != at.seq+1 || !bytes.Equal(o.Prev, at.prev[:])) {
			c.find("sequence to %s does not follow the log", k)
		}
	}); err != nil {
		return err
	}
	if n != len(c.next) {
		c.find("%d outgoing sequences are kept, %d are in the log", n, len(c.next))
	}
	return nil
}
