package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/rogatory/rogatory/crypto/envelope"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// maxCall bounds one message at the socket: a prepared act for many recipients repeats its content.
const maxCall = 64 * envelope.MaxInner

// OperatorUnit is the organizational unit in the certificate of a client that may use OperatorService.
const OperatorUnit = "operator"

// listen opens the unix socket and, if configured, the address for other machines.
func (n *node) listen() ([]*server, error) {
	local, err := n.listenSocket()
	if err != nil {
		return nil, err
	}
	open := make(gate, n.cfg.Limits.Connections)
	servers := []*server{{Server: n.grpcServer(open, false), listener: local}}
	if n.cfg.Listen.Address == "" {
		return servers, nil
	}
	creds, err := n.serverTLS()
	if err != nil {
		return nil, errors.Join(err, local.Close())
	}
	remote, err := net.Listen("tcp", n.cfg.Listen.Address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening: %w", err), local.Close())
	}
	return append(servers, &server{Server: n.grpcServer(open, true, grpc.Creds(creds)), listener: remote}), nil
}

// listenSocket opens the unix socket for its owner alone. What a killed node has left there is taken away; a node that lives holds the
// store's lock, so this one would not have come so far.
func (n *node) listenSocket() (net.Listener, error) {
	if info, err := os.Lstat(n.cfg.Socket); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(n.cfg.Socket); err != nil {
			return nil, fmt.Errorf("listening: %w", err)
		}
	}
	// Nobody else can connect between the socket's making and its mode.
	mask := syscall.Umask(0o077)
	l, err := net.Listen("unix", n.cfg.Socket)
	syscall.Umask(mask)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if err := os.Chmod(n.cfg.Socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("listening: %w", err), l.Close())
	}
	return l, nil
}

func (n *node) serverTLS() (credentials.TransportCredentials, error) {
	cert, err := tls.LoadX509KeyPair(n.cfg.Listen.Cert, n.cfg.Listen.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the server certificate: %w", err)
	}
	pem, err := os.ReadFile(n.cfg.Listen.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("reading the clients' authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the clients' authority: %s holds no certificate", n.cfg.Listen.ClientCA)
	}
	return credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MinVersion: tls.VersionTLS13,
	}), nil
}

// grpcServer serves desk and operator. Over the network the operator's service takes an operator's certificate.
func (n *node) grpcServer(open gate, remote bool, opts ...grpc.ServerOption) *grpc.Server {
	opts = append(opts,
		grpc.MaxRecvMsgSize(maxCall), grpc.MaxSendMsgSize(maxCall),
		grpc.MaxConcurrentStreams(uint32(n.cfg.Limits.Connections)),
	)
	opts = append(opts, grpc.ChainUnaryInterceptor(open.unary), grpc.ChainStreamInterceptor(open.stream))
	if remote {
		opts = append(opts, grpc.ChainUnaryInterceptor(operatorsOnly), grpc.ChainStreamInterceptor(operatorsOnlyStream))
	}
	s := grpc.NewServer(opts...)
	nodev1.RegisterDeskServiceServer(s, n.desk)
	nodev1.RegisterOperatorServiceServer(s, &operator{n})
	nodev1.RegisterLogServiceServer(s, &logbook{n})
	return s
}

// gate holds something for each call of DeskService that is open, at the socket and at Listen together, and refuses those beyond its capacity. The
// operator, who looks why nobody gets through, is let through.
type gate chan struct{}

// errBusy tells a client to come back in a moment.
var errBusy = busy()

func busy() error {
	s := status.New(codes.ResourceExhausted, "too many calls are open (limits.connections)")
	if told, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(200 * time.Millisecond)}); err == nil {
		s = told
	}
	return s.Err()
}

func (g gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if operators(info.FullMethod) {
		return handler(ctx, req)
	}
	select {
	case g <- struct{}{}:
		defer func() { <-g }()
		return handler(ctx, req)
	default:
		return nil, errBusy
	}
}

func (g gate) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if operators(info.FullMethod) {
		return handler(srv, stream)
	}
	select {
	case g <- struct{}{}:
		defer func() { <-g }()
		return handler(srv, stream)
	default:
		return errBusy
	}
}

// operators reports whether a method is one of OperatorService or LogService.
func operators(method string) bool {
	return strings.HasPrefix(method, "/"+nodev1.OperatorService_ServiceDesc.ServiceName+"/") ||
		strings.HasPrefix(method, "/"+nodev1.LogService_ServiceDesc.ServiceName+"/")
}

// operatorsOnly lets only clients with an operator's certificate use these services.
func operatorsOnly(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if operators(info.FullMethod) && !isOperator(ctx) {
		return nil, errOperator
	}
	return handler(ctx, req)
}

func operatorsOnlyStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if operators(info.FullMethod) && !isOperator(stream.Context()) {
		return errOperator
	}
	return handler(srv, stream)
}

var errOperator = status.Error(codes.PermissionDenied, "this takes an operator's certificate")

func isOperator(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return false
	}
	return slices.Contains(info.State.VerifiedChains[0][0].Subject.OrganizationalUnit, OperatorUnit)
}
