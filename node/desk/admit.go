package desk

import (
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Codes of final refusals that the desk gives. A refusal by a rule has the rule's name behind "rule:".
const (
	RejectDocket     = "docket"      // docket and content do not fit each other
	RejectToken      = "case-token"  // a case token that this sender cannot open
	RejectUnit       = "unit"        // no such unit
	RejectNotice     = "notice"      // a notice whose case token names something else
	RejectTerm       = "docket-term" // the term of the case's dockets has ended
	RejectTransition = "transition:" // the case's state does not allow it; the code follows
	RejectRule       = "rule:"
)

// caseMargin is what the peer leaves of a case's size for receipts and for our own steps, in bytes.
const caseMargin = 256 << 10

// maxCode is the length of a code in a leaf.
const maxCode = 64

// Admit judges a message that arrived: its form, whose case it is, the rules, the state of the case.
func (d *Desk) Admit(tx *store.Tx, a *post.Arrival) (post.Admission, error) {
	if !lint.FollowsFrom(a.Docket, a.Content) {
		return post.Admission{Reject: RejectDocket}, nil
	}
	if err := d.files.Room(int64(proto.Size(a.Content))); err != nil {
		return post.Admission{}, err // it comes again
	}
	c, err := casefile.Load(&tx.Reader, a.Docket.GetCaseToken())
	if err != nil {
		return post.Admission{}, err
	}
	if c.Expired {
		return post.Admission{Reject: RejectTerm}, nil
	}
	// A case in which messages wait for the one that opens it is nobody's yet.
	unopened := !c.Told || c.Kind == ""
	if unopened && !mayBegin(a) {
		return post.Admission{Reject: RejectToken}, nil
	}
	if c.Notice() || a.Docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE {
		return d.admitNotice(c, a)
	}
	unit := c.Unit
	if !c.Told || unopened && casefile.Opens(a.Docket) {
		// Who opens the case says where it goes, whoever wrote first.
		u := d.route(a.Docket)
		if u == "" {
			return post.Admission{Reject: RejectUnit}, nil
		}
		unit = u
		c.Begin(a.Docket.GetKind())
	}
	why := casefile.Why{Commit: a.DocketCommit(), Unit: unit}
	if a.Docket.GetMethod() == lint.MethodAsk && casefile.Opens(a.Docket) {
		if err = d.decide(tx, a, unit, &why); err != nil {
			return post.Admission{}, err
		}
		if why.Decision.Verdict == rogatoryv1.Verdict_VERDICT_REFUSE {
			return post.Admission{Reject: clip(RejectRule + why.Decision.Rule)}, nil
		}
	}
	event := exchange.Event{
		Kind: exchange.EventArrived, At: a.At, Index: uint64(a.Index), Msg: exchange.Name(a.Name),
		From: a.From, To: d.cfg.Node.Country, Sent: int64(a.Message.GetSubmittedMs()), Docket: a.Docket, Who: exchange.Peer,
	}
	rules := d.ruleset(false)
	next, _, err := exchange.Apply(c.Case, event, rules)
	if err != nil {
		var t *exchange.TransitionError
		if errors.As(err, &t) && t.Code != exchange.CodeTooManyWaiting { // else it comes again when there is room
			return post.Admission{Reject: clip(RejectTransition + string(t.Code))}, nil
		}
		return post.Admission{}, err
	}
	// What the store does not take is refused here: a record that fails stops the node.
	if len(next.Encode()) > store.MaxCase-caseMargin {
		return post.Admission{Reject: RejectTransition + string(exchange.CodeTooLarge)}, nil
	}
	return post.Admission{
		CaseToken: a.Docket.GetCaseToken(), Unit: unit,
		Record: func(tx *store.Tx) error {
			if err := c.HandTo(tx, unit); err != nil {
				return err
			}
			if err := c.Step(tx, event, rules, why); err != nil {
				return err
			}
			if err := c.Save(tx, d.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
			return d.files.Expect(tx, a)
		},
	}, nil
}

// clip keeps a code within what a leaf takes.
func clip(code string) string { return code[:min(len(code), maxCode)] }

// route returns the unit that a message which opens a case goes to, by name or by the routing table.
func (d *Desk) route(docket *rogatoryv1.Docket) string {
	if name := docket.GetToUnit(); name != "" {
		if d.cfg.Node.Unit(name) == nil {
			return ""
		}
		return name
	}
	if u := d.cfg.Node.Route(docket.GetKind().String(), docket.GetAuthority().String()); u != nil {
		return u.Name
	}
	return ""
}

// decide asks the directory's rules what becomes of a message for a unit, and notes the answer. Whoever reads the log decides the same again: from
// the docket, the directory and the manifests that it names, the time of the message's leaf and the leaves of the hour before.
func (d *Desk) decide(tx *store.Tx, a *post.Arrival, unit string, why *casefile.Why) error {
	policy := d.cfg.Peers.Directory().Policy()
	q := federation.Question{
		Docket: a.Docket, From: a.From, To: d.cfg.Node.Country,
		// It may have become stale since the envelope was opened.
		Fresh: a.Fresh && d.cfg.Peers.Fresh(a.From, time.UnixMilli(a.At)),
	}
	if own := d.cfg.Peers.Manifest(d.cfg.Node.Country); own != nil {
		q.Services, q.Capacity, why.Manifest = own.Services(unit), own.Capacity(), int64(own.Version())
	}
	decision := policy.Decide(q)
	if decision.Verdict == rogatoryv1.Verdict_VERDICT_ANSWER && q.Capacity != 0 {
		// Nothing but an automatic answer depends on how much came before.
		var err error
		if q.Hour, err = d.counts.within(tx, d.cfg.Store.Size(), a.From, a.At); err != nil {
			return err
		}
		decision = policy.Decide(q)
	}
	why.Decision, why.Policy = decision, policy.Digest()
	return nil
}

// mayBegin reports whether a message may be the first that we see of its case. A case is named by the country that opened it, so its first
// message is that country's, even if it is not the one that opens it and has to wait for that. Only in a joint case may a party's word come before the
// leader's. Nobody can so take a token that another country, or ours, is going to use.
func mayBegin(a *post.Arrival) bool {
	token := a.Docket.GetCaseToken()
	if !casefile.WellFormed(token) {
		return false
	}
	return token[:2] == a.From || a.Docket.GetKind() == rogatoryv1.Kind_KIND_JOINT && !casefile.Opens(a.Docket) && token[:2] != a.Message.GetTo()
}

// Delivered moves the case by the peer's receipt.
func (d *Desk) Delivered(tx *store.Tx, r post.Delivery) error {
	if r.Whole || r.CaseToken == "" {
		return nil
	}
	c, err := casefile.Load(&tx.Reader, r.CaseToken)
	if err != nil {
		return err
	}
	if !c.Told || c.Expired {
		return nil
	}
	// The time is the peer's word: not long before the message was made, and not after we heard of it.
	at := r.At
	if m, ok := c.Message(exchange.Name(r.Name)); ok {
		at = max(at, m.Sent-federation.ClockSkew.Milliseconds())
	}
	event := exchange.Event{Kind: exchange.EventReceived, At: min(at, tx.At()), Index: uint64(tx.Size()), Of: exchange.Name(r.Name), Who: exchange.Peer}
	if r.Reject != "" {
		event.Kind = exchange.EventRejected
	}
	err = c.Step(tx, event, d.ruleset(false), casefile.Why{})
	var t *exchange.TransitionError
	if errors.As(err, &t) {
		// The receipt is kept whatever the case says; replay judges what does not fit.
		d.log.Warn("receipt does not fit its case", "case", r.CaseToken, "code", string(t.Code))
		return nil
	}
	if err != nil {
		return err
	}
	return c.Save(tx, d.cfg.Node.UndeliveredAfter)
}

// admitNotice judges a message that is a notice, or that came under a notice's token.
func (d *Desk) admitNotice(c *casefile.File, a *post.Arrival) (post.Admission, error) {
	if c.Told || a.Docket.GetKind() != rogatoryv1.Kind_KIND_GOVERNANCE || len(a.Docket.GetOf()) != 0 {
		return post.Admission{Reject: RejectNotice}, nil
	}
	unit := d.route(a.Docket)
	if unit == "" {
		return post.Admission{Reject: RejectUnit}, nil
	}
	return post.Admission{
		CaseToken: a.Docket.GetCaseToken(), Unit: unit,
		Record: func(tx *store.Tx) error {
			n := &casefile.File{Unit: unit}
			n.Begin(a.Docket.GetKind())
			e := exchange.Event{
				Kind: exchange.EventArrived, At: a.At, Msg: exchange.Name(a.Name), From: a.From, To: d.cfg.Node.Country,
				Docket: a.Docket, Who: exchange.Peer,
			}
			if err := n.Step(tx, e, exchange.Rules{}, casefile.Why{}); err != nil {
				return err
			}
			if err := n.Save(tx, d.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
			return d.files.Expect(tx, a)
		},
	}, nil
}
