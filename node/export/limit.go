package export

import (
	"errors"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/store"
)

// A bundleNote is a checkpoint of a peer that receipts refer to.
type bundleNote struct {
	log   string
	size  int64
	note  []byte
	given bool // beside a leaf that the limited archive holds
}

// maxBundles is how many of them are remembered: receipts that came together stand close together.
const maxBundles = 256

// limit takes the leaf and its side records out of a row that the limits leave out.
func (x *exporter) limit(r *store.Reader, w *row) error {
	leaf, err := translog.ParseLeaf(w.Leaf)
	if err != nil {
		return err
	}
	rcpt, isRcpt := leaf.Entry.(*translog.Rcpt)
	if note := w.Side("checkpoint"); isRcpt && note != nil {
		x.bundles = append(x.bundles, bundleNote{log: rcpt.Log, size: rcpt.Size, note: note})
		if len(x.bundles) > maxBundles {
			x.bundles = slices.Delete(x.bundles, 0, maxBundles/2)
		}
	}
	about, err := x.about(r, w, leaf)
	if err != nil {
		return err
	}
	if !about || !x.within(leaf) {
		w.Entry = archive.Entry{Index: w.Index, Hash: translog.LeafHash(w.Leaf)}
		return nil
	}
	// A snapshot tells of all cases.
	w.Sides = slices.DeleteFunc(w.Sides, func(r archive.Record) bool { return r.Name == "snapshot" })
	if isRcpt {
		x.giveCheckpoint(w, rcpt)
	}
	return nil
}

// giveCheckpoint sees to it that the checkpoint of a receipt stands beside it, or beside one before it in this archive.
func (x *exporter) giveCheckpoint(w *row, rcpt *translog.Rcpt) {
	for i := range slices.Backward(x.bundles) {
		b := &x.bundles[i]
		if b.log != rcpt.Log || b.size != rcpt.Size {
			continue
		}
		if !b.given && w.Side("checkpoint") == nil {
			w.add("checkpoint", b.note)
		}
		b.given = true
		return
	}
}

// foundation reports whether every limited archive needs a leaf to judge the others: it tells of the log itself, of keys,
// rules, who may act, and time.
func foundation(e translog.Entry) bool {
	switch e.(type) {
	case *translog.Genesis, *translog.Dir, *translog.Key, *translog.Policy, *translog.Actor, *translog.Time:
		return true
	}
	return false
}

// within reports whether a leaf is in the period. What judges it may be older.
func (x *exporter) within(leaf translog.Leaf) bool {
	return (x.o.Until == 0 || leaf.At < x.o.Until) && (leaf.At >= x.o.From || foundation(leaf.Entry))
}

// about reports whether a leaf is about the unit or the case.
func (x *exporter) about(r *store.Reader, w *row, leaf translog.Leaf) (bool, error) {
	if x.o.Unit == "" && x.o.Case == "" || foundation(leaf.Entry) {
		return true, nil
	}
	switch e := leaf.Entry.(type) {
	case *translog.Msg:
		ok, err := x.ofCase(r, w.msg.GetCaseToken())
		if ok {
			x.names[e.Msg] = true
		}
		return ok, err
	case *translog.Reseal:
		return x.names[e.Of], nil
	case *translog.Whole:
		return x.names[e.Msg], nil
	case *translog.Rcpt:
		return x.names[e.Of], nil
	case *translog.Case:
		return x.ofCase(r, e.Case)
	case *translog.Op:
		if e.Case != "" {
			return x.ofCase(r, e.Case)
		}
		return x.anyOf(w, e.Of), nil
	case *translog.Erase:
		return x.anyOf(w, e.Of), nil
	}
	return false, nil
}

// anyOf reports whether one of the names in a leaf, or in the list beside it, is a message of the unit or case.
func (x *exporter) anyOf(w *row, of []translog.Hash) bool {
	list := w.Side("of")
	for ; len(list) >= translog.HashSize; list = list[translog.HashSize:] {
		of = append(of, translog.Hash(list))
	}
	return slices.ContainsFunc(of, func(h translog.Hash) bool { return x.names[h] })
}

// ofCase reports whether a case is the one asked for, or belongs to the unit now.
func (x *exporter) ofCase(r *store.Reader, token string) (bool, error) {
	if token == "" || x.o.Case != "" && token != x.o.Case {
		return false, nil
	}
	if x.o.Unit == "" {
		return true, nil
	}
	is, ok := x.cases[token]
	if ok {
		return is, nil
	}
	summary, _, err := r.Case(token)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	x.cases[token] = summary.GetUnit() == x.o.Unit
	return x.cases[token], nil
}
