package audit

import (
	"context"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A Filter chooses lines of a log. The zero Filter chooses all.
type Filter struct {
	Kinds       []string      // empty: all
	Case        string        // token; empty: all. Messages belong to the case that their docket names
	Msg         translog.Hash // what is about one message; zero: all
	From, Until int64         // `at`, in milliseconds since 1970; Until is outside; 0: no bound
}

// A Line is one leaf of a log, and what beside it says what it is about. It is the caller's for the time of the call only.
type Line struct {
	Entry  archive.Entry
	Leaf   translog.Leaf      // Entry is nil when the leaf cannot be understood
	Docket *rogatoryv1.Docket // beside it; nil when there is none that can be read
}

// Walk calls each with the lines of an archive that a filter chooses, in order. Nothing is verified. It ends with the first error of each.
func Walk(ctx context.Context, r *archive.Reader, f Filter, each func(*Line) error) error {
	related := map[translog.Hash]bool{} // messages of the case
	var tile []archive.Entry
	for n := range r.Tiles() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if tile, err = r.Tile(n, tile); err != nil {
			return err
		}
		for i := range tile {
			if tile[i].Leaf == nil {
				continue
			}
			l := Line{Entry: tile[i]}
			if leaf, err := translog.ParseLeaf(tile[i].Leaf); err == nil {
				l.Leaf = leaf
			}
			l.Docket = docketOf(&tile[i])
			if !f.wants(&l, related) {
				continue
			}
			if err := each(&l); err != nil {
				return err
			}
		}
	}
	return nil
}

// docketOf returns the docket beside a leaf.
func docketOf(e *archive.Entry) *rogatoryv1.Docket {
	b := e.Side("docket")
	if len(b) < 32 {
		return nil
	}
	d := new(rogatoryv1.Docket)
	if envelope.StrictUnmarshal(b[32:], d, archive.MaxRecord) != nil {
		return nil
	}
	return d
}

func (f *Filter) wants(l *Line, related map[translog.Hash]bool) bool {
	about, token := aboutOf(l)
	if f.Case != "" {
		if token == f.Case && !about.IsZero() {
			related[about] = true
		}
		if token != f.Case && !related[about] {
			return false
		}
	}
	switch at := l.Leaf.At; {
	case !f.Msg.IsZero() && about != f.Msg && !mentions(l, f.Msg):
		return false
	case f.From != 0 && at < f.From, f.Until != 0 && at >= f.Until:
		return false
	}
	return len(f.Kinds) == 0 || slices.Contains(f.Kinds, l.Leaf.Kind)
}

// aboutOf returns the message that a leaf is about, and its case as far as the leaf tells.
func aboutOf(l *Line) (msg translog.Hash, token string) {
	switch e := l.Leaf.Entry.(type) {
	case *translog.Msg:
		return e.Msg, l.Docket.GetCaseToken()
	case *translog.Reseal:
		return e.Of, ""
	case *translog.Rcpt:
		return e.Of, ""
	case *translog.Whole:
		return e.Msg, ""
	case *translog.Rej:
		return e.Msg, ""
	case *translog.Case:
		return e.Of, e.Case
	case *translog.Op:
		return translog.Hash{}, e.Case
	}
	return translog.Hash{}, ""
}

// mentions reports whether a line of the statutory log names a message.
func mentions(l *Line, msg translog.Hash) bool {
	var of []translog.Hash
	switch e := l.Leaf.Entry.(type) {
	case *translog.Op:
		of = e.Of
	case *translog.Erase:
		of = e.Of
	}
	return slices.Contains(listed(slices.Clone(of), l.Entry.Side("of")), msg)
}

// FindMessage returns the indexes of the leaves at which a message was sent, arrived or was refused.
func FindMessage(ctx context.Context, r *archive.Reader, name translog.Hash) ([]int64, error) {
	var list []int64
	err := Walk(ctx, r, Filter{Msg: name, Kinds: []string{"msg", "rej"}}, func(l *Line) error {
		list = append(list, l.Entry.Index)
		return nil
	})
	return list, err
}
