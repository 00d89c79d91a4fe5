package ident

import (
	"crypto/sha256"
	"math/big"
	"strings"
)

// ibanLengths is the length of an IBAN in each country of the registry (ISO 13616, SWIFT IBAN Registry).
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
	"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
	"FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
	"IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
	"LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
	"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
	"SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
	"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// IBAN checks an account number (ISO 13616): country, its length, and ISO/IEC 7064 MOD 97-10.
func IBAN(s string) Fault {
	if len(s) < 5 {
		return FaultLength
	}
	want, ok := ibanLengths[s[:2]]
	if !ok {
		return FaultCountry
	}
	if len(s) != want {
		return FaultLength
	}
	if !allDigits(s[2:4]) {
		return FaultShape
	}
	rest, ok := mod97(s[4:] + s[:4])
	if !ok {
		return FaultShape
	}
	return checked(rest == 1)
}

// LEI checks a legal entity identifier (ISO 17442): 18 characters and two check digits, MOD 97-10.
func LEI(s string) Fault {
	if len(s) != 20 {
		return FaultLength
	}
	rest, ok := mod97(s)
	if !ok || !allDigits(s[18:]) {
		return FaultShape
	}
	return checked(rest == 1)
}

// mod97 reads digits and capital letters (A = 10) as one number and returns it modulo 97; false on any other character.
func mod97(s string) (int, bool) {
	r := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = (10*r + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			r = (100*r + int(c-'A') + 10) % 97
		default:
			return 0, false
		}
	}
	return r, true
}

// BIC checks the shape of a business identifier code (ISO 9362): party prefix, country, suffix, and a branch if any.
func BIC(s string) Fault {
	if len(s) != 8 && len(s) != 11 {
		return FaultLength
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9' || i == 4 || i == 5) {
			return FaultShape
		}
	}
	if !isCountry(s[4:6]) {
		return FaultCountry
	}
	return FaultNone
}

// Currency checks the shape of a currency: three capital letters (ISO 4217), or a crypto-asset's ticker.
func Currency(s string) Fault {
	if len(s) < 3 || len(s) > 10 {
		return FaultLength
	}
	for i := range len(s) {
		if (s[i] < 'A' || s[i] > 'Z') && (len(s) == 3 || s[i] < '0' || s[i] > '9') {
			return FaultShape
		}
	}
	return FaultNone
}

// Amount checks a decimal number as Money defines it.
func Amount(s string) Fault {
	whole, frac, point := strings.Cut(s, ".")
	if !allDigits(whole) || point && !allDigits(frac) || len(whole) > 1 && whole[0] == '0' {
		return FaultShape
	}
	if len(whole) > 18 || len(frac) > 18 {
		return FaultLength
	}
	return FaultNone
}

// Chain checks the shape of a chain's name (CAIP-2).
func Chain(s string) Fault {
	space, ref, ok := strings.Cut(s, ":")
	if !ok || len(space) < 3 || len(space) > 8 || len(ref) < 1 || len(ref) > 32 {
		return FaultShape
	}
	for i := range len(space) {
		if c := space[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return FaultShape
		}
	}
	for i := range len(ref) {
		if c := ref[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return FaultShape
		}
	}
	return FaultNone
}

// bitcoinMainnet is Bitcoin's name in CAIP-2: the first 32 digits of the genesis block's hash.
const bitcoinMainnet = "bip122:000000000019d6689c085ae165831e93"

// Wallet checks an address on the chains whose rules are built in: EVM chains (shape) and Bitcoin (base58check, bech32 and
// bech32m). Addresses of other chains only have to be printable and free of spaces.
func Wallet(chain, s string) Fault {
	switch {
	case strings.HasPrefix(chain, "eip155:"):
		if len(s) != 42 {
			return FaultLength
		}
		if s[:2] != "0x" || strings.Trim(s[2:], "0123456789abcdefABCDEF") != "" {
			return FaultShape
		}
		return FaultNone
	case chain == bitcoinMainnet:
		if len(s) > 3 && strings.EqualFold(s[:3], "bc1") {
			return bech32(s)
		}
		return base58check(s)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return FaultShape
		}
	}
	return FaultNone
}

// base58check checks an address of 25 bytes whose last four are the start of a double SHA-256.
func base58check(s string) Fault {
	if len(s) < 25 || len(s) > 36 {
		return FaultLength
	}
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n := new(big.Int)
	for i := range len(s) {
		v := strings.IndexByte(alphabet, s[i])
		if v < 0 {
			return FaultShape
		}
		n.Mul(n, big.NewInt(58)).Add(n, big.NewInt(int64(v)))
	}
	if n.BitLen() > 25*8 {
		return FaultLength
	}
	b := n.FillBytes(make([]byte, 25))
	zeros := len(s) - len(strings.TrimLeft(s, "1"))
	for i := range zeros { // each leading zero byte is one leading 1
		if i >= len(b) || b[i] != 0 {
			return FaultLength
		}
	}
	if zeros < len(b) && b[zeros] == 0 {
		return FaultLength
	}
	first := sha256.Sum256(b[:21])
	second := sha256.Sum256(first[:])
	return checked(string(second[:4]) == string(b[21:]))
}

// bech32 checks a segregated-witness address (BIP 173, BIP 350): one case, the alphabet, and the checksum that its
// witness version demands.
func bech32(s string) Fault {
	if len(s) < 14 || len(s) > 90 {
		return FaultLength
	}
	if s != strings.ToLower(s) && s != strings.ToUpper(s) {
		return FaultShape
	}
	s = strings.ToLower(s)
	step := func(c uint32, v byte) uint32 {
		top := c >> 25
		c = c&0x1ffffff<<5 ^ uint32(v)
		for i, g := range [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				c ^= g
			}
		}
		return c
	}
	c := uint32(1)
	for _, v := range []byte{'b' >> 5, 'c' >> 5, 0, 'b' & 31, 'c' & 31} {
		c = step(c, v)
	}
	version := -1
	for i := 3; i < len(s); i++ {
		v := strings.IndexByte("qpzry9x8gf2tvdw0s3jn54khce6mua7l", s[i])
		if v < 0 {
			return FaultShape
		}
		if version < 0 {
			version = v
		}
		c = step(c, byte(v))
	}
	if version > 16 {
		return FaultShape
	}
	if version == 0 {
		return checked(c == 1)
	}
	return checked(c == 0x2bc830a3)
}
