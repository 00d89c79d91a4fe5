package translog

import "strings"

// A textType is one of the charsets in which leaves spell strings. None of them has a space: a leaf has no room for
// free text.
type textType struct {
	name    string
	pattern string // for people and for other implementations, in RE2 syntax
	valid   func([]byte) bool
	values  []string // of an enumeration
}

// own returns b as a string; an enumeration's values cost no allocation.
func (t *textType) own(b []byte) string {
	for _, v := range t.values {
		if string(b) == v {
			return v
		}
	}
	return string(b)
}

var (
	code    = &textType{name: "code", pattern: `[A-Za-z0-9][A-Za-z0-9._:-]{0,63}`, valid: isCode}
	token   = &textType{name: "token", pattern: `[A-Za-z0-9_-]{1,64}`, valid: isToken}
	country = &textType{name: "member", pattern: `[A-Z][A-Z0-9-]{1,15}`, valid: isMember}
	address = &textType{name: "address", pattern: `[A-Z][A-Z0-9-]{1,15}(/[a-z0-9-]{1,32})?`, valid: isAddress}
	origin  = &textType{name: "origin", pattern: `[A-Za-z0-9][A-Za-z0-9._/-]{0,127}`, valid: isOrigin}
)

func enum(values ...string) *textType {
	s := strings.Join(values, "|")
	return &textType{name: s, pattern: s, values: values, valid: func(b []byte) bool {
		for _, v := range values {
			if string(b) == v {
				return true
			}
		}
		return false
	}}
}

// Classes of characters, one bit each.
const (
	upper byte = 1 << iota
	lower
	digit
	dash
	under
	dot
	colon
	slash
)

var class = func() (t [256]byte) {
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = upper
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] = lower
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = digit
	}
	t['-'], t['_'], t['.'], t[':'], t['/'] = dash, under, dot, colon, slash
	return t
}()

func all(b []byte, mask byte) bool {
	for _, c := range b {
		if class[c]&mask == 0 {
			return false
		}
	}
	return true
}

func isCode(b []byte) bool {
	return 1 <= len(b) && len(b) <= 64 && all(b[:1], upper|lower|digit) && all(b, upper|lower|digit|dash|under|dot|colon)
}

func isToken(b []byte) bool {
	return 1 <= len(b) && len(b) <= 64 && all(b, upper|lower|digit|dash|under)
}

func isMember(b []byte) bool {
	return 2 <= len(b) && len(b) <= 16 && all(b[:1], upper) && all(b, upper|digit|dash)
}

func isAddress(b []byte) bool {
	for i, c := range b {
		if c == '/' {
			unit := b[i+1:]
			return isMember(b[:i]) && 1 <= len(unit) && len(unit) <= 32 && all(unit, lower|digit|dash)
		}
	}
	return isMember(b)
}

func isOrigin(b []byte) bool {
	return 1 <= len(b) && len(b) <= 128 && all(b[:1], upper|lower|digit) && all(b, upper|lower|digit|dash|under|dot|slash)
}
