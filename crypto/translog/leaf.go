package translog

import (
	"bytes"
	"fmt"
)

// MaxLeaf is the size in bytes that no leaf exceeds.
const MaxLeaf = 8192

// schemaVersion is the `v` of every leaf that this program writes, and the only one that it reads.
const schemaVersion = 1

// An Entry is what a leaf says, beside when and where: one of the types of this package, by pointer.
type Entry interface {
	// Kind returns the `k` of the leaf.
	Kind() string

	members(*codec)
	// check judges what concerns several members at once; it returns what is wrong with them, or "".
	check() string
}

// A Leaf is one parsed line of the log.
type Leaf struct {
	At    int64  // when the entry was committed, in milliseconds since 1970, by the log's own clock
	Index int64  // where it stands in the log, from 0
	Kind  string // as Entry.Kind
	V     int64  // the version of its kind's schema
	Entry Entry
}

// Marshal returns the leaf of e at the time at (milliseconds since 1970) and the index. It returns an error that wraps
// [ErrSchema] when e does not fit its schema, and never names a value in it.
func Marshal(at, index int64, e Entry) ([]byte, error) {
	return AppendLeaf(make([]byte, 0, 768), at, index, e)
}

// AppendLeaf is [Marshal] that appends to dst. On an error dst is returned as it was.
func AppendLeaf(dst []byte, at, index int64, e Entry) ([]byte, error) {
	c := codec{mode: writing, buf: dst, at: at, index: index, kind: e.Kind(), version: schemaVersion}
	e.members(&c)
	c.finish()
	if c.err == nil {
		c.judge(e)
	}
	if c.err == nil && len(c.buf)-len(dst) > MaxLeaf {
		c.err = ErrTooLarge
	}
	if c.err != nil {
		return dst, fmt.Errorf("writing %s leaf: %w", e.Kind(), c.err)
	}
	return c.buf, nil
}

// ParseLeaf reads one leaf. Errors wrap [ErrTooLarge], [ErrCanon], [ErrSchema] or [ErrVersion]; none holds a value of
// the leaf. The Leaf does not refer to b.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxLeaf {
		return Leaf{}, fmt.Errorf("reading leaf: %w", ErrTooLarge)
	}
	e := newEntry(kindOf(b))
	if e == nil {
		return Leaf{}, fmt.Errorf("reading leaf: %w", diagnose(b, fmt.Errorf("unknown kind: %w", ErrSchema)))
	}
	c := codec{mode: reading, buf: b, kind: e.Kind()}
	e.members(&c)
	c.finish()
	switch {
	case c.err == nil && c.version > schemaVersion:
		c.err = ErrVersion
	case c.err == nil && c.version < schemaVersion:
		c.err = ErrSchema // nobody ever wrote it
	}
	if c.err == nil {
		c.judge(e)
	}
	if c.err != nil {
		return Leaf{}, fmt.Errorf("reading %s leaf: %w", c.kind, diagnose(b, c.err))
	}
	return Leaf{At: c.at, Index: c.index, Kind: c.kind, V: c.version, Entry: e}, nil
}

func (c *codec) judge(e Entry) {
	what := e.check()
	if _, ok := e.(*Genesis); ok && c.index != 0 {
		what = "genesis is not the first leaf"
	}
	if what != "" {
		c.err = fmt.Errorf("%s: %w", what, ErrSchema)
	}
}

// kindOf returns the `k` of a leaf before the leaf has been judged: strings hold no quote, so that the bytes searched
// for can only be a member's name, if b is a leaf at all.
func kindOf(b []byte) []byte {
	const mark = `,"k":"`
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		return nil
	}
	b = b[i+len(mark):]
	return b[:max(0, bytes.IndexByte(b, '"'))]
}

// diagnose says why b was refused: not canonical, of a later version, or else as cause says. Replay treats these three
// differently, and only a refused leaf costs the second look.
func diagnose(b []byte, cause error) error {
	if err := CheckCanonical(b); err != nil {
		return err
	}
	const mark = `,"v":`
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		return cause
	}
	if v, used := readInt(b[i+len(mark):]); used > 0 && v > schemaVersion {
		return ErrVersion
	}
	return cause
}
