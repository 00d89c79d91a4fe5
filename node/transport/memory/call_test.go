package memory_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fullstorydev/grpchan/grpchantesting"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rogatory/rogatory/node/transport"
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

func TestPeerAboveItsCallsIsBusyAndOthersAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{Calls: transport.CallOptions{MaxCalls: 2, Sealer: plain{}}}, members...)
		rs := m.Port("RS")
		release := make(chan struct{})
		grpchantesting.RegisterTestServiceServer(rs, &peerServer{
			unary: func(context.Context, *grpchantesting.Message) (*grpchantesting.Message, error) {
				<-release
				return &grpchantesting.Message{}, nil
			}})
		defer bubbleServe(rs)()
		bg := grpchantesting.NewTestServiceClient(m.Port("BG").Dial("RS"))
		no := grpchantesting.NewTestServiceClient(m.Port("NO").Dial("RS"))
		var running sync.WaitGroup
		ask := func(c grpchantesting.TestServiceClient) {
			running.Go(func() {
				if _, err := c.Unary(t.Context(), &grpchantesting.Message{}); err != nil {
					t.Error(err)
				}
			})
		}
		ask(bg)
		ask(bg)
		synctest.Wait()
		if _, err := bg.Unary(t.Context(), &grpchantesting.Message{}); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("third call: %v", err)
		}
		ask(no)
		synctest.Wait()
		close(release)
		running.Wait()
	})
}

func TestEndOfServeCancelsCallsAndWaitsForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memory.New(memory.Options{Calls: inClear}, members...)
		rs := m.Port("RS")
		left := false
		grpchantesting.RegisterTestServiceServer(rs, &peerServer{
			unary: func(ctx context.Context, _ *grpchantesting.Message) (*grpchantesting.Message, error) {
				<-ctx.Done()
				time.Sleep(time.Second)
				left = true
				return nil, ctx.Err()
			}})
		stop := bubbleServe(rs)
		client := grpchantesting.NewTestServiceClient(m.Port("BG").Dial("RS"))
		result := make(chan error, 1)
		go func() {
			_, err := client.Unary(t.Context(), &grpchantesting.Message{})
			result <- err
		}()
		synctest.Wait()
		stop()
		if !left {
			t.Error("Serve returned before the handler")
		}
		if err := <-result; err == nil {
			t.Error("call ended well")
		}
		if _, err := client.Unary(t.Context(), &grpchantesting.Message{}); status.Code(err) != codes.Unavailable {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestWithoutASealerNothingGoesOut(t *testing.T) {
	m := memory.New(memory.Options{}, members...)
	err := m.Port("BG").Dial("RS").Invoke(within(t, 5*time.Second), "/x/y", &emptypb.Empty{}, &emptypb.Empty{})
	if status.Code(err) != codes.Internal {
		t.Errorf("got %v", err)
	}
}

func TestCallsToNoPeerFail(t *testing.T) {
	m := memory.New(memory.Options{}, members...)
	bg := m.Port("BG")
	for _, to := range []string{"BG", "", "rs", "*"} {
		err := bg.Dial(to).Invoke(t.Context(), "/x/y", &emptypb.Empty{}, &emptypb.Empty{})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("to %q: %v", to, err)
		}
	}
	var _ grpc.ClientConnInterface = bg.Dial("RS")
}
