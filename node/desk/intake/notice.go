package intake

import (
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// admitNotice judges a message that is a notice, or that came under a notice's token.
func (k *Clerk) admitNotice(c *casefile.File, a *post.Arrival) (post.Admission, error) {
	if c.Told || a.Docket.GetKind() != rogatoryv1.Kind_KIND_GOVERNANCE || len(a.Docket.GetOf()) != 0 {
		return post.Admission{Reject: RejectNotice}, nil
	}
	unit := k.route(a.Docket)
	if unit == "" {
		return post.Admission{Reject: RejectUnit}, nil
	}
	return post.Admission{
		CaseToken: a.Docket.GetCaseToken(), Unit: unit,
		Record: func(tx *store.Tx) error {
			n := &casefile.File{Unit: unit}
			n.Begin(a.Docket.GetKind())
			e := exchange.Event{
				Kind: exchange.EventArrived, At: a.At, Msg: exchange.Name(a.Name), From: a.From, To: k.cfg.Node.Country,
				Docket: a.Docket, Who: exchange.Peer,
			}
			if err := n.Step(tx, e, rules.Rules{}, casefile.Why{}); err != nil {
				return err
			}
			if err := n.Save(tx, k.cfg.Node.UndeliveredAfter); err != nil {
				return err
			}
			return k.cfg.Files.Expect(tx, a)
		},
	}, nil
}
