package intake

import (
	"slices"
	"sync"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/store"
)

// hour is the time within which the messages of a peer are counted, in milliseconds.
const hour = 3_600_000

// counts remembers, for what is committed, when each peer's messages of the last hour were logged, so that a decision does not read the log
// of an hour. The log alone says what it holds: it is filled from there, at the start as later.
type counts struct {
	mu   sync.Mutex
	next int64              // index of the first leaf not yet counted; 0 before the first use
	at   map[string][]int64 // by peer, ascending
}

// within returns how many messages of a peer the log counts within the hour before a time: those that were taken and those that were
// refused for good, without the one that is judged.
func (c *counts) within(tx *store.Tx, committed int64, peer string, at int64) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = map[string][]int64{}
	}
	from, err := casefile.Since(&tx.Reader, committed, at-hour)
	if err != nil {
		return 0, err
	}
	if err := eachArrival(tx, max(c.next, from), committed, func(p string, when int64) { c.at[p] = append(c.at[p], when) }); err != nil {
		return 0, err
	}
	c.next = max(c.next, committed)
	for p, known := range c.at {
		old, _ := slices.BinarySearch(known, at-hour)
		c.at[p] = known[old:]
	}
	n := len(c.at[peer])
	// What this transaction has appended so far may yet be taken back, so it is not remembered.
	err = eachArrival(tx, c.next, tx.Size(), func(p string, _ int64) {
		if p == peer {
			n++
		}
	})
	return uint32(n), err
}

// eachArrival calls f for the leaves from one up to another that are messages which a peer sent.
func eachArrival(tx *store.Tx, from, to int64, f func(peer string, at int64)) error {
	for i := from; i < to; i++ {
		leaf, err := casefile.LeafAt(&tx.Reader, i)
		if err != nil {
			return err
		}
		switch e := leaf.Entry.(type) {
		case *translog.Msg:
			if e.Dir == translog.In {
				f(e.From, leaf.At)
			}
		case *translog.Rej:
			if e.From != "" {
				f(e.From, leaf.At)
			}
		}
	}
	return nil
}
