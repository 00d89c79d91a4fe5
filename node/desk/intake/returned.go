package intake

import (
	"errors"
	"slices"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Returned judges a message of ours that its recipient gave back after a rollback. It was approved and sent; who approved it stood in the log that
// was lost. Its step bears the time at which it was submitted.
func (k *Clerk) Returned(tx *store.Tx, r *post.Returned) (post.Admission, error) {
	token := r.Docket.GetCaseToken()
	c, err := casefile.Load(&tx.Reader, token)
	if err != nil {
		return post.Admission{}, err
	}
	notice := r.Docket.GetKind() == rogatoryv1.Kind_KIND_GOVERNANCE
	switch {
	case !c.Told:
		if !exchange.Opens(r.Docket) && !notice || !casefile.WellFormed(token) {
			return post.Admission{Reject: RejectToken}, nil
		}
		c.Unit = r.Docket.GetFromUnit()
		c.Begin(r.Docket.GetKind())
	case c.Expired || c.Notice() != notice || notice && !c.NoticeMay(exchange.EventSent):
		return post.Admission{Reject: RejectToken}, nil
	}
	who := exchange.Officer
	switch r.Docket.GetActorKind() {
	case rogatoryv1.ActorKind_ACTOR_KIND_AGENCY:
		who = exchange.Agency
	case rogatoryv1.ActorKind_ACTOR_KIND_NODE:
		who = exchange.Node
	}
	at := int64(r.Message.GetSubmittedMs())
	event := exchange.Event{
		Kind: exchange.EventSent, At: at, Index: uint64(r.Index), Msg: exchange.Name(r.Name), Sent: at,
		From: k.cfg.Node.Country, To: r.To, Docket: r.Docket, Actor: r.Docket.GetActor(), Who: who,
	}
	commit := translog.Hash(r.Message.GetDocketCommit())
	if slices.ContainsFunc(c.Drafts, func(d exchange.DraftRecord) bool { return d.Name == exchange.Name(commit) }) {
		event.Draft = exchange.Name(commit) // it was approved in the lost time
	}
	rules := k.cfg.House.Rules(true)
	events := []exchange.Event{event}
	if c.Told && c.Kind == exchange.KindRequest && c.Side == exchange.Answering && c.State == exchange.Received {
		// Whoever answers a request has taken it up: that step was lost.
		taken := event
		taken.Kind, taken.Of = exchange.EventRegister, event.Msg
		taken.Msg, taken.Sent, taken.From, taken.To, taken.Docket, taken.Draft = exchange.Name{}, 0, "", "", nil, exchange.Name{}
		events = []exchange.Event{taken, event}
	}
	if !notice {
		next := c.Case
		for _, e := range events {
			if next, _, err = exchange.Apply(next, e, rules); err != nil {
				var t *exchange.TransitionError
				if errors.As(err, &t) {
					return post.Admission{Reject: clip(RejectTransition + string(t.Code))}, nil
				}
				return post.Admission{}, err
			}
		}
	}
	return post.Admission{
		CaseToken: token, Unit: r.Docket.GetFromUnit(),
		Record: func(tx *store.Tx) error {
			for _, e := range events {
				why := casefile.Why{Commit: commit}
				if e.Kind == exchange.EventRegister {
					why = casefile.Why{Local: &rogatoryv1.Docket{CaseToken: token, FromUnit: r.Docket.GetFromUnit(), Actor: e.Actor, ActorKind: r.Docket.GetActorKind()}}
				}
				if err := c.Step(tx, e, rules, why); err != nil {
					return err
				}
			}
			if err := c.Save(tx, k.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
			return errors.Join(drafts.DropSent(tx, token, commit), attachments.ListAgain(tx, r.Content.GetAttachments(), &storev1.AttachmentCopy{
				Peer: r.To, Msg: r.Name[:], CaseToken: token, LeafIndex: uint64(r.Index),
			}))
		},
	}, nil
}
