package main

import (
	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/client"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

func (p *program) requestHold() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "hold CASE", Short: "Put a case under legal hold: nothing in it is erased until it is released", Args: exactly(1),
		Example: `  rogatory-node request hold RS-2026-000123 --reason court-order
  rogatory-node request release RS-2026-000123 --reason order-lifted`,
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: rogatoryv1.Verb_VERB_HOLD, CaseToken: args[0], Reason: reason})
		},
	}
	reasonFlag(c, &reason)
	return c
}

// requestRelease is one word for two things that are never both possible: without a reason it lets an answer go, with one it ends a legal hold.
func (p *program) requestRelease() *cobra.Command {
	var reason string
	c := p.requestApprove("release", "Release an answer that another officer wrote: it is sent; with --reason: release the case from legal hold", rogatoryv1.Verb_VERB_APPROVE)
	answer := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if reason == "" {
			return answer(c, args)
		}
		return p.do(c, client.Want{Verb: rogatoryv1.Verb_VERB_RELEASE, CaseToken: args[0], Reason: reason})
	}
	c.Flags().StringVar(&reason, "reason", "", "coded reason of ending a legal hold: 1 to 64 of a-z, 0-9, . and -")
	return c
}

func (p *program) requestKeep() *cobra.Command {
	var reason, item string
	c := &cobra.Command{
		Use: "keep CASE", Short: "Keep a reviewed case, or give up the proposal to erase a message", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			w := client.Want{Verb: rogatoryv1.Verb_VERB_KEEP, CaseToken: args[0], Reason: reason}
			if item != "" {
				cl, err := p.dialAs()
				if err != nil {
					return err
				}
				defer cl.Close()
				shown, err := p.show(c.Context(), cl, args[0], "erasure")
				if err != nil {
					return err
				}
				found, err := pick(shown, []string{item})
				if err != nil {
					return err
				}
				w.Subject = found[0].GetMsg()
			}
			return p.do(c, w)
		},
	}
	c.Flags().StringVar(&item, "item", "", "the message that was to be erased: the beginning of its name")
	reasonFlag(c, &reason)
	return c
}

func reasonFlag(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why, coded: 1 to 64 of a-z, 0-9, . and -")
	_ = c.MarkFlagRequired("reason")
}
