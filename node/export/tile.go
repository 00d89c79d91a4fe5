package export

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// named are the side records that leave the node as they are kept. The store keeps others beside leaves that are its own
// business: the list that a `whole` commits to was content, so neither it nor its salt is exported.
var named = map[string]bool{
	"assertion": true, "checkpoint": true, "docket": true, "endorsement": true, "enrolment": true, "leaf": true,
	"of": true, "path": true, "report": true, "policy": true, "snapshot": true, "token": true,
}

// A row is an entry and what is known of it here.
type row struct {
	archive.Entry
	kind  string
	place int64                  // of the leaf among those of all logs
	msg   *storev1.LoggedMessage // of `msg`
}

// tile reads the entries from first up to until, all of one tile.
func (x *exporter) tile(r *store.Reader, first, until int64) ([]archive.Entry, error) {
	rows, err := readRows(r, x.log.Base, first, until)
	if err != nil {
		return nil, err
	}
	entries := make([]archive.Entry, len(rows))
	for i := range rows {
		x.erased = x.erased || rows[i].kind == "erase"
		if x.o.any() {
			if err := x.limit(r, &rows[i]); err != nil {
				return nil, err
			}
		}
		entries[i] = rows[i].Entry
	}
	shareRoots(entries)
	for i := range entries {
		slices.SortFunc(entries[i].Sides, func(a, b archive.Record) int { return strings.Compare(a.Name, b.Name) })
	}
	return entries, nil
}

// readRows reads the leaves of a log from index first up to until, with what stands beside them. The log begins at a place.
func readRows(r *store.Reader, base, first, until int64) ([]row, error) {
	rows := make([]row, 0, until-first)
	from, end := base+first, base+until
	r.Leaves(from, func(place int64, leaf []byte) bool {
		rows = append(rows, row{Entry: archive.Entry{Index: place - base, Leaf: bytes.Clone(leaf)}, kind: kindOf(leaf), place: place})
		return place+1 < end
	})
	if int64(len(rows)) != until-first {
		return nil, fmt.Errorf("%d leaves from %d on instead of %d: %w", len(rows), first, until-first, store.ErrNotFound)
	}
	r.Sides(from, end, func(place int64, name string, record []byte) bool {
		if named[name] {
			rows[place-from].add(name, bytes.Clone(record))
		}
		return true
	})
	if err := r.EachMessage(from, func(place int64, m *storev1.LoggedMessage) bool {
		if place < end {
			rows[place-from].message(m)
		}
		return place < end
	}); err != nil {
		return nil, err
	}
	for i := range rows {
		var err error
		switch rows[i].kind {
		case "reseal":
			err = rows[i].statement(r)
		case "rcpt":
			err = rows[i].receipt(r)
		}
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (w *row) add(name string, b []byte) {
	w.Sides = append(w.Sides, archive.Record{Name: name, Bytes: b})
}

func (w *row) message(m *storev1.LoggedMessage) {
	w.msg = m
	w.add("message", m.GetMessage())
	if len(m.GetStatement()) > 0 {
		w.add("statement", m.GetStatement())
		w.add("signature", m.GetSignature())
	}
	if len(m.GetDocketSalt()) > 0 {
		w.add("docket", slices.Concat(m.GetDocketSalt(), m.GetDocket()))
	}
}

func (w *row) statement(r *store.Reader) error {
	st, err := r.Statement(w.place)
	if errors.Is(err, store.ErrNotFound) {
		return nil // the auditor's finding
	}
	if err != nil {
		return err
	}
	w.add("statement", st.GetStatement())
	w.add("signature", st.GetSignature())
	return nil
}

// receipt adds the peer's leaf of a `rcpt`, which is kept with our message unless it is a `whole`.
func (w *row) receipt(r *store.Reader) error {
	if w.Side("leaf") != nil {
		return nil
	}
	leaf, err := translog.ParseLeaf(w.Leaf)
	if err != nil {
		return err
	}
	e, ok := leaf.Entry.(*translog.Rcpt)
	if !ok {
		return fmt.Errorf("leaf %d: %w", w.Index, translog.ErrSchema)
	}
	m, err := r.Message(w.place - w.Index + e.Ref)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.GetReceiptPlusOne() == uint64(w.place)+1 {
		w.add("leaf", m.GetReceiptLeaf())
	}
	return nil
}

// shareRoots leaves a root signature out of all signatures of a tile but the first that has it, and says where it is.
// Signatures that were made together share it, and it is most of their size.
func shareRoots(tile []archive.Entry) {
	seen := make(map[string]byte)
	for i := range tile {
		e := &tile[i]
		at := slices.IndexFunc(e.Sides, func(r archive.Record) bool { return r.Name == "signature" })
		if at < 0 {
			continue
		}
		root, rest := splitSignature(e.Sides[at].Bytes)
		if root == nil {
			continue
		}
		first, ok := seen[string(root)]
		if !ok {
			seen[string(root)] = byte(e.Index % archive.TileWidth)
			continue
		}
		e.Sides[at].Bytes = rest
		e.Sides = append(e.Sides, archive.Record{Name: "root-at", Bytes: []byte{first}})
	}
}

// splitSignature returns the first field of a BatchSignature, its root_signature, with tag and length, and the rest; nil
// when that is not its first field.
func splitSignature(b []byte) (root, rest []byte) {
	n, kind, tag := protowire.ConsumeTag(b)
	if tag < 0 || n != 1 || kind != protowire.BytesType {
		return nil, b
	}
	size := protowire.ConsumeFieldValue(n, kind, b[tag:])
	if size < 0 {
		return nil, b
	}
	return b[:tag+size], b[tag+size:]
}
