package call

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// errEnded means that the other side has ended the call, so that sending is of no use any more.
var errEnded = errors.New("call has ended")

// A call is what both sides of a call have in common.
type call struct {
	ep        *Endpoint
	peer      string
	id        frames.CallID
	method    string // callee: empty until the first part is open
	lane      Lane   // the one this side sends on
	direction frames.Direction

	in  *inflow
	out *outflow

	// Owned by whoever reads.
	parts uint32
}

// send seals p and sends it. It waits for the peer's credit until ctx ends or stop closes (then errEnded).
func (c *call) send(ctx context.Context, stop <-chan struct{}, p *frames.Part) error {
	p.Direction, p.Call, p.Seq = c.direction, c.id, c.out.parts
	last := p.End
	plain, err := p.Marshal()
	if err != nil {
		return err
	}
	sealed, err := c.ep.opts.Sealer.Seal(ctx, c.peer, c.method, plain)
	if err != nil {
		return fmt.Errorf("sealing for %s: %w", c.peer, err)
	}
	if len(sealed) > maxSealed {
		return fmt.Errorf("sealed part of %d bytes: %w", len(sealed), transport.ErrTooLarge)
	}
	if len(sealed) == 0 {
		return transport.ErrEmpty
	}
	c.out.parts++
	room := c.ep.wire.MaxFrame() - frames.HeaderLen
	for len(sealed) > 0 {
		n := min(room, len(sealed))
		if !c.out.acquire(ctx, stop, n) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errEnded
		}
		kind := frames.ChunkMore
		if n == len(sealed) {
			kind = frames.ChunkPart
			if last {
				kind = frames.ChunkLast
			}
		}
		h := frames.Header{Kind: kind, Call: c.id, Seq: c.out.chunks}
		frame := frames.Append(make([]byte, 0, frames.HeaderLen+n), h, sealed[:n])
		if err := c.ep.wire.Send(c.lane, c.peer, frame); err != nil {
			return err
		}
		c.out.chunks++
		sealed = sealed[n:]
	}
	return nil
}

// receive waits for the next part, opens and checks it.
func (c *call) receive(ctx context.Context) (*frames.Part, error) {
	sealed, last, grant, err := c.in.part(ctx)
	if err != nil {
		return nil, err
	}
	if grant > 0 {
		c.control(frames.Credit, binary.BigEndian.AppendUint64(nil, grant))
	}
	plain, err := c.ep.opts.Sealer.Open(ctx, c.peer, c.method, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening a part from %s: %w", c.peer, err)
	}
	p, err := frames.ParsePart(plain)
	if err != nil {
		return nil, err
	}
	want := frames.ToCallee + frames.ToCaller - c.direction
	if p.Direction != want || p.Call != c.id || p.Seq != c.parts || p.End != last {
		return nil, ErrSpliced
	}
	c.parts++
	return p, nil
}

// control sends a frame that carries no part. Its loss does no harm that the deadline does not end.
func (c *call) control(kind frames.Kind, body []byte) {
	c.ep.control(c.lane, c.peer, c.id, kind, body)
}

func (c *call) reset(why frames.Reason) { c.control(frames.Reset, []byte{byte(why)}) }

// statusOf turns an error of this package into the gRPC status that callers see.
func statusOf(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var st interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &st):
		return st.GRPCStatus().Err()
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "deadline exceeded")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "call cancelled")
	case errors.Is(err, transport.ErrUnavailable), errors.Is(err, transport.ErrClosed):
		return status.Error(codes.Unavailable, err.Error())
	case errors.Is(err, transport.ErrTooLarge), errors.Is(err, ErrWindow), errors.Is(err, errBudget):
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}

// resetError is what a caller gets for a bare reset, which is not authentic: it claims no more than that the call is over.
func resetError(peer string, why frames.Reason) error {
	switch why {
	case frames.Busy:
		return status.Errorf(codes.ResourceExhausted, "%s is busy", peer)
	case frames.Refused:
		return status.Errorf(codes.Unavailable, "%s refused the call unread", peer)
	}
	return status.Errorf(codes.Unavailable, "%s stopped answering the call", peer)
}
