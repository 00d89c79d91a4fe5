package tokens

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/desk/refusal"
)

func TestReservedTokensAreBoundedForEachClient(t *testing.T) {
	var r reservations
	now := time.Now()
	became := 0
	look := func(tokens []reservedToken) ([]reservedToken, error) { return tokens[min(became, len(tokens)):], nil }
	one, other := [32]byte{1}, [32]byte{2}
	reserve := func(of [32]byte, n int) error {
		err := r.room(of, n, now, look)
		if err == nil {
			r.add(of, make([]string, n), now)
		}
		return err
	}
	for range maxReserved / 1000 {
		if err := reserve(one, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if err := reserve(one, 1); !errors.Is(err, refusal.ErrReserved) {
		t.Errorf("one more: %v", err)
	}
	if err := reserve(other, 1000); err != nil {
		t.Errorf("another client: %v", err)
	}
	// What became cases does not count; it is not looked at all the time.
	became = 500
	if err := reserve(one, 500); !errors.Is(err, refusal.ErrReserved) {
		t.Errorf("looked again at once: %v", err)
	}
	now = now.Add(recountEvery)
	if err := reserve(one, 501); !errors.Is(err, refusal.ErrReserved) {
		t.Errorf("more than became cases: %v", err)
	}
	if err := reserve(one, 500); err != nil {
		t.Errorf("as many as became cases: %v", err)
	}
	now = now.Add(reservedLife)
	for i := range maxReservers {
		if err := reserve([32]byte{3, byte(i), byte(i >> 8)}, 1); err != nil {
			t.Fatalf("client %d after an hour: %v", i, err)
		}
	}
	if err := reserve(one, 1); !errors.Is(err, refusal.ErrReserved) {
		t.Errorf("too many clients: %v", err)
	}
	if s := status.Convert(refusal.Tell(fmt.Errorf("reserving: %w", refusal.ErrReserved))); s.Code() != codes.ResourceExhausted || len(s.Details()) != 2 {
		t.Errorf("the client is told %v %v", s, s.Details())
	}
}

func TestClientsAreToldApartByTheirCertificates(t *testing.T) {
	of := func(cert string) [32]byte {
		return client(peer.NewContext(context.Background(), &peer.Peer{AuthInfo: credentials.TLSInfo{
			State: tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte(cert)}}},
		}}))
	}
	first, again := of("a"), of("a")
	if first == of("b") || first != again || first == client(context.Background()) {
		t.Error("two clients are one, or one is two")
	}
}
