package node_test

import (
	"testing"
	"time"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A notice is lost with its line of the statutory log and comes back from its recipient; another one waits for days after it was approved. An auditor finds
// nothing in either.
func TestNoticesThatComeBackOrWaitAreNoFinding(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs, bg := f.node["RS"].run(fourEyes, slow), f.node["BG"].run(slow)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		k := &talk{T: t, f: f}
		notify := func() {
			t.Helper()
			file := k.plain(&rogatoryv1.Content{Body: &rogatoryv1.Content_Governance{Governance: &rogatoryv1.GovernanceNotice{
				Kind: rogatoryv1.GovernanceKind_GOVERNANCE_KIND_OUTAGE, Text: "The node is away on Sunday night.",
			}}})
			file.To, file.FromUnit = []string{"BG"}, "police"
			token, err := rs.founder(1).hand(file)
			must(t, err)
			must(t, rs.founder(2).approve(token))
		}
		rs.halt()
		old := rs.copied()
		rs = f.node["RS"].run(fourEyes, slow)
		rs.clearedIn(time.Minute)
		notify()
		settled(t, []*inside{rs, bg})
		rs.halt()
		rs.putBack(old)
		if _, _, err := rs.recover(); err != nil {
			t.Fatal(err)
		}
		rs = f.node["RS"].run(fourEyes, slow)
		rs.recovered()
		settled(t, []*inside{rs, bg})
		// The other one is approved while nobody has confirmed the node.
		rs.halt()
		bg.halt()
		rs = f.node["RS"].run(fourEyes, slow)
		notify()
		time.Sleep(6 * time.Hour)
		bg = f.node["BG"].run(slow)
		rs.clearedIn(time.Hour)
		settled(t, []*inside{rs, bg})
		if n := len(bg.founder(1).list()); n != 2 {
			t.Errorf("%d notices have come", n)
		}
		rs.halt()
		bg.halt()
		f.audited(name+"/RS/log/2", nil)
	})
}
