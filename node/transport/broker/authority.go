package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/rogatory/rogatory/node/transport/backbone"
)

// An Authority signs the certificates of the backbone's servers and users.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	root []byte // PEM
}

// A Pair is a certificate with its key, both PEM.
type Pair struct {
	Cert []byte
	Key  []byte
}

// String keeps the key out of logs.
func (Pair) String() string { return "[key]" }

// Certificate returns the pair as package tls wants it.
func (p Pair) Certificate() (tls.Certificate, error) { return tls.X509KeyPair(p.Cert, p.Key) }

// WriteFiles writes name.pem and name-key.pem (mode 0600) into dir.
func (p Pair) WriteFiles(dir, name string) error {
	if err := os.WriteFile(filepath.Join(dir, name+".pem"), p.Cert, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+"-key.pem"), p.Key, 0o600)
}

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 2 * 365 * 24 * time.Hour
)

// NewAuthority makes an authority in memory.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an authority: %w", err)
	}
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Rogatory backbone"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(authorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making an authority: %w", err)
	}
	return newAuthority(der, key)
}

func newAuthority(der []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	return &Authority{cert: cert, key: key, root: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// OpenAuthority reads authority.pem and authority-key.pem from dir, or makes them when there are none.
func OpenAuthority(dir string) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "authority.pem"), filepath.Join(dir, "authority-key.pem"))
	switch {
	case err == nil:
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if !ok {
			return nil, errors.New("reading an authority: not an ECDSA key")
		}
		return newAuthority(pair.Certificate[0], key)
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("reading an authority: %w", err)
	}
	a, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	p, err := newPair(a.cert.Raw, a.key)
	if err != nil {
		return nil, err
	}
	return a, p.WriteFiles(dir, "authority")
}

// Roots returns the authority's certificate, PEM.
func (a *Authority) Roots() []byte { return a.root }

// Server returns a certificate for a server that is reached under hosts, names or addresses.
func (a *Authority) Server(hosts ...string) (Pair, error) {
	t := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return a.issue(t)
}

// Member returns the certificate of a country's user.
func (a *Authority) Member(country string) (Pair, error) {
	return a.user(backbone.MemberName(country))
}

// Operator returns the certificate of the hub operator's user.
func (a *Authority) Operator() (Pair, error) { return a.user(backbone.OperatorName) }

func (a *Authority) user(name string) (Pair, error) {
	u, err := url.Parse(name)
	if err != nil {
		return Pair{}, fmt.Errorf("issuing a certificate: %w", err)
	}
	return a.issue(&x509.Certificate{
		URIs:        []*url.URL{u},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *Authority) issue(t *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("issuing a certificate: %w", err)
	}
	t.NotBefore = time.Now().Add(-time.Hour)
	t.NotAfter = time.Now().Add(certificateLife)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issuing a certificate: %w", err)
	}
	return newPair(der, key)
}

func newPair(der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encoding a key: %w", err)
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}),
	}, nil
}

// Sign returns the certificate of a country's user for the key of a PKCS#10 signing request, PEM. Nothing but the key is taken from the
// request: who asks, and for which country, is for the hub's operator to know.
func (a *Authority) Sign(request []byte, country string) ([]byte, error) {
	block, rest := pem.Decode(request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) != 0 {
		return nil, errors.New("reading a signing request: not one in PEM")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a signing request: %w", err)
	}
	u, err := url.Parse(backbone.MemberName(country))
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	t := &x509.Certificate{
		URIs: []*url.URL{u}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, r.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
