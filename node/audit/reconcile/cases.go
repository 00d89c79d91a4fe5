package reconcile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/exchange"
)

// states replays both logs, one after the other, and compares the cases of which all messages are on both sides.
func (x *reconciler) states(ctx context.Context) error {
	s := &states{reconciler: x}
	err := s.replay(ctx, x.a)
	if err == nil {
		err = s.replay(ctx, x.b)
	}
	if err == nil {
		err = s.pair()
	}
	if err == nil {
		err = s.arrive()
	}
	for _, f := range s.unlike {
		if !s.away[f.pair] {
			x.list = append(x.list, f.Finding)
		}
	}
	x.out.Cases += s.pairs - int64(len(s.away))
	return errors.Join(err, s.cases.close(), s.messages.close())
}

// states are the cases of both logs.
type states struct {
	*reconciler
	cases    spill // by token
	messages spill // by name, of the cases that both logs have
	pairs    int64
	unlike   []unlike
	away     map[int64]bool // pairs of which a message is not on both sides
}

// unlike is a finding, if all messages of the case are there.
type unlike struct {
	pair int64
	audit.Finding
}

// replay takes the cases of one log with the other's country. None with a message that waits or is refused is compared.
func (x *states) replay(ctx context.Context, s *side) error {
	res, err := replay.Run(ctx, s.r, replay.Options{Anchor: x.o.Anchor, Workers: x.o.Workers})
	if err != nil {
		return err
	}
	// Its findings are replay's to tell.
	if err := res.EachCase(func(token string, c *exchange.Case) error {
		if c.Peer != x.other(s).info.Country || len(c.Waiting) != 0 || s == x.a && c.Kind == exchange.KindJoint {
			return nil
		}
		key := translog.Hash(sha256.Sum256([]byte(token)))
		b := x.make.begin().hash(&key).flag(s == x.b).text(token, string(c.Shared())).int(c.Due(), lastIndex(c)).flag(c.State.Open())
		for i := range c.Messages {
			m := &c.Messages[i]
			if m.Rejected {
				return nil
			}
			name := translog.Hash(m.Name)
			b.hash(&name).int(m.Received)
		}
		return x.cases.add(b.b)
	}); err != nil {
		return err
	}
	return x.cases.rest()
}

func lastIndex(c *exchange.Case) int64 {
	if n := len(c.Messages); n > 0 {
		return int64(c.Messages[n-1].Index)
	}
	return -1
}

// A view is a case as one log has it.
type view struct {
	token, shared string
	due, last     int64
	open          bool
	messages      map[translog.Hash]int64 // when they were received
}

func (v *view) read(f *fields) {
	v.token, v.shared, v.due, v.last, v.open = f.text(), f.text(), f.int(), f.int(), f.flag()
	v.messages = map[translog.Hash]int64{}
	for len(f.b) > 0 {
		name := f.hash()
		v.messages[name] = f.int()
	}
}

// pair finds the cases that both logs have.
func (x *states) pair() error {
	var key translog.Hash
	var a, b view
	return x.cases.each(func(f fields) error {
		k := f.hash()
		if ofB := f.flag(); !ofB {
			key = k
			a.read(&f)
			return nil
		}
		if k != key {
			return nil
		}
		b.read(&f)
		x.pairs++
		differ := func(code audit.Code, detail, wanted, found string) {
			x.unlike = append(x.unlike, unlike{x.pairs, audit.Finding{
				Code: code, Log: x.a.info.Log, Index: a.last, Detail: detail + a.token + " in " + x.b.info.Log, Wanted: wanted, Found: found,
			}})
		}
		if a.shared != b.shared {
			differ(audit.CodeState, "case ", a.shared, b.shared)
		}
		if a.heard(&b) && a.due != b.due && a.open == b.open {
			differ(audit.CodeDeadline, "the next limit of case ", fmt.Sprint(a.due), fmt.Sprint(b.due))
		}
		for name := range a.messages {
			b.messages[name] = 0
		}
		for name := range b.messages {
			if err := x.messages.add(x.make.begin().hash(&name).int(x.pairs).b); err != nil {
				return err
			}
		}
		return nil
	})
}

// heard reports whether both sides hold the same times of receipt.
func (v *view) heard(o *view) bool {
	for name, at := range v.messages {
		if at == 0 || o.messages[name] != at {
			return false
		}
	}
	return len(v.messages) == len(o.messages)
}

// arrive finds the cases of which both logs hold all messages: they were sent or arrived in each.
func (x *states) arrive() error {
	x.away = map[int64]bool{}
	ab, ba := walk{m: x.a.sends.messages.merge()}, walk{m: x.b.sends.messages.merge()}
	if err := x.messages.each(func(f fields) error {
		name, pair := f.hash(), f.int()
		byA, toB := ab.seek(&name)
		byB, toA := ba.seek(&name)
		if !(byA || toA) || !(byB || toB) {
			x.away[pair] = true
		}
		return nil
	}); err != nil {
		return err
	}
	return errors.Join(ab.m.fail(), ba.m.fail())
}

// A walk goes through the messages of a way beside others that are in the same order.
type walk struct {
	m             *merge
	record        []byte
	begun         bool
	name          translog.Hash
	sent, arrived bool
}

// seek reports whether a message was sent and whether it arrived. Names must ascend.
func (w *walk) seek(name *translog.Hash) (wasSent, hasArrived bool) {
	if !w.begun {
		w.begun, w.record = true, w.m.record()
	}
	if w.name != *name {
		w.name, w.sent, w.arrived = *name, false, false
	}
	for ; w.record != nil; w.record = w.m.record() {
		f := fields{w.record}
		at := f.hash()
		c := string(at[:])
		if c > string(name[:]) {
			break
		}
		if c == string(name[:]) {
			k := kind(f.byte())
			w.sent, w.arrived = w.sent || k == sent, w.arrived || k == arrived
		}
	}
	return w.sent, w.arrived
}
