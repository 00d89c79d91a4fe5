package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
)

func (p *program) keyCommand() *cobra.Command {
	return group("key", "The node's identity keys: show, rotate", p.keyShow(), p.keyRotate())
}

func (p *program) keyShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Print the identity keys with their fingerprints", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			ring, err := p.ring(cfg)
			if err != nil {
				return err
			}
			return p.printIdentities(ring)
		},
	}
}

func (p *program) printIdentities(ring *keyring.Ring) error {
	for i, id := range ring.Identities(time.Now()) {
		public := id.Key.Public()
		if p.json {
			if err := p.out.Value(map[string]any{
				"kid": public.KID().String(), "fingerprint": public.Fingerprint(), "notBeforeMs": id.NotBeforeMS, "notAfterMs": id.NotAfterMS,
				"signs": i == 0, "endorsed": len(id.Endorsement) > 0,
			}); err != nil {
				return err
			}
			continue
		}
		use := "accepted"
		if i == 0 {
			use = "signs"
		}
		p.out.Printf("%s  %s, from %s to %s\n\n%s\n\n", p.out.Paint(terminal.Bold, public.KID().String()), use, moment(id.NotBeforeMS), moment(id.NotAfterMS), indent(digits(public.Fingerprint())))
	}
	return nil
}

func (p *program) keyRotate() *cobra.Command {
	overlap, life := durationFlag(30*24*time.Hour), durationFlag(setup.IdentityLife)
	var yes bool
	c := &cobra.Command{
		Use: "rotate", Short: "Make a new identity key that the present one endorses", Args: noArgs,
		Long: `rotate makes a new signing key. Peers accept it by the endorsement of the one before, so the directory need not change; the old one stays
good for the overlap, which is longer than any peer may be away. Stop the node first, and start it afterwards: it publishes the new key and signs what waits in the
outbox anew. Copy the ring to the safe.`,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := p.load()
			if err != nil {
				return err
			}
			return p.rotate(cfg, time.Duration(overlap), time.Duration(life), yes)
		},
	}
	c.Flags().Var(&overlap, "overlap", "how long the old key stays good, for example 30d")
	c.Flags().Var(&life, "life", "how long the new key is good, for example 1095d")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (p *program) rotate(cfg *configs.Node, overlap, life time.Duration, yes bool) error {
	if overlap < 0 || life <= overlap {
		return usage(fmt.Errorf("a key for %s with an overlap of %s", span(life), span(overlap)), "the new key lives longer than the overlap")
	}
	lock, err := p.ringLock(cfg)
	if err != nil {
		return err
	}
	ring, err := keyring.OpenRing(cfg.RingFile(), lock)
	if err != nil {
		return p.keyError(err)
	}
	if err := stopped(cfg); err != nil {
		return err
	}
	if err := ring.RotateIdentity(cfg.Country, time.Now(), overlap, life); err != nil { // nothing is written yet
		return err
	}
	if err := p.confirmed(yes, "Shall the node have a new identity key?"); err != nil {
		return err
	}
	if err := keyring.SaveRing(cfg.RingFile(), ring, lock); err != nil {
		return p.keyError(err)
	}
	return p.printIdentities(ring)
}
