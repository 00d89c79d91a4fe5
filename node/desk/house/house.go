// Package house knows the rules that a node goes by for what it sends: those of the directories, and its own policy, by which one person suffices or it
// takes two.
package house

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/exchange/rules"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A House has the rules of a node. Its methods may be called by several goroutines.
type House struct {
	node  *configs.Node
	store *store.Store
	rules atomic.Pointer[rules.Rules] // under the directory in force
}

// Open returns the rules under a directory.
func Open(node *configs.Node, s *store.Store, dir *federation.Directory) (*House, error) {
	h := &House{node: node, store: s}
	law, err := h.Under(dir)
	h.rules.Store(&law)
	return h, err
}

// Follow takes over the rules under a new directory.
func (h *House) Follow(law rules.Rules) { h.rules.Store(&law) }

// policy is our own policy, by the configuration.
func (h *House) policy() rules.House {
	var own rules.House
	for _, u := range h.node.Units {
		own.Units = append(own.Units, rules.HouseUnit{Name: u.Name, FourEyes: u.FourEyes, Agencies: u.Agencies})
	}
	return own
}

// Note logs our own policy, which changes at a start only, so that whoever reads the log knows whose word sufficed. Its version is the
// index of its leaf.
func (h *House) Note() error {
	policy := h.policy().Encode()
	_, err := h.store.Update(context.Background(), func(tx *store.Tx) error {
		index, err := tx.Append(&translog.Policy{
			Name: rules.HousePolicy, Version: tx.Size(), Digest: rules.PolicyDigest(policy),
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

// Under returns the rules of exchange under a directory and those before it, which the store has kept: a limit in working days goes by the
// calendar that was in force when it began.
func (h *House) Under(dir *federation.Directory) (rules.Rules, error) {
	var versions []*rogatoryv1.Directory
	err := h.store.View(func(r *store.Reader) error {
		for v := uint64(1); v < dir.Version(); v++ {
			_, signed, err := r.Directory(v)
			if errors.Is(err, store.ErrNotFound) {
				continue // from before this node joined
			}
			if err != nil {
				return err
			}
			pb, _, err := federation.ReadDirectory(signed)
			if err != nil {
				return err
			}
			versions = append(versions, pb)
		}
		return nil
	})
	if err != nil {
		return rules.Rules{}, err
	}
	return rules.Of(append(versions, dir.Proto())...)
}

// Rules returns the rules that apply to what is sent from a unit; alone says that one person suffices for this message, else it takes two.
func (h *House) Rules(alone bool) rules.Rules {
	return h.rules.Load().Alike(alone)
}

// Alone reports whether the officer may send a message in a case from a unit without a second person.
func (h *House) Alone(r *store.Reader, c *casefile.File, officer *rogatoryv1.Officer, unit string, docket *rogatoryv1.Docket) (bool, error) {
	answer, err := c.AnswersItself(r)
	if err != nil {
		return false, err
	}
	return h.policy().Alone(unit, officer.GetPseudonym(), officer.GetAgency(), answer, docket), nil
}
