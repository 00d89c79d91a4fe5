package replay

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/exchange"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A folder has a part of the cases and makes their steps, in the order of the log.
type folder struct {
	in      chan []task
	country string
	base    int64 // place of leaf 0
	report  report
	cases   map[string]*caseOf
	awake   []*caseOf // those that are decoded
	dirty   []*caseOf // those that have changed since the last state leaf
	steps   int64
	gone    []gone
	since   int // tasks since cases were put away
	last    verified
}

type taskKind int

const (
	taskStep       taskKind = iota // a `case` leaf
	taskReceipt                    // a receipt that no step followed
	taskBuried                     // a step that erases, with what the tombstones behind it name
	taskTerm                       // a tombstone over the dockets of a case
	taskOp                         // a line of the statutory log
	taskEffectless                 // a message that was given back after a rollback and that no step followed
	taskAsk                        // a question of the course
)

// A task is something about one case.
type task struct {
	kind    taskKind
	token   string
	line    *line
	message *message // of a sent or arrived step
	receipt *receipt // of a received or rejected step
	verbs   []rogatoryv1.Verb
	unit    string          // in which a line of the statutory log was done; empty: the case's
	buried  []translog.Hash // messages that have a tombstone
	reused  bool
	skip    bool // before the saved state: nothing is folded or judged
	world   *world
	do      func()
}

// gone is a docket that was not there.
type gone struct {
	index int64
	token string
	names []translog.Hash // under which a tombstone may have it
	// judged: it was found missing before the saved state.
	judged bool
}

// A caseOf is a case, with what its steps are judged by beside it.
type caseOf struct {
	token string
	c     *exchange.Case // nil while put away in enc
	enc   []byte
	used  bool // since cases were put away
	alone bool // put away, and one officer has sent something in it alone

	unit   string // of ours that has it
	answer bool   // the rules let its request be answered without an officer
	before bool   // it began in a log before, so what was decided and signed there is not known
	dirty  bool   // changed since the last state leaf
	// lost: a docket was not there, so that nobody knows how it stands. Hash is what the log says, if it does.
	lost  bool
	moved int64 // when somebody last did something in it, by the time of the leaf
	held  bool  // on legal hold, by its leaves alone
	hash  [32]byte

	expect  []expected                      // steps that the last event set off, still to come
	commits map[exchange.Name]translog.Hash // dockets of messages that wait
	acts    map[exchange.Name]translog.Hash // acts behind drafts that are not sent yet
	erased  []translog.Hash                 // messages that the last step which erases took

	said  string                   // the state that its last leaf says
	first map[exchange.Name]string // in a case whose dockets are gone: who drafted a message, or proposed to erase it or the case
}

// expected is a step that must follow.
type expected struct {
	event    string
	of       translog.Hash
	from, to string
	docket   translog.Hash // zero: any
	due      int64
}

func newFolder(log, country string) *folder {
	return &folder{in: make(chan []task, 4), country: country, report: report{log: log}, cases: map[string]*caseOf{}}
}

// putAwayEvery is after how many tasks the cases that were not looked at since are put away: encoded they take a third of the memory.
const putAwayEvery = 1 << 12

func (f *folder) run(ctx context.Context) error {
	for {
		select {
		case batch, ok := <-f.in:
			if !ok {
				return nil
			}
			for i := range batch {
				f.task(&batch[i])
			}
			if f.since += len(batch); f.since > putAwayEvery {
				f.since = 0
				f.awake = slices.DeleteFunc(f.awake, (*caseOf).putAway)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *folder) task(t *task) {
	if t.kind == taskAsk {
		t.do()
		return
	}
	if t.skip {
		if t.kind == taskStep {
			f.pass(t)
		}
		return
	}
	switch t.kind {
	case taskStep:
		f.steps++
		f.step(t)
	case taskReceipt:
		f.unreceipted(t)
	case taskBuried:
		f.buried(t)
	case taskEffectless:
		f.effectless(t)
	case taskTerm:
		f.term(t)
	case taskOp:
		f.act(t)
	}
}

func (f *folder) note(code audit.Code, index int64, detail, wanted, found string) {
	f.report.note(code, index, detail, wanted, found)
}

func (f *folder) of(token string) *caseOf {
	k := f.cases[token]
	if k == nil {
		k = &caseOf{token: token, c: &exchange.Case{}, used: true}
		f.cases[token] = k
		f.awake = append(f.awake, k)
	}
	return k
}

// touch notes that a case changes.
func (f *folder) touch(k *caseOf) {
	if !k.dirty {
		k.dirty = true
		f.dirty = append(f.dirty, k)
	}
}

// get returns the case itself.
func (f *folder) get(k *caseOf) *exchange.Case {
	k.used = true
	if k.c == nil {
		// What Encode wrote decodes; a case that was decoded before it was kept is whole in any event.
		c, _ := exchange.Decode(k.enc)
		k.c, k.enc = &c, nil
		f.awake = append(f.awake, k)
	}
	return k.c
}

// look returns the case without keeping it decoded.
func (k *caseOf) look() exchange.Case {
	if k.c != nil {
		return *k.c
	}
	c, _ := exchange.Decode(k.enc)
	return c
}

// putAway encodes a case that was not used since it was called last, and reports whether the case is not decoded any more.
func (k *caseOf) putAway() bool {
	if !k.used && k.c != nil && !k.lost {
		k.enc, k.alone, k.c = bytes.Clone(k.c.Encode()), len(k.c.Alone) > 0, nil
	}
	k.used = false
	return k.c == nil
}

func (k *caseOf) changed() exchange.Changed {
	x := exchange.Changed{Token: k.token, Hash: k.hash}
	if !k.lost {
		x.Body = k.enc
		if x.Body == nil {
			x.Body = k.c.Encode()
		}
		x.Hash = exchange.HashEncoded(x.Body)
	}
	return x
}

// flagged lists what one officer sent alone and nobody ratified in time.
func (k *caseOf) flagged(now int64) (out []Flag) {
	if k.lost {
		return nil
	}
	if k.c == nil && !k.alone {
		return nil
	}
	c := k.look()
	for _, b := range c.Alone {
		if b.Flagged(now) {
			out = append(out, Flag{Case: k.token, Msg: b.Msg.String(), By: b.By, At: b.At, RatifyBy: b.RatifyBy, RatifiedAt: b.RatifiedAt})
		}
	}
	return out
}

func compareFlags(a, b *Flag) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Msg, b.Msg)) }

// lose notes that a docket is not there: how the case stands is not known from here on.
func (f *folder) lose(k *caseOf, index int64, names ...translog.Hash) {
	f.gone = append(f.gone, gone{index: index, token: k.token, names: names})
	k.lost, k.c, k.enc, k.expect = true, nil, nil, nil
	f.touch(k)
}
