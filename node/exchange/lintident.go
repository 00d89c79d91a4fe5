package exchange

import (
	"strings"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A fault says what is wrong with an identifier, as a code for Param "fault"; empty when nothing is.
type fault string

const (
	faultNone    fault = ""
	faultShape   fault = "shape"   // wrong characters
	faultLength  fault = "length"  // wrong number of characters
	faultDate    fault = "date"    // the date inside does not exist
	faultCheck   fault = "check"   // the check digit does not fit
	faultCountry fault = "country" // no such country in the scheme
)

// nationalNumber checks a national identification number by the rule of its kind.
func nationalNumber(kind rogatoryv1.NationalNumberKind, s string) fault {
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
	return faultNone
}

// nationalNumberCountries lists the countries whose numbers follow a kind's rule.
var nationalNumberCountries = map[rogatoryv1.NationalNumberKind]string{
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

// nationalBirthDate returns the day of birth that a valid number holds, as "1990-01-31"; empty when its kind holds none, or
// not the century.
func nationalBirthDate(kind rogatoryv1.NationalNumberKind, s string) string {
	if nationalNumber(kind, s) != faultNone {
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
func jmbg(s string) fault {
	if f := digitsOnly(s, 13); f != faultNone {
		return f
	}
	if !isDay(jmbgYear(s), decimal(s[2:4]), decimal(s[0:2])) {
		return faultDate
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
func oib(s string) fault {
	if f := digitsOnly(s, 11); f != faultNone {
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
func egn(s string) fault {
	if f := digitsOnly(s, 10); f != faultNone {
		return f
	}
	year, month := egnMonth(s)
	if !isDay(year, month, decimal(s[4:6])) {
		return faultDate
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
func cnp(s string) fault {
	if f := digitsOnly(s, 13); f != faultNone {
		return f
	}
	if s[0] == '0' {
		return faultShape
	}
	if !isDay(cnpCentury(s)+decimal(s[1:3]), decimal(s[3:5]), decimal(s[5:7])) {
		return faultDate
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
func tckn(s string) fault {
	if f := digitsOnly(s, 11); f != faultNone {
		return f
	}
	if s[0] == '0' {
		return faultShape
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
func afm(s string) fault {
	if f := digitsOnly(s, 9); f != faultNone {
		return f
	}
	if s == "000000000" {
		return faultShape
	}
	sum := 0
	for i := range 8 {
		sum += digit(s, i) << (8 - i)
	}
	return checked(sum%11%10 == digit(s, 8))
}

// amka checks a Greek social security number: DDMMYY, serial, Luhn.
func amka(s string) fault {
	if f := digitsOnly(s, 11); f != faultNone {
		return f
	}
	// The century is not in the number: a 29 February fits when either century has it.
	day, month, year := decimal(s[0:2]), decimal(s[2:4]), decimal(s[4:6])
	if !isDay(1900+year, month, day) && !isDay(2000+year, month, day) {
		return faultDate
	}
	return checked(luhn(s))
}

// albanianNID checks the shape and date of an Albanian identity number: a letter for the decade, a digit for the year, the
// month (51 to 62 for women, 30 more for residents), the day, a serial, a letter. The rule of the last letter is unpublished.
func albanianNID(s string) fault {
	if len(s) != 10 {
		return faultLength
	}
	if !allDigits(s[1:9]) || s[9] < 'A' || s[9] > 'W' {
		return faultShape
	}
	year := int(s[1] - '0')
	switch c := s[0]; {
	case c >= '0' && c <= '9':
		year += 1800 + 10*int(c-'0')
	case c >= 'A' && c <= 'T':
		year += 1900 + 10*int(c-'A')
	default:
		return faultShape
	}
	month := decimal(s[2:4])
	for _, more := range []int{80, 50, 30} {
		if month > more {
			month -= more
			break
		}
	}
	if !isDay(year, month, decimal(s[4:6])) {
		return faultDate
	}
	return faultNone
}

// codiceFiscale checks an Italian tax code: 16 characters, the last one from two tables modulo 26 (decree of 23 December
// 1976). Digits may be replaced by letters where two people would share a code.
func codiceFiscale(s string) fault {
	if len(s) != 16 {
		return faultLength
	}
	const shape = "LLLLLLDDLDDLDDDL"
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 16 {
		c := s[i]
		letter := c >= 'A' && c <= 'Z'
		number := c >= '0' && c <= '9'
		if !letter && (!number || shape[i] == 'L') || letter && shape[i] == 'D' && !strings.ContainsRune("LMNPQRSTUV", rune(c)) {
			return faultShape
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
		return faultDate
	}
	return checked(int(s[15]-'A') == sum%26)
}

// szemelyi checks a Hungarian personal identifier: sex and century, YYMMDD, serial, and a check digit modulo 11 whose
// weights rise for those born before 1997 and fall for the others (act XX of 1996).
func szemelyi(s string) fault {
	if f := digitsOnly(s, 11); f != faultNone {
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
		return faultShape
	}
	if !isDay(year, decimal(s[3:5]), decimal(s[5:7])) {
		return faultDate
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

// imei checks a 15-digit equipment identity (3GPP TS 23.003, annex B): Luhn.
func imei(s string) fault {
	if f := digitsOnly(s, 15); f != faultNone {
		return f
	}
	return checked(luhn(s))
}

// imsi checks the shape of a subscriber identity (ITU-T E.212).
func imsi(s string) fault {
	if len(s) != 14 && len(s) != 15 {
		return faultLength
	}
	if !allDigits(s) {
		return faultShape
	}
	return faultNone
}

// e164 checks the shape of an international phone number (ITU-T E.164): "+", then 7 to 15 digits, no leading zero.
func e164(s string) fault {
	if !strings.HasPrefix(s, "+") || !allDigits(s[1:]) || len(s) > 1 && s[1] == '0' {
		return faultShape
	}
	if len(s) < 8 || len(s) > 16 {
		return faultLength
	}
	return faultNone
}

// vin checks the shape of a vehicle identification number (ISO 3779): 17 characters without I, O, Q. Its ninth is a check
// digit in North America only, so it is not looked at.
func vin(s string) fault {
	if len(s) != 17 {
		return faultLength
	}
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' && c != 'I' && c != 'O' && c != 'Q' {
			continue
		}
		return faultShape
	}
	return faultNone
}

// imo checks an IMO ship number (IMO resolution A.1117(30)): weights 7 to 2 modulo 10.
func imo(s string) fault {
	if f := digitsOnly(s, 7); f != faultNone {
		return f
	}
	sum := 0
	for i := range 6 {
		sum += (7 - i) * digit(s, i)
	}
	return checked(sum%10 == digit(s, 6))
}

// container checks a freight container number (ISO 6346): owner, category, serial, and a check digit modulo 11.
func container(s string) fault {
	if len(s) != 11 {
		return faultLength
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
			return faultShape
		}
		sum += v << i
	}
	if s[3] != 'U' && s[3] != 'J' && s[3] != 'Z' || s[10] < '0' || s[10] > '9' {
		return faultShape
	}
	return checked(sum%11%10 == digit(s, 10))
}

// mrz checks a machine-readable zone's shape and check digits (ICAO 9303, parts 3 to 7).
func mrz(lines []string) fault {
	for _, l := range lines {
		for i := range len(l) {
			c := l[i]
			if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '<' {
				return faultShape
			}
		}
	}
	same := func(n, width int) bool {
		if len(lines) != n {
			return false
		}
		for _, l := range lines {
			if len(l) != width {
				return false
			}
		}
		return true
	}
	// Each part is checked by the character after it.
	check := func(parts ...string) bool {
		for _, p := range parts {
			if !mrzCheck(p[:len(p)-1], p[len(p)-1]) {
				return false
			}
		}
		return true
	}
	switch {
	case same(3, 30): // identity card, TD1
		a, b := lines[0], lines[1]
		number := a[5:15]
		if a[14] == '<' { // a number of more than nine characters goes on in the optional field, its check digit last
			end := strings.IndexByte(a[15:], '<')
			if end < 1 {
				return faultCheck
			}
			number = a[5:14] + a[15:15+end]
		}
		return checked(check(number, b[0:7], b[8:15], a[5:30]+b[0:7]+b[8:15]+b[18:29]+b[29:30]))
	case same(2, 36), same(2, 44):
		b := lines[1]
		ok := check(b[0:10], b[13:20], b[21:28])
		if lines[0][0] == 'V' { // visas have no check digit over the whole
			return checked(ok)
		}
		n := len(b)
		if n == 44 {
			if b[42] != '<' || strings.Trim(b[28:42], "<") != "" {
				ok = ok && check(b[28:43])
			}
		}
		return checked(ok && check(b[0:10]+b[13:20]+b[21:n-1]+b[n-1:]))
	}
	return faultLength
}

// mrzCheck reports whether c is the check digit of s: weights 7, 3, 1, modulo 10, letters from A = 10, filler 0.
func mrzCheck(s string, c byte) bool {
	sum := 0
	for i := range len(s) {
		v := 0
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			v = int(b - '0')
		case b >= 'A' && b <= 'Z':
			v = int(b-'A') + 10
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	return c == byte('0'+sum%10)
}

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
func digitsOnly(s string, n int) fault {
	if len(s) != n {
		return faultLength
	}
	if !allDigits(s) {
		return faultShape
	}
	return faultNone
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

func checked(ok bool) fault {
	if ok {
		return faultNone
	}
	return faultCheck
}

// isDay reports whether the day exists.
func isDay(year, month, day int) bool {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t.Year() == year && int(t.Month()) == month && t.Day() == day
}
