package reconcile

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
)

// A kind is what a leaf says of a message. A record of a way's messages begins with name, kind and index of the leaf, so that all about a message stand
// together: first what is one, then what is many.
type kind byte

const (
	sent      kind = iota + 1 // a message: see record
	arrived                   // the same, by the recipient's log
	refused                   // finally, by the recipient's log
	elsewhere                 // receipted by another log of the recipient
	again                     // an attempt to carry it: its statement
	receipted                 // a receipt: index and hash of the peer's leaf, whether it is of the attachments, code of a refusal
)

// read collects what a log says of another country.
func (x *reconciler) read(ctx context.Context, s, other *side) error {
	for n := range s.r.Tiles() {
		if err := ctx.Err(); err != nil {
			return err
		}
		tile, err := s.r.TileIn(n, &s.buf)
		if err != nil {
			var f *archive.FormatError
			if !errors.As(err, &f) {
				return err
			}
			x.note(audit.Code(f.Code), s, n*archive.TileWidth, f.Error(), "", "")
			continue
		}
		for i := range tile {
			leaf, err := translog.ParseLeaf(tile[i].Leaf)
			if err != nil {
				continue // audit.Verify says so
			}
			s.lastAt = max(s.lastAt, leaf.At)
			if err := x.entry(s, other, &tile[i], leaf); err != nil {
				return err
			}
		}
		if x.done += int64(len(tile)); x.o.Progress != nil {
			x.o.Progress(x.done)
		}
	}
	return nil
}

// about begins a record of a message.
func (x *reconciler) about(name *translog.Hash, what kind, index int64) *maker {
	return x.make.begin().hash(name).byte(byte(what)).int(index)
}

func (x *reconciler) entry(s, other *side, e *archive.Entry, leaf translog.Leaf) error {
	there := other.info
	switch k := leaf.Entry.(type) {
	case *translog.Genesis:
		s.epoch = k.Epoch
		s.many = s.many || k.PrevLog != ""
	case *translog.Msg:
		switch {
		case k.Dir == translog.Out && k.To == there.Country:
			return s.sends.messages.add(x.message(k, sent, e.Index, leaf.At, k.From == s.info.Country))
		case k.Dir == translog.In && k.From == there.Country:
			return other.sends.messages.add(x.message(k, arrived, e.Index, leaf.At, k.To == s.info.Country))
		}
	case *translog.Rej:
		if k.From == there.Country {
			return other.sends.messages.add(x.about(&k.Msg, refused, e.Index).b)
		}
	case *translog.Rcpt:
		s.behind(there, k.Log)
		if k.Log != there.Log {
			return s.sends.messages.add(x.about(&k.Of, elsewhere, e.Index).b)
		}
		return x.receipted(s, e, k)
	case *translog.Reseal:
		return s.sends.messages.add(x.about(&k.Of, again, e.Index).hash(&k.Stmt).b)
	case *translog.Cos:
		if by := witnessOf(there); slices.Contains(k.By, by) {
			at := leaf.At
			if seconds, ok := translog.CosignTime(e.Side("checkpoint"), by); ok {
				at = seconds * 1000
			}
			return s.sends.cosigned.add(x.make.begin().int(k.Size).hash(&k.Root).flag(true).int(e.Index, at).b)
		}
	case *translog.Wit:
		s.behind(there, k.Log)
		if k.Log == there.Log {
			if err := other.sends.cosigned.add(x.make.begin().int(k.Size).hash(&k.Root).flag(false).b); err != nil {
				return err
			}
			return s.sends.heads.add(x.make.begin().int(e.Index, k.Size).hash(&k.Root).int(k.Time * 1000).flag(false).b)
		}
	}
	return nil
}

// message is the record of a message. plain says that its other country is the log's own.
func (x *reconciler) message(k *translog.Msg, what kind, index, at int64, plain bool) []byte {
	return x.about(&k.Msg, what, index).int(at, k.Epoch, k.Seq, k.Size).hash(&k.Prev, &k.DocketCommit, &k.ContentCommit, &k.Stmt).flag(k.FirstAt != 0, plain).b
}

// receipted notes a receipt, and the head that it stands on.
func (x *reconciler) receipted(s *side, e *archive.Entry, k *translog.Rcpt) error {
	var hash translog.Hash
	at := int64(0) // not before this the head was there; 0 unknown
	if raw := e.Side("leaf"); raw != nil {
		hash = translog.LeafHash(raw)
		if of, err := translog.ParseLeaf(raw); err == nil {
			at = of.At
		}
	}
	signed := false
	if note := e.Side("checkpoint"); note != nil {
		if keys := x.chain.Log(k.Log); keys != nil {
			cp, err := translog.ParseCheckpoint(note, keys)
			signed = err == nil && cp.Size == k.Size && cp.Root == k.Root
		}
	}
	if err := s.sends.messages.add(x.about(&k.Of, receipted, e.Index).int(k.Index).hash(&hash).flag(k.Whole).text(k.Rej).b); err != nil {
		return err
	}
	return s.sends.heads.add(x.make.begin().int(e.Index, k.Size).hash(&k.Root).int(at).flag(signed).b)
}

// behind notes that a log of the other country goes on from the one at hand.
func (s *side) behind(other archive.Info, log string) {
	stem := path.Dir(other.Log)
	if log == other.Log || path.Dir(log) != stem {
		return
	}
	at, err1 := strconv.ParseUint(path.Base(other.Log), 10, 32)
	next, err2 := strconv.ParseUint(path.Base(log), 10, 32)
	newest, _ := strconv.ParseUint(path.Base(s.next), 10, 32)
	if err1 == nil && err2 == nil && next > max(at, newest) {
		s.next = strings.Clone(log)
	}
}
