package call

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/frames"
)

// A conn is a grpc.ClientConnInterface for one peer.
type conn struct {
	ep   *Endpoint
	peer string
	err  error // why no call can be made
}

var unaryDesc = grpc.StreamDesc{}

// Invoke makes a unary call: one part there, one back.
func (c *conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	s, err := c.start(ctx, &unaryDesc, method, opts)
	if err != nil {
		return err
	}
	defer s.abandon()
	// An error of sending, unless it is final, is followed by a better one of receiving.
	if err := s.SendMsg(args); err != nil && err != io.EOF {
		return err
	}
	return s.RecvMsg(reply)
}

// NewStream starts a streaming call. As with grpc-go, the caller must end ctx or read until an error; the
// deadline, which every call has, does it otherwise.
func (c *conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := c.start(ctx, desc, method, opts)
	if err != nil {
		return nil, err
	}
	if desc.ClientStreams {
		// The callee may want to speak first.
		if err := s.sendPart(&frames.Part{}); err != nil {
			s.abandon()
			return nil, statusOf(err)
		}
	}
	return s, nil
}

func (c *conn) start(ctx context.Context, desc *grpc.StreamDesc, method string, opts []grpc.CallOption) (*clientCall, error) {
	if c.err != nil {
		return nil, status.Error(codes.InvalidArgument, c.err.Error())
	}
	if err := ctx.Err(); err != nil {
		return nil, statusOf(err)
	}
	if !strings.HasPrefix(method, "/") {
		method = "/" + method
	}
	var cancel context.CancelFunc
	if _, ok := ctx.Deadline(); ok {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, c.ep.opts.Timeout)
	}
	s := &clientCall{
		call: call{
			ep: c.ep, peer: c.peer, method: method, lane: LaneCall, direction: frames.ToCallee,
			in: newInflow(nil), out: newOutflow(),
		},
		ctx: ctx, cancel: cancel, desc: desc, reading: make(chan struct{}, 1),
	}
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			s.wantHeader = append(s.wantHeader, o.HeaderAddr)
		case grpc.TrailerCallOption:
			s.wantTrailer = append(s.wantTrailer, o.TrailerAddr)
		case grpc.PeerCallOption:
			*o.PeerAddr = peer.Peer{Addr: transport.Address(c.peer)}
		}
	}
	c.ep.open(s)
	s.unhook = context.AfterFunc(ctx, func() {
		s.reset(frames.Cancelled)
		c.ep.close(s)
	})
	return s, nil
}

// A clientCall is the caller's side of a call.
type clientCall struct {
	call
	ctx    context.Context // a stream's life is its context: grpc.ClientStream asks for it
	cancel context.CancelFunc
	unhook func() bool
	desc   *grpc.StreamDesc

	wantHeader, wantTrailer []*metadata.MD

	// Owned by the sender.
	sentAll bool

	// Owned by whoever holds the place in reading (a channel, so that waiting for it is seen as waiting by testing/synctest).
	reading chan struct{}
	gotHead bool
	header  metadata.MD
	trailer metadata.MD
	waiting *frames.Part // a part whose message nobody has taken
	final   error        // not nil when the call is over: io.EOF for OK
}

func (s *clientCall) Context() context.Context { return s.ctx }

func (s *clientCall) sendPart(p *frames.Part) error {
	if s.out.parts == 0 {
		p.Head = true
		p.Method = s.method
		deadline, _ := s.ctx.Deadline()
		p.Timeout = time.Until(deadline)
		p.Header, _ = metadata.FromOutgoingContext(s.ctx)
	}
	return s.send(s.ctx, s.in.ended, p)
}

// SendMsg returns io.EOF when the call has ended; RecvMsg then tells how.
func (s *clientCall) SendMsg(m any) error {
	b, err := marshalMessage(m)
	if err != nil {
		return err
	}
	if s.sentAll {
		return status.Error(codes.Internal, "message after the last")
	}
	select {
	case <-s.in.ended:
		return io.EOF
	default:
	}
	s.sentAll = !s.desc.ClientStreams
	return s.afterSend(s.sendPart(&frames.Part{HasMsg: true, Contents: b, End: s.sentAll}))
}

// CloseSend tells the callee that no message follows.
func (s *clientCall) CloseSend() error {
	if s.sentAll {
		return nil
	}
	s.sentAll = true
	if err := s.afterSend(s.sendPart(&frames.Part{End: true})); err != io.EOF {
		return err
	}
	return nil
}

func (s *clientCall) afterSend(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errEnded), s.ctx.Err() != nil:
		return io.EOF
	}
	s.in.fail(err)
	s.cancel()
	return statusOf(err)
}

// Header waits for the callee's header.
func (s *clientCall) Header() (metadata.MD, error) {
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	for !s.gotHead && s.final == nil {
		s.read()
	}
	if !s.gotHead && s.final != io.EOF {
		return nil, s.final
	}
	return s.header, nil
}

// Trailer returns the callee's trailer once RecvMsg has returned an error (or, without server streaming, its message).
func (s *clientCall) Trailer() metadata.MD {
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	return s.trailer
}

// RecvMsg waits for the next message. It returns io.EOF after the last of a call that ended well.
func (s *clientCall) RecvMsg(m any) error {
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	for s.waiting == nil && s.final == nil {
		s.read()
	}
	if s.waiting == nil {
		if s.final == io.EOF && !s.desc.ServerStreams {
			return status.Error(codes.Internal, "callee ended the call without a message")
		}
		return s.final
	}
	got := s.waiting
	s.waiting = nil
	if !s.desc.ServerStreams {
		// Exactly one message: the call is over, well or not, before it is believed.
		for s.final == nil && s.waiting == nil {
			s.read()
		}
		if s.waiting != nil {
			s.end(status.Error(codes.Internal, "callee sent a second message"))
		}
		if s.final != io.EOF {
			return s.final
		}
	}
	return unmarshalMessage(got.Contents, m)
}

// read takes one part in. The caller holds the place in reading.
func (s *clientCall) read() {
	p, err := s.receive(s.ctx)
	if err != nil {
		if s.ctx.Err() != nil {
			err = s.ctx.Err()
		}
		s.end(readError(err))
		return
	}
	if p.Head {
		s.gotHead = true
		s.header = p.Header
		for _, to := range s.wantHeader {
			*to = p.Header
		}
	}
	if p.HasMsg {
		s.waiting = p
	}
	if !p.End {
		return
	}
	s.trailer = p.Trailer
	for _, to := range s.wantTrailer {
		*to = p.Trailer
	}
	st, err := frames.DecodeStatus(p.Status)
	switch {
	case err != nil:
		s.end(readError(err))
	case st.Code() == codes.OK:
		s.end(io.EOF)
	default:
		s.end(st.Err())
	}
}

// readError names what came in place of a part.
func readError(err error) error {
	if errors.Is(err, frames.ErrPart) || errors.Is(err, ErrSpliced) {
		return status.Error(codes.DataLoss, err.Error())
	}
	return statusOf(err)
}

// end closes the call with its final error. The first one stays.
func (s *clientCall) end(err error) {
	if s.final != nil {
		return
	}
	s.final = err
	if !s.unhook() {
		return // ctx ended first and has told the callee
	}
	select {
	case <-s.in.ended: // the callee knows
	default:
		s.reset(frames.Cancelled)
	}
	s.ep.close(s)
	s.cancel()
}

// abandon ends a call that nobody reads any more.
func (s *clientCall) abandon() {
	s.reading <- struct{}{}
	defer func() { <-s.reading }()
	s.end(context.Canceled)
}

func marshalMessage(m any) ([]byte, error) {
	pm, ok := m.(proto.Message)
	if !ok {
		return nil, status.Errorf(codes.Internal, "%T is not a protobuf message", m)
	}
	b, err := proto.Marshal(pm)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "marshalling: %v", err)
	}
	if len(b) > transport.MaxMessage {
		return nil, status.Errorf(codes.ResourceExhausted, "message of %d bytes, limit %d", len(b), transport.MaxMessage)
	}
	return b, nil
}

func unmarshalMessage(b []byte, m any) error {
	pm, ok := m.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "%T is not a protobuf message", m)
	}
	if err := proto.Unmarshal(b, pm); err != nil {
		return status.Errorf(codes.Internal, "unmarshalling: %v", err)
	}
	return nil
}
