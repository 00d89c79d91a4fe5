package node_test

import (
	"context"
	"testing"

	"github.com/rogatory/rogatory/node/client"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func TestRequestIsApprovedSentAnsweredAndReceiptedOnBothSides(t *testing.T) {
	f := federate(t, "RS", "BG")
	ctx := context.Background()
	rs, bg := f.node["RS"], f.node["BG"]
	rs.start()
	bg.start()
	rs.cleared()
	bg.cleared()
	drafter, approver := rs.founder(1), rs.founder(2)

	file := example(t, "police-request-normal.json")
	file.To, file.FromUnit = []string{"BG/police"}, "police"
	done, draft, err := drafter.Send(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	if !draft {
		t.Fatal("a request left without a second officer")
	}
	token := done.GetCases()[0].GetCaseToken()
	if _, err := approver.Do(ctx, client.Want{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token}); err != nil {
		t.Fatal(err)
	}
	answerer, releaser := bg.founder(1), bg.founder(2)
	f.inState(answerer, token, "received")
	f.inState(drafter, token, "received")

	reply := example(t, "police-reply.json")
	reply.CaseToken, reply.To, reply.FromUnit = token, nil, ""
	if _, _, err := answerer.Send(ctx, reply); err != nil {
		t.Fatal(err)
	}
	if _, err := releaser.Do(ctx, client.Want{Verb: rogatoryv1.Verb_VERB_APPROVE, CaseToken: token}); err != nil {
		t.Fatal(err)
	}
	f.inState(drafter, token, "answered")
	f.inState(answerer, token, "answered")
	f.until("every receipt", func() bool { return rs.status().GetOutbox()+bg.status().GetOutbox() == 0 })
	shown, err := drafter.Show(ctx, token, "case-work")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(shown.GetMessages()); n != 2 {
		t.Fatalf("the case shows %d messages, not request and reply", n)
	}
}
