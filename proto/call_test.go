package proto_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A partVector is one step of a call before it is sealed.
type partVector struct {
	About     string   `json:"about"`
	Direction byte     `json:"direction"`
	Call      hexBytes `json:"call"`
	Seq       uint32   `json:"seq"`
	Head      bool     `json:"head"`
	HasMsg    bool     `json:"has_message"`
	End       bool     `json:"end"`
	Method    string   `json:"method,omitempty"`
	TimeoutMS uint32   `json:"timeout_ms,omitempty"`
	// Pairs of key and value, keys ascending.
	Header  [][2]string `json:"header,omitempty"`
	Status  hexBytes    `json:"status,omitempty"`
	Trailer [][2]string `json:"trailer,omitempty"`
	Message hexBytes    `json:"message,omitempty"`
	Bytes   hexBytes    `json:"bytes"`
}

// A frameVector is one NATS message of the online lane.
type frameVector struct {
	About string   `json:"about"`
	Kind  byte     `json:"kind"`
	Call  hexBytes `json:"call"`
	Seq   uint32   `json:"seq"`
	Body  hexBytes `json:"body"`
	Bytes hexBytes `json:"bytes"`
}

type partVectors struct {
	Parts  []partVector  `json:"parts"`
	Frames []frameVector `json:"frames"`
	// Sealed is docket and content of the online message that carries the first part; envelope.json seals it.
	Sealed struct {
		ToBoot   hexBytes `json:"to_boot"`
		FromBoot hexBytes `json:"from_boot"`
		Docket   hexBytes `json:"docket"`
		Content  hexBytes `json:"content"`
	} `json:"sealed"`
}

const partLabel = "rogatory/v1/call\x00"

func metadataBytes(pairs [][2]string) []byte {
	b := u16(len(pairs))
	for _, p := range pairs {
		b = bytes.Join([][]byte{b, u16(len(p[0])), []byte(p[0]), u32(len(p[1])), []byte(p[1])}, nil)
	}
	return b
}

// encode writes a part as README.md tells.
func (p partVector) encode() []byte {
	b := bytes.Join([][]byte{[]byte(partLabel), {p.Direction}, p.Call, u32(int(p.Seq))}, nil)
	var has byte
	for i, is := range []bool{p.Head, p.HasMsg, p.End} {
		if is {
			has |= 1 << i
		}
	}
	b = append(b, has)
	if p.Head && p.Direction == 1 {
		b = bytes.Join([][]byte{b, u16(len(p.Method)), []byte(p.Method), u32(int(p.TimeoutMS))}, nil)
	}
	if p.Head {
		b = append(b, metadataBytes(p.Header)...)
	}
	if p.End && p.Direction == 2 {
		b = bytes.Join([][]byte{b, u32(len(p.Status)), p.Status, metadataBytes(p.Trailer)}, nil)
	}
	return append(b, p.Message...)
}

// A cutter takes fields off the front of bytes, and stops the test when there are not enough.
type cutter struct {
	t *testing.T
	b []byte
}

func (c *cutter) take(n int) []byte {
	c.t.Helper()
	if n > len(c.b) {
		c.t.Fatalf("%d bytes wanted, %d left", n, len(c.b))
	}
	f := c.b[:n]
	c.b = c.b[n:]
	return f
}

func (c *cutter) u16() int { return int(binary.BigEndian.Uint16(c.take(2))) }
func (c *cutter) u32() int { return int(binary.BigEndian.Uint32(c.take(4))) }

func (c *cutter) metadata() (pairs [][2]string) {
	for range c.u16() {
		k := string(c.take(c.u16()))
		pairs = append(pairs, [2]string{k, string(c.take(c.u32()))})
	}
	return pairs
}

// decodePart reads a part as README.md tells.
func decodePart(t *testing.T, b []byte) partVector {
	t.Helper()
	c := &cutter{t, b}
	if string(c.take(len(partLabel))) != partLabel {
		t.Fatalf("%x is no part", b)
	}
	p := partVector{Bytes: b, Direction: c.take(1)[0], Call: c.take(16), Seq: uint32(c.u32())}
	has := c.take(1)[0]
	p.Head, p.HasMsg, p.End = has&1 != 0, has&2 != 0, has&4 != 0
	if p.Head && p.Direction == 1 {
		p.Method = string(c.take(c.u16()))
		p.TimeoutMS = uint32(c.u32())
	}
	if p.Head {
		p.Header = c.metadata()
	}
	if p.End && p.Direction == 2 {
		p.Status = c.take(c.u32())
		p.Trailer = c.metadata()
	}
	if p.HasMsg {
		p.Message = c.b
	}
	return p
}

func (f frameVector) encode() []byte {
	return bytes.Join([][]byte{{1, f.Kind}, f.Call, u32(int(f.Seq)), f.Body}, nil)
}

func decodeFrame(t *testing.T, b []byte) frameVector {
	t.Helper()
	c := &cutter{t, b}
	if c.take(1)[0] != 1 {
		t.Fatalf("%x is no frame", b)
	}
	return frameVector{Bytes: b, Kind: c.take(1)[0], Call: c.take(16), Seq: uint32(c.u32()), Body: c.b}
}

func makeParts(t *testing.T, _ *world) partVectors {
	var v partVectors
	call := seed("call")[:16]
	part := func(about string, p partVector) {
		p.About, p.Call = about, call
		p.Bytes = p.encode()
		v.Parts = append(v.Parts, p)
	}
	pong := encode(t, &peerv1.PingResponse{NowMs: ms(noon), Version: "example"})
	const ping = "/rogatory.peer.v1.PeerService/Ping"
	part("unary request", partVector{Direction: 1, Head: true, HasMsg: true, End: true, Method: ping, TimeoutMS: 4000})
	part("unary reply", partVector{Direction: 2, Head: true, HasMsg: true, End: true, Message: pong})
	part("refusal: UNAVAILABLE (14), with a trailer", partVector{
		Direction: 2, Head: true, End: true, Status: []byte{0x08, 14}, Trailer: [][2]string{{"retry", "1"}, {"retry", "2"}},
	})
	part("request with metadata", partVector{
		Direction: 1, Head: true, HasMsg: true, Method: ping, TimeoutMS: 1, Header: [][2]string{{"a", "1"}, {"trace-bin", "\x01"}}, Message: []byte{},
	})
	part("a later message of a stream", partVector{Direction: 2, Seq: 1, HasMsg: true, Message: encode(t, &peerv1.AttachmentResponse{Chunk: []byte("chunk")})})
	part("end of a stream", partVector{Direction: 2, Seq: 2, End: true})
	frame := func(about string, kind byte, seq uint32, body []byte) {
		f := frameVector{About: about, Kind: kind, Call: call, Seq: seq, Body: body}
		f.Bytes = f.encode()
		v.Frames = append(v.Frames, f)
	}
	frame("chunk, the part goes on", 1, 0, []byte("sealed "))
	frame("chunk that ends a part", 2, 1, []byte("part"))
	frame("chunk that ends the last part", 3, 2, []byte("last"))
	frame("credit: 16 MiB more than nothing", 4, 0, u64(16<<20))
	frame("reset: cancelled", 5, 0, []byte{1})
	frame("reset: busy", 5, 0, []byte{2})
	frame("reset: refused unread", 5, 0, []byte{3})
	v.Sealed.ToBoot, v.Sealed.FromBoot = seed("boot of HU")[:16], seed("boot of RS")[:16]
	v.Sealed.Docket = encode(t, &rogatoryv1.Docket{Method: ping})
	v.Sealed.Content = bytes.Join([][]byte{v.Sealed.ToBoot, v.Sealed.FromBoot, v.Parts[0].Bytes}, nil)
	return v
}

func checkParts(t *testing.T, w *world, v partVectors) {
	equalJSON(t, v, makeParts(t, w))
	for _, p := range v.Parts {
		same(t, p.About, decodePart(t, p.Bytes).encode(), p.Bytes)
	}
	for _, f := range v.Frames {
		same(t, f.About, decodeFrame(t, f.Bytes).encode(), f.Bytes)
	}
}

// An openSealer puts a mark before what it should seal, so that a test sees what nodes say, and takes down every part.
type openSealer struct {
	mu    sync.Mutex
	parts [][]byte
}

const mark = "sealed:"

func (s *openSealer) Seal(_ context.Context, _, _ string, part []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, bytes.Clone(part))
	return append([]byte(mark), part...), nil
}

func (s *openSealer) Open(_ context.Context, _, _ string, sealed []byte) ([]byte, error) {
	return bytes.TrimPrefix(sealed, []byte(mark)), nil
}

// pinger answers Ping, and streams pieces of an attachment.
type pinger struct {
	peerv1.UnimplementedPeerServiceServer
}

func (pinger) Ping(context.Context, *peerv1.PingRequest) (*peerv1.PingResponse, error) {
	return &peerv1.PingResponse{NowMs: 1, Version: "example"}, nil
}

func (pinger) Attachment(r *peerv1.AttachmentRequest, stream peerv1.PeerService_AttachmentServer) error {
	for i := range 3 {
		if err := stream.Send(&peerv1.AttachmentResponse{Chunk: bytes.Repeat([]byte{byte(i)}, 256<<10)}); err != nil {
			return err
		}
	}
	return nil
}

func TestCallsGoOverTheWireAsTheDocumentSays(t *testing.T) {
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, MaxPayload: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	go server.Start()
	defer server.Shutdown()
	if !server.ReadyForConnections(10 * time.Second) {
		t.Fatal("no broker")
	}
	listener, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	heard := make(chan *nats.Msg, 1024)
	if _, err := listener.ChanSubscribe("rogatory.v1.>", heard); err != nil {
		t.Fatal(err)
	}
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}
	sealers := map[string]*openSealer{}
	nets := map[string]*backbone.Conn{}
	for _, code := range []string{"RS", "HU"} {
		sealers[code] = &openSealer{}
		n, err := backbone.Open(backbone.Options{Country: code, Servers: []string{server.ClientURL()}, Calls: transport.CallOptions{Sealer: sealers[code]}})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		for !n.Connected() {
			<-n.Changed()
		}
		nets[code] = n
	}
	peerv1.RegisterPeerServiceServer(nets["HU"], pinger{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	serving := make(chan error, 1)
	serveCtx, stop := context.WithCancel(ctx)
	go func() { serving <- nets["HU"].Serve(serveCtx) }()
	client := peerv1.NewPeerServiceClient(nets["RS"].Dial("HU"))
	// Serve begins in its own time: until then the callee resets calls.
	for {
		if _, err := client.Ping(metadata.AppendToOutgoingContext(ctx, "b-key", "2", "a-key", "1"), &peerv1.PingRequest{}); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	stream, err := client.Attachment(ctx, &peerv1.AttachmentRequest{Id: seed("attachment")[:16]})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.Recv(); err == nil {
		t.Fatal("a fourth piece")
	}
	stop()
	<-serving
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}

	spoken := map[string][][]byte{"call": sealers["RS"].parts, "reply": sealers["HU"].parts}
	for lane, parts := range spoken {
		for _, b := range parts {
			p := decodePart(t, b)
			same(t, "part", p.encode(), b)
			if p.Head != (p.Seq == 0) || p.Direction != map[string]byte{"call": 1, "reply": 2}[lane] {
				t.Errorf("part %d of a %s: %+v", p.Seq, lane, p)
			}
		}
	}
	first := decodePart(t, sealers["RS"].parts[0])
	if first.Method != "/rogatory.peer.v1.PeerService/Ping" || !slices.Equal(first.Header, [][2]string{{"a-key", "1"}, {"b-key", "2"}}) || !first.End || first.TimeoutMS == 0 {
		t.Errorf("first part: %+v", first)
	}

	// What the backbone carried, put together again, is what was sealed.
	type flow struct{ lane, call string }
	carried := map[flow][]frameVector{}
	for len(heard) > 0 {
		m := <-heard
		f := decodeFrame(t, m.Data)
		same(t, "frame", f.encode(), m.Data)
		token := strings.Split(m.Subject, ".")
		want := "rogatory.v1.HU.call.RS"
		if token[3] == "reply" {
			want = "rogatory.v1.RS.reply.HU"
		}
		if m.Subject != want || len(m.Data) > 64<<10 {
			t.Errorf("%d bytes under %s", len(m.Data), m.Subject)
		}
		if f.Kind <= 3 {
			carried[flow{token[3], string(f.Call)}] = append(carried[flow{token[3], string(f.Call)}], f)
		}
	}
	pieces := 0
	for of, frames := range carried {
		var sealed []byte
		for i, f := range frames {
			if int(f.Seq) != i {
				t.Errorf("chunk %d has number %d", i, f.Seq)
			}
			sealed = append(sealed, f.Body...)
			if f.Kind == 1 {
				continue
			}
			part := bytes.TrimPrefix(sealed, []byte(mark))
			if !slices.ContainsFunc(spoken[of.lane], func(b []byte) bool { return bytes.Equal(b, part) }) {
				t.Errorf("a part of %d bytes was carried and never sealed", len(part))
			}
			p := decodePart(t, part)
			if p.End != (f.Kind == 3) || p.End != (i == len(frames)-1) {
				t.Errorf("part %d ends %t under frame kind %d", p.Seq, p.End, f.Kind)
			}
			if p.Direction == 2 && p.HasMsg && proto.Unmarshal(p.Message, &peerv1.AttachmentResponse{}) == nil && len(p.Message) > 256<<10 {
				pieces++
			}
			sealed = nil
		}
	}
	if pieces != 3 {
		t.Errorf("%d pieces were carried", pieces)
	}
}
