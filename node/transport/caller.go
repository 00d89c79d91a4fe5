package transport

import (
	"context"

	"google.golang.org/grpc/peer"
)

// Address is a country as package peer of gRPC shows it.
type Address string

// Network names what the address is one of.
func (Address) Network() string { return "rogatory" }

func (a Address) String() string { return string(a) }

// Caller returns the country that made the call a handler runs for.
func Caller(ctx context.Context) (code string, ok bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	c, ok := p.Addr.(Address)
	return string(c), ok
}
