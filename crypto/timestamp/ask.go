package timestamp

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// MaxResponse is the size in bytes that no answer exceeds.
const MaxResponse = MaxToken + 4096

// Request returns a TimeStampReq: a token over this imprint is asked for, with the nonce and the authority's certificate in it.
func Request(imprint [sha256.Size]byte, nonce *big.Int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidSHA256)
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(imprint[:])
		})
		b.AddASN1BigInt(nonce)
		b.AddASN1Boolean(true)
	})
	return b.Bytes()
}

// ParseRequest reads a TimeStampReq as [Request] writes it, or as others do for SHA-256: policy, nonce and wish for a certificate may be left out.
func ParseRequest(der []byte) (imprint [sha256.Size]byte, nonce *big.Int, err error) {
	in := cryptobyte.String(der)
	var req, one, hashed cryptobyte.String
	var version int
	if !in.ReadASN1(&req, tag.SEQUENCE) || !in.Empty() || !req.ReadASN1Integer(&version) || version != 1 || !req.ReadASN1(&one, tag.SEQUENCE) {
		return imprint, nil, form("request")
	}
	hash, ok := readAlgorithm(&one)
	if !ok || !hash.Equal(oidSHA256) || !one.ReadASN1(&hashed, tag.OCTET_STRING) || len(hashed) != len(imprint) || !one.Empty() || !req.SkipOptionalASN1(tag.OBJECT_IDENTIFIER) {
		return imprint, nil, form("request")
	}
	if req.PeekASN1Tag(tag.INTEGER) {
		if nonce = new(big.Int); !req.ReadASN1Integer(nonce) {
			return imprint, nil, form("request")
		}
	}
	if !req.SkipOptionalASN1(tag.BOOLEAN) || !req.Empty() {
		return imprint, nil, form("request")
	}
	return [sha256.Size]byte(hashed), nonce, nil
}

// ParseResponse returns the token in a TimeStampResp. The error wraps [ErrRefused] with what the authority says, [ErrForm] or [ErrTooLarge].
func ParseResponse(der []byte) (token []byte, err error) {
	if len(der) > MaxResponse {
		return nil, fmt.Errorf("%d bytes: %w", len(der), ErrTooLarge)
	}
	in := cryptobyte.String(der)
	var resp, status, texts cryptobyte.String
	var code int
	var has bool
	if !in.ReadASN1(&resp, tag.SEQUENCE) || !in.Empty() || !resp.ReadASN1(&status, tag.SEQUENCE) || !status.ReadASN1Integer(&code) ||
		!status.ReadOptionalASN1(&texts, &has, tag.SEQUENCE) {
		return nil, form("not an answer of a time-stamping authority")
	}
	if code != 0 && code != 1 { // granted, granted with modifications
		return nil, fmt.Errorf("%w: status %d%s", ErrRefused, code, said(texts, status))
	}
	if !status.Empty() && !status.SkipOptionalASN1(tag.BIT_STRING) || !resp.ReadASN1Element((*cryptobyte.String)(&token), tag.SEQUENCE) || !resp.Empty() {
		return nil, form("answer without a token")
	}
	return token, nil
}

// said returns what an authority says of its refusal, as far as it can be printed.
func said(texts, rest cryptobyte.String) string {
	var b strings.Builder
	for !texts.Empty() && b.Len() < 200 {
		var one cryptobyte.String
		if !texts.ReadASN1(&one, tag.UTF8String) {
			break
		}
		fmt.Fprintf(&b, ", %.100q", string(one))
	}
	var bits asn1.BitString
	if rest.ReadASN1BitString(&bits) {
		for _, r := range reasons {
			if bits.At(r.bit) == 1 {
				b.WriteString(": " + r.text)
			}
		}
	}
	return b.String()
}

// reasons are the bits of PKIFailureInfo that RFC 3161 names.
var reasons = []struct {
	bit  int
	text string
}{
	{0, "unknown algorithm"}, {2, "the request is not allowed"}, {5, "the request is malformed"}, {14, "its clock is not available"}, {15, "unknown policy"},
	{16, "unknown extension"}, {17, "additional information is not available"}, {25, "its system fails"},
}
