package call

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func FuzzFrameParsesToItself(f *testing.F) {
	id := callID{1, 2, 3}
	for _, k := range []frameKind{chunkMore, chunkPart, chunkLast} {
		f.Add(appendFrame(nil, frameHeader{kind: k, call: id, seq: 7}, []byte("body")))
	}
	f.Add(appendFrame(nil, frameHeader{kind: kindCredit, call: id}, make([]byte, 8)))
	f.Add(appendFrame(nil, frameHeader{kind: kindReset, call: id}, []byte{byte(resetBusy)}))
	f.Add(appendFrame(nil, frameHeader{kind: kindMail}, []byte("mail")))
	f.Add(appendFrame(nil, frameHeader{kind: kindMail, call: id}, []byte("mail of a call")))
	f.Add(make([]byte, headerLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := parseFrame(b)
		if err != nil {
			return
		}
		if got := appendFrame(nil, h, body); !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
	})
}

func FuzzPartParsesToItself(f *testing.F) {
	md := metadata.Pairs("a", "1", "a", "2", "b-bin", "\x00\xff")
	for _, p := range []part{
		{direction: toCallee, head: true, method: "/s/m", timeout: time.Second, header: md, hasMsg: true, contents: []byte("m"), end: true},
		{direction: toCallee, head: true, method: "/s/m", timeout: time.Hour},
		{direction: toCallee, seq: 1, hasMsg: true},
		{direction: toCallee, seq: 2, end: true},
		{direction: toCaller, head: true, header: md, hasMsg: true, contents: []byte("m"), end: true, trailer: md},
		{direction: toCaller, seq: 3, end: true, status: encodeStatus(status.New(codes.NotFound, "no"))},
	} {
		b, err := p.marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePart(b)
		if err != nil {
			return
		}
		got, err := p.marshal()
		if err != nil {
			t.Fatalf("parsed but not written: %v", err)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
		if st, err := decodeStatus(p.status); err == nil && len(p.status) > 0 && st.Code() == codes.OK {
			t.Error("a status of OK with bytes")
		}
	})
}

func FuzzInflowGivesOutWhatCameInOrder(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4})
	f.Add([]byte{4, 3, 2, 1, 0})
	f.Add([]byte{0, 0, 2, 2, 1, 1, 4, 3})
	f.Fuzz(func(t *testing.T, order []byte) {
		in := newInflow(&budget{limit: 1 << 20})
		came := map[uint32]bool{}
		for _, n := range order {
			seq := uint32(n % 64)
			if err := in.push(seq, chunk{chunkPart, []byte{byte(seq)}}); err != nil {
				t.Fatal(err)
			}
			came[seq] = true
		}
		for want := uint32(0); came[want]; want++ {
			sealed, _, _, ok, err := in.tryPart()
			if !ok || err != nil || len(sealed) != 1 || sealed[0] != byte(want) {
				t.Fatalf("part %d: %x %v %v", want, sealed, ok, err)
			}
		}
		if _, _, _, ok, _ := in.tryPart(); ok {
			t.Error("a part after a gap")
		}
		in.drop()
		if used := in.budget.used.Load(); used != 0 {
			t.Errorf("%d bytes still charged", used)
		}
	})
}
