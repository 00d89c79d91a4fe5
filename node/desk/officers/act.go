package officers

import (
	"context"

	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// UseUp uses up an act that was verified, in the transaction that does it: whoever has recorded it cannot do it again. Its nonce is kept until its time is
// over, across restarts.
func UseUp(tx *store.Tx, act *rogatoryv1.Act) error {
	return tx.UseNonce(act.GetNonce(), act.GetAtMs()+uint64(2*federation.ActSkew.Milliseconds()))
}

// Once uses up an act that was verified and only looks.
func (r *Register) Once(ctx context.Context, a *rogatoryv1.Assertion) error {
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return err
	}
	_, err = r.store.Update(ctx, func(tx *store.Tx) error { return UseUp(tx, act) })
	return err
}
