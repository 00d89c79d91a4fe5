package seal

import (
	"context"

	"google.golang.org/grpc"

	"github.com/rogatory/rogatory/node/transport"
)

// Dial returns a connection to a peer over which calls are made once more when the peer refuses them unread because it has restarted, or
// because we have not called it yet. Streams of which the caller sends one message are made again likewise; others come back as Unavailable.
func Dial(net transport.Net, peer string) grpc.ClientConnInterface {
	return redial{net.Dial(peer)}
}

type redial struct{ grpc.ClientConnInterface }

func (r redial) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := r.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if isRestarted(err) {
		err = r.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	}
	return err
}

func (r redial) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	open := func() (grpc.ClientStream, error) { return r.ClientConnInterface.NewStream(ctx, desc, method, opts...) }
	s, err := open()
	if err != nil || desc.ClientStreams {
		return s, err
	}
	return &restream{ClientStream: s, open: open}, nil
}

// A restream is opened again if its first answer is that the peer has restarted. Its methods belong to one goroutine.
type restream struct {
	grpc.ClientStream
	open func() (grpc.ClientStream, error)
	sent any
	read bool
}

func (s *restream) SendMsg(m any) error {
	s.sent = m
	return s.ClientStream.SendMsg(m)
}

func (s *restream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if s.read || !isRestarted(err) {
		s.read, s.sent = true, nil
		return err
	}
	s.read = true
	if s.ClientStream, err = s.open(); err != nil {
		return err
	}
	// An error of sending is followed by a better one of receiving.
	if err := s.ClientStream.SendMsg(s.sent); err == nil {
		_ = s.ClientStream.CloseSend()
	}
	return s.ClientStream.RecvMsg(m)
}
