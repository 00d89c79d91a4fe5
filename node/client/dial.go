package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// Options say where a node is and who acts. Socket or Address is set.
type Options struct {
	// Socket is the path of the node's unix socket.
	Socket string
	// Address is host:port of the node's mTLS listener; CA, Cert and Key are PEM files then.
	Address, CA, Cert, Key string
	// Officer acts; nil for calls that need no signature.
	Officer *Officer
	// Language of texts, BCP 47; empty is the node's first.
	Language string
	// MaxMessage bounds an answer of the node, in bytes; 0 is 16 MiB.
	MaxMessage int
}

// Client is a connection to a node. It is safe for use by several goroutines.
type Client struct {
	// Desk and Operator are the node's services, for calls that this package does not wrap.
	Desk     nodev1.DeskServiceClient
	Operator nodev1.OperatorServiceClient

	conn     *grpc.ClientConn
	officer  *Officer
	language string
}

// What is safe to repeat is repeated while the node restarts: the acts carry an idempotency key.
const retryPolicy = `{"methodConfig": [{
	"name": [{"service": "rogatory.node.v1.DeskService"}, {"service": "rogatory.node.v1.OperatorService"}],
	"retryPolicy": {
		"maxAttempts": 4,
		"initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2.5,
		"retryableStatusCodes": ["UNAVAILABLE"]
	}
}]}`

// Dial returns a client. It does not wait for the node: the first call does.
func Dial(o Options) (*Client, error) {
	if (o.Socket == "") == (o.Address == "") {
		return nil, ErrAddress
	}
	target, creds := "unix:"+o.Socket, insecure.NewCredentials()
	if o.Address != "" {
		conf, err := tlsConfig(o)
		if err != nil {
			return nil, err
		}
		target, creds = "dns:///"+o.Address, credentials.NewTLS(conf)
	}
	limit := o.MaxMessage
	if limit == 0 {
		limit = 16 << 20
	}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(retryPolicy),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit), grpc.MaxCallSendMsgSize(limit)),
	)
	if err != nil {
		return nil, fmt.Errorf("dialling the node: %w", err)
	}
	return &Client{
		Desk:     nodev1.NewDeskServiceClient(conn),
		Operator: nodev1.NewOperatorServiceClient(conn),
		conn:     conn,
		officer:  o.Officer,
		language: o.Language,
	}, nil
}

func tlsConfig(o Options) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w: %w", o.Cert, o.Key, ErrCertificate, err)
	}
	pem, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", o.CA, ErrCertificate, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s, which holds no certificate: %w", o.CA, ErrCertificate)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: roots}, nil
}

// As returns a client over the same connection that acts for another officer.
func (c *Client) As(o *Officer) *Client {
	other := *c
	other.officer = o
	return &other
}

// Close ends the connection, for all clients that share it.
func (c *Client) Close() error { return c.conn.Close() }
