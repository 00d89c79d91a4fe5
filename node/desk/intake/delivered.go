package intake

import (
	"errors"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/post"
	"github.com/rogatory/rogatory/node/store"
)

// Delivered moves the case by the peer's receipt.
func (k *Clerk) Delivered(tx *store.Tx, r post.Delivery) error {
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
	err = c.Step(tx, event, k.cfg.House.Rules(false), casefile.Why{})
	var t *exchange.TransitionError
	if errors.As(err, &t) {
		// The receipt is kept whatever the case says; replay judges what does not fit.
		k.cfg.Logger.Warn("receipt does not fit its case", "case", r.CaseToken, "code", string(t.Code))
		return nil
	}
	if err != nil {
		return err
	}
	return c.Save(tx, k.cfg.Node.UndeliveredAfter)
}
