// Package transport carries opaque bytes between countries. It knows nothing of messages: what it
// carries is sealed and signed by others, and whoever runs the backbone sees sizes and times only.
//
// Two lanes:
//
//   - the durable lane ([Net.Publish], [Net.Receive]) puts frames of at most [MaxFrame] bytes into the
//     recipient's mailbox on the backbone, one queue per sender, so that one bad peer blocks nobody. It may
//     lose, repeat and reorder frames: the sender's outbox resends until it holds a receipt, the recipient's inbox
//     knows what it has seen;
//     what is urgent and small may pass the mailbox by ([Net.Send]);
//   - the online lane ([Net.Dial], [Net.RegisterService], [Net.Serve]) is gRPC with generated stubs: unary
//     and streaming calls, deadlines, cancellation, status with details, metadata. Every call has a deadline.
//     Each part of a call passes through a [Sealer], bound to its call, direction and place.
//
// Beside them stand statements ([Net.PutStatement], [Net.WatchStatements]): one last value per country and kind,
// for manifests and directories.
//
// Two packages have such a Net, and run the same code of calls (package call): backbone, over NATS and JetStream, and memory, with knobs (Cut, Delay,
// Duplicate, Reorder, Drop), which works inside a testing/synctest bubble.
package transport

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// Limits that both sides of the wire keep.
const (
	MaxFrame     = 1 << 20  // bytes of one frame of the durable lane
	MaxStatement = 1 << 20  // bytes of one statement
	MaxMessage   = 4 << 20  // bytes of one gRPC message, before sealing
	MaxDirect    = 64 << 10 // bytes of one frame that passes the mailbox by

	MinReceive = MaxFrame + 64<<10 // a pull must be able to hold any frame
	MaxReceive = 16 << 20          // bytes one pull may bring

	// AckWait is how long a delivered frame may stay without ack before it is delivered again.
	AckWait = 30 * time.Second
)

// Net is what a node needs of the backbone, seen from one country.
//
// All methods may be called from several goroutines, except that each sender should have one caller of Receive;
// RegisterService must come before Serve.
type Net interface {
	// Publish puts frame into the mailbox of country to and returns when the backbone has taken it.
	// Errors: [ErrFull], [ErrUnavailable], [ErrTooLarge], [ErrEmpty], [ErrCountry], [ErrClosed], or ctx's.
	// After ErrUnavailable or a ctx error the frame may have been taken or not.
	Publish(ctx context.Context, to string, frame []byte) error

	// Send hands a frame of at most [MaxDirect] bytes to country to past its mailbox, if it listens at this moment. Nobody keeps the frame and
	// nobody says whether it arrived: what matters is published later if no answer comes. Errors are those of Publish, without ErrFull.
	Send(to string, frame []byte) error

	// Receive waits for at least one frame of country from, whichever way it came, and returns what is there, up to about maxBytes
	// (at least one frame, at most 16 MiB). A frame of the mailbox that is not acked within 30 s comes again.
	Receive(ctx context.Context, from string, maxBytes int) ([]Frame, error)

	// PutStatement replaces this country's statement of that kind.
	PutStatement(ctx context.Context, kind string, b []byte) error

	// WatchStatements calls f with the current statement of every country that has one, then with each new one,
	// until ctx ends; it returns ctx's error or ErrClosed. It outlives lost connections. f is called from one goroutine; it
	// may see a statement twice, or an older one after a newer: versions are the caller's to compare.
	WatchStatements(ctx context.Context, kind string, f func(from string, b []byte)) error

	// Dial returns a connection to country to. It does nothing yet: calls fail when the peer is away.
	Dial(to string) grpc.ClientConnInterface

	// RegisterService adds a service to answer peers with. See [Caller] for who asks.
	grpc.ServiceRegistrar

	// Serve answers calls until ctx ends, then cancels those that run and waits for them. Called once.
	Serve(ctx context.Context) error

	// Connected tells whether the backbone can be reached at this moment.
	Connected() bool

	// Changed returns a channel that is closed when Connected changes next or the Net closes.
	// Take it before asking Connected.
	Changed() <-chan struct{}

	// Close ends everything; calls and Receives under way fail.
	Close() error
}

// Frame is one received frame of the durable lane.
type Frame struct {
	Data []byte // owned by the receiver

	ack func() error
	nak func(time.Duration) error
}

// NewFrame returns a frame of a mailbox, which hears ack and nak.
func NewFrame(data []byte, ack func() error, nak func(time.Duration) error) Frame {
	return Frame{Data: data, ack: ack, nak: nak}
}

// Ack removes the frame from the mailbox. An ack can get lost: then the frame comes again. For a frame that passed the mailbox by it
// does nothing.
func (f Frame) Ack() error {
	if f.ack == nil {
		return nil
	}
	return f.ack()
}

// Nak asks for the frame again after delay. One that passed the mailbox by is lost: its sender publishes it in time.
func (f Frame) Nak(delay time.Duration) error {
	if f.nak == nil {
		return nil
	}
	return f.nak(delay)
}

// Sealer protects the online lane. The transport calls it for every part of every call, in both directions,
// so that the backbone sees nothing but sealed bytes. What Open returns must be exactly what the peer's Seal
// was given, sealed by that peer for this country, and not seen before: a replayed payload must fail.
//
// method is the full gRPC method ("/package.Service/Method"). It is empty for Open of the first part of an inbound call: the method stands
// inside, and the transport reads it from there. A gRPC status error (package status) returned by Open of a request is answered to
// the peer, sealed; any other error closes the call with a bare refusal. Methods are called from many goroutines.
type Sealer interface {
	Seal(ctx context.Context, peer, method string, payload []byte) ([]byte, error)
	Open(ctx context.Context, peer, method string, sealed []byte) ([]byte, error)
}

// CallOptions bound the online lane. The zero value is useful.
type CallOptions struct {
	// Sealer protects every call. Without one, calls fail both ways.
	Sealer Sealer
	// Timeout is the deadline of calls made without one. Default 30 s.
	Timeout time.Duration
	// MaxTimeout cuts the deadlines that callers ask of this node. Default 1 h.
	MaxTimeout time.Duration
	// MaxCalls is the number of calls one peer may have running here; more are refused as busy. Default 64.
	MaxCalls int
	// MaxBuffered is the number of bytes that one peer's calls may hold here unread. Default 64 MiB.
	MaxBuffered int64
}
