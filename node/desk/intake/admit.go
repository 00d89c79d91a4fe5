// Package intake judges what comes in: whose case a message is, whether the rules and the case's state let it in, and to which unit it goes. It moves the
// case by it, and by the peer's receipts for messages of ours, inside the transactions of package post.
package intake

import (
	"errors"
	"log/slog"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/house"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/lint"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Config is what a Clerk works with.
type Config struct {
	Node   *configs.Node
	Store  *store.Store
	Peers  *peers.Book
	Files  *attachments.Shelf
	House  *house.House
	Logger *slog.Logger
}

// A Clerk judges what comes in, one message after another: its methods are called in transactions.
type Clerk struct {
	cfg    Config
	counts counts // of messages within the hour
}

// New returns the clerk of a node.
func New(cfg Config) *Clerk { return &Clerk{cfg: cfg} }

var _ post.Desk = (*Clerk)(nil)

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
func (k *Clerk) Admit(tx *store.Tx, a *post.Arrival) (post.Admission, error) {
	if !lint.FollowsFrom(a.Docket, a.Content) {
		return post.Admission{Reject: RejectDocket}, nil
	}
	if err := k.cfg.Files.Room(int64(proto.Size(a.Content))); err != nil {
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
		return k.admitNotice(c, a)
	}
	unit := c.Unit
	if !c.Told || unopened && exchange.Opens(a.Docket) {
		// Who opens the case says where it goes, whoever wrote first.
		u := k.route(a.Docket)
		if u == "" {
			return post.Admission{Reject: RejectUnit}, nil
		}
		unit = u
		c.Begin(a.Docket.GetKind())
	}
	why := casefile.Why{Commit: a.DocketCommit(), Unit: unit}
	if a.Docket.GetMethod() == lint.MethodAsk && exchange.Opens(a.Docket) {
		if err = k.decide(tx, a, unit, &why); err != nil {
			return post.Admission{}, err
		}
		if why.Decision.Verdict == rogatoryv1.Verdict_VERDICT_REFUSE {
			return post.Admission{Reject: clip(RejectRule + why.Decision.Rule)}, nil
		}
	}
	event := exchange.Event{
		Kind: exchange.EventArrived, At: a.At, Index: uint64(a.Index), Msg: exchange.Name(a.Name),
		From: a.From, To: k.cfg.Node.Country, Sent: int64(a.Message.GetSubmittedMs()), Docket: a.Docket, Who: exchange.Peer,
	}
	rules := k.cfg.House.Rules(false)
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
			if err := c.Save(tx, k.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
			return k.cfg.Files.Expect(tx, a)
		},
	}, nil
}

// clip keeps a code within what a leaf takes.
func clip(code string) string { return code[:min(len(code), maxCode)] }

// route returns the unit that a message which opens a case goes to, by name or by the routing table.
func (k *Clerk) route(docket *rogatoryv1.Docket) string {
	if name := docket.GetToUnit(); name != "" {
		if k.cfg.Node.Unit(name) == nil {
			return ""
		}
		return name
	}
	if u := k.cfg.Node.Route(docket.GetKind().String(), docket.GetAuthority().String()); u != nil {
		return u.Name
	}
	return ""
}

// mayBegin reports whether a message may be the first that we see of its case. A case is named by the country that opened it, so its first
// message is that country's, even if it is not the one that opens it and has to wait for that. Only in a joint case may a party's word come before the
// leader's. Nobody can so take a token that another country, or ours, is going to use.
func mayBegin(a *post.Arrival) bool {
	token := a.Docket.GetCaseToken()
	if !casefile.WellFormed(token) {
		return false
	}
	return token[:2] == a.From || a.Docket.GetKind() == rogatoryv1.Kind_KIND_JOINT && !exchange.Opens(a.Docket) && token[:2] != a.Message.GetTo()
}
