package backbone_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/fullstorydev/grpchan/grpchantesting"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/memory"
)

// A peerServer is TestServer with methods that a test sets.
type peerServer struct {
	grpchantesting.TestServer
	unary func(context.Context, *grpchantesting.Message) (*grpchantesting.Message, error)
	bidi  func(grpchantesting.TestService_BidiStreamServer) error
}

func (s *peerServer) Unary(ctx context.Context, m *grpchantesting.Message) (*grpchantesting.Message, error) {
	if s.unary == nil {
		return s.TestServer.Unary(ctx, m)
	}
	return s.unary(ctx, m)
}

func (s *peerServer) BidiStream(stream grpchantesting.TestService_BidiStreamServer) error {
	if s.bidi == nil {
		return s.TestServer.BidiStream(stream)
	}
	return s.bidi(stream)
}

// nets runs a test on both nets with RS serving and BG calling.
func nets(t *testing.T, s *peerServer, o transport.CallOptions, f func(*testing.T, grpchantesting.TestServiceClient)) {
	o.Sealer = plain{}
	t.Run("NATS", func(t *testing.T) {
		r := newRig(t, backbone.StreamOptions{})
		rs := r.open("RS", o)
		grpchantesting.RegisterTestServiceServer(rs, s)
		conn := r.open("BG", o).Dial("RS")
		serve(t, rs, conn)
		f(t, grpchantesting.NewTestServiceClient(conn))
	})
	t.Run("memory", func(t *testing.T) {
		m := memory.New(memory.Options{Calls: o}, members...)
		rs := m.Port("RS")
		grpchantesting.RegisterTestServiceServer(rs, s)
		conn := m.Port("BG").Dial("RS")
		serve(t, rs, conn)
		f(t, grpchantesting.NewTestServiceClient(conn))
	})
}

func TestLargestMessageGoesBothWays(t *testing.T) {
	echo := &peerServer{unary: func(_ context.Context, m *grpchantesting.Message) (*grpchantesting.Message, error) {
		return m, nil
	}}
	nets(t, echo, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		ctx := within(t, 20*time.Second)
		want := &grpchantesting.Message{Payload: bytes.Repeat([]byte{5}, transport.MaxMessage-16)}
		got, err := client.Unary(ctx, want)
		if err != nil || !bytes.Equal(got.GetPayload(), want.Payload) {
			t.Errorf("%d bytes, %v", len(got.GetPayload()), err)
		}
		want.Payload = append(want.Payload, make([]byte, 32)...)
		if _, err := client.Unary(ctx, want); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("above the limit: %v", err)
		}
		if _, err := client.Unary(ctx, &grpchantesting.Message{}); err != nil {
			t.Errorf("empty message: %v", err)
		}
	})
}

func TestTooLargeReplyIsAnErrorAndNotSilence(t *testing.T) {
	big := &peerServer{unary: func(context.Context, *grpchantesting.Message) (*grpchantesting.Message, error) {
		return &grpchantesting.Message{Payload: make([]byte, transport.MaxMessage+1)}, nil
	}}
	nets(t, big, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		if _, err := client.Unary(within(t, 20*time.Second), &grpchantesting.Message{}); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("got %v", err)
		}
	})
}

func TestStreamAboveTheWindowArrivesWholeThroughASlowReader(t *testing.T) {
	const messages, size = 24, 1 << 20 // 24 MiB through a window of 16
	sum := &peerServer{bidi: func(s grpchantesting.TestService_BidiStreamServer) error {
		h := sha256.New()
		for i := 0; ; i++ {
			m, err := s.Recv()
			if err == io.EOF {
				return s.Send(&grpchantesting.Message{Payload: h.Sum(nil)})
			}
			if err != nil {
				return err
			}
			h.Write(m.Payload)
			if i%10 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}}
	nets(t, sum, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		stream, err := client.BidiStream(within(t, 30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		for i := range messages {
			b := bytes.Repeat([]byte{byte(i)}, size)
			h.Write(b)
			if err := stream.Send(&grpchantesting.Message{Payload: b}); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		m, err := stream.Recv()
		if err != nil || !bytes.Equal(m.Payload, h.Sum(nil)) {
			t.Fatalf("got %x, %v", m.GetPayload(), err)
		}
		if _, err := stream.Recv(); err != io.EOF {
			t.Errorf("got %v, want EOF", err)
		}
	})
}

func TestCancellingReachesTheCallee(t *testing.T) {
	gone := make(chan error, 1)
	wait := &peerServer{unary: func(ctx context.Context, _ *grpchantesting.Message) (*grpchantesting.Message, error) {
		<-ctx.Done()
		gone <- ctx.Err()
		return nil, ctx.Err()
	}}
	nets(t, wait, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := client.Unary(ctx, &grpchantesting.Message{}); status.Code(err) != codes.Canceled {
			t.Errorf("got %v", err)
		}
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("callee saw %v", err)
		}
	})
}

func TestCalleeThatEndsEarlyStopsTheSender(t *testing.T) {
	early := &peerServer{bidi: func(grpchantesting.TestService_BidiStreamServer) error {
		return status.Error(codes.FailedPrecondition, "enough")
	}}
	nets(t, early, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		stream, err := client.BidiStream(within(t, 20*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil { // more than the window: it must not hang
			err = stream.Send(&grpchantesting.Message{Payload: make([]byte, 1<<20)})
		}
		if err != io.EOF {
			t.Errorf("send: %v, want EOF", err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("recv: %v", err)
		}
	})
}

func TestHandlerLearnsCallerAndDeadline(t *testing.T) {
	ask := &peerServer{unary: func(ctx context.Context, _ *grpchantesting.Message) (*grpchantesting.Message, error) {
		who, ok := transport.Caller(ctx)
		deadline, bounded := ctx.Deadline()
		if left := time.Until(deadline); !ok || !bounded || left > 5*time.Second || left < 3*time.Second {
			return nil, status.Errorf(codes.Internal, "%q %v %v", who, bounded, left)
		}
		return &grpchantesting.Message{Payload: []byte(who)}, nil
	}}
	nets(t, ask, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		m, err := client.Unary(within(t, 5*time.Second), &grpchantesting.Message{})
		if err != nil || string(m.Payload) != "BG" {
			t.Errorf("got %q, %v", m.GetPayload(), err)
		}
	})
}

func TestHandlersErrorTextStaysInside(t *testing.T) {
	leak := &peerServer{unary: func(context.Context, *grpchantesting.Message) (*grpchantesting.Message, error) {
		return nil, errors.New("a secret of the callee")
	}}
	nets(t, leak, transport.CallOptions{}, func(t *testing.T, client grpchantesting.TestServiceClient) {
		_, err := client.Unary(within(t, 5*time.Second), &grpchantesting.Message{})
		if status.Code(err) != codes.Internal || status.Convert(err).Message() != "internal error" {
			t.Errorf("got %v", err)
		}
	})
}
