package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A message that a rule refuses for good leaves a `rej` leaf and no docket: who refuses it keeps nothing of it. So the log of the country that refused shows
// that it has such a rule, and the log of the country that asked, which has the docket, whether the rule decides.

// byRule stands before the name of the rule that refused, in a code of this length at most.
const (
	byRule  = "rule:"
	maxCode = 64
)

// namesRule reports whether a code names a rule.
func namesRule(code, rule string) bool {
	rule = byRule + rule
	return code == rule[:min(len(rule), maxCode)]
}

// refusal judges a refusal of our own: a rule in force refuses messages of that country to ours.
func (c *course) refusal(l *line, e *translog.Rej) {
	if !strings.HasPrefix(e.Code, byRule) || c.world.dir == nil {
		return
	}
	in := []*federation.Directory{c.world.dir}
	if c.world.before != nil && l.leaf.At-c.world.since <= federation.ClockSkew.Milliseconds() {
		in = append(in, c.world.before)
	}
	for _, d := range in {
		if slices.ContainsFunc(c.refusing(d), func(r *rogatoryv1.Rule) bool {
			return namesRule(e.Code, r.GetName()) && fits(r.GetFrom(), e.From) && fits(r.GetTo(), c.country)
		}) {
			return
		}
	}
	c.note(audit.CodeRight, l.index, "refused by a rule that no policy in force has, or that does not refuse messages of "+e.From, "", e.Code)
}

// refusing are the rules of a directory that refuse.
func (c *course) refusing(d *federation.Directory) []*rogatoryv1.Rule {
	list, ok := c.refuse[d.Digest()]
	if !ok {
		list = slices.DeleteFunc(d.Proto().GetRules(), func(r *rogatoryv1.Rule) bool { return r.GetVerdict() != rogatoryv1.Verdict_VERDICT_REFUSE })
		c.refuse[d.Digest()] = list
	}
	return list
}

// fits reports whether a rule's list takes a country: an empty one takes all.
func fits(list []string, country string) bool {
	return len(list) == 0 || slices.Contains(list, country)
}

// refused judges the refusal of a message of ours: some policy that its recipient may have gone by refuses it, by that rule.
func (c *course) refused(l *line, of translog.Hash, rej *translog.Rej) {
	q, ok := c.asked[of]
	if !ok || !strings.HasPrefix(rej.Code, byRule) {
		return
	}
	latest := time.UnixMilli(l.receipt.At).Add(federation.ClockSkew)
	for v := c.chain.Newest().Version(); v > 0; v-- {
		dir := c.chain.Version(v)
		if dir == nil || errors.Is(dir.ValidAt(latest), federation.ErrNotYet) {
			continue
		}
		x := dir.Policy().Decide(q)
		if x.Verdict == rogatoryv1.Verdict_VERDICT_REFUSE && namesRule(rej.Code, x.Rule) {
			return
		}
	}
	c.note(audit.CodeRight, l.index, fmt.Sprintf("%s refused by a rule, and no policy refuses the message so", q.To), "", rej.Code)
}
