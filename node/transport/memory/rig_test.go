package memory_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rogatory/rogatory/node/transport"
)

// plain seals nothing.
type plain struct{}

func (plain) Seal(_ context.Context, _, _ string, payload []byte) ([]byte, error) {
	return payload, nil
}
func (plain) Open(_ context.Context, _, _ string, sealed []byte) ([]byte, error) { return sealed, nil }

// inClear are CallOptions for tests that look at something else than sealing.
var inClear = transport.CallOptions{Sealer: plain{}}

var members = []string{"BG", "NO", "RS"}

// bubbleServe serves inside a synctest bubble and returns what ends it.
func bubbleServe(n transport.Net) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Serve(ctx)
	}()
	synctest.Wait() // serving before the first call
	return func() {
		cancel()
		<-done
	}
}

func receiveOne(ctx context.Context, n transport.Net, from string) (transport.Frame, error) {
	frames, err := n.Receive(ctx, from, 1<<20)
	if err != nil {
		return transport.Frame{}, err
	}
	if len(frames) != 1 {
		return transport.Frame{}, fmt.Errorf("%d frames", len(frames))
	}
	return frames[0], nil
}

// serve answers calls until the test ends. It returns when the first was answered to caller.
func serve(t testing.TB, n transport.Net, caller grpc.ClientConnInterface) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		err := caller.Invoke(within(t, time.Second), "/none/None", &emptypb.Empty{}, &emptypb.Empty{})
		if status.Code(err) == codes.Unimplemented {
			return
		}
	}
	t.Fatal("not serving after 10 s")
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
