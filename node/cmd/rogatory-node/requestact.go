package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/client"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// requestApprove makes the commands by which a second officer signs what a first one wrote.
func (p *program) requestApprove(use, short string, verb rogatoryv1.Verb) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: use + " CASE", Short: short, Args: exactly(1),
		Long: short + ". It is shown before you sign, from the very bytes that your signature commits to.",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			prepared, err := cl.Prepare(ctx, client.Want{Verb: verb, CaseToken: args[0]})
			if err != nil {
				return err
			}
			for _, m := range prepared.Messages {
				p.printMessage(p.err, m.To, m.Docket, m.Content)
			}
			if len(prepared.Messages) == 0 {
				if err := p.printSent(c.Context(), cl, args[0], prepared.Act.GetSubject()); err != nil {
					return err
				}
			}
			if err := p.confirmed(yes, "Sign it?"); err != nil {
				return err
			}
			// Reading takes a person longer than the node's answer may.
			ctx, cancel = p.within(c.Context())
			defer cancel()
			resp, err := cl.Commit(ctx, prepared)
			if err != nil {
				return err
			}
			return p.printCommitted(resp, false)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// printSent shows the message that was sent already and is to be ratified. The reading is logged.
func (p *program) printSent(ctx context.Context, cl *client.Client, token string, msg []byte) error {
	resp, err := p.show(ctx, cl, token, "ratify")
	if err != nil {
		return err
	}
	for _, m := range resp.GetMessages() {
		if bytes.Equal(m.GetMsg(), msg) {
			p.printMessage(p.err, resp.GetCase().GetPeer(), m.GetDocket(), m.GetContent())
			return nil
		}
	}
	return no(fmt.Errorf("case %s does not hold the message %x", token, msg), "rogatory-node request show CASE tells what it holds")
}

func (p *program) requestDecline() *cobra.Command {
	c := p.act("decline CASE", "Decline a draft: it goes back to who wrote it; once more discards it", rogatoryv1.Verb_VERB_DECLINE)
	c.Long = `decline gives the newest draft of a case that waits for a second officer back to who wrote it. It stays in the case, marked, until another draft
takes its place. A draft that was declined and is declined once more is discarded for good; so its writer takes it back.`
	return c
}

func (p *program) requestRegister() *cobra.Command {
	return p.act("register CASE", "Take a received case up, without sending anything", rogatoryv1.Verb_VERB_REGISTER)
}

// act makes a command for an act in a case that sends nothing.
func (p *program) act(use, short string, verb rogatoryv1.Verb) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: verb, CaseToken: args[0]})
		},
	}
}

func (p *program) do(c *cobra.Command, w client.Want) error {
	cl, err := p.dialAs()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	resp, err := cl.Do(ctx, w)
	if err != nil {
		return err
	}
	return p.printCommitted(resp, false)
}

func (p *program) requestAssign() *cobra.Command {
	return &cobra.Command{
		Use: "assign CASE PSEUDONYM", Short: "Make a case somebody's of the same unit", Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: rogatoryv1.Verb_VERB_ASSIGN, CaseToken: args[0], Reason: args[1]})
		},
	}
}

func (p *program) requestTransfer() *cobra.Command {
	return &cobra.Command{
		Use: "transfer CASE UNIT", Short: "Hand a case to another unit: that one reads it from then on, and you do not", Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return p.do(c, client.Want{Verb: rogatoryv1.Verb_VERB_TRANSFER, CaseToken: args[0], Reason: args[1]})
		},
	}
}
