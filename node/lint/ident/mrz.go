package ident

import "strings"

// MRZ checks a machine-readable zone's shape and check digits (ICAO 9303, parts 3 to 7).
func MRZ(lines []string) Fault {
	for _, l := range lines {
		for i := range len(l) {
			c := l[i]
			if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '<' {
				return FaultShape
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
				return FaultCheck
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
	return FaultLength
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
