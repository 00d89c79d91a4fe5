package desk

import (
	"context"
	"errors"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// keepOn keeps a reviewed case, or gives up the proposal to erase one message.
func (a *deed) keepOn(ctx context.Context) (*nodev1.CommitResponse, error) {
	if len(a.act.GetSubject()) == 0 {
		return a.onCase(ctx, exchange.EventKeep, nil)
	}
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	return a.move(ctx, exchange.EventKeepItem, exchange.Name(a.act.GetSubject()), nil)
}

// mayClaim refuses to say that something was erased which is still here.
func mayClaim(c *held, docket *rogatoryv1.Docket) error {
	if docket.GetKind() != rogatoryv1.Kind_KIND_CORRECTION_RECEIPT || docket.GetCorrection() != rogatoryv1.CorrectionKind_CORRECTION_KIND_DONE {
		return nil
	}
	for _, x := range c.Corrections {
		if string(x.Notice[:]) == string(docket.GetOf()) && x.What == rogatoryv1.CorrectionKind_CORRECTION_KIND_ERASE && !c.Erased(x.Target) {
			return refusal.ErrNotErased
		}
	}
	return nil
}

// withholds reports whether a reading for this reason is not shown what the message says: its provider has asked to restrict it, and somebody here
// has agreed. Who must see it all the same says so, and that stands in the log.
func (c *held) withholds(msg []byte, reason string) bool {
	return len(msg) == len(exchange.Name{}) && reason != reasonRestricted && c.Restricted(exchange.Name(msg))
}

// reasonOf is the coded reason of an assertion that was verified.
func reasonOf(a *rogatoryv1.Assertion) string {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return ""
	}
	return act.GetReason()
}

// caseActs are the acts of data management of a case, as its leaves and the assertions beside them have them.
func (c *held) caseActs(r *store.Reader) (out []*nodev1.CaseAct, err error) {
	for _, index := range c.acts {
		raw, err := r.Leaf(int64(index))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		leaf, err := translog.ParseLeaf(raw)
		if err != nil {
			return nil, err
		}
		e, ok := leaf.Entry.(*translog.Case)
		if !ok || e.Case != c.Token {
			continue // a recovery has put another leaf there
		}
		act := &nodev1.CaseAct{Index: index, AtMs: uint64(leaf.At), Event: e.Event}
		if !e.Of.IsZero() {
			act.Msg = e.Of[:]
		}
		if act.By, act.Reason, err = actor(r, int64(index)); err != nil {
			return nil, err
		}
		out = append(out, act)
	}
	return out, nil
}

// actor returns who signed the assertion beside a leaf, and for what coded reason; empty without one.
func actor(r *store.Reader, index int64) (by, why string, err error) {
	b, err := r.Side(index, "assertion")
	if errors.Is(err, store.ErrNotFound) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	a, err := parseAssertion(b)
	if err != nil {
		return "", "", err
	}
	act, err := federation.ParseAct(a.GetAct())
	return act.GetActor(), act.GetReason(), err
}

// tombstoneOf reads the `erase` leaf under which a message's content was destroyed; nil without one.
func tombstoneOf(r *store.Reader, erasedPlusOne uint64) (*nodev1.Tombstone, error) {
	if erasedPlusOne == 0 {
		return nil, nil
	}
	raw, err := r.Leaf(int64(erasedPlusOne - 1))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	leaf, err := translog.ParseLeaf(raw)
	if err != nil {
		return nil, err
	}
	e, ok := leaf.Entry.(*translog.Erase)
	if !ok {
		return nil, nil // a recovery has put another leaf there
	}
	return &nodev1.Tombstone{Index: erasedPlusOne - 1, AtMs: uint64(leaf.At), By: e.By, Ground: e.Basis, What: e.What}, nil
}
