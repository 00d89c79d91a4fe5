package ident

import (
	"mime"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/text/language"
)

// Country checks a country's code (ISO 3166-1 alpha-2, and XK).
func Country(s string) Fault {
	if len(s) != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
		return FaultShape
	}
	if !isCountry(s) {
		return FaultCountry
	}
	return FaultNone
}

func isCountry(s string) bool {
	// The parser forgives lower case and knows withdrawn codes and a few that no state has.
	r, err := language.ParseRegion(s)
	return err == nil && r.IsCountry() && r.Canonicalize().String() == s
}

// Nationality checks a country's code, or one of the two that ICAO 9303 has for people without: here XX and XA.
func Nationality(s string) Fault {
	if s == "XX" || s == "XA" {
		return FaultNone
	}
	return Country(s)
}

// UnitAddress checks "CC" or "CC/unit".
func UnitAddress(s string) Fault {
	cc, unit, has := strings.Cut(s, "/")
	if f := Country(cc); f != FaultNone {
		return f
	}
	if has {
		return UnitName(unit)
	}
	return FaultNone
}

// UnitName checks a unit's name: 1 to 32 of [a-z0-9-], the first a letter.
func UnitName(s string) Fault {
	if len(s) < 1 || len(s) > 32 {
		return FaultLength
	}
	if s[0] < 'a' || s[0] > 'z' || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return FaultShape
	}
	return FaultNone
}

// EntityName checks an entity's name inside a content.
func EntityName(s string) Fault {
	if len(s) > 32 {
		return FaultLength
	}
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return FaultShape
	}
	return FaultNone
}

// CaseToken checks "RS-2026-000123".
func CaseToken(s string) Fault {
	if len(s) < 14 || len(s) > 20 || s[2] != '-' || s[7] != '-' || !allDigits(s[3:7]) || !allDigits(s[8:]) {
		return FaultShape
	}
	return Country(s[:2])
}

// Language checks a language tag (BCP 47) in its usual spelling, for example "sr-Latn".
func Language(s string) Fault {
	if !IsLanguage(s) {
		return FaultShape
	}
	return FaultNone
}

func IsLanguage(s string) bool {
	t, err := language.Raw.Parse(s)
	return err == nil && t.String() == s && s != "und" && len(s) <= 35
}

// Script checks a script's code (ISO 15924).
func Script(s string) Fault {
	sc, err := language.ParseScript(s)
	if err != nil || sc.String() != s {
		return FaultShape
	}
	return FaultNone
}

// Email checks the shape of a mailbox: one "@", something on both sides, a host with a dot, no blanks or quotes.
func Email(s string) Fault {
	local, host, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.ContainsAny(s, " \"<>(),;:\\[]") || strings.Contains(host, "@") ||
		!strings.Contains(strings.Trim(host, "."), ".") || host != strings.Trim(host, ".") {
		return FaultShape
	}
	return FaultNone
}

func IP(s string) Fault {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return FaultShape
	}
	return FaultNone
}

func URL(s string) Fault {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return FaultShape
	}
	return FaultNone
}

func MediaType(s string) Fault {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(t, "/") {
		return FaultShape
	}
	return FaultNone
}

func FirstDigits(s string) Fault {
	if len(s) < 6 || len(s) > 8 {
		return FaultLength
	}
	return digitsOnly(s, len(s))
}

func LastDigits(s string) Fault { return digitsOnly(s, 4) }

// SourceCode checks the code of an informant: nothing that could be a name.
func SourceCode(s string) Fault {
	if len(s) > 32 {
		return FaultLength
	}
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || !strings.ContainsAny(s, "0123456789") {
		return FaultShape
	}
	return FaultNone
}
