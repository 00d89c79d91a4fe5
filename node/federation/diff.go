package federation

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	v1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"google.golang.org/protobuf/proto"
)

// Diff returns, in English and one line each, what a proposal changes in the directory in force, or all that it says if there is
// none: what a signer reads before signing. An empty list means that nothing but version and digests differ.
//
// next comes from ReadDirectory.
func Diff(current *Directory, next *v1.Directory) []string {
	old := new(v1.Directory)
	if current != nil {
		old = current.pb
	}
	var d lines
	d.change("federation", old.GetFederation(), next.GetFederation())
	d.change("valid from", day(old.GetValidFromMs()), day(next.GetValidFromMs()))
	d.change("valid until", day(old.GetValidUntilMs()), day(next.GetValidUntilMs()))
	d.change("threshold", ofMembers(old), ofMembers(next))
	d.change("time zone database", old.GetTzdata(), next.GetTzdata())
	each(old.GetMembers(), next.GetMembers(), (*v1.Member).GetCountry, d.member)
	each(old.GetRules(), next.GetRules(), (*v1.Rule).GetName, d.rule)
	if before, after := ruleNames(old), ruleNames(next); current != nil && !slices.Equal(before, after) {
		// The first rule that fits decides: order is meaning.
		d.add("rules in their order: %s", strings.Join(after, ", "))
	}
	each(old.GetCalendars(), next.GetCalendars(), (*v1.HolidayCalendar).GetCountry, d.calendar)
	return d
}

// lines collects what Diff returns.
type lines []string

func (d *lines) add(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

// change notes a value that differs.
func (d *lines) change(what, old, next string) {
	switch {
	case old == next:
	case old == "":
		d.add("%s: %s", what, next)
	case next == "":
		d.add("%s: %s removed", what, old)
	default:
		d.add("%s: %s -> %s", what, old, next)
	}
}

func (d *lines) member(c string, old, next *v1.Member) {
	switch {
	case next == nil:
		d.add("member %s (%s) leaves", c, old.GetName())
		return
	case old == nil:
		d.add("member %s joins", c)
		old = new(v1.Member)
	}
	c = "member " + c
	d.change(c+" name", old.GetName(), next.GetName())
	d.change(c+" zone", old.GetZone(), next.GetZone())
	d.change(c+" root key", fingerprint(old.GetRootKey()), fingerprint(next.GetRootKey()))
	d.change(c+" log", old.GetLog().GetOrigin(), next.GetLog().GetOrigin())
	d.change(c+" log keys", vkeys(old.GetLog()), vkeys(next.GetLog()))
	d.change(c+" genesis", short(old.GetGenesis()), short(next.GetGenesis()))
	each(old.GetFounders(), next.GetFounders(), (*v1.Officer).GetPseudonym, func(name string, a, b *v1.Officer) {
		d.change(c+" founder "+name, officer(a), officer(b))
	})
}

func (d *lines) rule(name string, old, next *v1.Rule) {
	d.change("rule "+name, ruleText(old), ruleText(next))
}

func (d *lines) calendar(c string, old, next *v1.HolidayCalendar) {
	d.change("calendar "+c+" version", number(old.GetVersion()), number(next.GetVersion()))
	d.change("calendar "+c+" rest days", rest(old), rest(next))
	for _, s := range next.GetDates() {
		if !slices.Contains(old.GetDates(), s) {
			d.add("calendar %s: %s becomes a holiday", c, s)
		}
	}
	for _, s := range old.GetDates() {
		if !slices.Contains(next.GetDates(), s) {
			d.add("calendar %s: %s is no holiday any more", c, s)
		}
	}
}

// each calls f for every name in old or next whose entries differ, those of next first, in their order.
func each[T proto.Message](old, next []T, name func(T) string, f func(name string, old, next T)) {
	find := func(list []T, n string) (none T) {
		for _, e := range list {
			if name(e) == n {
				return e
			}
		}
		return none
	}
	for _, e := range next {
		if o := find(old, name(e)); !proto.Equal(o, e) {
			f(name(e), o, e)
		}
	}
	for _, e := range old {
		if n := find(next, name(e)); !n.ProtoReflect().IsValid() {
			f(name(e), e, n)
		}
	}
}

func day(ms uint64) string {
	if ms == 0 {
		return ""
	}
	return at(ms).Format(time.RFC3339)
}

// rest returns a calendar's rest days, 1 = Monday.
func rest(c *v1.HolidayCalendar) string {
	var s []string
	for _, d := range c.GetRestDays() {
		s = append(s, number(d))
	}
	return strings.Join(s, ",")
}

func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func ofMembers(d *v1.Directory) string {
	if d.GetThreshold() == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", d.GetThreshold(), len(d.GetMembers()))
}

func fingerprint(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	return keyring.Fingerprint(key)
}

func short(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return fmt.Sprintf("%x", b[:min(8, len(b))])
}

func vkeys(l *v1.LogInfo) string {
	if len(l.GetKeys()) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(l.GetKeys(), "\n")))
	return short(sum[:])
}

func officer(o *v1.Officer) string {
	if o == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", keyring.Fingerprint(o.GetPublicKey()), strings.Join(o.GetUnits(), ","), joined(o.GetRights(), "RIGHT_")))
}

// ruleText returns a rule as people read it.
func ruleText(r *v1.Rule) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	part := func(what, s string) {
		if s != "" {
			fmt.Fprintf(&b, " %s %s", what, s)
		}
	}
	b.WriteString(strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(r.GetVerdict().String(), "VERDICT_")), "_", " "))
	if r.GetGround() != v1.Ground_GROUND_UNSPECIFIED {
		fmt.Fprintf(&b, " (%s)", strings.ToLower(strings.TrimPrefix(r.GetGround().String(), "GROUND_")))
	}
	part("from", strings.Join(r.GetFrom(), ","))
	part("to", strings.Join(r.GetTo(), ","))
	part("by", joined(r.GetAuthorities(), "AUTHORITY_"))
	part("on", strings.Join(r.GetMethods(), ","))
	part("for", joined(r.GetPurposes(), "PURPOSE_"))
	part("under", joined(r.GetRegimes(), "REGIME_"))
	part("from a maximum penalty in years of", number(r.GetMinimumPenaltyYears()))
	return b.String()
}

func joined[T fmt.Stringer](list []T, prefix string) string {
	var s []string
	for _, v := range list {
		s = append(s, strings.ToLower(strings.TrimPrefix(v.String(), prefix)))
	}
	return strings.Join(s, ",")
}

func ruleNames(d *v1.Directory) []string {
	var names []string
	for _, r := range d.GetRules() {
		names = append(names, r.GetName())
	}
	return names
}
