package setup

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Roles of client certificates: the organizational unit of their subject. A desk may use DeskService; an operator also OperatorService,
// as whoever comes over the socket.
const (
	RoleOperator = "operator"
	RoleDesk     = "desk"
)

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 2 * 365 * 24 * time.Hour
)

// makeCertificates writes into the folder tls: the node's own small authority (ca.pem), its server certificate, client certificates
// for the operator and for a desk, and a key with a signing request for the backbone.
//
// The authority only says who may knock at this node's mTLS address. No peer, log or message depends on it.
func makeCertificates(o Options) error {
	dir := filepath.Join(o.Dir, TLSFolder)
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the node's authority: %w", err)
	}
	ca := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Authority of the Rogatory node " + o.Country},
		NotBefore:             o.Now.Add(-time.Hour),
		NotAfter:              o.Now.Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return fmt.Errorf("making the node's authority: %w", err)
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		return fmt.Errorf("making the node's authority: %w", err)
	}
	if err := writePair(dir, "ca", der, caKey); err != nil {
		return err
	}
	server := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Rogatory node " + o.Country},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts(o.Listen) {
		if ip := net.ParseIP(h); ip != nil {
			server.IPAddresses = append(server.IPAddresses, ip)
		} else {
			server.DNSNames = append(server.DNSNames, h)
		}
	}
	if err := issue(dir, "server", server, ca, caKey, o.Now); err != nil {
		return err
	}
	for name, role := range map[string]string{"operator": RoleOperator, "desk": RoleDesk} {
		if err := IssueClient(dir, name, role, o.Now); err != nil {
			return err
		}
	}
	return backboneRequest(dir, o.Country)
}

// IssueClient writes name.pem and name-key.pem into a node's tls folder: a client certificate with a role, signed by the
// authority that stands there.
func IssueClient(dir, name, role string, now time.Time) error {
	ca, key, err := openAuthority(dir)
	if err != nil {
		return err
	}
	return issue(dir, name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, OrganizationalUnit: []string{role}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca, key, now)
}

func openAuthority(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	read := func(name string) ([]byte, error) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(b)
		if block == nil {
			return nil, fmt.Errorf("reading %s: not PEM", name)
		}
		return block.Bytes, nil
	}
	der, err := read("ca.pem")
	if err != nil {
		return nil, nil, err
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("reading ca.pem: %w", err)
	}
	der, err = read("ca-key.pem")
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, nil, fmt.Errorf("reading ca-key.pem: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("reading ca-key.pem: not an ECDSA key")
	}
	return ca, ec, nil
}

func issue(dir, name string, t, ca *x509.Certificate, caKey *ecdsa.PrivateKey, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("issuing a certificate for %s: %w", name, err)
	}
	t.NotBefore, t.NotAfter, t.KeyUsage = now.Add(-time.Hour), now.Add(certificateLife), x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, ca, key.Public(), caKey)
	if err != nil {
		return fmt.Errorf("issuing a certificate for %s: %w", name, err)
	}
	return writePair(dir, name, der, key)
}

// backboneRequest writes nats-key.pem and nats.csr. The URI is the name under which the broker knows the country.
func backboneRequest(dir, country string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the backbone key: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "Rogatory node " + country},
		URIs:    []*url.URL{{Scheme: "urn", Opaque: "rogatory:member:" + country}},
	}, key)
	if err != nil {
		return fmt.Errorf("making the backbone's signing request: %w", err)
	}
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	if err := writeNew(filepath.Join(dir, "nats.csr"), csr, 0o644); err != nil {
		return err
	}
	return writeKey(filepath.Join(dir, "nats-key.pem"), key)
}

func writePair(dir, name string, der []byte, key *ecdsa.PrivateKey) error {
	if err := writeKey(filepath.Join(dir, name+"-key.pem"), key); err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return writeNew(filepath.Join(dir, name+".pem"), cert, 0o644)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	return writeNew(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// hosts are the names that the server certificate is good for: where it listens, and this machine.
func hosts(listen string) []string {
	list := []string{"localhost", "127.0.0.1", "::1"}
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "" || strings.HasPrefix(host, "0.0.0.0") || host == "::" {
		if name, err := os.Hostname(); err == nil {
			list = append(list, name)
		}
		return list
	}
	for _, h := range list {
		if h == host {
			return list
		}
	}
	return append(list, host)
}
