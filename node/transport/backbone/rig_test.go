package backbone_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	"github.com/rogatory/rogatory/node/transport/broker"
)

// A rig is a real server with TLS and some members.
type rig struct {
	*broker.Broker
	t         testing.TB
	authority *broker.Authority
	options   broker.Options
}

// plain seals nothing.
type plain struct{}

func (plain) Seal(_ context.Context, _, _ string, payload []byte) ([]byte, error) {
	return payload, nil
}
func (plain) Open(_ context.Context, _, _ string, sealed []byte) ([]byte, error) { return sealed, nil }

// inClear are CallOptions for tests that look at something else than sealing.
var inClear = transport.CallOptions{Sealer: plain{}}

var members = []string{"BG", "NO", "RS"}

func newRig(t testing.TB, o backbone.StreamOptions) *rig {
	t.Helper()
	a, err := broker.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Server("127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, authority: a, options: broker.Options{
		Dir: t.TempDir(), Countries: members, Certificate: cert, Roots: a.Roots(),
	}}
	r.start()
	t.Cleanup(func() { r.Shutdown() })
	if err := r.EnsureStreams(t.Context(), r.tls(a.Operator()), members, o); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) start() {
	r.t.Helper()
	b, err := broker.Start(r.options)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Broker = b
}

func (r *rig) tls(p broker.Pair, err error) *tls.Config {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	cert, err := p.Certificate()
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := backbone.ClientTLS(cert, r.authority.Roots())
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// open connects a member and waits until it is there.
func (r *rig) open(country string, o transport.CallOptions) *backbone.Conn {
	r.t.Helper()
	if o.Sealer == nil {
		o.Sealer = plain{}
	}
	n, err := backbone.Open(backbone.Options{
		Country: country, Servers: []string{r.URL()}, TLS: r.tls(r.authority.Member(country)), Calls: o,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { n.Close() })
	await(r.t, n, true)
	return n
}

// await waits until the net is connected, or not.
func await(t testing.TB, n transport.Net, connected bool) {
	t.Helper()
	late := time.After(15 * time.Second)
	for {
		changed := n.Changed()
		if n.Connected() == connected {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("connected is not %v after 15 s", connected)
		}
	}
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
