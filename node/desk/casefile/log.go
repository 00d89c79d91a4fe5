package casefile

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// LeafAt returns the leaf at a place.
func LeafAt(r *store.Reader, index int64) (translog.Leaf, error) {
	raw, err := r.Leaf(index)
	if err != nil {
		return translog.Leaf{}, err
	}
	return translog.ParseLeaf(raw)
}

// Since returns the index of a leaf before which every leaf is older than a time.
func Since(r *store.Reader, size, at int64) (int64, error) {
	lo, hi := int64(0), size
	for lo < hi {
		mid := (lo + hi) / 2
		leaf, err := LeafAt(r, mid)
		if err != nil {
			return 0, err
		}
		if leaf.At < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// maxNames is how many names a leaf takes; more stand beside it.
const maxNames = 64

// AtOnce is how many names one leaf is about, with those beside it: they fit into one value of the store.
const AtOnce = 2000

// namesOf returns the names of a case's messages in the order that leaves have them.
func namesOf(tx *store.Tx, token string) ([]translog.Hash, error) {
	indices, err := tx.CaseMessages(token)
	if err != nil {
		return nil, err
	}
	var names []translog.Hash
	for _, index := range indices {
		m, err := tx.Message(index)
		if err != nil {
			return nil, err
		}
		names = append(names, translog.Hash(m.GetMsg()))
	}
	slices.SortFunc(names, compare)
	return names, nil
}

// listOrDigest returns names as a leaf takes them. A list that is too long stands beside the leaf: the names, one after another, under their SHA-256.
func listOrDigest(names []translog.Hash) (of []translog.Hash, digest translog.Hash, list []byte) {
	if len(names) <= maxNames {
		return names, digest, nil
	}
	for _, name := range names {
		list = append(list, name[:]...)
	}
	return nil, sha256.Sum256(list), list
}

// appendWith appends a leaf with a list of names, if there is one, and an assertion beside it, if there is one.
func appendWith(tx *store.Tx, leaf translog.Entry, list []byte, a *rogatoryv1.Assertion) error {
	index, err := tx.Append(leaf)
	if err != nil {
		return err
	}
	if list != nil {
		if err := tx.PutSide(index, "of", list); err != nil {
			return err
		}
	}
	if a == nil {
		return nil
	}
	b, err := envelope.Marshal(a)
	if err != nil {
		return err
	}
	return tx.PutSide(index, "assertion", b)
}

// AppendOp appends a line of the statutory log, with the assertion beside it; several lines where it is about more messages than one takes.
func AppendOp(tx *store.Tx, op *translog.Op, a *rogatoryv1.Assertion) error {
	var err error
	if op.Assertion, err = federation.AssertionDigest(a); err != nil {
		return err
	}
	for of := op.Of; ; {
		part := *op
		n := min(len(of), AtOnce)
		var list []byte
		part.OfCount = int64(n)
		part.Of, part.OfDigest, list = listOrDigest(of[:n])
		if err := appendWith(tx, &part, list, a); err != nil {
			return err
		}
		if of = of[n:]; len(of) == 0 {
			return nil
		}
	}
}

// AppendErase appends an `erase` leaf over names, in their order, with the assertion beside it if there is one.
func AppendErase(tx *store.Tx, leaf translog.Erase, names []translog.Hash, a *rogatoryv1.Assertion) (index int64, err error) {
	names = slices.Clone(names)
	slices.SortFunc(names, compare)
	names = slices.Compact(names)
	leaf.OfCount = int64(len(names))
	if a != nil {
		if leaf.Assertion, err = federation.AssertionDigest(a); err != nil {
			return 0, err
		}
	}
	var list []byte
	leaf.Of, leaf.OfDigest, list = listOrDigest(names)
	index = tx.Size()
	return index, appendWith(tx, &leaf, list, a)
}

func compare(a, b translog.Hash) int { return slices.Compare(a[:], b[:]) }

// OpNames returns the messages that a line of the statutory log at a place is about.
func OpNames(r *store.Reader, index int64, op *translog.Op) ([]translog.Hash, error) {
	of := op.Of
	if op.OfCount <= maxNames {
		return of, nil
	}
	b, err := r.Side(index, "of")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	for ; len(b) >= translog.HashSize; b = b[translog.HashSize:] {
		of = append(of, translog.Hash(b[:translog.HashSize]))
	}
	return of, nil
}

// Op is a line of the statutory log about all messages of the case.
func (c *File) Op(tx *store.Tx, verb string, act *rogatoryv1.Act) (*translog.Op, error) {
	op := &translog.Op{
		Verb: verb, Who: act.GetActor(), Why: act.GetReason(), Case: c.Token,
		Basis: strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(c.Regime.String(), "REGIME_"), "_", "-")),
	}
	if c.Regime == rogatoryv1.Regime_REGIME_UNSPECIFIED {
		op.Basis = "none"
	}
	var err error
	if op.Of, err = namesOf(tx, c.Token); err != nil {
		return nil, err
	}
	op.OfCount = int64(len(op.Of))
	return op, nil
}

// released logs who let a notice go. Of one that its recipient gave back after a rollback that stood in the part of the log that was lost.
func released(tx *store.Tx, e exchange.Event, why Why) error {
	if why.Assertion == nil {
		return nil
	}
	op := &translog.Op{
		Verb: translog.Disclose, Who: e.Actor, Why: "governance", Basis: "none", Case: e.Docket.GetCaseToken(),
		Of: []translog.Hash{translog.Hash(e.Msg)}, OfCount: 1, Recipient: e.To,
	}
	return AppendOp(tx, op, why.Assertion)
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
