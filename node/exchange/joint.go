package exchange

import (
	"cmp"
	"slices"

	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (c *Case) party(country string) *PartyRecord {
	for i := range c.Parties {
		if c.Parties[i].Country == country {
			return &c.Parties[i]
		}
	}
	return nil
}

// invite adds the countries that are not parties yet; nobody is ever taken off.
func (c *Case) invite(countries []string) {
	for _, x := range countries {
		if c.party(x) == nil {
			c.Parties = append(c.Parties, PartyRecord{x, PartyInvited})
		}
	}
	slices.SortFunc(c.Parties, func(a, b PartyRecord) int { return cmp.Compare(a.Country, b.Country) })
}

// takeJoint makes a step in a joint case. A party's place follows from its own messages alone, so that all parties see the
// same whatever arrived first: who left or declined stays so, who was asked again is asked in a new case.
func (c *Case) takeJoint(in *input) *TransitionError {
	out := in.event == EventSent
	if in.joint == rogatoryv1.JointAct_JOINT_ACT_PROPOSE {
		if c.Leader != "" && c.Leader != in.from {
			return c.refuse(in, CodeNotLeader)
		}
		c.Leader = in.from
		c.invite(append(slices.Clone(in.parties), in.from))
		c.party(in.from).State = PartyJoined
		if c.party(c.Own) == nil {
			return c.refuse(in, CodeNotParty)
		}
		return nil
	}
	p := c.party(in.from)
	if p == nil {
		return c.refuse(in, CodeNotParty)
	}
	var from []PartyState
	to := p.State
	switch in.joint {
	case rogatoryv1.JointAct_JOINT_ACT_JOIN:
		from, to = []PartyState{PartyInvited, PartyJoined}, PartyJoined
	case rogatoryv1.JointAct_JOINT_ACT_DECLINE:
		from, to = []PartyState{PartyInvited, PartyDeclined}, PartyDeclined
	case rogatoryv1.JointAct_JOINT_ACT_LEAVE:
		from, to = []PartyState{PartyJoined, PartyLeft}, PartyLeft
	default:
		from = []PartyState{PartyJoined}
	}
	leads := in.from == c.Leader
	switch in.joint {
	case rogatoryv1.JointAct_JOINT_ACT_AMEND, rogatoryv1.JointAct_JOINT_ACT_CLOSE:
		if !leads {
			return c.refuse(in, CodeNotLeader)
		}
	case rogatoryv1.JointAct_JOINT_ACT_LEAVE, rogatoryv1.JointAct_JOINT_ACT_DECLINE:
		if leads {
			return c.refuse(in, CodeIllegal)
		}
	}
	switch {
	case slices.Contains(from, p.State):
		p.State = to
	case out:
		return c.refuse(in, CodeNotParty)
	case in.joint == rogatoryv1.JointAct_JOINT_ACT_LEAVE && p.State == PartyInvited:
		// It left before we heard that it had joined.
		p.State = PartyLeft
	}
	if in.joint == rogatoryv1.JointAct_JOINT_ACT_AMEND {
		c.invite(in.parties)
	}
	return nil
}

// settleJoint derives a joint case's state: proposed while nobody has joined, joined while somebody is still asked, running
// when all have answered.
func (c *Case) settleJoint(f *round) State {
	joined, invited := 0, 0
	for _, p := range c.Parties {
		switch p.State {
		case PartyJoined:
			joined++
		case PartyInvited:
			invited++
		}
	}
	switch {
	case len(c.Parties) == 0:
		return None
	case f.jointClosed && f.evaluated:
		return Evaluated
	case f.jointClosed:
		return Closed
	case joined < 2:
		return Proposed
	case invited > 0:
		return Joined
	}
	return Running
}
