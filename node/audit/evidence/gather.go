package evidence

import (
	"bytes"
	"context"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

// A wanted is what evidence is sought of: messages by name, and with a case its own leaves.
type wanted struct {
	names map[translog.Hash]bool
	order []translog.Hash // as they first stand in the log
	token string
	local map[translog.Hash]bool // commitments of the case's dockets: what a tombstone names them by
}

func (w *wanted) add(name translog.Hash) {
	if !name.IsZero() && !w.names[name] {
		w.names[name] = true
		w.order = append(w.order, name)
	}
}

// seek finds the messages of a case: those whose docket names it, and those that one of its steps is about.
func (w *wanted) seek(ctx context.Context, r *archive.Reader) error {
	candidates, sent := map[translog.Hash]bool{}, []translog.Hash{}
	err := audit.Walk(ctx, r, audit.Filter{}, func(l *audit.Line) error {
		switch e := l.Leaf.Entry.(type) {
		case *translog.Msg:
			sent = append(sent, e.Msg)
			if l.Docket.GetCaseToken() == w.token {
				candidates[e.Msg] = true
			}
		case *translog.Rej:
			sent = append(sent, e.Msg)
		case *translog.Case:
			if e.Case == w.token {
				candidates[e.Of], w.local[e.Docket] = true, true
			}
		}
		return nil
	})
	for _, name := range sent { // what is not a message is a draft, by its commitment
		if candidates[name] {
			w.add(name)
		}
	}
	return err
}

// A half is what one country's log has of the wanted.
type half struct {
	r        *archive.Reader
	country  string
	of       map[translog.Hash]*trace
	leaves   map[int64][]byte // steps and tombstones
	withheld []int64
	last     int64 // largest index of all that is needed
	heads    []cosigned
	times    []timeLeaf
}

// A cosigned is a head with its witnesses.
type cosigned struct {
	size int64
	note []byte
}

// A trace is what one log has of one message.
type trace struct {
	index     int64 // of its msg or rej leaf
	leaf      []byte
	msg       *translog.Msg
	message   []byte
	docket    []byte
	attempts  []attempt
	receiptAt int64 // of the rcpt leaf; -1 without
	receipt   *translog.Leaf
}

// An attempt is a statement with its signature, and the leaf that names both; resealed says that this is another than the message's.
type attempt struct {
	stmt, sig            translog.Hash
	statement, signature []byte
	index                int64
	leaf                 []byte
	resealed             bool
}

// gather reads one log. A message that it does not have has no trace.
func gather(ctx context.Context, r *archive.Reader, w *wanted) (*half, error) {
	h := &half{r: r, country: r.Info().Country, of: map[translog.Hash]*trace{}, leaves: map[int64][]byte{}, last: -1}
	at := func(name translog.Hash) *trace {
		t := h.of[name]
		if t == nil {
			t = &trace{index: -1, receiptAt: -1}
			h.of[name] = t
		}
		return t
	}
	keep := func(l *audit.Line) []byte {
		h.last = max(h.last, l.Entry.Index)
		return bytes.Clone(l.Entry.Leaf)
	}
	err := audit.Walk(ctx, r, audit.Filter{}, func(l *audit.Line) error {
		e := &l.Entry
		switch x := l.Leaf.Entry.(type) {
		case *translog.Msg:
			if !w.names[x.Msg] {
				break
			}
			t := at(x.Msg)
			if t.index >= 0 {
				break // given back after a rollback: the first leaf counts
			}
			t.index, t.leaf, t.msg = e.Index, keep(l), x
			t.message, t.docket = bytes.Clone(e.Side("message")), bytes.Clone(e.Side("docket"))
			if !x.Stmt.IsZero() {
				return t.attempt(r, l, x.Stmt, x.Sig, false)
			}
		case *translog.Rej:
			if t := h.of[x.Msg]; w.names[x.Msg] && (t == nil || t.index < 0) {
				t = at(x.Msg)
				t.index, t.leaf = e.Index, keep(l)
			}
		case *translog.Reseal:
			if w.names[x.Of] {
				return at(x.Of).attempt(r, l, x.Stmt, x.Sig, true)
			}
		case *translog.Rcpt:
			if !w.names[x.Of] || x.Whole {
				break
			}
			if t := at(x.Of); t.receiptAt < 0 {
				if leaf, err := translog.ParseLeaf(bytes.Clone(e.Side("leaf"))); err == nil {
					t.receiptAt, t.receipt = e.Index, &leaf
				}
			}
		case *translog.Erase:
			h.tombstone(l, x, w, keep)
		case *translog.Case:
			if w.token != "" && x.Case == w.token {
				h.leaves[e.Index] = keep(l)
			}
		case *translog.Time:
			h.times = append(h.times, timeLeaf{e.Index, x.Size})
		case *translog.Cos:
			if note := e.Side("checkpoint"); note != nil {
				h.heads = append(h.heads, cosigned{x.Size, bytes.Clone(note)})
			}
		}
		return nil
	})
	return h, err
}

// tombstone keeps an erasure of the wanted, if it names nothing else.
func (h *half) tombstone(l *audit.Line, x *translog.Erase, w *wanted, keep func(*audit.Line) []byte) {
	named, others := false, false
	for _, name := range hashes(x.Of, l.Entry.Side("of")) {
		if w.names[name] || w.local[name] {
			named = true
		} else {
			others = true
		}
	}
	switch {
	case named && (others || !x.OfDigest.IsZero()): // a list beside the leaf says nothing without the leaf's digest of all of it
		h.withheld = append(h.withheld, l.Entry.Index)
	case named:
		h.leaves[l.Entry.Index] = keep(l)
	}
}

// attempt notes a statement, with its signature in full.
func (t *trace) attempt(r *archive.Reader, l *audit.Line, stmt, sig translog.Hash, resealed bool) error {
	e := &l.Entry
	a := attempt{
		stmt: stmt, sig: sig, statement: bytes.Clone(e.Side("statement")), signature: bytes.Clone(e.Side("signature")),
		index: e.Index, leaf: bytes.Clone(e.Leaf), resealed: resealed,
	}
	if at := e.Side("root-at"); len(at) == 1 {
		other, err := r.Entry(e.Index/archive.TileWidth*archive.TileWidth + int64(at[0]))
		if err != nil {
			return err
		}
		a.signature = slices.Concat(rootField(other.Side("signature")), a.signature)
	}
	t.attempts = append(t.attempts, a)
	return nil
}

// rootField returns the first field of a BatchSignature, the root's signature, with its tag and length.
func rootField(b []byte) []byte {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != 1 {
		return nil
	}
	m := protowire.ConsumeFieldValue(num, typ, b[n:])
	if m < 0 {
		return nil
	}
	return b[:n+m]
}

// head returns the smallest cosigned head above all that is needed, else the archive's newest.
func (h *half) head() (note []byte, size int64, err error) {
	best := -1
	for i := range h.heads {
		if h.heads[i].size > h.last && (best < 0 || h.heads[i].size < h.heads[best].size) {
			best = i
		}
	}
	if best >= 0 {
		return h.heads[best].note, h.heads[best].size, nil
	}
	note, err = h.r.Checkpoint()
	return note, h.r.Info().Size, err
}

// proof returns the tlog-proof of a leaf under a head.
func (h *half) proof(index int64, leaf, note []byte, size int64) ([]byte, error) {
	path, err := translog.ProveInclusion(size, index, h.r.Hashes())
	if err != nil {
		return nil, err
	}
	p := translog.Proof{Extra: leaf, Index: index, Hashes: path, Checkpoint: bare(note)}
	return p.Marshal()
}

// nameOf is a message's name.
func nameOf(message []byte) translog.Hash { return translog.Hash(envelope.MessageName(message)) }
