package timestamp

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// Roots are the certificates of time-stamping authorities, or of who certifies them, that an auditor trusts.
type Roots struct {
	pool *x509.CertPool
	pem  []byte
}

// maxRoots is the size in bytes that no list of roots exceeds.
const maxRoots = 1 << 20

// ReadRoots reads one certificate or several in PEM. Text between them is ignored, as openssl writes it. The error wraps [ErrRoots].
func ReadRoots(text []byte) (*Roots, error) {
	if len(text) > maxRoots {
		return nil, fmt.Errorf("%d bytes: %w", len(text), ErrRoots)
	}
	r := &Roots{pool: x509.NewCertPool()}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a %s among them: %w", block.Type, ErrRoots)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRoots, err)
		}
		r.pool.AddCert(c)
		r.pem = append(r.pem, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if r.pem == nil {
		return nil, fmt.Errorf("none in it: %w", ErrRoots)
	}
	return r, nil
}

// PEM returns the certificates as they are given to other programs. It must not be modified.
func (r *Roots) PEM() []byte { return r.pem }

// Verify checks that roots vouch for the token at the time that it says, and that its certificate is for time tokens and for nothing else
// (RFC 3161, section 2.3). The error wraps [ErrUntrusted].
func (t *Token) Verify(r *Roots) error {
	critical := false
	for _, e := range t.signer.Extensions {
		critical = critical || e.Id.Equal(oidExtKeyUsage) && e.Critical
	}
	if u := t.signer.ExtKeyUsage; !critical || len(u) != 1 || u[0] != x509.ExtKeyUsageTimeStamping || len(t.signer.UnknownExtKeyUsage) > 0 {
		return fmt.Errorf("its certificate is not for time tokens alone: %w", ErrUntrusted)
	}
	if u := t.signer.KeyUsage; u != 0 && u&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return fmt.Errorf("its certificate is not for signatures: %w", ErrUntrusted)
	}
	between := x509.NewCertPool()
	for _, c := range t.others {
		between.AddCert(c)
	}
	_, err := t.signer.Verify(x509.VerifyOptions{
		Roots: r.pool, Intermediates: between, CurrentTime: t.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return nil
}

// Signer returns the name in the signer's certificate. It is the authority's only if Verify says so.
func (t *Token) Signer() string { return t.signer.Subject.String() }
