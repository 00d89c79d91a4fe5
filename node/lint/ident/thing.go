package ident

import "strings"

// IMEI checks a 15-digit equipment identity (3GPP TS 23.003, annex B): Luhn.
func IMEI(s string) Fault {
	if f := digitsOnly(s, 15); f != FaultNone {
		return f
	}
	return checked(luhn(s))
}

// IMSI checks the shape of a subscriber identity (ITU-T E.212).
func IMSI(s string) Fault {
	if len(s) != 14 && len(s) != 15 {
		return FaultLength
	}
	if !allDigits(s) {
		return FaultShape
	}
	return FaultNone
}

// E164 checks the shape of an international phone number (ITU-T E.164): "+", then 7 to 15 digits, no leading zero.
func E164(s string) Fault {
	if !strings.HasPrefix(s, "+") || !allDigits(s[1:]) || len(s) > 1 && s[1] == '0' {
		return FaultShape
	}
	if len(s) < 8 || len(s) > 16 {
		return FaultLength
	}
	return FaultNone
}

// VIN checks the shape of a vehicle identification number (ISO 3779): 17 characters without I, O, Q. Its ninth is a check
// digit in North America only, so it is not looked at.
func VIN(s string) Fault {
	if len(s) != 17 {
		return FaultLength
	}
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' && c != 'I' && c != 'O' && c != 'Q' {
			continue
		}
		return FaultShape
	}
	return FaultNone
}

// IMO checks an IMO ship number (IMO resolution A.1117(30)): weights 7 to 2 modulo 10.
func IMO(s string) Fault {
	if f := digitsOnly(s, 7); f != FaultNone {
		return f
	}
	sum := 0
	for i := range 6 {
		sum += (7 - i) * digit(s, i)
	}
	return checked(sum%10 == digit(s, 6))
}

// Container checks a freight container number (ISO 6346): owner, category, serial, and a check digit modulo 11.
func Container(s string) Fault {
	if len(s) != 11 {
		return FaultLength
	}
	sum := 0
	for i := range 10 {
		c := s[i]
		v := 0
		switch {
		case i < 4 && c >= 'A' && c <= 'Z':
			// A is 10; multiples of 11 are left out.
			v = int(c-'A') + 10
			v += (v - 1) / 10
		case i >= 4 && c >= '0' && c <= '9':
			v = int(c - '0')
		default:
			return FaultShape
		}
		sum += v << i
	}
	if s[3] != 'U' && s[3] != 'J' && s[3] != 'Z' || s[10] < '0' || s[10] > '9' {
		return FaultShape
	}
	return checked(sum%11%10 == digit(s, 10))
}
