package main

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func (p *program) parkedCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List envelopes that are authentic and not understood", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			resp, err := cl.Operator.Parked(ctx, &nodev1.ParkedRequest{})
			if err != nil {
				return err
			}
			var rows [][]terminal.Cell
			for _, r := range resp.GetParked() {
				if p.json {
					if err := printJSON(p.out, r); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, terminal.Plain(strconv.FormatUint(r.GetId(), 10), r.GetFrom(), r.GetReason(), moment(r.GetAtMs()), hex.EncodeToString(r.GetMsg())))
			}
			if !p.json {
				p.out.Table([]string{"ID", "FROM", "REASON", "SINCE", "MESSAGE"}, rows)
			}
			return nil
		},
	}
	release := &cobra.Command{
		Use: "release ID", Short: "Take a parked envelope in", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return p.unpark(c, args[0], false) },
	}
	drop := &cobra.Command{
		Use: "drop ID", Short: "Refuse a parked envelope for good; its sender is told", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return p.unpark(c, args[0], true) },
	}
	return group("parked", "Authentic envelopes that were not understood", list, release, drop)
}

func (p *program) unpark(c *cobra.Command, arg string, drop bool) error {
	id, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return usage(fmt.Errorf("%q is no number of a parked envelope", arg), "rogatory-node parked list shows them")
	}
	cl, err := p.dial()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := p.within(c.Context())
	defer cancel()
	resp, err := cl.Operator.Unpark(ctx, &nodev1.UnparkRequest{Id: id, Drop: drop})
	if status.Code(err) == codes.NotFound {
		return no(fmt.Errorf("no parked envelope has the number %d", id), "rogatory-node parked list shows them")
	}
	if err != nil {
		return err
	}
	switch {
	case p.json:
		return printJSON(p.out, resp)
	case drop:
		p.out.Printf("%d is refused\n", id)
	default:
		p.out.Printf("%d went to case %s\n", id, resp.GetCaseToken())
	}
	return nil
}
