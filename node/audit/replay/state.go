package replay

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
)

// state holds all cases that have changed against a `state` leaf, and takes from the snapshot beside it those whose dockets are gone.
func (c *course) state(ctx context.Context, l *line, e *translog.State) error {
	if !c.judged() {
		return nil
	}
	if err := c.flush(ctx); err != nil {
		return err
	}
	// When it returns the folders wait for the next tasks, and their cases may be looked at.
	if err := c.ask(ctx, func(*folder) {}); err != nil {
		return err
	}
	if e.Size != l.index {
		c.note(audit.CodeState, l.index, "the leaf covers those before it", fmt.Sprint(l.index), fmt.Sprint(e.Size))
	}
	said := map[string]*exchange.Changed{}
	for i := range l.snapshot {
		said[l.snapshot[i].Token] = &l.snapshot[i]
	}
	var list []exchange.Changed
	known := true
	for _, f := range c.folders {
		for _, k := range f.dirty {
			k.dirty = false
			if k.lost {
				known = f.restore(k, said[k.token]) && known
			}
			list = append(list, k.changed())
		}
		f.dirty = f.dirty[:0]
	}
	exchange.SortChanged(list)
	if !known {
		// missing says of which case nobody knows how it stands.
		c.own, c.claimed = e.State, e.State
		return nil
	}
	if exchange.FoldState(c.claimed, list) != [32]byte(e.State) {
		c.differences(l, e, list, said)
	}
	c.own, c.claimed = exchange.FoldState(c.own, list), e.State
	return nil
}

// restore takes a case from a snapshot, and reports whether it is there.
func (f *folder) restore(k *caseOf, said *exchange.Changed) bool {
	if said == nil {
		return false
	}
	k.hash = said.Hash
	if said.Body == nil {
		return true // over: nothing moves it any more
	}
	c, err := exchange.Decode(said.Body)
	if err != nil {
		return false
	}
	k.c, k.lost = &c, false
	f.awake = append(f.awake, k)
	if c.OwnUnit != "" {
		k.unit = c.OwnUnit
	}
	return true
}

// differences says which cases a state leaf has otherwise, as far as the snapshot beside it tells.
func (c *course) differences(l *line, e *translog.State, list []exchange.Changed, said map[string]*exchange.Changed) {
	found := false
	for i := range list {
		x := &list[i]
		s := said[x.Token]
		switch {
		case said == nil || len(l.snapshot) == 0:
		case s == nil:
			found = true
			c.note(audit.CodeState, l.index, "the snapshot does not have case "+x.Token, hashHex(x.Hash), "")
		case s.Hash != x.Hash:
			found = true
			code, what := audit.CodeState, "the state of case "
			if onlyClock(x.Body, s.Body) {
				code, what = audit.CodeDeadline, "the clock of case "
			}
			c.note(code, l.index, what+x.Token, hashHex(x.Hash), hashHex(s.Hash))
		}
		delete(said, x.Token)
	}
	for _, token := range slices.Sorted(maps.Keys(said)) {
		found = true
		c.note(audit.CodeState, l.index, "no leaf has moved case "+token+", which the snapshot has", "", hashHex(said[token].Hash))
	}
	if !found {
		want := translog.Hash(exchange.FoldState(c.claimed, list))
		c.note(audit.CodeState, l.index, "the state of all cases", want.String(), e.State.String())
	}
}

func hashHex(h [32]byte) string { return translog.Hash(h).String() }

// onlyClock reports whether two encodings are of one case with two clocks.
func onlyClock(a, b []byte) bool {
	x, err := exchange.Decode(a)
	if err != nil {
		return false
	}
	y, err := exchange.Decode(b)
	if err != nil {
		return false
	}
	y.Clock = x.Clock
	return bytes.Equal(x.Encode(), y.Encode())
}
