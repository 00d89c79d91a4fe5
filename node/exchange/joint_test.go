package exchange_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// circle is a joint case of several countries.
type circle struct {
	cases map[string]exchange.Case
	onWay []exchange.Event
	count byte
}

var members = []string{"RS", "BG", "HU"}

// act sends a step to every other country; all copies are in one transaction.
func (c *circle) act(country string, a rogatoryv1.JointAct, parties ...string) error {
	own, sent := c.cases[country], []exchange.Event(nil)
	for _, to := range members {
		if to == country {
			continue
		}
		c.count++
		e := exchange.Event{
			Kind: exchange.EventSent, Who: exchange.Officer, Actor: "ana", From: country, To: to, Msg: exchange.Name{'j', c.count}, Sent: int64(c.count),
			Docket: docket(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_JOINT, Joint: a, Parties: parties}),
		}
		n, _, err := exchange.Apply(own, e, alone())
		if err != nil {
			return fmt.Errorf("%s to %s: %w", country, to, err)
		}
		own = n
		e.Kind, e.Who, e.Actor = exchange.EventArrived, exchange.Peer, ""
		sent = append(sent, e)
	}
	c.cases[country] = own
	c.onWay = append(c.onWay, sent...)
	return nil
}

func (c *circle) deliver(i int) error {
	e := c.onWay[i]
	c.onWay = slices.Delete(slices.Clone(c.onWay), i, i+1)
	n, changes, err := exchange.Apply(c.cases[e.To], e, alone())
	if err != nil {
		return fmt.Errorf("%s at %s: %w", e.Docket.Joint, e.To, err)
	}
	for _, ch := range changes {
		if ch.Refused != "" {
			return fmt.Errorf("%s at %s: %s", ch.Step, e.To, ch.Refused)
		}
	}
	c.cases[e.To] = n
	return nil
}

// TestJointCaseLooksTheSameToAllParties lets three countries act at random while messages overtake each other.
func TestJointCaseLooksTheSameToAllParties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := circle{cases: make(map[string]exchange.Case)}
		if err := c.act("RS", rogatoryv1.JointAct_JOINT_ACT_PROPOSE, members...); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			if len(c.onWay) > 0 && rapid.Bool().Draw(t, "deliver") {
				if err := c.deliver(rapid.IntRange(0, len(c.onWay)-1).Draw(t, "which")); err != nil {
					t.Fatal(err)
				}
				continue
			}
			country := rapid.SampledFrom(members).Draw(t, "country")
			if c.cases[country].Kind == "" {
				continue
			}
			// A step that is not possible now is left out.
			_ = c.act(country, rogatoryv1.JointAct(rapid.IntRange(1, 11).Draw(t, "act")), members...)
		}
		for len(c.onWay) > 0 {
			if err := c.deliver(rapid.IntRange(0, len(c.onWay)-1).Draw(t, "which")); err != nil {
				t.Fatal(err)
			}
		}
		first := c.cases["RS"]
		for country, x := range c.cases {
			if x.State != first.State || !slices.Equal(x.Parties, first.Parties) || x.Leader != "RS" || len(x.Waiting) > 0 {
				t.Fatalf("RS sees %s %v, %s sees %s %v", first.State, first.Parties, country, x.State, x.Parties)
			}
		}
	})
}

func TestJointCaseRunsWhenAllHaveAnswered(t *testing.T) {
	c := circle{cases: make(map[string]exchange.Case)}
	for _, step := range []struct {
		country string
		act     rogatoryv1.JointAct
		state   exchange.State
	}{
		{"RS", rogatoryv1.JointAct_JOINT_ACT_PROPOSE, exchange.Proposed},
		{"BG", rogatoryv1.JointAct_JOINT_ACT_JOIN, exchange.Joined},
		{"BG", rogatoryv1.JointAct_JOINT_ACT_ADD_EVIDENCE, exchange.Joined},
		{"HU", rogatoryv1.JointAct_JOINT_ACT_DECLINE, exchange.Running},
		{"BG", rogatoryv1.JointAct_JOINT_ACT_DECIDE, exchange.Running},
		{"RS", rogatoryv1.JointAct_JOINT_ACT_CLOSE, exchange.Closed},
		{"BG", rogatoryv1.JointAct_JOINT_ACT_EVALUATE, exchange.Evaluated},
	} {
		if err := c.act(step.country, step.act, members...); err != nil {
			t.Fatal(err)
		}
		for len(c.onWay) > 0 {
			if err := c.deliver(len(c.onWay) - 1); err != nil {
				t.Fatal(err)
			}
		}
		for country, x := range c.cases {
			if x.State != step.state {
				t.Fatalf("after %s: %s sees %s", step.act, country, x.State)
			}
		}
	}
}

func TestJointCaseHasOneLeaderAndOnlyItsParties(t *testing.T) {
	c := circle{cases: make(map[string]exchange.Case)}
	if err := c.act("RS", rogatoryv1.JointAct_JOINT_ACT_PROPOSE, "RS", "BG", "HU"); err != nil {
		t.Fatal(err)
	}
	for len(c.onWay) > 0 {
		if err := c.deliver(0); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, c.act("BG", rogatoryv1.JointAct_JOINT_ACT_CLOSE), exchange.CodeNotLeader)
	wantCode(t, c.act("BG", rogatoryv1.JointAct_JOINT_ACT_LEAVE), exchange.CodeNotParty)
	if err := c.act("BG", rogatoryv1.JointAct_JOINT_ACT_JOIN); err != nil {
		t.Fatal(err)
	}
	wantCode(t, c.act("HU", rogatoryv1.JointAct_JOINT_ACT_ADD_EVIDENCE), exchange.CodeIllegal)
	// What a stranger says waits for an amendment that may invite it.
	d := docket(&rogatoryv1.Docket{Kind: rogatoryv1.Kind_KIND_JOINT, Joint: rogatoryv1.JointAct_JOINT_ACT_JOIN})
	n, changes, err := exchange.Apply(c.cases["RS"], exchange.Event{
		Kind: exchange.EventArrived, Msg: exchange.Name{'s'}, From: "GR", To: "RS", Who: exchange.Peer, Docket: d,
	}, rules.Rules{})
	if err != nil || !changes[0].Waiting {
		t.Fatalf("%v %v", err, changes)
	}
	c.cases["RS"] = n
	if err := c.act("RS", rogatoryv1.JointAct_JOINT_ACT_AMEND, "GR"); err != nil {
		t.Fatal(err)
	}
	if x := c.cases["RS"]; len(x.Waiting) != 0 || x.Parties[1] != (exchange.PartyRecord{Country: "GR", State: exchange.PartyJoined}) {
		t.Fatalf("%+v", x.Parties)
	}
}
