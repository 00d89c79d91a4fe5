package node_test

import (
	"slices"
	"testing"
	"time"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestJointCaseIsProposedJoinedFedAndClosedByAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		desk := map[string]*person{}
		for _, code := range []string{"RS", "BG", "HU"} {
			desk[code] = f.node[code].run(slow).founder(1)
		}
		for _, p := range desk {
			p.clearedIn(time.Minute)
		}
		token := ""
		say := func(code string, step *rogatoryv1.JointCase) {
			t.Helper()
			file := example(t, "joint-proposal.json")
			if step == nil {
				file.To, file.FromUnit = []string{"BG/police", "HU/police"}, "police"
				parties(file, "RS/police", "BG/police", "HU/police")
			} else {
				file = &rogatoryv1.RequestFile{CaseToken: token, Content: &rogatoryv1.Content{
					Language: "en", Sender: file.Content.Sender, Body: &rogatoryv1.Content_Joint{Joint: step},
				}}
			}
			got, err := desk[code].hand(file)
			if err != nil {
				t.Fatal(err)
			}
			token = got
		}
		all := func(state string) {
			t.Helper()
			within(t, time.Minute, "all to be "+state, func() bool {
				for _, p := range desk {
					if p.list()[token].GetState() != state {
						return false
					}
				}
				return true
			})
		}
		join := func(code string) *rogatoryv1.JointCase {
			return &rogatoryv1.JointCase{Step: &rogatoryv1.JointCase_Join{Join: &rogatoryv1.JointJoin{
				Leader: &rogatoryv1.JointLeader{Unit: code + "/police", Function: "head of division"},
			}}}
		}
		say("RS", nil)
		all("proposed")
		say("BG", join("BG"))
		all("joined")
		say("HU", join("HU"))
		all("running")
		evidence := example(t, "spontaneous-information.json").GetContent().GetSpontaneous().GetItems()[:1]
		say("BG", &rogatoryv1.JointCase{Step: &rogatoryv1.JointCase_AddEvidence{AddEvidence: &rogatoryv1.JointEvidence{
			Items: evidence, Provenance: "Found by the coast guard on patrol.",
		}}})
		within(t, time.Minute, "the evidence", func() bool {
			shown, err := desk["HU"].show(token)
			must(t, err)
			return slices.ContainsFunc(shown.GetMessages(), func(m *nodev1.CaseMessage) bool {
				return m.GetContent().GetJoint().GetAddEvidence().GetProvenance() != ""
			})
		})
		say("RS", &rogatoryv1.JointCase{Step: &rogatoryv1.JointCase_Close{Close: &rogatoryv1.JointClose{Text: "Done; evidence stays."}}})
		all("closed")
		for _, p := range desk {
			p.halt()
		}
	})
}

func TestJointProposalToTwoPartiesTakesTwoOfficers(t *testing.T) {
	for _, approve := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			f := federate(t, "RS", "BG", "HU")
			rs := f.node["RS"].run(fourEyes)
			bg, hu := f.node["BG"].run(), f.node["HU"].run()
			nodes := []*inside{rs, bg, hu}
			for _, in := range nodes {
				in.clearedIn(time.Minute)
			}
			file := example(t, "joint-proposal.json")
			parties(file, "RS/police", "BG/police", "HU/police")
			file.To, file.FromUnit = []string{"BG/police", "HU/police"}, "police"
			token, err := rs.founder(1).hand(file)
			must(t, err)
			if approve {
				must(t, rs.founder(2).approve(token))
				within(t, time.Minute, "arrival at both", func() bool { return bg.has(token) && hu.has(token) })
			} else {
				must(t, rs.founder(2).do(rogatoryv1.Verb_VERB_DECLINE, token, ""))
				time.Sleep(time.Minute)
				if bg.has(token) || hu.has(token) {
					t.Error("a declined proposal has left")
				}
			}
			for _, in := range nodes {
				in.halt()
			}
		})
	}
}
