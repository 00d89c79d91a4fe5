package timestamp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// MaxToken is the size in bytes that no token exceeds.
const MaxToken = 64 << 10

// MaxAccuracy is the largest that an authority may say of its clock: one that knows the time less well confirms none.
const MaxAccuracy = time.Minute

// maxCertificates bounds those in a token.
const maxCertificates = 16

// A Token is a TimeStampToken whose signature is by the certificate in it. Whether that is an authority's, [Token.Verify] finds out.
type Token struct {
	Time    time.Time // genTime, UTC
	Imprint [sha256.Size]byte
	Nonce   *big.Int // nil: none

	signer *x509.Certificate
	others []*x509.Certificate
}

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEd25519       = asn1.ObjectIdentifier{1, 3, 101, 112}
	oidExtKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// digests are the hash functions that a token may use.
var digests = []struct {
	oid   asn1.ObjectIdentifier
	sum   func([]byte) []byte
	rsa   x509.SignatureAlgorithm
	ecdsa x509.SignatureAlgorithm
	named []asn1.ObjectIdentifier // as part of a signature algorithm: RSA, ECDSA
}{
	{oidSHA256, func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }, x509.SHA256WithRSA, x509.ECDSAWithSHA256,
		[]asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 1, 11}, {1, 2, 840, 10045, 4, 3, 2}}},
	{oidSHA384, func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }, x509.SHA384WithRSA, x509.ECDSAWithSHA384,
		[]asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 1, 12}, {1, 2, 840, 10045, 4, 3, 3}}},
	{oidSHA512, func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }, x509.SHA512WithRSA, x509.ECDSAWithSHA512,
		[]asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 1, 13}, {1, 2, 840, 10045, 4, 3, 4}}},
}

func form(what string) error { return fmt.Errorf("%s: %w", what, ErrForm) }

func explicit(n uint8) tag.Tag { return tag.Tag(n).ContextSpecific().Constructed() }

// Parse reads a token and checks its signature by the certificate in it. The error wraps [ErrTooLarge], [ErrForm] or [ErrSignature].
func Parse(der []byte) (*Token, error) {
	if len(der) > MaxToken {
		return nil, fmt.Errorf("%d bytes: %w", len(der), ErrTooLarge)
	}
	in := cryptobyte.String(der)
	var info, wrapped, data cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !in.ReadASN1(&info, tag.SEQUENCE) || !in.Empty() || !info.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidSignedData) ||
		!info.ReadASN1(&wrapped, explicit(0)) || !info.Empty() || !wrapped.ReadASN1(&data, tag.SEQUENCE) || !wrapped.Empty() {
		return nil, form("not signed data")
	}
	var version int
	var algorithms, content, inner, tst, certs, crls, signers cryptobyte.String
	var hasCerts, hasCRLs bool
	if !data.ReadASN1Integer(&version) || version != 3 || !data.ReadASN1(&algorithms, tag.SET) ||
		!data.ReadASN1(&content, tag.SEQUENCE) || !content.ReadASN1ObjectIdentifier(&kind) || !kind.Equal(oidTSTInfo) ||
		!content.ReadASN1(&inner, explicit(0)) || !content.Empty() || !inner.ReadASN1(&tst, tag.OCTET_STRING) || !inner.Empty() {
		return nil, form("no time-stamp in it")
	}
	if !data.ReadOptionalASN1(&certs, &hasCerts, explicit(0)) || !data.ReadOptionalASN1(&crls, &hasCRLs, explicit(1)) ||
		!data.ReadASN1(&signers, tag.SET) || !data.Empty() {
		return nil, form("signed data")
	}
	t, err := parseInfo(tst)
	if err != nil {
		return nil, err
	}
	all, err := parseCertificates(certs)
	if err != nil {
		return nil, err
	}
	var signer cryptobyte.String
	if !signers.ReadASN1(&signer, tag.SEQUENCE) || !signers.Empty() {
		return nil, form("not one signer")
	}
	if err := t.signed(signer, tst, all); err != nil {
		return nil, err
	}
	return t, nil
}

// parseInfo reads a TSTInfo.
func parseInfo(der cryptobyte.String) (*Token, error) {
	t := &Token{}
	var info, imprint, hashed, when, skip cryptobyte.String
	var version int
	var policy asn1.ObjectIdentifier
	serial := new(big.Int)
	if !der.ReadASN1(&info, tag.SEQUENCE) || !der.Empty() || !info.ReadASN1Integer(&version) || version != 1 || !info.ReadASN1ObjectIdentifier(&policy) ||
		!info.ReadASN1(&imprint, tag.SEQUENCE) {
		return nil, form("time-stamp")
	}
	hash, ok := readAlgorithm(&imprint)
	if !ok || !imprint.ReadASN1(&hashed, tag.OCTET_STRING) || !imprint.Empty() {
		return nil, form("message imprint")
	}
	if !hash.Equal(oidSHA256) || len(hashed) != sha256.Size {
		return nil, form("message imprint is not of SHA-256")
	}
	copy(t.Imprint[:], hashed)
	if !info.ReadASN1Integer(serial) || !info.ReadASN1(&when, tag.GeneralizedTime) {
		return nil, form("time-stamp")
	}
	if t.Time, ok = parseTime(string(when)); !ok {
		return nil, form("time")
	}
	var has bool
	ordering := false
	if info.PeekASN1Tag(tag.SEQUENCE) {
		if accuracy, ok := readAccuracy(&info); !ok || accuracy > MaxAccuracy {
			return nil, form("accuracy")
		}
	}
	if info.PeekASN1Tag(tag.BOOLEAN) && (!info.ReadASN1Boolean(&ordering) || !ordering) {
		return nil, form("ordering")
	}
	if info.PeekASN1Tag(tag.INTEGER) {
		if t.Nonce = new(big.Int); !info.ReadASN1Integer(t.Nonce) {
			return nil, form("nonce")
		}
	}
	if !info.ReadOptionalASN1(&skip, &has, explicit(0)) || !info.ReadOptionalASN1(&skip, &has, explicit(1)) || !info.Empty() {
		return nil, form("time-stamp")
	}
	if has { // extensions: one that is critical says something that nobody here understands
		for list := skip; !list.Empty(); {
			var one, value cryptobyte.String
			var critical bool
			if !list.ReadASN1(&one, tag.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&policy) ||
				one.PeekASN1Tag(tag.BOOLEAN) && !one.ReadASN1Boolean(&critical) || !one.ReadASN1(&value, tag.OCTET_STRING) || !one.Empty() {
				return nil, form("extension")
			}
			if critical {
				return nil, form("critical extension " + policy.String())
			}
		}
	}
	return t, nil
}

// readAccuracy reads how far genTime may lie from the time of the authority's clock.
func readAccuracy(s *cryptobyte.String) (time.Duration, bool) {
	var one, part cryptobyte.String
	var seconds int64
	var has bool
	if !s.ReadASN1(&one, tag.SEQUENCE) || one.PeekASN1Tag(tag.INTEGER) && !one.ReadASN1Integer(&seconds) || seconds < 0 || seconds > 1<<30 {
		return 0, false
	}
	sum := time.Duration(seconds) * time.Second
	for n, unit := range []time.Duration{time.Millisecond, time.Microsecond} {
		if !one.ReadOptionalASN1(&part, &has, tag.Tag(n).ContextSpecific()) {
			return 0, false
		}
		if !has {
			continue
		}
		value := 0
		for _, b := range part {
			value = value<<8 | int(b)
		}
		if len(part) < 1 || len(part) > 2 || value < 1 || value > 999 {
			return 0, false
		}
		sum += time.Duration(value) * unit
	}
	return sum, one.Empty()
}

// parseTime reads a GeneralizedTime as RFC 3161 wants it: UTC, seconds, perhaps a fraction without a zero at its end.
func parseTime(s string) (time.Time, bool) {
	digits, ok := strings.CutSuffix(s, "Z")
	whole, fraction, fractional := strings.Cut(digits, ".")
	if !ok || len(whole) != 14 || fractional && (fraction == "" || len(fraction) > 9 || strings.HasSuffix(fraction, "0")) {
		return time.Time{}, false
	}
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
	}
	t, err := time.ParseInLocation("20060102150405", whole, time.UTC)
	if err != nil || t.Year() < 1970 {
		return time.Time{}, false
	}
	if fractional {
		nanos, err := strconv.Atoi(fraction + strings.Repeat("0", 9-len(fraction)))
		if err != nil {
			return time.Time{}, false
		}
		t = t.Add(time.Duration(nanos))
	}
	return t, true
}

// readAlgorithm reads an AlgorithmIdentifier whose parameters are absent or NULL.
func readAlgorithm(s *cryptobyte.String) (oid asn1.ObjectIdentifier, ok bool) {
	var one, null cryptobyte.String
	var has bool
	ok = s.ReadASN1(&one, tag.SEQUENCE) && one.ReadASN1ObjectIdentifier(&oid) && one.ReadOptionalASN1(&null, &has, tag.NULL) && null.Empty() && one.Empty()
	return oid, ok
}

func parseCertificates(in cryptobyte.String) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for !in.Empty() {
		var der cryptobyte.String
		if !in.ReadASN1Element(&der, tag.SEQUENCE) || len(all) == maxCertificates {
			return nil, form("certificates")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w: %w", err, ErrForm)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, form("no certificate in it")
	}
	return all, nil
}

// signed checks the one SignerInfo over the time-stamp.
func (t *Token) signed(in cryptobyte.String, content []byte, all []*x509.Certificate) error {
	var version int
	var attributes, signature, skip cryptobyte.String
	var has bool
	if !in.ReadASN1Integer(&version) {
		return form("signer")
	}
	for _, c := range all {
		if names(in, version, c) {
			t.signer = c
		} else {
			t.others = append(t.others, c)
		}
	}
	if !in.SkipASN1(tag.SEQUENCE) && !in.SkipASN1(tag.Tag(0).ContextSpecific()) {
		return form("signer")
	}
	digest, ok := readAlgorithm(&in)
	if !ok || !in.ReadASN1Element(&attributes, explicit(0)) {
		return form("signer")
	}
	algorithm, ok := readAlgorithm(&in)
	if !ok || !in.ReadASN1(&signature, tag.OCTET_STRING) || !in.ReadOptionalASN1(&skip, &has, explicit(1)) || !in.Empty() {
		return form("signer")
	}
	if t.signer == nil {
		return form("the signer's certificate is not in it")
	}
	for _, d := range digests {
		if !d.oid.Equal(digest) {
			continue
		}
		if err := t.attributes(attributes, d.sum(content)); err != nil {
			return err
		}
		with := x509.UnknownSignatureAlgorithm
		switch key := t.signer.PublicKey.(type) {
		case *rsa.PublicKey:
			if (algorithm.Equal(oidRSA) || algorithm.Equal(d.named[0])) && key.N.BitLen() >= 2048 {
				with = d.rsa
			}
		case *ecdsa.PublicKey:
			if algorithm.Equal(d.named[1]) {
				with = d.ecdsa
			}
		case ed25519.PublicKey:
			if algorithm.Equal(oidEd25519) {
				with = x509.PureEd25519
			}
		}
		if with == x509.UnknownSignatureAlgorithm {
			return form("signature algorithm " + algorithm.String())
		}
		// What is signed is the SET, not the tag under which it stands (RFC 5652, section 5.4).
		set := bytes.Clone(attributes)
		set[0] = byte(tag.SET)
		if err := t.signer.CheckSignature(with, set, signature); err != nil {
			return fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return nil
	}
	return form("digest algorithm " + digest.String())
}

// names reports whether the SignerIdentifier at the beginning of in is a certificate's.
func names(in cryptobyte.String, version int, c *x509.Certificate) bool {
	var id, issuer cryptobyte.String
	if version == 3 {
		return in.ReadASN1(&id, tag.Tag(0).ContextSpecific()) && len(id) > 0 && bytes.Equal(id, c.SubjectKeyId)
	}
	serial := new(big.Int)
	return version == 1 && in.ReadASN1(&id, tag.SEQUENCE) && id.ReadASN1Element(&issuer, tag.SEQUENCE) && id.ReadASN1Integer(serial) && id.Empty() &&
		bytes.Equal(issuer, c.RawIssuer) && serial.Cmp(c.SerialNumber) == 0
}

// attributes checks what the signer signed: that it is a time-stamp, its digest, and by which certificate.
func (t *Token) attributes(in cryptobyte.String, digest []byte) error {
	var list cryptobyte.String
	if !in.ReadASN1(&list, explicit(0)) {
		return form("attributes")
	}
	seen := map[string]bool{}
	for !list.Empty() {
		var one, values, value cryptobyte.String
		var kind, content asn1.ObjectIdentifier
		var any tag.Tag
		if !list.ReadASN1(&one, tag.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&kind) || !one.ReadASN1(&values, tag.SET) || !one.Empty() ||
			!values.ReadAnyASN1Element(&value, &any) || !values.Empty() || seen[kind.String()] {
			return form("attributes")
		}
		seen[kind.String()] = true
		switch {
		case kind.Equal(oidContentType):
			if !value.ReadASN1ObjectIdentifier(&content) || !content.Equal(oidTSTInfo) {
				return form("something else was signed")
			}
		case kind.Equal(oidMessageDigest):
			var have cryptobyte.String
			if !value.ReadASN1(&have, tag.OCTET_STRING) || !bytes.Equal(have, digest) {
				return fmt.Errorf("another time-stamp was signed: %w", ErrSignature)
			}
		case kind.Equal(oidSigningCert), kind.Equal(oidSigningCertV2):
			if !certifies(value, kind.Equal(oidSigningCertV2), t.signer.Raw) {
				return form("another certificate is named than the signer's")
			}
		}
	}
	if !seen[oidContentType.String()] || !seen[oidMessageDigest.String()] || !seen[oidSigningCert.String()] && !seen[oidSigningCertV2.String()] {
		return form("attributes are missing")
	}
	return nil
}

// certifies reports whether the first certificate that a signing-certificate attribute names is this one (RFC 5035).
func certifies(in cryptobyte.String, v2 bool, certificate []byte) bool {
	var attribute, list, first, hash cryptobyte.String
	if !in.ReadASN1(&attribute, tag.SEQUENCE) || !in.Empty() || !attribute.ReadASN1(&list, tag.SEQUENCE) || !list.ReadASN1(&first, tag.SEQUENCE) {
		return false
	}
	want := sha1.Sum(certificate) // it chooses among certificates; the signature binds
	sum := want[:]
	if v2 {
		oid := oidSHA256
		if first.PeekASN1Tag(tag.SEQUENCE) {
			var ok bool
			if oid, ok = readAlgorithm(&first); !ok {
				return false
			}
		}
		sum = nil
		for _, d := range digests {
			if d.oid.Equal(oid) {
				sum = d.sum(certificate)
			}
		}
	}
	return sum != nil && first.ReadASN1(&hash, tag.OCTET_STRING) && bytes.Equal(hash, sum)
}
