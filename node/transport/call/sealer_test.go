package call

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fullstorydev/grpchan/grpchantesting"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// testSealer seals with one key for all, binds peer and method, and refuses what it has seen.
type testSealer struct {
	self string
	aead cipher.AEAD

	mu      sync.Mutex
	seen    map[string]bool
	methods []string // of Open
	refuse  error
}

func newTestSealers(t *testing.T, countries ...string) map[string]*testSealer {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*testSealer{}
	for _, c := range countries {
		all[c] = &testSealer{self: c, aead: aead, seen: map[string]bool{}}
	}
	return all
}

func (s *testSealer) Seal(_ context.Context, peer, method string, payload []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, payload, []byte(s.self+peer)), nil
}

func (s *testSealer) Open(_ context.Context, peer, method string, sealed []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods = append(s.methods, method)
	if s.refuse != nil {
		return nil, s.refuse
	}
	if s.seen[string(sealed)] {
		return nil, errors.New("seen before")
	}
	s.seen[string(sealed)] = true
	return s.aead.Open(nil, nil, sealed, []byte(peer+s.self))
}

// A pipe is the wire from one endpoint to the other.
type pipe struct {
	self string
	to   *Line
}

func (p *pipe) Send(l Lane, _ string, frame []byte) error {
	p.to.Deliver(l, p.self, frame)
	return nil
}

func (*pipe) MaxFrame() int { return 1 << 20 }

// joined returns two endpoints with wires to each other.
func joined(of, to transport.CallOptions) (bg, rs *Endpoint) {
	there, back := &pipe{self: "BG"}, &pipe{self: "RS"}
	bg, back.to = New("BG", there, of)
	rs, there.to = New("RS", back, to)
	back.to.Set(true)
	there.to.Set(true)
	return bg, rs
}

// A tap is a wire that lets a test see and change frames.
type tap struct {
	Wire
	mu     sync.Mutex
	frames [][]byte
	change func(Lane, []byte) [][]byte // nil: as it is
}

func (w *tap) Send(l Lane, to string, frame []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frames = append(w.frames, frame)
	out := [][]byte{frame}
	if w.change != nil {
		out = w.change(l, frame)
	}
	for _, f := range out {
		if err := w.Wire.Send(l, to, f); err != nil {
			return err
		}
	}
	return nil
}

// tapped returns BG's client for RS with a tap on what BG sends and on what RS sends. It runs inside a bubble; stop ends it.
func tapped(t *testing.T, sealers map[string]*testSealer) (client grpchantesting.TestServiceClient, bg, rs *tap, stop func()) {
	caller, callee := joined(transport.CallOptions{Sealer: sealers["BG"]}, transport.CallOptions{Sealer: sealers["RS"]})
	bg, rs = &tap{Wire: caller.wire}, &tap{Wire: callee.wire}
	caller.wire, callee.wire = bg, rs
	grpchantesting.RegisterTestServiceServer(callee, &grpchantesting.TestServer{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		callee.Serve(ctx)
	}()
	synctest.Wait()
	return grpchantesting.NewTestServiceClient(caller.Dial("RS")), bg, rs, func() {
		cancel()
		<-done
	}
}

func TestBackboneSeesNeitherMethodNorContentNorStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealers := newTestSealers(t, "BG", "RS")
		client, bg, rs, stop := tapped(t, sealers)
		defer stop()
		ctx := metadata.AppendToOutgoingContext(t.Context(), "key", "secret-metadata")
		_, err := client.Unary(ctx, &grpchantesting.Message{Payload: []byte("secret-payload")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Unary(ctx, &grpchantesting.Message{Code: int32(codes.NotFound)}); status.Code(err) != codes.NotFound {
			t.Fatal(err)
		}
		for _, f := range append(bg.frames, rs.frames...) {
			for _, s := range []string{"secret", "Unary", "TestService", "rror"} {
				if bytes.Contains(f, []byte(s)) {
					t.Errorf("%q in clear", s)
				}
			}
		}
		if len(bg.frames) != 2 || len(rs.frames) != 2 {
			t.Errorf("%d and %d frames for two unary calls", len(bg.frames), len(rs.frames))
		}
		if m := sealers["RS"].methods[0]; m != "" {
			t.Errorf("callee opened the first part for %q", m)
		}
		if m := sealers["BG"].methods[0]; m != "/grpchantesting.TestService/Unary" {
			t.Errorf("caller opened the reply for %q", m)
		}
	})
}

func TestChangedFrameIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, bg, rs, stop := tapped(t, newTestSealers(t, "BG", "RS"))
		defer stop()
		flip := func(_ Lane, f []byte) [][]byte {
			f = bytes.Clone(f)
			f[len(f)-1] ^= 1
			return [][]byte{f}
		}
		bg.change = flip
		if _, err := client.Unary(t.Context(), &grpchantesting.Message{}); status.Code(err) != codes.Unavailable {
			t.Errorf("request: %v", err)
		}
		bg.change, rs.change = nil, flip
		if _, err := client.Unary(t.Context(), &grpchantesting.Message{}); status.Code(err) != codes.Internal {
			t.Errorf("reply: %v", err)
		}
	})
}

func TestFramesOfTwoCallsCannotBeSwapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, rs, stop := tapped(t, newTestSealers(t, "BG", "RS"))
		defer stop()
		// Each reply is sent under the name of the other call.
		var first []byte
		rs.change = func(_ Lane, f []byte) [][]byte {
			if first == nil {
				first = f
				return nil
			}
			a, b := bytes.Clone(first), bytes.Clone(f)
			copy(a[2:18], f[2:18])
			copy(b[2:18], first[2:18])
			return [][]byte{a, b}
		}
		results := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := client.Unary(t.Context(), &grpchantesting.Message{})
				results <- err
			}()
		}
		for range 2 {
			if err := <-results; status.Code(err) != codes.DataLoss {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestStreamCannotBeReorderedOrCutShort(t *testing.T) {
	for name, change := range map[string]func(frames [][]byte) [][]byte{
		"swapped": func(f [][]byte) [][]byte {
			setSeq(f[1], 2)
			setSeq(f[2], 1)
			return [][]byte{f[0], f[2], f[1], f[3]}
		},
		"cut short": func(f [][]byte) [][]byte {
			f[2][1] = byte(frames.ChunkLast)
			return f[:3]
		},
		"one left out": func(f [][]byte) [][]byte {
			setSeq(f[2], 1)
			setSeq(f[3], 2)
			return [][]byte{f[0], f[2], f[3]}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _, rs, stop := tapped(t, newTestSealers(t, "BG", "RS"))
				defer stop()
				var held [][]byte
				rs.change = func(_ Lane, f []byte) [][]byte {
					held = append(held, bytes.Clone(f))
					if frames.Kind(f[1]) != frames.ChunkLast {
						return nil
					}
					return change(held)
				}
				s, err := client.ServerStream(t.Context(), &grpchantesting.Message{Count: 3})
				for err == nil {
					_, err = s.Recv()
				}
				if status.Code(err) != codes.DataLoss {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

func setSeq(frame []byte, seq uint32) { binary.BigEndian.PutUint32(frame[18:], seq) }

func TestReplayedCallIsNotRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, bg, rs, stop := tapped(t, newTestSealers(t, "BG", "RS"))
		defer stop()
		if _, err := client.Unary(t.Context(), &grpchantesting.Message{}); err != nil {
			t.Fatal(err)
		}
		again := bg.frames[0]
		renamed := bytes.Clone(again)
		rand.Read(renamed[2:18])
		for _, f := range [][]byte{again, renamed} {
			if err := bg.Wire.Send(LaneCall, "RS", f); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := len(rs.frames); n != 2 { // the answer, and the refusal of the renamed one
			t.Errorf("%d frames from the callee", n)
		}
		if k := frames.Kind(rs.frames[1][1]); k != frames.Reset {
			t.Errorf("second frame is of kind %d", k)
		}
	})
}

func TestSealersStatusIsToldToTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealers := newTestSealers(t, "BG", "RS")
		client, _, _, stop := tapped(t, sealers)
		defer stop()
		sealers["RS"].refuse = status.Error(codes.FailedPrecondition, "manifest unknown")
		if _, err := client.Unary(t.Context(), &grpchantesting.Message{}); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("got %v", err)
		}
	})
}

func TestGhostCallsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealers := newTestSealers(t, "BG", "RS")
		bg, rs := joined(transport.CallOptions{}, transport.CallOptions{Sealer: sealers["RS"], MaxCalls: 8, MaxBuffered: 1 << 20})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			rs.Serve(ctx)
		}()
		synctest.Wait()
		flood := func(times int, body []byte, seq uint32, kind frames.Kind) {
			for range times {
				var id frames.CallID
				rand.Read(id[:])
				f := frames.Append(nil, frames.Header{Kind: kind, Call: id, Seq: seq}, body)
				if err := bg.wire.Send(LaneCall, "RS", f); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		left := func() (calls, past int, used int64) {
			rs.mu.Lock()
			defer rs.mu.Unlock()
			p := rs.peers["BG"]
			return len(p.running), len(p.past), p.budget.used.Load()
		}
		flood(100, []byte("x"), 5, frames.ChunkMore)           // parts that never begin
		flood(100, make([]byte, 400<<10), 0, frames.ChunkMore) // parts that never end
		flood(3*maxPast, []byte("junk"), 0, frames.ChunkLast)
		flood(100, make([]byte, 8), 0, frames.Credit)
		if calls, _, used := left(); calls > 8 || used > 1<<20 {
			t.Errorf("%d calls and %d bytes are held", calls, used)
		}
		time.Sleep(2 * firstPartTimeout)
		for range maxPast/8 + 10 {
			flood(8, []byte("junk"), 0, frames.ChunkLast)
		}
		if calls, past, used := left(); calls != 0 || used != 0 || past != maxPast {
			t.Errorf("after their time %d calls and %d bytes are held, %d past calls remembered", calls, used, past)
		}
		cancel()
		<-done
	})
}

func TestCallsLeaveNothingBehindAtTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealers := newTestSealers(t, "BG", "RS")
		bg, _ := joined(transport.CallOptions{Sealer: sealers["BG"]}, transport.CallOptions{})
		client := grpchantesting.NewTestServiceClient(bg.Dial("RS"))
		for range 3 {
			if _, err := client.Unary(t.Context(), &grpchantesting.Message{}); err == nil {
				t.Error("nobody answered well")
			}
			if _, err := client.BidiStream(t.Context()); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(bg.calls); n != 0 {
			t.Errorf("%d calls left", n)
		}
	})
}
