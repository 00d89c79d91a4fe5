package call

import (
	"context"
	"time"

	"github.com/rogatory/rogatory/node/transport"
)

const (
	maxSealed = transport.MaxMessage + 1<<20 // bytes of one sealed part: message, metadata and what sealing adds

	// Window is how many bytes are in flight in one direction of one call.
	Window = 16 << 20
)

// withDefaults fills in what is not set.
func withDefaults(o transport.CallOptions) transport.CallOptions {
	if o.Sealer == nil {
		o.Sealer = noSealer{}
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxTimeout <= 0 {
		o.MaxTimeout = time.Hour
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 64
	}
	if o.MaxBuffered <= 0 {
		o.MaxBuffered = 64 << 20
	}
	return o
}

// noSealer stands in for a missing Sealer: nothing ever goes in clear.
type noSealer struct{}

func (noSealer) Seal(context.Context, string, string, []byte) ([]byte, error) {
	return nil, ErrNoSealer
}

func (noSealer) Open(context.Context, string, string, []byte) ([]byte, error) {
	return nil, ErrNoSealer
}
