package casefile

import (
	"errors"
	"reflect"
	"testing"

	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Who asks what would be refused learns what Step would say, and nothing has moved.
func TestATrialLeavesTheCaseAsItWas(t *testing.T) {
	notice := &File{Unit: "police"}
	notice.Begin(rogatoryv1.Kind_KIND_GOVERNANCE)
	docket := &rogatoryv1.Docket{CaseToken: "RS-2026-000001", Kind: rogatoryv1.Kind_KIND_GOVERNANCE}
	draft := exchange.Event{Kind: exchange.EventDraft, At: 1, Who: exchange.Officer, From: "RS", To: "BG", Docket: docket}
	sent := draft
	sent.Kind, sent.At = exchange.EventSent, 2
	var alone rules.Rules
	alone = alone.Alike(true)
	for name, c := range map[string]struct {
		file  *File
		event exchange.Event
		rules rules.Rules
		code  exchange.Code
		state exchange.State
	}{
		"a notice drafted":          {notice, draft, rules.Rules{}, "", exchange.Draft},
		"a notice sent by one":      {notice, sent, alone, "", exchange.Sent},
		"a notice that takes two":   {notice, sent, rules.Rules{}, exchange.CodeNotApproved, exchange.None},
		"a notice that is answered": {notice, exchange.Event{Kind: exchange.EventRatify, At: 1, Who: exchange.Officer}, rules.Rules{}, exchange.CodeIllegal, exchange.None},
		"the approval of a draft that is not there": {
			&File{Case: exchange.Case{Token: "RS-2026-000002", Kind: exchange.KindRequest, Side: exchange.Answering, Own: "RS", Peer: "BG", State: exchange.Received}},
			exchange.Event{Kind: exchange.EventApprove, At: 1, Who: exchange.Officer, Actor: "rs-1", Draft: exchange.Name{1}}, rules.Rules{}, exchange.CodeUnknownDraft, exchange.Received,
		},
	} {
		before := *c.file
		after, err := c.file.Try(c.event, c.rules)
		if !reflect.DeepEqual(before, *c.file) {
			t.Errorf("%s: the case has moved", name)
		}
		var refused *exchange.TransitionError
		switch errors.As(err, &refused); {
		case c.code != "" && (refused == nil || refused.Code != c.code):
			t.Errorf("%s: %v", name, err)
		case c.code == "" && (err != nil || after.State != c.state):
			t.Errorf("%s: %v, %v", name, after.State, err)
		}
	}
	if _, err := (&File{Told: true, Expired: true}).Try(draft, alone); !errors.Is(err, refusal.ErrExpired) {
		t.Errorf("a case without dockets: %v", err)
	}
}
