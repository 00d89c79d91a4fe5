package forge

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/rogatory/rogatory/crypto/translog"
)

// A History is one log, entry by entry. While it is only appended to, its tree grows with it; after any other change Resign makes
// leaves, tree and head anew.
type History struct {
	T       T
	Signer  *translog.LogSigner
	Entries []*Entry
	// Cosigned is the largest head that has cosignatures, in export form; nil for none.
	Cosigned []byte

	leaves [][]byte
	stored []tlog.Hash
	edge   translog.Edge
	note   []byte
	forks  [][2]string
}

// An Entry is one leaf with what stands beside it. Its place is its index.
type Entry struct {
	At   int64
	Body translog.Entry
	// Raw, if not nil, is the leaf as it stands, whatever At and Body say.
	Raw []byte
	// Sides by name. A signature stands whole here; Archive writes it so.
	Sides map[string][]byte
}

func (e *Entry) put(name string, b []byte) {
	if e.Sides == nil {
		e.Sides = map[string][]byte{}
	}
	e.Sides[name] = b
}

// Clone returns a copy that can be altered: its body too.
func (e *Entry) Clone() *Entry {
	c := &Entry{At: e.At, Raw: bytes.Clone(e.Raw), Sides: map[string][]byte{}}
	for name, b := range e.Sides {
		c.Sides[name] = bytes.Clone(b)
	}
	b, err := translog.Marshal(e.At, leafIndex(e), e.Body)
	if err == nil {
		if l, err := translog.ParseLeaf(b); err == nil {
			c.Body = l.Entry
			return c
		}
	}
	c.Body = e.Body
	return c
}

// leafIndex is an index at which the entry's body may stand.
func leafIndex(e *Entry) int64 {
	if _, ok := e.Body.(*translog.Genesis); ok {
		return 0
	}
	return 1
}

// Append appends a leaf and returns its index. Time never goes back.
func (h *History) Append(at int64, body translog.Entry) int64 {
	h.T.Helper()
	if n := len(h.Entries); n > 0 {
		at = max(at, h.Entries[n-1].At)
	}
	h.Entries = append(h.Entries, &Entry{At: at, Body: body})
	h.grow()
	return int64(len(h.Entries) - 1)
}

// grow makes leaf and hashes of the last entry.
func (h *History) grow() {
	h.T.Helper()
	i := len(h.leaves)
	e := h.Entries[i]
	leaf := e.Raw
	if leaf == nil {
		var err error
		if leaf, err = translog.Marshal(e.At, int64(i), e.Body); err != nil {
			h.T.Fatalf("forge: leaf %d: %v", i, err)
		}
	}
	h.leaves = append(h.leaves, leaf)
	stored, err := h.edge.Append(nil, translog.LeafHash(leaf))
	if err != nil {
		h.T.Fatalf("forge: leaf %d: %v", i, err)
	}
	for _, s := range stored {
		h.stored = append(h.stored, tlog.Hash(s))
	}
	h.note = nil
}

// Size returns how many leaves there are.
func (h *History) Size() int64 { return int64(len(h.leaves)) }

// Leaf returns the bytes of a leaf.
func (h *History) Leaf(i int64) []byte { return h.leaves[i] }

// ReadHashes makes a History a tlog.HashReader.
func (h *History) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(h.stored)) {
			return nil, fmt.Errorf("hash %d of %d", x, len(h.stored))
		}
		out[i] = h.stored[x]
	}
	return out, nil
}

// Head returns the head as it is.
func (h *History) Head() translog.Checkpoint {
	return translog.Checkpoint{Origin: h.Signer.Verifier().Origin(), Size: h.Size(), Root: h.edge.Root()}
}

// Note returns the signed head as it is.
func (h *History) Note() []byte {
	h.T.Helper()
	if h.note == nil {
		var err error
		if h.note, err = translog.SignCheckpoint(h.Head(), h.Signer); err != nil {
			h.T.Fatalf("forge: %v", err)
		}
	}
	return h.note
}

// Inclusion returns the hashes that prove a leaf in the tree as it is.
func (h *History) Inclusion(i int64) []translog.Hash {
	h.T.Helper()
	p, err := translog.ProveInclusion(h.Size(), i, h)
	if err != nil {
		h.T.Fatalf("forge: %v", err)
	}
	return p
}

// Find lists the indexes of the entries of a kind that fit, in order; with no function, all.
func (h *History) Find(kind string, fit ...func(translog.Entry) bool) []int {
	var list []int
	for i, e := range h.Entries {
		ok := e.Body.Kind() == kind
		for _, f := range fit {
			ok = ok && f(e.Body)
		}
		if ok {
			list = append(list, i)
		}
	}
	return list
}

// Alter replaces an entry by a copy that change has altered. The original stays what it was, for others who hold it.
func (h *History) Alter(i int, change func(*Entry)) {
	e := h.Entries[i].Clone()
	change(e)
	h.Entries[i] = e
}

// Delete removes entries.
func (h *History) Delete(indexes ...int) {
	slices.Sort(indexes)
	for _, i := range slices.Backward(indexes) {
		h.Entries = slices.Delete(h.Entries, i, i+1)
	}
}

// Insert puts an entry before index i.
func (h *History) Insert(i int, e *Entry) { h.Entries = slices.Insert(h.Entries, i, e) }

// Swap exchanges two entries. Their times stay with their places, so that time does not run backwards.
func (h *History) Swap(i, j int) {
	a, b := h.Entries[i].Clone(), h.Entries[j].Clone()
	a.At, b.At = b.At, a.At
	h.Entries[i], h.Entries[j] = b, a
}

// Truncate keeps the first n entries.
func (h *History) Truncate(n int) { h.Entries = h.Entries[:n] }

// Resign makes every leaf anew where it stands, corrects what the operator's own leaves say of places in this log, drops cosigned heads
// that are no longer this tree's, and signs the head.
func (h *History) Resign() {
	h.T.Helper()
	h.fixRefs()
	h.Rebuild()
	h.dropCosigned()
}

// Rebuild makes leaves, tree and head anew and corrects nothing.
func (h *History) Rebuild() {
	h.T.Helper()
	h.leaves, h.stored, h.edge, h.note = nil, nil, translog.Edge{}, nil
	for range h.Entries {
		h.grow()
	}
}

// fixRefs lets receipts name the places at which their messages stand now.
func (h *History) fixRefs() {
	at := map[translog.Hash]int64{}
	for i, e := range h.Entries {
		if m, ok := e.Body.(*translog.Msg); ok && m.Dir == translog.Out {
			at[m.Msg] = int64(i)
		}
	}
	for i, e := range h.Entries {
		if r, ok := e.Body.(*translog.Rcpt); ok && at[r.Of] != r.Ref && at[r.Of] != 0 {
			h.Alter(i, func(e *Entry) { e.Body.(*translog.Rcpt).Ref = at[r.Of] })
		}
	}
}

// dropCosigned removes the `cos` leaves whose head is not this tree's any more. What they take with them may make others so.
func (h *History) dropCosigned() {
	h.T.Helper()
	ours := func(size int64, root translog.Hash) bool {
		if size > h.Size() {
			return false
		}
		have, err := translog.Root(size, h)
		return err == nil && have == root
	}
	for {
		drop := slices.DeleteFunc(h.Find("cos"), func(i int) bool {
			c := h.Entries[i].Body.(*translog.Cos)
			return ours(c.Size, c.Root)
		})
		if len(drop) == 0 {
			break
		}
		h.Delete(drop[0])
		h.fixRefs()
		h.Rebuild()
	}
	if h.Cosigned != nil {
		if cp, err := translog.ParseCheckpoint(h.Cosigned, h.Signer.Verifier()); err != nil || !ours(cp.Size, cp.Root) {
			h.Cosigned = nil
		}
	}
}

// Copy returns a history of its own with the same entries, for a second version of the past.
func (h *History) Copy() *History {
	c := &History{T: h.T, Signer: h.Signer, Cosigned: h.Cosigned, forks: slices.Clone(h.forks)}
	for _, e := range h.Entries {
		c.Entries = append(c.Entries, &Entry{At: e.At, Body: e.Body, Raw: e.Raw, Sides: maps.Clone(e.Sides)})
	}
	c.Rebuild()
	return c
}

// PutFork keeps a fork proof of a kind, for the archive.
func (h *History) PutFork(kind string, proof []byte) {
	h.forks = append(h.forks, [2]string{kind, string(proof)})
}

func sha256Of(b []byte) translog.Hash { return sha256.Sum256(b) }

func sortHashes(list []translog.Hash) {
	slices.SortFunc(list, func(a, b translog.Hash) int { return bytes.Compare(a[:], b[:]) })
}
