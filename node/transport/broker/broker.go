// Package broker runs the backbone's NATS server inside a program, for the demo and for tests, and writes the same rules as a
// nats-server.conf for operators. Production nodes do not import it.
//
// Users are known by their TLS client certificate (verify_and_map): its URI name is [backbone.MemberName] of a country or
// [backbone.OperatorName]. Certificates rather than nkeys, because mutual TLS is wanted anyway and so there is one key for both. The
// authority that signs them is the hub operator's, who owns the servers and so gains nothing by misusing it.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
)

// Options describe a server.
type Options struct {
	Dir       string   // JetStream's files
	Host      string   // default 127.0.0.1
	Port      int      // 0 takes a free one
	Countries []string // the members, each a user

	Certificate tls.Certificate // the server's
	Roots       []byte          // PEM, of the clients' certificates
}

// maxPayload is the server's largest message: a durable frame or a statement.
const maxPayload = max(transport.MaxFrame, transport.MaxStatement)

// maxSubscriptions bounds what one connection may subscribe; a node needs about three and one for each peer and statement kind.
const maxSubscriptions = 1000

// serverOptions returns the options of an embedded server with the rules of [Config].
func serverOptions(o Options) (*server.Options, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(o.Roots) {
		return nil, errors.New("reading the clients' roots: no certificate found")
	}
	so := &server.Options{
		ServerName: "rogatory",
		Host:       o.Host,
		Port:       o.Port,
		JetStream:  true,
		StoreDir:   o.Dir,
		MaxPayload: maxPayload,
		MaxSubs:    maxSubscriptions,
		NoSigs:     true,
		TLS:        true,
		TLSVerify:  true,
		TLSMap:     true,
		TLSTimeout: 5,
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS13,
			Certificates: []tls.Certificate{o.Certificate},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    pool,
		},
	}
	if so.Host == "" {
		so.Host = "127.0.0.1"
	}
	if so.Port == 0 {
		so.Port = server.RANDOM_PORT
	}
	text, err := rules(o.Countries)
	if err != nil {
		return nil, err
	}
	if err := so.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("reading the members' rules: %w", err)
	}
	return so, nil
}

// A Broker is a running server.
type Broker struct {
	s *server.Server
}

// Start runs a server and returns when it takes connections.
func Start(o Options) (*Broker, error) {
	so, err := serverOptions(o)
	if err != nil {
		return nil, fmt.Errorf("starting the broker: %w", err)
	}
	return run(so)
}

// StartFile is Start for a server that reads a configuration file, such as [Config] writes.
func StartFile(path string) (*Broker, error) {
	so, err := server.ProcessConfigFile(path)
	if err != nil {
		return nil, fmt.Errorf("starting the broker: %w", err)
	}
	so.NoSigs = true
	return run(so)
}

func run(so *server.Options) (*Broker, error) {
	s, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("starting the broker: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		s.Shutdown()
		return nil, errors.New("starting the broker: not ready after 20 s")
	}
	return &Broker{s: s}, nil
}

// URL is where clients connect.
func (b *Broker) URL() string { return b.s.ClientURL() }

// Shutdown stops the server and waits until its files are closed.
func (b *Broker) Shutdown() {
	b.s.Shutdown()
	b.s.WaitForShutdown()
}

// EnsureStreams connects as the operator and creates what the members need.
func (b *Broker) EnsureStreams(ctx context.Context, operator *tls.Config, countries []string, o backbone.StreamOptions) error {
	nc, err := nats.Connect(b.URL(), nats.Secure(operator), nats.Name("rogatory operator"))
	if err != nil {
		return fmt.Errorf("connecting as operator: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("connecting as operator: %w", err)
	}
	return backbone.EnsureStreams(ctx, js, countries, o)
}
