package proto_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/rogatory/rogatory/crypto/envelope"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
func u32(n int) []byte    { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
func u16(n int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func decode64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func equalJSON(t *testing.T, got, want any) {
	t.Helper()
	a, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Errorf("the file says\n%s\ncomputed is\n%s", a, b)
	}
}

// An encodingVector is bytes that stand for a message, or that must be refused.
type encodingVector struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	// accepted, malformed, or not-understood: in order, but with a field or enum value that this version does not know.
	Verdict string          `json:"verdict"`
	Bytes   hexBytes        `json:"bytes"`
	JSON    json.RawMessage `json:"json,omitempty"`
}

func empty(t *testing.T, name string) proto.Message {
	t.Helper()
	mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("rogatory.v1." + name))
	if err != nil {
		t.Fatal(err)
	}
	return mt.New().Interface()
}

func makeEncodings(t *testing.T, _ *world) []encodingVector {
	var out []encodingVector
	accepted := func(name string, m proto.Message) {
		out = append(out, encodingVector{name, string(m.ProtoReflect().Descriptor().Name()), "accepted", encode(t, m), asJSON(t, m)})
	}
	refused := func(verdict, name, message, digits string) {
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, encodingVector{name, message, verdict, b, nil})
	}
	accepted("nothing", &rogatoryv1.Advice{})
	accepted("worked example", &rogatoryv1.Advice{Msg: []byte{0xab, 0xcd}, Code: rogatoryv1.AdviceCode_ADVICE_CODE_BUSY, RetryAfterMs: 300})
	accepted("a member of a oneof stands among the fields by its number", &rogatoryv1.Content{
		Language: "en", Sender: &rogatoryv1.Sender{Authority: rogatoryv1.Authority_AUTHORITY_POLICE},
		Translations: []*rogatoryv1.Translation{{Language: "sr"}},
		Body:         &rogatoryv1.Content_Reminder{Reminder: &rogatoryv1.Reminder{Text: "?"}},
	})
	accepted("a oneof whose member is empty", &rogatoryv1.Content{Body: &rogatoryv1.Content_Close{Close: &rogatoryv1.Close{}}})
	accepted("a oneof below higher field numbers", &rogatoryv1.Entity{Id: "p1", Kind: &rogatoryv1.Entity_Location{Location: &rogatoryv1.Location{}}})
	accepted("a packed list, with a zero in it", &rogatoryv1.Docket{Roles: []rogatoryv1.Role{rogatoryv1.Role_ROLE_SUSPECT, 0}})
	accepted("a list of bytes with an empty element", &rogatoryv1.Frame{Envelopes: [][]byte{{1}, {}, {2}}})
	accepted("a bool and the largest uint32", &rogatoryv1.Docket{OrganisedGroup: true, Attachments: 1<<32 - 1})
	accepted("the largest uint64", &rogatoryv1.Advice{RetryAfterMs: 1<<64 - 1})
	accepted("text beyond ASCII", &rogatoryv1.Member{Name: "Röszke Хоргош"})
	accepted("doubles, one of them minus nothing", &rogatoryv1.Coordinates{Latitude: 46.25, Longitude: math.Copysign(0, -1)})
	refused("malformed", "a double of nothing", "Coordinates", "090000000000000000")
	refused("malformed", "fields out of order", "Advice", "1004 0a02abcd")
	refused("malformed", "a field twice", "Advice", "0a01ab 0a01cd")
	refused("malformed", "a default written out", "Advice", "1000")
	refused("malformed", "empty bytes written out", "Advice", "0a00")
	refused("malformed", "a tag that is not minimal", "Advice", "8a0001ab")
	refused("malformed", "a length that is not minimal", "Advice", "0a8100ab")
	refused("malformed", "a value that is not minimal", "Advice", "188100")
	refused("malformed", "another wire type", "Advice", "0807")
	refused("malformed", "cut short", "Advice", "0a02ab")
	refused("malformed", "field number 0", "Advice", "0201ab")
	refused("malformed", "an enum value beyond 32 bits", "Advice", "10808080808020")
	refused("malformed", "a uint32 beyond 32 bits", "Message", "188080808010")
	refused("malformed", "a bool that is 2", "Docket", "6802")
	refused("malformed", "text that is not UTF-8", "Message", "0a01ff")
	refused("malformed", "a packed list in two pieces", "Docket", "b2010101 b2010102")
	refused("malformed", "a packed list, empty", "Docket", "b20100")
	refused("malformed", "a list that should be packed", "Docket", "b00101")
	refused("malformed", "a list in two places", "Frame", "0a0107 1a00 0a0107")
	refused("malformed", "two members of a oneof", "Content", "ba0100 ba0200")
	refused("malformed", "the same member of a oneof twice", "Content", "ba0200 ba0200")
	refused("malformed", "a default within", "Frame", "1a021000")
	refused("malformed", "a group", "Advice", "7b7c")
	refused("malformed", "an unknown field, cut short", "Advice", "7901")
	refused("not-understood", "an unknown field", "Advice", "7801")
	refused("not-understood", "an unknown enum value", "Advice", "107f")
	refused("not-understood", "a negative enum value takes ten bytes", "Advice", "10ffffffffffffffffff01")
	refused("not-understood", "an unknown field within", "Frame", "1a027801")
	return out
}

func checkEncodings(t *testing.T, w *world, v []encodingVector) {
	equalJSON(t, v, makeEncodings(t, w))
	for _, c := range v {
		m := empty(t, c.Message)
		err := envelope.StrictUnmarshal(c.Bytes, m, 1<<20)
		verdict := "accepted"
		switch {
		case errors.Is(err, envelope.ErrMalformed):
			verdict = "malformed"
		case errors.Is(err, envelope.ErrNotUnderstood):
			verdict = "not-understood"
		}
		if verdict != c.Verdict {
			t.Errorf("%s: %v", c.Name, err)
		} else if err == nil {
			says(t, c.JSON, c.Bytes, empty(t, c.Message))
		}
	}
}

// A messageVector is a Message and its name, or bytes that no Message has.
type messageVector struct {
	About string          `json:"about"`
	JSON  json.RawMessage `json:"json,omitempty"`
	Bytes hexBytes        `json:"bytes"`
	// Name as bytes and as leaves write it; missing when the bytes are refused.
	Name     hexBytes `json:"name,omitempty"`
	NameText string   `json:"name_text,omitempty"`
}

func makeMessages(t *testing.T, _ *world) []messageVector {
	commit := func(words string) []byte { return seed(words) }
	base := func() *rogatoryv1.Message {
		return &rogatoryv1.Message{
			From: "RS", To: "HU", Epoch: 1, Seq: 1, Prev: make([]byte, 32),
			DocketCommit: commit("a docket"), ContentCommit: commit("a content"), SubmittedMs: ms(noon),
		}
	}
	first := base()
	second := base()
	second.Seq, second.Prev = 2, labelled("rogatory/v1/message\x00", encode(t, first))
	online := base()
	online.Epoch, online.Seq, online.Prev, online.Nonce = 0, 0, nil, seed("nonce")[:16]
	var out []messageVector
	named := func(about string, m *rogatoryv1.Message) {
		b := encode(t, m)
		name := labelled("rogatory/v1/message\x00", b)
		out = append(out, messageVector{about, asJSON(t, m), b, name, base64.RawURLEncoding.EncodeToString(name)})
	}
	named("durable lane, the first of an epoch", first)
	named("durable lane, the second: prev is the name of the first", second)
	named("online lane", online)
	refused := func(about string, edit func(*rogatoryv1.Message)) {
		m := base()
		edit(m)
		out = append(out, messageVector{About: about, Bytes: encode(t, m)})
	}
	refused("from and to are equal", func(m *rogatoryv1.Message) { m.To = "RS" })
	refused("a country code in small letters", func(m *rogatoryv1.Message) { m.From = "rs" })
	refused("seq 1 with a prev", func(m *rogatoryv1.Message) { m.Prev = seed("prev") })
	refused("seq 2 with prev of 32 zero bytes", func(m *rogatoryv1.Message) { m.Seq = 2 })
	refused("seq without epoch", func(m *rogatoryv1.Message) { m.Epoch = 0 })
	refused("nonce beside seq", func(m *rogatoryv1.Message) { m.Nonce = seed("nonce")[:16] })
	refused("a nonce of 15 bytes", func(m *rogatoryv1.Message) {
		m.Epoch, m.Seq, m.Prev, m.Nonce = 0, 0, nil, seed("nonce")[:15]
	})
	refused("a commitment of 31 bytes", func(m *rogatoryv1.Message) { m.DocketCommit = m.DocketCommit[:31] })
	refused("no time", func(m *rogatoryv1.Message) { m.SubmittedMs = 0 })
	return out
}

func checkMessages(t *testing.T, w *world, v []messageVector) {
	equalJSON(t, v, makeMessages(t, w))
	for _, c := range v {
		m, err := envelope.ParseMessage(c.Bytes)
		if (err == nil) != (c.Name != nil) || err != nil && !errors.Is(err, envelope.ErrMalformed) {
			t.Errorf("%s: %v", c.About, err)
		}
		if err != nil {
			continue
		}
		says(t, c.JSON, c.Bytes, &rogatoryv1.Message{})
		name := envelope.MessageName(c.Bytes)
		same(t, "name", name[:], c.Name)
		if name.String() != c.NameText || (envelope.LaneOf(m) == envelope.Online) != (c.About == "online lane") {
			t.Errorf("%s: %s", c.About, name)
		}
	}
	if i := slices.IndexFunc(v, func(c messageVector) bool { return c.Name == nil }); i != 3 {
		t.Errorf("%d messages are accepted", i)
	}
}
