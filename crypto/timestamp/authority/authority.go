// Package authority is a time-stamping authority of one's own: for tests, vectors and exercises. Its keys are made anew each time and nobody
// outside trusts them.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/rogatory/rogatory/crypto/timestamp"
)

// An Authority signs time tokens with a certificate that its root has signed.
type Authority struct {
	root, signer []byte // certificates
	key          *ecdsa.PrivateKey
	serial       int64
	accuracy     int64
}

// Options say what the authority's certificate is.
type Options struct {
	Name                string
	NotBefore, NotAfter time.Time // of the certificate that signs; the root lives from 1970 to 2200
	AnyPurpose          bool      // it is for everything, which a time-stamping certificate must not be
	Accuracy            int64     // what it says of its clock, in seconds; 0: nothing
}

// New makes an authority.
func New(o Options) (*Authority, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{accuracy: o.Accuracy}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: o.Name + " root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if a.root, err = x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey); err != nil {
		return nil, fmt.Errorf("making a root: %w", err)
	}
	signer := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: o.Name}, KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: o.NotBefore, NotAfter: o.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 8}}},
	}
	if o.AnyPurpose {
		signer.ExtraExtensions, signer.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageServerAuth}
	}
	if a.signer, err = x509.CreateCertificate(rand.Reader, signer, root, a.key.Public(), rootKey); err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return a, nil
}

// Roots returns the root's certificate in PEM.
func (a *Authority) Roots() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root})
}

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSA         = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	policy           = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1} // of the examples' enterprise number
)

// Token returns a token over an imprint that says a time, to the millisecond. Nonce may be nil.
func (a *Authority) Token(imprint [sha256.Size]byte, nonce *big.Int, at time.Time) ([]byte, error) {
	a.serial++
	var b cryptobyte.Builder
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(policy)
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			algorithm(b, oidSHA256)
			b.AddASN1OctetString(imprint[:])
		})
		b.AddASN1Int64(a.serial)
		b.AddASN1(tag.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(at.UTC().Format("20060102150405.999Z"))) })
		if a.accuracy != 0 {
			b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(a.accuracy) })
		}
		if nonce != nil {
			b.AddASN1BigInt(nonce)
		}
	})
	info, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing a time-stamp: %w", err)
	}
	attributes, err := a.attributes(info)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(append([]byte{byte(tag.SET)}, attributes[1:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return nil, fmt.Errorf("signing a time token: %w", err)
	}
	cert, err := x509.ParseCertificate(a.signer)
	if err != nil {
		return nil, err
	}
	b = cryptobyte.Builder{}
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(3)
				b.AddASN1(tag.SET, func(b *cryptobyte.Builder) { algorithm(b, oidSHA256) })
				b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidTSTInfo)
					b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(info) })
				})
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(a.signer) })
				b.AddASN1(tag.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1Int64(1)
						b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddBytes(cert.RawIssuer)
							b.AddASN1BigInt(cert.SerialNumber)
						})
						algorithm(b, oidSHA256)
						b.AddBytes(attributes)
						b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidECDSA) })
						b.AddASN1OctetString(signature)
					})
				})
			})
		})
	})
	return b.Bytes()
}

func explicit(n uint8) tag.Tag { return tag.Tag(n).ContextSpecific().Constructed() }

func algorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1NULL()
	})
}

// attributes returns what is signed, in the order of DER: content type, digest, certificate.
func (a *Authority) attributes(info []byte) ([]byte, error) {
	digest, certificate := sha256.Sum256(info), sha256.Sum256(a.signer)
	attribute := func(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(tag.SET, value)
		})
	}
	var b cryptobyte.Builder
	b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
		attribute(b, oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidTSTInfo) })
		attribute(b, oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest[:]) })
		attribute(b, oidSigningCertV2, func(b *cryptobyte.Builder) {
			b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { // SigningCertificateV2
				b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { // certs
					b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(certificate[:]) })
				})
			})
		})
	})
	return b.Bytes()
}

// Answer answers a request with a token that says a time.
func (a *Authority) Answer(request []byte, at time.Time) ([]byte, error) {
	imprint, nonce, err := timestamp.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	token, err := a.Token(imprint, nonce, at)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(0) })
		b.AddBytes(token)
	})
	return b.Bytes()
}
