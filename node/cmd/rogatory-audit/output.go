package main

import (
	"strconv"
	"time"
)

// moment is milliseconds since 1970, in UTC: two auditors read the same; empty for none.
func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05Z")
}

// count is a number with its thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// progress returns what tells a person at a terminal how far something has come, and what wipes that away. Elsewhere both do nothing.
func (p *program) progress(what string) (tell func(done, total int64), wipe func()) {
	if !p.err.TTY {
		return func(int64, int64) {}, func() {}
	}
	last := time.Time{}
	return func(done, total int64) {
			if time.Since(last) < 100*time.Millisecond {
				return
			}
			last = time.Now()
			p.err.Printf("\r%s %d%%  %s of %s leaves\x1b[K", what, 100*done/max(total, 1), count(done), count(total))
		}, func() {
			p.err.Printf("\r\x1b[K")
		}
}
