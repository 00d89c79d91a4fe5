package call

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// errPeerReset is the cause of a call's end when the caller gave it up or cannot be reached.
var errPeerReset = errors.New("caller gave up")

// firstPartTimeout is how long a call may wait here for its first part to be complete.
const firstPartTimeout = 10 * time.Second

// A serverCall is the callee's side of a call. It is a grpc.ServerStream and a grpc.ServerTransportStream.
type serverCall struct {
	call
	ctx    context.Context // grpc.ServerStream asks for it
	cancel context.CancelCauseFunc

	// Owned by the goroutine of run.
	first *frames.Part
	over  error // not nil when nothing more comes: io.EOF after the caller's last part

	mu       sync.Mutex
	header   metadata.MD
	trailer  metadata.MD
	headSent bool
	finished bool
}

func newServerCall(e *Endpoint, serving context.Context, from string, id frames.CallID, b *budget) *serverCall {
	ctx, cancel := context.WithCancelCause(serving)
	return &serverCall{
		call: call{
			ep: e, peer: from, id: id, lane: LaneReply, direction: frames.ToCaller,
			in: newInflow(b), out: newOutflow(),
		},
		ctx: ctx, cancel: cancel,
	}
}

// run reads the first part, calls the handler and sends the end.
func (c *serverCall) run() {
	defer c.cancel(nil)
	ctx, cancel := context.WithTimeout(c.ctx, firstPartTimeout)
	p, err := c.receive(ctx)
	cancel()
	if err != nil {
		c.refuse(err)
		return
	}
	c.first, c.method = p, p.Method
	if p.End {
		c.over = io.EOF
	}

	ctx, cancel = context.WithTimeout(c.ctx, min(p.Timeout, c.ep.opts.MaxTimeout))
	defer cancel()
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: transport.Address(c.peer)})
	if p.Header != nil {
		ctx = metadata.NewIncomingContext(ctx, p.Header)
	}
	c.ctx = grpc.NewContextWithServerTransportStream(ctx, transportStream{c})

	impl, unary, stream := c.ep.lookup(p.Method)
	switch {
	case unary != nil:
		c.runUnary(impl, unary)
	case stream != nil:
		c.finish(nil, stream.Handler(impl, c))
	default:
		c.finish(nil, status.Error(codes.Unimplemented, "unknown method"))
	}
}

// refuse ends a call whose first part could not be read. What the Sealer says in a status is told to the caller.
func (c *serverCall) refuse(err error) {
	if context.Cause(c.ctx) == errPeerReset {
		return
	}
	var st interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &st):
		c.finish(nil, st.GRPCStatus().Err())
	case c.ctx.Err() != nil:
		c.reset(frames.Cancelled)
	default:
		c.reset(frames.Refused)
	}
}

func (c *serverCall) runUnary(impl any, m *grpc.MethodDesc) {
	if !c.first.HasMsg || !c.first.End {
		c.finish(nil, status.Error(codes.Internal, "unary call without exactly one message"))
		return
	}
	reply, err := m.Handler(impl, c.ctx, func(m any) error { return unmarshalMessage(c.first.Contents, m) }, nil)
	if err != nil {
		c.finish(nil, err)
		return
	}
	b, err := marshalMessage(reply)
	if err != nil {
		c.finish(nil, err)
		return
	}
	c.finish(&frames.Part{HasMsg: true, Contents: b}, nil)
}

// finish sends the status, with last in the same part when it is given.
func (c *serverCall) finish(last *frames.Part, err error) {
	if last == nil {
		last = &frames.Part{}
	}
	c.mu.Lock()
	c.finished = true
	last.Head, last.Header = !c.headSent, c.header
	last.End, last.Trailer = true, c.trailer
	c.headSent = true
	c.mu.Unlock()
	if !last.Head {
		last.Header = nil
	}
	if context.Cause(c.ctx) == errPeerReset {
		return
	}
	if err != nil {
		last.Status = frames.EncodeStatus(outsideStatus(err))
	}
	// A call over its deadline still tells its status, if the peer has left room for it.
	ctx := context.WithoutCancel(c.ctx)
	stop := c.ctx.Done()
	if err := c.send(ctx, stop, last); err != nil {
		c.finishBadly(err)
	}
}

// outsideStatus decides what a peer is told of a handler's error: its status, or nothing but that there was one.
func outsideStatus(err error) *status.Status {
	var st interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &st) && st.GRPCStatus().Code() != codes.OK:
		return st.GRPCStatus()
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, "deadline exceeded")
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, "call cancelled")
	}
	return status.New(codes.Internal, "internal error")
}

// finishBadly replaces an end that could not be sent.
func (c *serverCall) finishBadly(err error) {
	if errors.Is(err, transport.ErrTooLarge) || errors.Is(err, frames.ErrPart) {
		// Nothing of it was sent: marshalling comes first.
		end := &frames.Part{Head: c.out.parts == 0, End: true, Status: frames.EncodeStatus(status.Convert(statusOf(err)))}
		if c.send(context.WithoutCancel(c.ctx), c.ctx.Done(), end) == nil {
			return
		}
	}
	c.reset(frames.Cancelled)
}

func (c *serverCall) Context() context.Context { return c.ctx }

func (c *serverCall) SetHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.headSent {
		return status.Error(codes.Internal, "header already sent")
	}
	c.header = metadata.Join(c.header, md)
	return nil
}

func (c *serverCall) SendHeader(md metadata.MD) error {
	if err := c.SetHeader(md); err != nil {
		return err
	}
	return c.sendPart(&frames.Part{})
}

func (c *serverCall) SetTrailer(md metadata.MD) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.finished {
		c.trailer = metadata.Join(c.trailer, md)
	}
}

func (c *serverCall) SendMsg(m any) error {
	b, err := marshalMessage(m)
	if err != nil {
		return err
	}
	return c.sendPart(&frames.Part{HasMsg: true, Contents: b})
}

func (c *serverCall) sendPart(p *frames.Part) error {
	c.mu.Lock()
	if c.finished {
		c.mu.Unlock()
		return status.Error(codes.Internal, "call has ended")
	}
	if !c.headSent {
		p.Head, p.Header = true, c.header
		c.headSent = true
	}
	c.mu.Unlock()
	return statusOf(c.send(c.ctx, nil, p))
}

// RecvMsg returns io.EOF after the caller's last message.
func (c *serverCall) RecvMsg(m any) error {
	for {
		p := c.first
		c.first = nil
		if p == nil {
			if c.over != nil {
				return c.over
			}
			var err error
			if p, err = c.receive(c.ctx); err != nil {
				c.over = readError(err)
				return c.over
			}
			if p.End {
				c.over = io.EOF
			}
		}
		if p.HasMsg {
			return unmarshalMessage(p.Contents, m)
		}
	}
}

// transportStream lets handlers of unary calls use grpc.SetHeader, SendHeader and SetTrailer.
type transportStream struct{ c *serverCall }

func (t transportStream) Method() string                  { return t.c.method }
func (t transportStream) SetHeader(md metadata.MD) error  { return t.c.SetHeader(md) }
func (t transportStream) SendHeader(md metadata.MD) error { return t.c.SendHeader(md) }
func (t transportStream) SetTrailer(md metadata.MD) error { t.c.SetTrailer(md); return nil }
