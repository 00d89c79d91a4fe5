package frames

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func FuzzFrameParsesToItself(f *testing.F) {
	id := CallID{1, 2, 3}
	for _, k := range []Kind{ChunkMore, ChunkPart, ChunkLast} {
		f.Add(Append(nil, Header{Kind: k, Call: id, Seq: 7}, []byte("body")))
	}
	f.Add(Append(nil, Header{Kind: Credit, Call: id}, make([]byte, 8)))
	f.Add(Append(nil, Header{Kind: Reset, Call: id}, []byte{byte(Busy)}))
	f.Add(Append(nil, Header{Kind: Mail}, []byte("mail")))
	f.Add(Append(nil, Header{Kind: Mail, Call: id}, []byte("mail of a call")))
	f.Add(make([]byte, HeaderLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := Parse(b)
		if err != nil {
			return
		}
		if got := Append(nil, h, body); !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
	})
}

func FuzzPartParsesToItself(f *testing.F) {
	md := metadata.Pairs("a", "1", "a", "2", "b-bin", "\x00\xff")
	for _, p := range []Part{
		{Direction: ToCallee, Head: true, Method: "/s/m", Timeout: time.Second, Header: md, HasMsg: true, Contents: []byte("m"), End: true},
		{Direction: ToCallee, Head: true, Method: "/s/m", Timeout: time.Hour},
		{Direction: ToCallee, Seq: 1, HasMsg: true},
		{Direction: ToCallee, Seq: 2, End: true},
		{Direction: ToCaller, Head: true, Header: md, HasMsg: true, Contents: []byte("m"), End: true, Trailer: md},
		{Direction: ToCaller, Seq: 3, End: true, Status: EncodeStatus(status.New(codes.NotFound, "no"))},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePart(b)
		if err != nil {
			return
		}
		got, err := p.Marshal()
		if err != nil {
			t.Fatalf("parsed but not written: %v", err)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
		if st, err := DecodeStatus(p.Status); err == nil && len(p.Status) > 0 && st.Code() == codes.OK {
			t.Error("a status of OK with bytes")
		}
	})
}
