package envelope

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxDepth bounds the nesting of messages.
const maxDepth = 32

// A message that is read takes memory even when it is empty and two bytes long. One may hold freeMessages, and one more for every
// bytesAMessage of its length, so that what is read is at most some fifteen times as large as what came.
const freeMessages, bytesAMessage = 4096, 16

// messagesIn is how many messages one of n bytes may hold.
func messagesIn(n int) int { return freeMessages + n/bytesAMessage }

// StrictUnmarshal parses b into m, which must be empty, and accepts one encoding only: fields in ascending order, each singular one
// once, one member of a oneof, minimal varints, no explicit default, packed lists packed and not empty, valid UTF-8, nothing after the end;
// nested messages likewise. So equal messages are equal bytes, and a second implementation can be held to it.
//
// It returns ErrTooLarge beyond max bytes, ErrMalformed for a breach, too many messages in it included, and ErrNotUnderstood, with m filled, if all that is amiss are
// unknown fields or enum values. Maps and groups are not part of the wire and are malformed.
func StrictUnmarshal(b []byte, m proto.Message, max int) error {
	err := checkStrict(b, m.ProtoReflect().Descriptor(), max)
	if err != nil && !errors.Is(err, ErrNotUnderstood) {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return err
}

// checkStrict is StrictUnmarshal without filling anything.
func checkStrict(b []byte, md protoreflect.MessageDescriptor, max int) error {
	if len(b) > max {
		return fmt.Errorf("%s of %d bytes, limit %d: %w", md.Name(), len(b), max, ErrTooLarge)
	}
	left := messagesIn(len(b))
	known, err := checkMessage(b, md, 0, &left)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%s: %w", md.Name(), ErrNotUnderstood)
	}
	return nil
}

// Marshal returns the one encoding of m that StrictUnmarshal accepts, or an error if m has none: a string that is not UTF-8, an enum
// value or field that is not known, a map.
func Marshal(m proto.Message) ([]byte, error) {
	md := m.ProtoReflect().Descriptor()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", md.Name(), err)
	}
	left := messagesIn(len(b))
	known, err := checkMessage(b, md, 0, &left)
	if err != nil {
		// The library writes the members of oneofs last; the wire has all fields in ascending order.
		sortFields(b, md)
		left = messagesIn(len(b))
		if known, err = checkMessage(b, md, 0, &left); err != nil {
			return nil, fmt.Errorf("encoding: %w", err)
		}
	}
	if !known {
		return nil, fmt.Errorf("encoding %s: %w", md.Name(), ErrNotUnderstood)
	}
	return b, nil
}

// sortFields puts the fields of b, a well-formed message of md, into ascending order, nested messages included. No length changes, so it
// works in place. What is not well formed is left as it is.
func sortFields(b []byte, md protoreflect.MessageDescriptor) {
	type record struct {
		num protowire.Number
		raw []byte
	}
	var records []record
	for rest := b; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(num, typ, rest[n:])
		if size < 0 {
			return
		}
		if fd := md.Fields().ByNumber(num); fd != nil && fd.Kind() == protoreflect.MessageKind && typ == protowire.BytesType {
			nested, _ := protowire.ConsumeBytes(rest[n:])
			sortFields(nested, fd.Message())
		}
		records = append(records, record{num, rest[:n+size]})
		rest = rest[n+size:]
	}
	byNumber := func(x, y record) int { return cmp.Compare(x.num, y.num) }
	if slices.IsSortedFunc(records, byNumber) {
		return
	}
	slices.SortStableFunc(records, byNumber)
	sorted := make([]byte, 0, len(b))
	for _, r := range records {
		sorted = append(sorted, r.raw...)
	}
	copy(b, sorted)
}

func malformed(md protoreflect.MessageDescriptor, num protowire.Number, what string) error {
	return fmt.Errorf("%w: %s field %d: %s", ErrMalformed, md.Name(), num, what)
}

// varint reads a minimal varint; n is 0 if there is none.
func varint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	v, n = protowire.ConsumeVarint(b)
	if n < 0 || n != protowire.SizeVarint(v) {
		return 0, 0
	}
	return v, n
}

// chunk reads a length with a minimal varint and as many bytes; n is 0 if there are not.
func chunk(b []byte) (v []byte, n int) {
	size, n := varint(b)
	if n == 0 || size > uint64(len(b)-n) {
		return nil, 0
	}
	return b[n : n+int(size)], n + int(size)
}

// cutField returns the first field of a message that was checked and holds nothing unknown and no fixed numbers, and what follows it. It refers to b.
func cutField(b []byte) (num protowire.Number, value uint64, list, rest []byte) {
	tag, n := varint(b)
	b = b[n:]
	num, typ := protowire.DecodeTag(tag)
	if typ == protowire.BytesType {
		list, n = chunk(b)
	} else {
		value, n = varint(b)
	}
	return num, value, list, b[n:]
}

// checkMessage walks b as a message of md. known is false if b holds a field or an enum value that md does not know. left is how many
// more messages may come.
func checkMessage(b []byte, md protoreflect.MessageDescriptor, depth int, left *int) (known bool, err error) {
	if depth == maxDepth {
		return false, fmt.Errorf("%w: %s nested too deep", ErrMalformed, md.Name())
	}
	known = true
	fields := md.Fields()
	var last protowire.Number
	var fd protoreflect.FieldDescriptor // of last; nil if unknown
	var oneofs uint64                   // those with a member seen, by index
	for len(b) > 0 {
		tag, n := varint(b)
		num, typ := protowire.DecodeTag(tag)
		if n == 0 || tag > math.MaxUint32 || num < protowire.MinValidNumber || num > protowire.MaxValidNumber {
			return false, malformed(md, last, "no tag follows")
		}
		b = b[n:]
		switch {
		case num < last:
			return false, malformed(md, num, "out of order")
		case num > last:
			fd = fields.ByNumber(num)
		case fd != nil && (!fd.IsList() || fd.IsPacked()):
			return false, malformed(md, num, "twice")
		}
		last = num
		if fd == nil {
			known = false
			if n, err = unknownField(b, typ); err != nil {
				return false, malformed(md, num, "unknown and broken")
			}
			b = b[n:]
			continue
		}
		if od := fd.ContainingOneof(); od != nil && !od.IsSynthetic() {
			bit := uint64(1) << (od.Index() & 63)
			if oneofs&bit != 0 {
				return false, malformed(md, num, "second member of a oneof")
			}
			oneofs |= bit
		}
		if fd.IsMap() {
			return false, malformed(md, num, "maps are not allowed")
		}
		if !fd.IsPacked() {
			n, ok, err := checkValue(b, typ, fd, md, !fd.IsList() && !fd.HasPresence(), depth, left)
			if err != nil {
				return false, err
			}
			known = known && ok
			b = b[n:]
			continue
		}
		list, n := chunk(b)
		if typ != protowire.BytesType || n == 0 || len(list) == 0 {
			return false, malformed(md, num, "not a packed list")
		}
		b = b[n:]
		for len(list) > 0 {
			n, ok, err := checkValue(list, wireType(fd.Kind()), fd, md, false, depth, left)
			if err != nil {
				return false, err
			}
			known = known && ok
			list = list[n:]
		}
	}
	return known, nil
}

// unknownField returns the length of a well-formed value of wire type typ.
func unknownField(b []byte, typ protowire.Type) (n int, err error) {
	switch typ {
	case protowire.VarintType:
		_, n = varint(b)
	case protowire.BytesType:
		_, n = chunk(b)
	case protowire.Fixed32Type:
		n = 4
	case protowire.Fixed64Type:
		n = 8
	}
	if n == 0 || n > len(b) {
		return 0, ErrMalformed
	}
	return n, nil
}

// checkValue reads one value of fd and returns its length. implicit means that the zero value must not be written.
func checkValue(b []byte, typ protowire.Type, fd protoreflect.FieldDescriptor, md protoreflect.MessageDescriptor, implicit bool, depth int, left *int) (n int, known bool, err error) {
	kind := fd.Kind()
	if typ != wireType(kind) {
		return 0, false, malformed(md, fd.Number(), "wrong wire type")
	}
	known = true
	var zero bool
	switch typ {
	case protowire.VarintType:
		var v uint64
		if v, n = varint(b); n == 0 || !fits(v, kind) {
			return 0, false, malformed(md, fd.Number(), "not a minimal varint in range")
		}
		zero = v == 0
		if kind == protoreflect.EnumKind {
			known = fd.Enum().Values().ByNumber(protoreflect.EnumNumber(int32(v))) != nil
		}
	case protowire.Fixed32Type, protowire.Fixed64Type:
		n = 4
		if typ == protowire.Fixed64Type {
			n = 8
		}
		if len(b) < n {
			return 0, false, malformed(md, fd.Number(), "cut short")
		}
		zero = true
		for _, c := range b[:n] {
			zero = zero && c == 0
		}
	case protowire.BytesType:
		var v []byte
		if v, n = chunk(b); n == 0 {
			return 0, false, malformed(md, fd.Number(), "cut short, or length not minimal")
		}
		zero = len(v) == 0
		switch kind {
		case protoreflect.StringKind:
			if !utf8.Valid(v) {
				return 0, false, malformed(md, fd.Number(), "not UTF-8")
			}
		case protoreflect.MessageKind:
			if *left--; *left < 0 {
				return 0, false, malformed(md, fd.Number(), "more messages than so many bytes may hold")
			}
			if known, err = checkMessage(v, fd.Message(), depth+1, left); err != nil {
				return 0, false, err
			}
		}
	default:
		return 0, false, malformed(md, fd.Number(), "groups are not allowed")
	}
	if implicit && zero {
		return 0, false, malformed(md, fd.Number(), "default written out")
	}
	return n, known, nil
}

// fits reports whether a varint is one that an encoder writes for the kind.
func fits(v uint64, kind protoreflect.Kind) bool {
	switch kind {
	case protoreflect.BoolKind:
		return v <= 1
	case protoreflect.Uint32Kind, protoreflect.Sint32Kind:
		return v <= math.MaxUint32
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		return int64(v) >= math.MinInt32 && int64(v) <= math.MaxInt32
	}
	return true
}

func wireType(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind:
		return protowire.VarintType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.BytesType
}
