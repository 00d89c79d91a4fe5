package intake

import (
	"testing"

	"github.com/rogatory/rogatory/node/post"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A member that guesses the next token of another, or of ours, does not take it away.
func TestNobodyTakesTheCaseTokenOfAnother(t *testing.T) {
	const (
		request = rogatoryv1.Kind_KIND_REQUEST
		reply   = rogatoryv1.Kind_KIND_REPLY
		joint   = rogatoryv1.Kind_KIND_JOINT
	)
	for _, c := range []struct {
		token string
		kind  rogatoryv1.Kind
		act   rogatoryv1.JointAct
		want  bool
	}{
		{"BG-2026-000001", request, 0, true},
		{"BG-2026-000001", reply, 0, true}, // early: it waits for the request
		{"HU-2026-000001", request, 0, false},
		{"HU-2026-000001", reply, 0, false},
		{"RS-2026-000001", reply, 0, false}, // ours, and we know of none
		{"HU-2026-000001", joint, rogatoryv1.JointAct_JOINT_ACT_JOIN, true},
		{"HU-2026-000001", joint, rogatoryv1.JointAct_JOINT_ACT_PROPOSE, false},
		{"RS-2026-000001", joint, rogatoryv1.JointAct_JOINT_ACT_JOIN, false},
		{"", request, 0, false},
		{"BG", request, 0, false},
		{"BG-26-000001", request, 0, false},
		{"BG-2026-1", request, 0, false},
		{"BG-2026-0000000000001", request, 0, false},
		{"BG-2026-00000x", request, 0, false},
		{"BG-2026-000001-", request, 0, false},
	} {
		a := &post.Arrival{
			From: "BG", Message: &rogatoryv1.Message{From: "BG", To: "RS"},
			Docket: &rogatoryv1.Docket{CaseToken: c.token, Kind: c.kind, Joint: c.act},
		}
		if got := mayBegin(a); got != c.want {
			t.Errorf("%s %s %s: %v", c.token, c.kind, c.act, got)
		}
	}
}
