package backbone

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// MemberName is the URI in the subject alternative names of a country's client certificate; the backbone's servers know the user
// by it (verify_and_map).
func MemberName(country string) string { return "urn:rogatory:member:" + country }

// OperatorName is the same for the hub's operator, who may use everything.
const OperatorName = "urn:rogatory:operator"

// LoadTLS reads a client certificate, its key and the root certificates of the backbone's servers, all PEM files.
func LoadTLS(certFile, keyFile, rootsFile string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the backbone certificate: %w", err)
	}
	pem, err := os.ReadFile(rootsFile)
	if err != nil {
		return nil, fmt.Errorf("reading the backbone roots: %w", err)
	}
	return ClientTLS(cert, pem)
}

// ClientTLS returns the TLS configuration of a backbone connection: TLS 1.3 and no roots but those given.
func ClientTLS(cert tls.Certificate, rootsPEM []byte) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(rootsPEM) {
		return nil, fmt.Errorf("reading the backbone roots: no certificate found")
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: roots}, nil
}
