package desk

import (
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A notice (KIND_GOVERNANCE: outage, breach, capability) is no question and has no life: no clock, no answer, no rule. It takes a case token
// of its sender all the same, so that it is listed, read, handed over and approved like everything else. Its row holds no
// case of package exchange, and no `case` leaf speaks of it: its `msg` leaf says that it was sent or came, and an `op` leaf who released it.
const kindNotice exchange.CaseKind = "governance"

func (c *held) notice() bool { return c.Kind == kindNotice }

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

// stepNotice is step for a notice.
func (c *held) stepNotice(tx *store.Tx, e exchange.Event, why because, alone bool) error {
	refused := &exchange.TransitionError{State: c.State, Step: exchange.Step(e.Kind), Who: e.Who, Code: exchange.CodeIllegal}
	s, ok := noticeSteps[e.Kind]
	fits := false
	for _, from := range s.from {
		fits = fits || from == c.State
	}
	if !ok || !fits {
		return refused
	}
	if e.Kind == exchange.EventSent {
		if c.State != exchange.Approved && !alone {
			refused.Code = exchange.CodeNotApproved
			return refused
		}
		if err := released(tx, e, why); err != nil {
			return err
		}
	}
	switch e.Kind {
	case exchange.EventDraft, exchange.EventSent:
		c.Token, c.Side, c.Own, c.Peer, c.PeerUnit = e.Docket.GetCaseToken(), exchange.Opening, e.From, e.To, e.Docket.GetToUnit()
	case exchange.EventArrived:
		c.Token, c.Side, c.Own, c.Peer, c.PeerUnit = e.Docket.GetCaseToken(), exchange.Answering, e.To, e.From, e.Docket.GetFromUnit()
	case exchange.EventForward:
		c.OwnUnit = e.Docket.GetToUnit()
	}
	if s.to != exchange.None {
		c.State = s.to
	}
	c.Changed = e.At
	return nil
}

// released logs who let a notice go. Of one that its recipient gave back after a rollback that stood in the part of the log that was lost.
func released(tx *store.Tx, e exchange.Event, why because) error {
	if why.assertion == nil {
		return nil
	}
	op := &translog.Op{
		Verb: translog.Disclose, Who: e.Actor, Why: "governance", Basis: "none", Case: e.Docket.GetCaseToken(),
		Of: []translog.Hash{translog.Hash(e.Msg)}, OfCount: 1, Recipient: e.To,
	}
	return appendOp(tx, op, why.assertion)
}

// admitNotice judges a message that is a notice, or that came under a notice's token.
func (d *Desk) admitNotice(c *held, a *post.Arrival) (post.Admission, error) {
	if c.told || a.Docket.GetKind() != rogatoryv1.Kind_KIND_GOVERNANCE || len(a.Docket.GetOf()) != 0 {
		return post.Admission{Reject: RejectNotice}, nil
	}
	unit := d.route(a.Docket)
	if unit == "" {
		return post.Admission{Reject: RejectUnit}, nil
	}
	return post.Admission{
		CaseToken: a.Docket.GetCaseToken(), Unit: unit,
		Record: func(tx *store.Tx) error {
			n := &held{unit: unit, kind: a.Docket.GetKind(), Case: exchange.Case{Kind: kindNotice}}
			e := exchange.Event{
				Kind: exchange.EventArrived, At: a.At, Msg: exchange.Name(a.Name), From: a.From, To: d.cfg.Node.Country,
				Docket: a.Docket, Who: exchange.Peer,
			}
			if err := n.stepNotice(tx, e, because{}, false); err != nil {
				return err
			}
			if err := n.save(tx, d.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
			return d.expect(tx, a)
		},
	}, nil
}

// loadNotice returns a notice as its row says.
func loadNotice(s *storev1.CaseSummary) *held {
	c := &held{
		unit: s.GetUnit(), opened: s.GetOpenedMs(), kind: rogatoryv1.Kind(s.GetKind()), told: true,
		Case: exchange.Case{
			Token: s.GetToken(), Kind: kindNotice, Side: exchange.Answering, Peer: s.GetPeer(), State: exchange.State(s.GetState()),
			Changed: int64(s.GetUpdatedMs()),
		},
	}
	if s.GetSide() == "asking" {
		c.Side = exchange.Opening
	}
	return c
}
