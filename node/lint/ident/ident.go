// Package ident checks single values by the standard that defines them: national identification numbers, documents, vehicles, devices,
// accounts, wallets, countries, languages, dates. A check says what is wrong with a value, never the value.
package ident

import (
	"time"
)

// A Fault says what is wrong with an identifier, as a code for Param "fault"; empty when nothing is.
type Fault string

const (
	FaultNone    Fault = ""
	FaultShape   Fault = "shape"   // wrong characters
	FaultLength  Fault = "length"  // wrong number of characters
	FaultDate    Fault = "date"    // the date inside does not exist
	FaultCheck   Fault = "check"   // the check digit does not fit
	FaultCountry Fault = "country" // no such country in the scheme
)

// luhn reports whether the digits of s end in their Luhn check digit (ISO/IEC 7812-1, annex B).
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := digit(s, len(s)-1-i)
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// digitsOnly reports what keeps s from being n decimal digits.
func digitsOnly(s string, n int) Fault {
	if len(s) != n {
		return FaultLength
	}
	if !allDigits(s) {
		return FaultShape
	}
	return FaultNone
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func digit(s string, i int) int { return int(s[i] - '0') }

// decimal reads decimal digits that were checked before.
func decimal(s string) int {
	n := 0
	for i := range len(s) {
		n = 10*n + digit(s, i)
	}
	return n
}

func checked(ok bool) Fault {
	if ok {
		return FaultNone
	}
	return FaultCheck
}

// isDay reports whether the day exists.
func isDay(year, month, day int) bool {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t.Year() == year && int(t.Month()) == month && t.Day() == day
}
