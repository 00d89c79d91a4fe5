package ident

import (
	"strings"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// National checks a national identification number by the rule of its kind.
func National(kind rogatoryv1.NationalNumberKind, s string) Fault {
	switch kind {
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_JMBG,
		rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMBG,
		rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMSO:
		return jmbg(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_OIB:
		return oib(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EGN:
		return egn(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CNP:
		return cnp(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_TCKN:
		return tckn(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_AFM:
		return afm(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_AMKA:
		return amka(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_NID:
		return albanianNID(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CODICE_FISCALE:
		return codiceFiscale(s)
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_SZEMELYI:
		return szemelyi(s)
	}
	return FaultNone
}

// NationalCountries lists the countries whose numbers follow a kind's rule.
var NationalCountries = map[rogatoryv1.NationalNumberKind]string{
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_JMBG:           "RS BA ME XK HR SI MK",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMBG:           "MK",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMSO:           "SI",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_OIB:            "HR",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EGN:            "BG",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CNP:            "RO",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_TCKN:           "TR",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_AFM:            "GR",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_AMKA:           "GR",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_NID:            "AL",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CODICE_FISCALE: "IT",
	rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_SZEMELYI:       "HU",
}

// BirthDate returns the day of birth that a valid number holds, as "1990-01-31"; empty when its kind holds none, or
// not the century.
func BirthDate(kind rogatoryv1.NationalNumberKind, s string) string {
	if National(kind, s) != FaultNone {
		return ""
	}
	var year, month, day int
	switch kind {
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_JMBG,
		rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMBG,
		rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EMSO:
		year, month, day = jmbgYear(s), decimal(s[2:4]), decimal(s[0:2])
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_EGN:
		year, month = egnMonth(s)
		day = decimal(s[4:6])
	case rogatoryv1.NationalNumberKind_NATIONAL_NUMBER_KIND_CNP:
		if s[0] >= '7' {
			return ""
		}
		year, month, day = cnpCentury(s)+decimal(s[1:3]), decimal(s[3:5]), decimal(s[5:7])
	default:
		return ""
	}
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// jmbg checks a unique master citizen number (JMBG, EMBG, EMŠO): DDMMYYY, region, serial, and a check digit with weights
// 7 to 2, twice, modulo 11.
func jmbg(s string) Fault {
	if f := digitsOnly(s, 13); f != FaultNone {
		return f
	}
	if !isDay(jmbgYear(s), decimal(s[2:4]), decimal(s[0:2])) {
		return FaultDate
	}
	sum := 0
	for i, w := range []int{7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2} {
		sum += w * digit(s, i)
	}
	k := 11 - sum%11
	if k > 9 {
		k = 0
	}
	return checked(k == digit(s, 12))
}

// jmbgYear returns the year of birth: its last three digits stand in the number.
func jmbgYear(s string) int {
	if y := decimal(s[4:7]); y >= 800 {
		return 1000 + y
	}
	return 2000 + decimal(s[4:7])
}

// oib checks a Croatian personal identification number: ISO/IEC 7064, MOD 11,10.
func oib(s string) Fault {
	if f := digitsOnly(s, 11); f != FaultNone {
		return f
	}
	p := 10
	for i := range 10 {
		p = (p + digit(s, i)) % 10
		if p == 0 {
			p = 10
		}
		p = p * 2 % 11
	}
	return checked((11-p)%10 == digit(s, 10))
}

// egn checks a Bulgarian unified civil number: YYMMDD with the century in the month, and a check digit modulo 11.
func egn(s string) Fault {
	if f := digitsOnly(s, 10); f != FaultNone {
		return f
	}
	year, month := egnMonth(s)
	if !isDay(year, month, decimal(s[4:6])) {
		return FaultDate
	}
	sum := 0
	for i, w := range []int{2, 4, 8, 5, 10, 9, 7, 3, 6} {
		sum += w * digit(s, i)
	}
	return checked(sum%11%10 == digit(s, 9))
}

// egnMonth returns the year and month of birth.
func egnMonth(s string) (year, month int) {
	year, month = decimal(s[0:2]), decimal(s[2:4])
	switch {
	case month > 40:
		return year + 2000, month - 40
	case month > 20:
		return year + 1800, month - 20
	}
	return year + 1900, month
}

// cnp checks a Romanian personal numeric code: sex and century, YYMMDD, county, serial, and a check digit modulo 11 with
// weights 279146358279.
func cnp(s string) Fault {
	if f := digitsOnly(s, 13); f != FaultNone {
		return f
	}
	if s[0] == '0' {
		return FaultShape
	}
	if !isDay(cnpCentury(s)+decimal(s[1:3]), decimal(s[3:5]), decimal(s[5:7])) {
		return FaultDate
	}
	sum := 0
	for i := range 12 {
		sum += int("279146358279"[i]-'0') * digit(s, i)
	}
	k := sum % 11
	if k == 10 {
		k = 1
	}
	return checked(k == digit(s, 12))
}

// cnpCentury returns the century of birth. 7 to 9, residents and foreigners, do not tell it; 2000 stands for it then where
// 1900, which had no 29 February, would refuse a day.
func cnpCentury(s string) int {
	switch s[0] {
	case '3', '4':
		return 1800
	case '5', '6':
		return 2000
	}
	if s[0] >= '7' && s[1:3] == "00" {
		return 2000
	}
	return 1900
}

// tckn checks a Turkish identification number: two check digits modulo 10.
func tckn(s string) Fault {
	if f := digitsOnly(s, 11); f != FaultNone {
		return f
	}
	if s[0] == '0' {
		return FaultShape
	}
	odd, even := 0, 0
	for i := range 9 {
		if i%2 == 0 {
			odd += digit(s, i)
		} else {
			even += digit(s, i)
		}
	}
	d10 := ((7*odd-even)%10 + 10) % 10
	return checked(d10 == digit(s, 9) && (odd+even+d10)%10 == digit(s, 10))
}

// afm checks a Greek tax number: powers of two modulo 11.
func afm(s string) Fault {
	if f := digitsOnly(s, 9); f != FaultNone {
		return f
	}
	if s == "000000000" {
		return FaultShape
	}
	sum := 0
	for i := range 8 {
		sum += digit(s, i) << (8 - i)
	}
	return checked(sum%11%10 == digit(s, 8))
}

// amka checks a Greek social security number: DDMMYY, serial, Luhn.
func amka(s string) Fault {
	if f := digitsOnly(s, 11); f != FaultNone {
		return f
	}
	// The century is not in the number: a 29 February fits when either century has it.
	day, month, year := decimal(s[0:2]), decimal(s[2:4]), decimal(s[4:6])
	if !isDay(1900+year, month, day) && !isDay(2000+year, month, day) {
		return FaultDate
	}
	return checked(luhn(s))
}

// albanianNID checks the shape and date of an Albanian identity number: a letter for the decade, a digit for the year, the
// month (51 to 62 for women, 30 more for residents), the day, a serial, a letter. The rule of the last letter is unpublished.
func albanianNID(s string) Fault {
	if len(s) != 10 {
		return FaultLength
	}
	if !allDigits(s[1:9]) || s[9] < 'A' || s[9] > 'W' {
		return FaultShape
	}
	year := int(s[1] - '0')
	switch c := s[0]; {
	case c >= '0' && c <= '9':
		year += 1800 + 10*int(c-'0')
	case c >= 'A' && c <= 'T':
		year += 1900 + 10*int(c-'A')
	default:
		return FaultShape
	}
	month := decimal(s[2:4])
	for _, more := range []int{80, 50, 30} {
		if month > more {
			month -= more
			break
		}
	}
	if !isDay(year, month, decimal(s[4:6])) {
		return FaultDate
	}
	return FaultNone
}

// codiceFiscale checks an Italian tax code: 16 characters, the last one from two tables modulo 26 (decree of 23 December
// 1976). Digits may be replaced by letters where two people would share a code.
func codiceFiscale(s string) Fault {
	if len(s) != 16 {
		return FaultLength
	}
	const shape = "LLLLLLDDLDDLDDDL"
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 16 {
		c := s[i]
		letter := c >= 'A' && c <= 'Z'
		number := c >= '0' && c <= '9'
		if !letter && (!number || shape[i] == 'L') || letter && shape[i] == 'D' && !strings.ContainsRune("LMNPQRSTUV", rune(c)) {
			return FaultShape
		}
		if i == 15 {
			break
		}
		v := int(c - 'A')
		if number {
			v = int(c - '0')
		}
		if i%2 == 0 {
			sum += odd[v]
		} else {
			sum += v
		}
	}
	if !strings.ContainsRune("ABCDEHLMPRST", rune(s[8])) {
		return FaultDate
	}
	return checked(int(s[15]-'A') == sum%26)
}

// szemelyi checks a Hungarian personal identifier: sex and century, YYMMDD, serial, and a check digit modulo 11 whose
// weights rise for those born before 1997 and fall for the others (act XX of 1996).
func szemelyi(s string) Fault {
	if f := digitsOnly(s, 11); f != FaultNone {
		return f
	}
	yy := decimal(s[1:3])
	var year int
	switch s[0] {
	case '1', '2':
		year = 1900 + yy
	case '3', '4':
		year = 2000 + yy
		if yy > 50 {
			year = 1800 + yy
		}
	case '5', '6', '7', '8':
		year = 1900 + yy
		if yy < 30 && (s[0] == '7' || s[0] == '8') {
			year = 2000 + yy
		}
	default:
		return FaultShape
	}
	if !isDay(year, decimal(s[3:5]), decimal(s[5:7])) {
		return FaultDate
	}
	rising, falling := 0, 0
	for i := range 10 {
		rising += (i + 1) * digit(s, i)
		falling += (10 - i) * digit(s, i)
	}
	if year < 1997 {
		return checked(rising%11 == digit(s, 10))
	}
	return checked(falling%11 == digit(s, 10))
}
