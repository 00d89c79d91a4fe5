package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
)

// A log that was opened after a rollback begins with its genesis, with what starts that nobody had confirmed have logged, and with the `node` leaf of the
// recovery. Behind that stand the enrolments of the logs before and `state` leaves that have all cases: the opening. What it says of the cases of the
// log before is the operator's word, which a replay of that log, saved, bears out or not.

// An opening is how far a course has come with it.
type opening struct {
	base   int64 // place of leaf 0: cases count their leaves by place, which goes on from log to log
	before bool  // the state of the log before is known
	begun  bool  // the `node` leaf was there
	within bool  // nothing else has followed yet
	holes  bool  // a `state` leaf had no snapshot
	any    bool  // a `state` leaf was there
	tokens map[string]bool
}

// findBase finds the place of leaf 0: the number of leaves of all logs before. The second log's is in its genesis; that of later ones stands in the
// record beside the `node` leaf that opened them.
func (c *course) findBase() error {
	first, err := c.r.Entry(0)
	if err != nil {
		return readable(err)
	}
	leaf, err := translog.ParseLeaf(first.Leaf)
	g, ok := leaf.Entry.(*translog.Genesis)
	if err != nil || !ok || g.PrevLog == "" {
		return nil
	}
	c.opening.base, c.opening.tokens = g.PrevSize, map[string]bool{}
	if b := c.o.From; b != nil && b.Log == g.PrevLog && b.Size == g.PrevSize && bytes.Equal(b.Root, g.PrevRoot[:]) {
		c.opening.base, c.opening.before = b.Base+b.Size, true
		return nil
	}
	if strings.HasSuffix(g.PrevLog, "/1") {
		return nil
	}
	var tile []archive.Entry
	for n := range c.r.Tiles() {
		if tile, err = c.r.Tile(n, tile); err != nil {
			return readable(err)
		}
		for i := range tile {
			leaf, err := translog.ParseLeaf(tile[i].Leaf)
			if err != nil {
				continue
			}
			e, ok := leaf.Entry.(*translog.Node)
			if !ok || e.Event != translog.NodeRecover {
				continue
			}
			var said struct {
				Base int64 `json:"base"`
			}
			if b := tile[i].Side("report"); sha256.Sum256(b) == e.Digest && json.Unmarshal(b, &said) == nil && said.Base > g.PrevSize && said.Base <= translog.MaxInt {
				c.opening.base = said.Base
			}
			return nil
		}
	}
	return nil
}

// readable returns nil for what is wrong with the archive, which is found elsewhere.
func readable(err error) error {
	var f *archive.FormatError
	if errors.As(err, &f) {
		return nil
	}
	return err
}

// pastOpening follows the opening. It reports whether the leaf belongs to it.
func (c *course) pastOpening(ctx context.Context, l *line) (bool, error) {
	o := &c.opening
	if e, ok := l.leaf.Entry.(*translog.Node); ok && e.Event == translog.NodeRecover && !o.begun {
		o.begun, o.within = true, true
		return false, nil
	}
	if !o.within {
		return false, nil
	}
	switch e := l.leaf.Entry.(type) {
	case *translog.Actor:
		c.enrolAgain(l)
		return true, nil
	case *translog.State:
		return true, c.open(ctx, l, e)
	}
	o.within = false
	return false, c.opened(ctx, l)
}

// enrolAgain takes an enrolment of a log before, in time when it was signed.
func (c *course) enrolAgain(l *line) {
	if c.world.register == nil {
		return
	}
	next, err := c.world.register.EnrolAgain(l.record)
	if err != nil {
		c.note(audit.CodeUnknown, l.index, "an enrolment of the log before: "+err.Error(), "", "")
		return
	}
	w := *c.world
	w.register = next
	c.world = &w
}

// open takes the cases that a `state` leaf of the opening has. One that is known already, from leaves of this log or from the saved state of the log
// before, is as it is known.
func (c *course) open(ctx context.Context, l *line, e *translog.State) error {
	o := &c.opening
	o.any, o.holes = true, o.holes || l.snapshot == nil
	for i := range l.snapshot {
		x := &l.snapshot[i]
		o.tokens[x.Token] = true
		if k, err := exchange.Decode(x.Body); x.Body != nil && err == nil {
			for j := range k.Messages {
				m := &k.Messages[j]
				to := c.country
				if m.Out {
					to = "" // the case does not say which of its countries
				}
				c.sent.put(translog.Hash(m.Name), sent{token: x.Token, from: m.From, to: to})
			}
		}
	}
	if !c.judged() {
		return nil
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	if e.Size != l.index {
		c.note(audit.CodeState, l.index, "the leaf covers those before it", fmt.Sprint(l.index), fmt.Sprint(e.Size))
	}
	if l.snapshot == nil {
		c.own, c.claimed = e.State, e.State
		return nil
	}
	for i := range l.snapshot {
		x := &l.snapshot[i]
		f := c.folders[c.folderOf(x.Token)]
		k, known := f.cases[x.Token]
		switch {
		case !known:
			k = &caseOf{token: x.Token, lost: true}
			f.cases[x.Token] = k
		case k.lost && k.hash == [32]byte{}: // nobody knows how it stood
		default:
			if was := k.changed(); was.Hash != x.Hash {
				code := audit.CodeState
				if x.Body != nil && was.Body != nil && onlyClock(was.Body, x.Body) {
					code = audit.CodeDeadline
				}
				c.note(code, l.index, "case "+x.Token+" as the log begins with it", hashHex(was.Hash), hashHex(x.Hash))
			}
		}
		k.before = true
		k.lost, k.c, k.enc = true, nil, nil
		if !f.restore(k, x) {
			c.note(audit.CodeState, l.index, "case "+x.Token+" cannot be read in the snapshot", "", "")
		}
	}
	want := translog.Hash(exchange.FoldState(c.claimed, l.snapshot))
	if want != e.State {
		c.note(audit.CodeState, l.index, "the state of the cases with which the log begins", want.String(), e.State.String())
	}
	c.own, c.claimed = exchange.FoldState(c.own, l.snapshot), e.State
	return nil
}

// opened judges, at the end of the opening, whether it has all cases that are known, and whether others may be unknown from here on.
func (c *course) opened(ctx context.Context, l *line) error {
	if err := c.settle(ctx); err != nil {
		return err
	}
	o := &c.opening
	w := *c.world
	w.opened = o.any && !o.holes
	c.world = &w
	if !w.opened {
		return nil // some cases remain unknown, or all: a program opened it that wrote no opening
	}
	var missing []string
	for _, f := range c.folders {
		for token, k := range f.cases {
			if !o.tokens[token] && (k.dirty || k.before) && c.judged() {
				missing = append(missing, token)
			}
			k.dirty = false
		}
		f.dirty = f.dirty[:0]
	}
	slices.Sort(missing)
	for _, token := range missing {
		c.note(audit.CodeState, l.index-1, "the log does not begin with case "+token, "", "")
	}
	return nil
}

// settle waits until the folders have made all steps that were given to them: their cases may be looked at until more are.
func (c *course) settle(ctx context.Context) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	return c.ask(ctx, func(*folder) {})
}
