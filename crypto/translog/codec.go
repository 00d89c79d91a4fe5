package translog

import (
	"bytes"
	"fmt"
	"strconv"
)

// MaxInt is the largest integer of a leaf, an index or a size: 2^53-1, which every JSON parser keeps exact.
const MaxInt = 1<<53 - 1

// maxList is the number of elements that a list in a leaf may have. A longer one is a side record: the leaf then holds
// its digest and its count.
const maxList = 64

// A codec walks the members of one entry, in the order of their names. Each kind describes its members once, in a method
// named members; that one description writes leaves, reads them and yields the schema. Reading compares the input with
// what writing would have produced and fills in the values, so that what was read has no second spelling.
type codec struct {
	mode mode
	buf  []byte // writing: the leaf so far; reading: the whole leaf
	pos  int    // reading: the next byte
	next int    // the first of the four common members that has not been walked yet
	open bool   // the opening brace has been walked

	at, index, version int64
	kind               string

	schema []Member
	err    error
}

type mode uint8

const (
	writing mode = iota
	reading
	describing
)

// The common members of every leaf, sorted as they stand among the others.
var common = [...]string{"at", "i", "k", "v"}

type presence uint8

const (
	required presence = iota
	// optional members are absent when they are zero, and never spelled zero.
	optional
	// emptiable members are always there; the empty string stands for "not yet".
	emptiable
)

func (c *codec) fail(name, what string) {
	if c.err == nil {
		c.err = fmt.Errorf("member %s %s: %w", name, what, ErrSchema)
	}
}

// member walks the common members that sort before name, and then name itself. It reports whether a value follows.
func (c *codec) member(name string, p presence, zero bool, t string) bool {
	for c.next < len(common) && common[c.next] < name {
		c.commonMember()
	}
	if c.err != nil {
		return false
	}
	switch c.mode {
	case writing:
		if zero && p == optional {
			return false
		}
		c.writeName(name)
		return true
	case reading:
		return c.readName(name, p != optional)
	}
	c.schema = append(c.schema, Member{Name: name, Type: t, Optional: p == optional})
	return false
}

func (c *codec) commonMember() {
	name := common[c.next]
	c.next++
	if c.err != nil || c.mode == describing {
		return
	}
	if c.mode == writing {
		c.writeName(name)
	} else if !c.readName(name, true) {
		return
	}
	switch name {
	case "at":
		c.integerValue(name, &c.at)
	case "i":
		c.integerValue(name, &c.index)
	case "k":
		c.kindValue()
	case "v":
		c.integerValue(name, &c.version)
	}
}

func (c *codec) finish() {
	for c.next < len(common) {
		c.commonMember()
	}
	if c.err != nil {
		return
	}
	if c.mode == writing {
		c.buf = append(c.buf, '}')
	} else if c.pos != len(c.buf)-1 || c.buf[c.pos] != '}' {
		c.fail("at the end", "unknown or out of order")
	}
}

func (c *codec) writeName(name string) {
	if c.open {
		c.buf = append(c.buf, ',', '"')
	} else {
		c.buf = append(c.buf, '{', '"')
		c.open = true
	}
	c.buf = append(c.buf, name...)
	c.buf = append(c.buf, '"', ':')
}

func (c *codec) readName(name string, must bool) bool {
	b := c.buf[c.pos:]
	lead := byte(',')
	if !c.open {
		lead = '{'
	}
	n := len(name)
	if len(b) < n+4 || b[0] != lead || b[1] != '"' || string(b[2:2+n]) != name || b[2+n] != '"' || b[3+n] != ':' {
		if must {
			c.fail(name, "missing or out of order")
		}
		return false
	}
	c.open = true
	c.pos += n + 4
	return true
}

// expect reads ch and reports whether it was there.
func (c *codec) expect(ch byte) bool {
	if c.pos < len(c.buf) && c.buf[c.pos] == ch {
		c.pos++
		return true
	}
	return false
}

func (c *codec) kindValue() {
	if c.mode == writing {
		c.buf = append(c.buf, '"')
		c.buf = append(c.buf, c.kind...)
		c.buf = append(c.buf, '"')
		return
	}
	n := len(c.kind)
	b := c.buf[c.pos:]
	if len(b) < n+2 || b[0] != '"' || string(b[1:1+n]) != c.kind || b[1+n] != '"' {
		c.fail("k", "malformed")
		return
	}
	c.pos += n + 2
}

func (c *codec) integerValue(name string, v *int64) {
	if c.mode == writing {
		if *v < 0 || *v > MaxInt {
			c.fail(name, "out of bounds")
			return
		}
		c.buf = strconv.AppendInt(c.buf, *v, 10)
		return
	}
	n, used := readInt(c.buf[c.pos:])
	if used == 0 {
		c.fail(name, "no integer from 0 to 2^53-1")
		return
	}
	*v = n
	c.pos += used
}

// readInt reads a decimal number from the start of b and returns how many bytes it took; none, when there is no number,
// or it has a leading zero, or is beyond MaxInt.
func readInt(b []byte) (v int64, used int) {
	for used < len(b) && b[used]-'0' <= 9 {
		if used == 16 {
			return 0, 0
		}
		v = v*10 + int64(b[used]-'0')
		used++
	}
	if used > 1 && b[0] == '0' || v > MaxInt {
		return 0, 0
	}
	return v, used
}

func (c *codec) integer(name string, v *int64, p presence) {
	if !c.member(name, p, *v == 0, "int") {
		return
	}
	c.integerValue(name, v)
	if p == optional && *v == 0 {
		c.fail(name, "spelled zero instead of left out")
	}
}

// flag is an integer that is 0 or 1.
func (c *codec) flag(name string, v *bool) {
	if !c.member(name, required, false, "flag") {
		return
	}
	switch {
	case c.mode == writing && *v:
		c.buf = append(c.buf, '1')
	case c.mode == writing:
		c.buf = append(c.buf, '0')
	case c.expect('1'):
		*v = true
	case c.expect('0'):
		*v = false
	default:
		c.fail(name, "neither 0 nor 1")
	}
}

func (c *codec) hash(name string, h *Hash, p presence) {
	t := "hash"
	if p == emptiable {
		t = "hash or empty"
	}
	if c.member(name, p, h.IsZero(), t) {
		c.hashValue(name, h, p)
	}
}

func (c *codec) hashValue(name string, h *Hash, p presence) {
	if c.mode == writing {
		if h.IsZero() {
			if p != emptiable {
				c.fail(name, "has no value")
			}
			c.buf = append(c.buf, '"', '"')
			return
		}
		c.buf = append(c.buf, '"')
		c.buf = appendHash(c.buf, h)
		c.buf = append(c.buf, '"')
		return
	}
	b := c.buf[c.pos:]
	if p == emptiable && len(b) >= 2 && b[0] == '"' && b[1] == '"' {
		c.pos += 2
		return
	}
	if len(b) < hashText+2 || b[0] != '"' || b[hashText+1] != '"' || !decodeHash(h, b[1:hashText+1]) {
		c.fail(name, "no hash in base64url")
		return
	}
	c.pos += hashText + 2
}

func (c *codec) text(name string, s *string, t *textType, p presence) {
	if c.member(name, p, *s == "", t.name) {
		c.textValue(name, s, t)
	}
}

func (c *codec) textValue(name string, s *string, t *textType) {
	if c.mode == writing {
		c.buf = append(c.buf, '"')
		start := len(c.buf)
		c.buf = append(c.buf, *s...)
		if !t.valid(c.buf[start:]) {
			c.fail(name, "is no "+t.name)
		}
		c.buf = append(c.buf, '"')
		return
	}
	if !c.expect('"') {
		c.fail(name, "no string")
		return
	}
	n := bytes.IndexByte(c.buf[c.pos:], '"')
	if n < 0 || !t.valid(c.buf[c.pos:c.pos+n]) {
		c.fail(name, "is no "+t.name)
		return
	}
	*s = t.own(c.buf[c.pos : c.pos+n])
	c.pos += n + 1
}

// hashes is a list of 1 to maxList hashes in the order of the caller; an empty one is left out.
func (c *codec) hashes(name string, list *[]Hash, p presence) {
	if !c.member(name, p, len(*list) == 0, "hash[]") {
		return
	}
	n := c.list(name, len(*list), func(i int) {
		if c.mode == reading {
			*list = append(*list, Hash{})
		}
		c.hashValue(name, &(*list)[i], required)
	})
	c.bound(name, n)
}

// texts is a set of 1 to maxList strings, strictly ascending; an empty one is left out.
func (c *codec) texts(name string, list *[]string, t *textType, p presence) {
	if !c.member(name, p, len(*list) == 0, t.name+"[]") {
		return
	}
	n := c.list(name, len(*list), func(i int) {
		if c.mode == reading {
			*list = append(*list, "")
		}
		c.textValue(name, &(*list)[i], t)
		if i > 0 && (*list)[i-1] >= (*list)[i] {
			c.fail(name, "not strictly ascending")
		}
	})
	c.bound(name, n)
}

// A Count says how often something happened.
type Count struct {
	Code string
	N    int64 // at least 1
}

// counts is a list of [code, number], codes strictly ascending, numbers at least 1.
func (c *codec) counts(name string, list *[]Count) {
	if !c.member(name, required, false, "[code,int][]") {
		return
	}
	n := c.list(name, len(*list), func(i int) {
		if c.mode == reading {
			*list = append(*list, Count{})
		}
		e := &(*list)[i]
		if !c.literal('[') {
			c.fail(name, "no list of pairs")
			return
		}
		c.textValue(name, &e.Code, code)
		if !c.literal(',') {
			c.fail(name, "no list of pairs")
			return
		}
		c.integerValue(name, &e.N)
		if !c.literal(']') {
			c.fail(name, "no list of pairs")
		}
		if e.N == 0 || i > 0 && (*list)[i-1].Code >= e.Code {
			c.fail(name, "counts nothing, or is not strictly ascending")
		}
	})
	c.bound(name, n)
}

// list walks the brackets and commas of a list, and each of its elements by value. It returns how many there were.
func (c *codec) list(name string, n int, value func(i int)) int {
	c.mustLiteral(name, '[')
	i := 0
	for ; c.err == nil && i <= maxList; i++ {
		if c.mode == writing && i == n {
			break
		}
		if i > 0 {
			if c.mode == reading && c.pos < len(c.buf) && c.buf[c.pos] == ']' {
				break
			}
			c.mustLiteral(name, ',')
		}
		value(i)
	}
	c.mustLiteral(name, ']')
	return i
}

func (c *codec) bound(name string, n int) {
	if n < 1 || n > maxList {
		c.fail(name, "has no or too many elements")
	}
}

// literal writes ch, or reads it and reports whether it was there.
func (c *codec) literal(ch byte) bool {
	if c.mode == writing {
		c.buf = append(c.buf, ch)
		return true
	}
	return c.expect(ch)
}

func (c *codec) mustLiteral(name string, ch byte) {
	if c.err == nil && !c.literal(ch) {
		c.fail(name, "no list")
	}
}
