package federation

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds on what comes from outside.
const (
	maxDirectory = 768 << 10 // bytes of a Directory: 64 members take about 350 KiB
	maxSigned    = maxDirectory + 512<<10
	maxManifest  = 192 << 10
	maxMembers   = 64
	maxRules     = 512
	maxList      = 64   // entries of a rule's lists, units, languages
	maxLogs      = 1000 // of one member: each but the first follows a recovery
	maxDates     = 800  // of a calendar: twenty years of forty days
)

// country reports whether s is two capital letters.
func country(s string) bool {
	return len(s) == 2 && within(s, "AZ")
}

// within reports whether every byte of s lies in one of the ranges, given as pairs of bounds, or is one of them.
func within(s string, ranges ...string) bool {
next:
	for i := range len(s) {
		for _, r := range ranges {
			if len(r) == 2 && r[0] <= s[i] && s[i] <= r[1] || len(r) == 1 && r[0] == s[i] {
				continue next
			}
		}
		return false
	}
	return true
}

// code reports whether s is 1 to 64 of [a-z0-9.-], the form of rules' names and reasons.
func code(s string) bool {
	return 1 <= len(s) && len(s) <= 64 && within(s, "az", "09", ".", "-")
}

// pseudonym reports whether s is 1 to 64 of [a-z0-9-].
func pseudonym(s string) bool {
	return 1 <= len(s) && len(s) <= 64 && within(s, "az", "09", "-")
}

// unit reports whether s is 1 to 32 of [a-z0-9-], as log leaves spell addresses, the first no dash.
func unit(s string) bool {
	return 1 <= len(s) && len(s) <= 32 && s[0] != '-' && within(s, "az", "09", "-")
}

// federationName reports whether s is a name of 1 to 64 of [a-z0-9.-] that starts with a letter or digit.
func federationName(s string) bool {
	return code(s) && s[0] != '.' && s[0] != '-'
}

// caseToken reports whether s is a case's token as RS-2026-000123: a country, a year, a number of 6 to 12 digits.
func caseToken(s string) bool {
	part := strings.Split(s, "-")
	return len(part) == 3 && country(part[0]) && len(part[1]) == 4 && within(part[1], "09") &&
		len(part[2]) >= 6 && len(part[2]) <= 12 && within(part[2], "09")
}

// method reports whether s has the form of a full gRPC method name, "/rogatory.peer.v1.DurableService/Ask".
func method(s string) bool {
	service, name, ok := strings.Cut(strings.TrimPrefix(s, "/"), "/")
	return len(s) <= 128 && strings.HasPrefix(s, "/") && ok && service != "" && name != "" &&
		within(service, "az", "AZ", "09", "_", ".") && within(name, "az", "AZ", "09", "_")
}

// zone reports whether s has the form of an IANA zone's name. Whether it exists is for whoever computes clocks with it:
// asking would read a file.
func zone(s string) bool {
	if len(s) > 64 || s == "Local" {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || !within(part, "az", "AZ", "09", "_", "+", "-") {
			return false
		}
	}
	return true
}

// language reports whether s has the form of a BCP 47 tag.
func language(s string) bool {
	if len(s) < 2 || len(s) > 35 {
		return false
	}
	for part := range strings.SplitSeq(s, "-") {
		if part == "" || len(part) > 8 || !within(part, "az", "AZ", "09") {
			return false
		}
	}
	return true
}

// tzdata reports whether s is a version of the time zone database, as 2026a.
func tzdata(s string) bool {
	return len(s) == 5 && within(s[:4], "09") && within(s[4:], "az")
}

// readable reports whether s is 1 to 128 bytes of text for people, without control characters.
func readable(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// date reports whether s is a date as YYYY-MM-DD.
func date(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Format(time.DateOnly) == s
}

// logName splits a log's origin, as rogatory.example/RS/log/1, into its parts.
func logName(origin string) (federation, member string, number uint64, ok bool) {
	part := strings.Split(origin, "/")
	if len(origin) > 128 || len(part) != 4 || !federationName(part[0]) || !country(part[1]) || part[2] != "log" {
		return "", "", 0, false
	}
	n, err := strconv.ParseUint(part[3], 10, 32)
	if err != nil || n == 0 || n > maxLogs || strconv.FormatUint(n, 10) != part[3] {
		return "", "", 0, false
	}
	return part[0], part[1], n, true
}

// Origin returns the name of a member's log, as rogatory.example/RS/log/1.
func Origin(federation, country string, number uint64) string {
	return fmt.Sprintf("%s/%s/log/%d", federation, country, number)
}

// latest bounds times on the wire: the end of the year 9999, which every language's dates can hold.
const latest = 253402300799999

// at returns the time of ms milliseconds since 1970 UTC.
func at(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, latest))).UTC() }

// form wraps ErrForm with what is wrong.
func form(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrForm)...)
}
