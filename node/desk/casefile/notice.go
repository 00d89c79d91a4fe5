package casefile

import (
	"slices"

	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A notice (KIND_GOVERNANCE: outage, breach, capability) is no question and has no life: no clock, no answer, no rule. It takes a case token
// of its sender all the same, so that it is listed, read, handed over and approved like everything else. Its row holds no
// case of package exchange, and no `case` leaf speaks of it: its `msg` leaf says that it was sent or came, and an `op` leaf who released it.
const kindNotice exchange.CaseKind = "governance"

// Notice reports whether it is a notice, which has no case of package exchange.
func (c *File) Notice() bool { return c.Kind == kindNotice }

// noticeSteps say where a notice goes; an empty state stays.
var noticeSteps = map[exchange.EventKind]struct {
	from []exchange.State
	to   exchange.State
}{
	exchange.EventDraft:       {[]exchange.State{exchange.None, exchange.Draft}, exchange.Draft},
	exchange.EventSubmit:      {[]exchange.State{exchange.Draft}, exchange.PendingApproval},
	exchange.EventApprove:     {[]exchange.State{exchange.PendingApproval}, exchange.Approved},
	exchange.EventDecline:     {[]exchange.State{exchange.PendingApproval, exchange.Approved}, exchange.Draft},
	exchange.EventDiscard:     {[]exchange.State{exchange.Draft}, exchange.Discarded},
	exchange.EventSent:        {[]exchange.State{exchange.None, exchange.Draft, exchange.Approved}, exchange.Sent},
	exchange.EventReceived:    {[]exchange.State{exchange.Sent, exchange.Undelivered}, exchange.Received},
	exchange.EventRejected:    {[]exchange.State{exchange.Sent, exchange.Undelivered}, exchange.Rejected},
	exchange.EventArrived:     {[]exchange.State{exchange.None}, exchange.Received},
	exchange.EventUndelivered: {[]exchange.State{exchange.Sent}, exchange.Undelivered},
	exchange.EventForward:     {[]exchange.State{exchange.Sent, exchange.Undelivered, exchange.Received}, exchange.None},
}

// NoticeMay reports whether a notice as it stands may make a step.
func (c *File) NoticeMay(kind exchange.EventKind) bool {
	return slices.Contains(noticeSteps[kind].from, c.State)
}

// Begin has the message that opens a case make it what it is: a notice, if it is one.
func (c *File) Begin(kind rogatoryv1.Kind) {
	if c.opener = kind; kind == rogatoryv1.Kind_KIND_GOVERNANCE {
		c.Kind = kindNotice
	}
}

// stepNotice is Step for a notice.
func (c *File) stepNotice(tx *store.Tx, e exchange.Event, why Why, alone bool) error {
	if err := c.moveNotice(e, alone); err != nil {
		return err
	}
	if e.Kind == exchange.EventSent {
		return released(tx, e, why)
	}
	return nil
}

// moveNotice makes a step of a notice, or refuses it and changes nothing.
func (c *File) moveNotice(e exchange.Event, alone bool) error {
	refused := &exchange.TransitionError{State: c.State, Step: exchange.Step(e.Kind), Who: e.Who, Code: exchange.CodeIllegal}
	if !c.NoticeMay(e.Kind) {
		return refused
	}
	if e.Kind == exchange.EventSent && c.State != exchange.Approved && !alone {
		refused.Code = exchange.CodeNotApproved
		return refused
	}
	switch e.Kind {
	case exchange.EventDraft, exchange.EventSent:
		c.Token, c.Side, c.Own, c.Peer, c.PeerUnit = e.Docket.GetCaseToken(), exchange.Opening, e.From, e.To, e.Docket.GetToUnit()
	case exchange.EventArrived:
		c.Token, c.Side, c.Own, c.Peer, c.PeerUnit = e.Docket.GetCaseToken(), exchange.Answering, e.To, e.From, e.Docket.GetFromUnit()
	case exchange.EventForward:
		c.OwnUnit = e.Docket.GetToUnit()
	}
	if to := noticeSteps[e.Kind].to; to != exchange.None {
		c.State = to
	}
	c.Changed = e.At
	return nil
}
