package backbone_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/fullstorydev/grpchan/grpchantesting"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/memory"
)

// freePort returns a port that a server may take, and take again.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestBrokerAwayAtStartIsNoError(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	r.Shutdown()
	r.options.Port = freePort(t)
	n, err := backbone.Open(backbone.Options{
		Country: "RS", Servers: []string{"tls://127.0.0.1:" + strconv.Itoa(r.options.Port)},
		TLS: r.tls(r.authority.Member("RS")), Calls: inClear,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	start := time.Now()
	if err := n.Publish(t.Context(), "BG", []byte("x")); !errors.Is(err, transport.ErrUnavailable) {
		t.Errorf("publish: %v", err)
	}
	if _, err := n.Receive(t.Context(), "BG", 1<<20); !errors.Is(err, transport.ErrUnavailable) {
		t.Errorf("receive: %v", err)
	}
	err = n.Dial("BG").Invoke(t.Context(), "/x/y", &grpchantesting.Message{}, &grpchantesting.Message{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("call: %v", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("failing took %v", d)
	}
	r.start()
	await(t, n, true)
	if err := n.Publish(within(t, 10*time.Second), "BG", []byte("x")); err != nil {
		t.Errorf("publish: %v", err)
	}
}

func TestBrokerRestartLosesNothingThatItTook(t *testing.T) {
	t.Parallel()
	r := newRig(t, backbone.StreamOptions{})
	r.Shutdown()
	r.options.Port = freePort(t)
	r.start()
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	grpchantesting.RegisterTestServiceServer(rs, &grpchantesting.TestServer{})
	conn := bg.Dial("RS")
	serve(t, rs, conn)
	client := grpchantesting.NewTestServiceClient(conn)
	ctx := within(t, 30*time.Second)

	statements := make(chan string, 16)
	go bg.WatchStatements(ctx, "manifest", func(from string, b []byte) { statements <- from + string(b) })
	waiting := make(chan error, 2)
	go func() {
		_, err := bg.Receive(ctx, "RS", 1<<20)
		waiting <- err
	}()
	stream, err := client.ServerStream(ctx, &grpchantesting.Message{DelayMillis: 2_000, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := stream.Recv()
		waiting <- err
	}()
	if err := bg.Publish(ctx, "RS", []byte("before")); err != nil {
		t.Fatal(err)
	}

	changed := bg.Changed()
	r.Shutdown()
	<-changed
	for range 2 {
		if err := <-waiting; !errors.Is(err, transport.ErrUnavailable) && status.Code(err) != codes.Unavailable {
			t.Errorf("what waited got %v", err)
		}
	}
	await(t, rs, false)
	r.start()
	await(t, rs, true)
	await(t, bg, true)

	f, err := receiveOne(ctx, rs, "BG")
	if err != nil || string(f.Data) != "before" {
		t.Fatalf("after the restart: %q, %v", f.Data, err)
	}
	if err := f.Ack(); err != nil {
		t.Error(err)
	}
	if err := rs.PutStatement(ctx, "manifest", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for s := range statements {
		if s == "RS1" {
			break
		}
	}
	if _, err := client.Unary(ctx, &grpchantesting.Message{Payload: []byte("x")}); err != nil {
		t.Errorf("call after the restart: %v", err)
	}
}

func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	m := memory.New(memory.Options{}, members...)
	r := newRig(t, backbone.StreamOptions{})
	for name, n := range map[string]transport.Net{"memory": m.Port("RS"), "NATS": r.open("RS", transport.CallOptions{})} {
		t.Run(name, func(t *testing.T) {
			received, watched := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := n.Receive(context.Background(), "BG", 1<<20)
				received <- err
			}()
			go func() { watched <- n.WatchStatements(context.Background(), "manifest", func(string, []byte) {}) }()
			n.Close()
			if err := <-received; !errors.Is(err, transport.ErrClosed) {
				t.Errorf("receive: %v", err)
			}
			if err := <-watched; !errors.Is(err, transport.ErrClosed) {
				t.Errorf("watch: %v", err)
			}
			if err := n.Publish(t.Context(), "BG", []byte("x")); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("publish: %v", err)
			}
		})
	}
}
