package backbone_test

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/fullstorydev/grpchan/grpchantesting"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
)

// benchUnary measures calls of 1 KiB each way and reports the median of one caller.
func benchUnary(b *testing.B, client grpchantesting.TestServiceClient) {
	m := &grpchantesting.Message{Payload: make([]byte, 1<<10)}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for range 100 {
		if _, err := client.Unary(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("alone", func(b *testing.B) {
		times := make([]time.Duration, 0, b.N)
		for b.Loop() {
			start := time.Now()
			if _, err := client.Unary(ctx, m); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1e3, "p50-µs")
	})
	b.Run("many", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := client.Unary(ctx, m); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	})
}

func BenchmarkUnaryOverNATS(b *testing.B) {
	r := newRig(b, backbone.StreamOptions{})
	o := transport.CallOptions{MaxCalls: 1000}
	rs := r.open("RS", o)
	grpchantesting.RegisterTestServiceServer(rs, &grpchantesting.TestServer{})
	conn := r.open("BG", o).Dial("RS")
	serve(b, rs, conn)
	benchUnary(b, grpchantesting.NewTestServiceClient(conn))
}

func BenchmarkUnaryOverTCP(b *testing.B) {
	r := newRig(b, backbone.StreamOptions{})
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{r.options.Certificate}, MinVersion: tls.VersionTLS13,
	})))
	grpchantesting.RegisterTestServiceServer(s, &grpchantesting.TestServer{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(l)
	defer s.Stop()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(r.tls(r.authority.Member("BG")))))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	benchUnary(b, grpchantesting.NewTestServiceClient(conn))
}

func BenchmarkPublishReceiveAck(b *testing.B) {
	r := newRig(b, backbone.StreamOptions{})
	rs, bg := r.open("RS", transport.CallOptions{}), r.open("BG", transport.CallOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	frame := make([]byte, 4<<10)
	for b.Loop() {
		if err := rs.Publish(ctx, "BG", frame); err != nil {
			b.Fatal(err)
		}
		f, err := receiveOne(ctx, bg, "RS")
		if err != nil {
			b.Fatal(err)
		}
		f.Ack()
	}
}
