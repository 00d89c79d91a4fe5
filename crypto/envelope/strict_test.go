package envelope

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestOnlyOneEncodingIsAccepted(t *testing.T) {
	long := func(n int) []byte { return bytes.Repeat([]byte{1}, n) }
	for name, tc := range map[string]struct {
		into proto.Message
		b    []byte
		want error
	}{
		"nothing":                        {new(rogatoryv1.Advice), nil, nil},
		"in order":                       {new(rogatoryv1.Advice), []byte{0x0a, 1, 7, 0x10, 4, 0x18, 9}, nil},
		"out of order":                   {new(rogatoryv1.Advice), []byte{0x10, 4, 0x0a, 1, 7}, ErrMalformed},
		"a field twice":                  {new(rogatoryv1.Advice), []byte{0x0a, 1, 7, 0x0a, 1, 8}, ErrMalformed},
		"a default written out":          {new(rogatoryv1.Advice), []byte{0x10, 0}, ErrMalformed},
		"empty bytes written out":        {new(rogatoryv1.Advice), []byte{0x0a, 0}, ErrMalformed},
		"a long tag":                     {new(rogatoryv1.Advice), []byte{0x8a, 0, 1, 7}, ErrMalformed},
		"a long length":                  {new(rogatoryv1.Advice), []byte{0x0a, 0x81, 0, 7}, ErrMalformed},
		"a long value":                   {new(rogatoryv1.Advice), []byte{0x18, 0x81, 0}, ErrMalformed},
		"a value of eleven bytes":        {new(rogatoryv1.Advice), append([]byte{0x18}, bytes.Repeat([]byte{0xff}, 11)...), ErrMalformed},
		"another wire type":              {new(rogatoryv1.Advice), []byte{0x08, 7}, ErrMalformed},
		"bytes cut short":                {new(rogatoryv1.Advice), []byte{0x0a, 2, 7}, ErrMalformed},
		"a tag and nothing":              {new(rogatoryv1.Advice), []byte{0x0a}, ErrMalformed},
		"field number 0":                 {new(rogatoryv1.Advice), []byte{0x02, 1, 7}, ErrMalformed},
		"an enum value we know":          {new(rogatoryv1.Advice), []byte{0x10, 6}, nil},
		"an enum value we do not":        {new(rogatoryv1.Advice), []byte{0x10, 0x7f}, ErrNotUnderstood},
		"a negative enum value":          {new(rogatoryv1.Advice), append([]byte{0x10}, protowire.AppendVarint(nil, 1<<64-1)...), ErrNotUnderstood},
		"an enum value beyond 32 bits":   {new(rogatoryv1.Advice), append([]byte{0x10}, protowire.AppendVarint(nil, 1<<40)...), ErrMalformed},
		"a uint32 beyond 32 bits":        {new(rogatoryv1.Message), append([]byte{0x18}, protowire.AppendVarint(nil, 1<<32)...), ErrMalformed},
		"a bool that is 2":               {new(rogatoryv1.Docket), []byte{0x68, 2}, ErrMalformed},
		"an unknown field":               {new(rogatoryv1.Advice), []byte{0x78, 1}, ErrNotUnderstood},
		"an unknown fixed64":             {new(rogatoryv1.Advice), append([]byte{0x79}, long(8)...), ErrNotUnderstood},
		"an unknown fixed32":             {new(rogatoryv1.Advice), append([]byte{0x7d}, long(4)...), ErrNotUnderstood},
		"an unknown field, out of order": {new(rogatoryv1.Advice), []byte{0x78, 1, 0x18, 9}, ErrMalformed},
		"an unknown field, cut short":    {new(rogatoryv1.Advice), []byte{0x79, 1}, ErrMalformed},
		"an unknown group":               {new(rogatoryv1.Advice), []byte{0x7b, 0x7c}, ErrMalformed},
		"unknown, then malformed":        {new(rogatoryv1.Advice), []byte{0x78, 1, 0x80}, ErrMalformed},
		"text that is not UTF-8":         {new(rogatoryv1.Message), []byte{0x0a, 1, 0xff}, ErrMalformed},
		"an unknown field within":        {new(rogatoryv1.Frame), []byte{0x1a, 2, 0x78, 1}, ErrNotUnderstood},
		"a default within":               {new(rogatoryv1.Frame), []byte{0x1a, 2, 0x10, 0}, ErrMalformed},
		"an empty message within":        {new(rogatoryv1.Frame), []byte{0x1a, 0}, nil},
		"a list of two":                  {new(rogatoryv1.Frame), []byte{0x0a, 1, 7, 0x0a, 1, 7}, nil},
		"an empty element":               {new(rogatoryv1.Frame), []byte{0x0a, 0}, nil},
		"a list in two places":           {new(rogatoryv1.Frame), []byte{0x0a, 1, 7, 0x1a, 0, 0x0a, 1, 7}, ErrMalformed},
		"a packed list":                  {new(rogatoryv1.Docket), []byte{0xb2, 1, 2, 1, 2}, nil},
		"a packed list with a zero":      {new(rogatoryv1.Docket), []byte{0xb2, 1, 2, 1, 0}, nil},
		"a packed list in two pieces":    {new(rogatoryv1.Docket), []byte{0xb2, 1, 1, 1, 0xb2, 1, 1, 2}, ErrMalformed},
		"a packed list, unpacked":        {new(rogatoryv1.Docket), []byte{0xb0, 1, 1}, ErrMalformed},
		"a packed list, empty":           {new(rogatoryv1.Docket), []byte{0xb2, 1, 0}, ErrMalformed},
		"a packed list, long varint":     {new(rogatoryv1.Docket), []byte{0xb2, 1, 2, 0x81, 0}, ErrMalformed},
		"a packed value we do not know":  {new(rogatoryv1.Docket), []byte{0xb2, 1, 1, 0x7f}, ErrNotUnderstood},
		"too large":                      {new(rogatoryv1.Advice), append([]byte{0x0a, 99}, long(99)...), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			err := StrictUnmarshal(tc.b, tc.into, 50)
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			for _, other := range []error{ErrMalformed, ErrNotUnderstood, ErrTooLarge} {
				if other != tc.want && errors.Is(err, other) {
					t.Errorf("%v is also %v", err, other)
				}
			}
			if err != nil {
				return
			}
			if again, err := Marshal(tc.into); err != nil || !bytes.Equal(again, tc.b) {
				t.Errorf("it is written as %x, %v", again, err)
			}
		})
	}
}

// wireMessages returns the descriptors of every message of rogatory.v1, by name.
func wireMessages() (all []protoreflect.MessageDescriptor) {
	var walk func(protoreflect.MessageDescriptors)
	walk = func(ms protoreflect.MessageDescriptors) {
		for i := range ms.Len() {
			all = append(all, ms.Get(i))
			walk(ms.Get(i).Messages())
		}
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("rogatory.v1", func(fd protoreflect.FileDescriptor) bool {
		walk(fd.Messages())
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int {
		return bytes.Compare([]byte(a.FullName()), []byte(b.FullName()))
	})
	return all
}

// fill sets fields of m at random.
func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if r.IntN(3) == 0 || depth > 3 && fd.Kind() == protoreflect.MessageKind {
			continue
		}
		value := func() protoreflect.Value {
			switch fd.Kind() {
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(r.IntN(2) == 0)
			case protoreflect.EnumKind:
				vs := fd.Enum().Values()
				return protoreflect.ValueOfEnum(vs.Get(r.IntN(vs.Len())).Number())
			case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
				return protoreflect.ValueOfInt32(int32(r.Uint32()) >> r.IntN(32))
			case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
				return protoreflect.ValueOfUint32(r.Uint32() >> r.IntN(32))
			case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
				return protoreflect.ValueOfInt64(int64(r.Uint64()) >> r.IntN(64))
			case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
				return protoreflect.ValueOfUint64(r.Uint64() >> r.IntN(64))
			case protoreflect.FloatKind:
				return protoreflect.ValueOfFloat32(r.Float32())
			case protoreflect.DoubleKind:
				return protoreflect.ValueOfFloat64(r.Float64() - 0.5)
			case protoreflect.StringKind:
				return protoreflect.ValueOfString([]string{"", "a", "Živko", "日本"}[r.IntN(4)])
			default:
				return protoreflect.ValueOfBytes(make([]byte, r.IntN(4)))
			}
		}
		switch {
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range r.IntN(3) {
				if fd.Kind() == protoreflect.MessageKind {
					fill(r, list.AppendMutable().Message(), depth+1)
				} else {
					list.Append(value())
				}
			}
		case fd.Kind() == protoreflect.MessageKind:
			fill(r, m.Mutable(fd).Message(), depth+1)
		default:
			m.Set(fd, value())
		}
	}
}

// A map or a group would have no encoding that StrictUnmarshal accepts.
func TestEveryMessageOfTheWireHasOneEncoding(t *testing.T) {
	all := wireMessages()
	if len(all) < 20 {
		t.Fatalf("only %d messages found", len(all))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, md := range all {
		mt, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			m := mt.New()
			fill(r, m, 0)
			b, err := Marshal(m.Interface())
			if err != nil {
				t.Fatalf("%s: %v", md.Name(), err)
			}
			got := mt.New().Interface()
			if err := StrictUnmarshal(b, got, len(b)); err != nil {
				t.Fatalf("%s: %v", md.Name(), err)
			}
			if !proto.Equal(got, m.Interface()) {
				t.Fatalf("%s comes back otherwise", md.Name())
			}
		}
	}
}

func TestMarshalRefusesWhatNobodyWouldAccept(t *testing.T) {
	for name, m := range map[string]proto.Message{
		"text that is not UTF-8": &rogatoryv1.Message{From: "\xff"},
		"an unknown enum value":  &rogatoryv1.Advice{Code: 99},
		"a kept unknown field": func() proto.Message {
			m := new(rogatoryv1.Advice)
			m.ProtoReflect().SetUnknown([]byte{0x78, 1})
			return m
		}(),
	} {
		if b, err := Marshal(m); err == nil {
			t.Errorf("%s: written as %x", name, b)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	var md protoreflect.MessageDescriptor
	for _, m := range wireMessages() {
		if m.Name() == "Frame" {
			md = m
		}
	}
	left := 1
	if _, err := checkMessage(nil, md, maxDepth, &left); !errors.Is(err, ErrMalformed) {
		t.Errorf("at the limit: %v", err)
	}
}

// TestEmptyMessagesDoNotFillTheMemory: a list of empty messages takes two bytes each on the wire and a hundred times as many in memory.
func TestEmptyMessagesDoNotFillTheMemory(t *testing.T) {
	fd := (*rogatoryv1.SignedDirectory)(nil).ProtoReflect().Descriptor().Fields().ByName("signatures")
	item := []byte{byte(fd.Number()<<3 | 2), 0}
	for n, want := range map[int]error{freeMessages: nil, freeMessages + freeMessages/7: nil, freeMessages + freeMessages/7 + 1: ErrMalformed, MaxInner / 2: ErrMalformed} {
		d := new(rogatoryv1.SignedDirectory)
		if err := StrictUnmarshal(bytes.Repeat(item, n), d, MaxInner); !errors.Is(err, want) {
			t.Errorf("%d messages of two bytes: %v", n, err)
		}
		if want != nil && len(d.GetSignatures()) > 0 {
			t.Errorf("%d messages were read", len(d.GetSignatures()))
		}
	}
}

func FuzzStrictUnmarshal(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	all := wireMessages()
	for i, md := range all {
		m := dynamicpb.NewMessage(md)
		fill(r, m, 0)
		b, err := Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Add(byte(0), []byte{0x78, 1})
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		mt, err := protoregistry.GlobalTypes.FindMessageByName(all[int(which)%len(all)].FullName())
		if err != nil {
			t.Fatal(err)
		}
		m := mt.New().Interface()
		err = StrictUnmarshal(b, m, 1<<20)
		switch {
		case errors.Is(err, ErrNotUnderstood):
			if _, err := Marshal(m); err == nil {
				t.Fatal("not understood, yet written")
			}
		case err == nil:
			again, err := Marshal(m)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x is written as %x, %v", b, again, err)
			}
		case !errors.Is(err, ErrMalformed):
			t.Fatal(err)
		}
	})
}

func benchmarkDocket(b *testing.B) []byte {
	d := &rogatoryv1.Docket{
		Method: "/rogatory.peer.v1.Durable/Ask", Kind: rogatoryv1.Kind_KIND_REQUEST, CaseToken: "RS-2026-000123",
		FromUnit: "police", ToUnit: "police", Authority: 1, Regime: 1, Purpose: 1, Urgency: 1, Handling: 1,
		MaximumPenaltyYears: 10, OrganisedGroup: true, Roles: []rogatoryv1.Role{1, 2, 3}, Wants: []rogatoryv1.Want{1, 2},
		Offences: []rogatoryv1.Offence{1, 2}, Counts: &rogatoryv1.Counts{}, Actor: "officer-17", ActorKind: 1,
		Languages: []string{"en", "sr-Latn"}, Attachments: 2,
	}
	out, err := Marshal(d)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func BenchmarkStrictUnmarshalDocket(b *testing.B) {
	in := benchmarkDocket(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := StrictUnmarshal(in, new(rogatoryv1.Docket), 1<<16); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzCarried holds Carried against the two parsers that it stands for.
func FuzzCarried(f *testing.F) {
	p := newPair()
	f.Add(p.seal(f, p.attempt(f, Durable, []byte("docket"), []byte("content"), nil)).Statement)
	f.Add([]byte{})
	for _, unknown := range []string{"\x2a\x00", "\x2d\x00\x00\x00\x00", "\xf8\x07\x01"} {
		f.Add(append(p.seal(f, p.attempt(f, Durable, nil, nil, nil)).Statement, unknown...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		message, from, at, err := Carried(b)
		s, want := ParseStatement(b)
		var sealing *rogatoryv1.Sealing
		if want == nil {
			sealing, want = ParseSealing(s.GetSealing())
		}
		switch {
		case want != nil:
			if err == nil || err.Error() != want.Error() || message != nil {
				t.Errorf("%v instead of %v", err, want)
			}
		case err != nil || !bytes.Equal(message, sealing.GetMessage()) || !bytes.Equal(from[:], sealing.GetFromKid()) || at != sealing.GetSealedMs():
			t.Errorf("%x, %s, %d, %v instead of %v", message, from, at, err, sealing)
		}
	})
}
