package desk

import (
	"context"

	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// once uses up the nonce of an assertion that was verified and only looks: whoever has recorded it cannot look with it again. It is kept until the
// assertion's time is over, across restarts.
func (d *Desk) once(ctx context.Context, a *rogatoryv1.Assertion) error {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return err
	}
	_, err = d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.UseNonce(act.GetNonce(), act.GetAtMs()+uint64(2*federation.ActSkew.Milliseconds()))
	})
	return err
}
