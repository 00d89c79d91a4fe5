package desk

import (
	"context"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
)

// house is our own policy, by the configuration.
func (d *Desk) house() exchange.House {
	var h exchange.House
	for _, u := range d.cfg.Node.Units {
		h.Units = append(h.Units, exchange.HouseUnit{Name: u.Name, FourEyes: u.FourEyes, Agencies: u.Agencies})
	}
	return h
}

// notePolicy logs our own policy, which changes at a start only, so that whoever reads the log knows whose word sufficed. Its version is the
// index of its leaf.
func (d *Desk) notePolicy() error {
	policy := d.house().Encode()
	_, err := d.cfg.Store.Update(context.Background(), func(tx *store.Tx) error {
		index, err := tx.Append(&translog.Policy{
			Name: exchange.HousePolicy, Version: tx.Size(), Digest: exchange.PolicyDigest(policy),
		})
		if err != nil {
			return err
		}
		return tx.PutSide(index, "policy", policy)
	})
	if err != nil {
		return fmt.Errorf("logging our own policy: %w", err)
	}
	return nil
}
