package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/client"
	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	"github.com/rogatory/rogatory/node/codes"
	"github.com/rogatory/rogatory/node/exchange"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func (p *program) requestList() *cobra.Command {
	var unit, peer string
	var states []string
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List the cases of your units, newest first", Args: noArgs,
		Long: `list prints a line for each case: number, kind, peer, unit, state, time left, flags, officer. An exclamation mark behind the state is an urgent
request. Where the output is no terminal, tabs part the columns, there is no head, and the state is a code.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 0 {
				return usage(fmt.Errorf("--limit %d", limit), "give a number of cases; 0 is all")
			}
			for _, s := range states {
				if !slices.Contains(exchange.States(), exchange.State(s)) {
					return usage(fmt.Errorf("no case is ever %q", s), "--state takes: "+strings.Join(stateCodes(), ", "))
				}
			}
			if peer = strings.ToUpper(peer); peer != "" && len(peer) != 2 {
				return usage(fmt.Errorf("%q is no country", peer), "--peer takes a code of two letters, such as BG")
			}
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			req := &nodev1.ListRequest{Unit: unit, Peer: peer, States: states}
			var rows []*nodev1.CaseRow
			for limit == 0 || len(rows) < limit {
				req.Limit = 1000
				if limit > 0 {
					req.Limit = uint32(min(limit-len(rows), 1000))
				}
				resp, err := cl.List(ctx, req)
				if err != nil {
					return err
				}
				rows = append(rows, resp.GetCases()...)
				if req.Page = resp.GetNextPage(); req.Page == "" || len(resp.GetCases()) == 0 {
					break
				}
			}
			return p.printCases(rows, time.Now())
		},
	}
	f := c.Flags()
	f.StringVar(&unit, "unit", "", "only this unit")
	f.StringVar(&peer, "peer", "", "only with this country")
	f.StringSliceVar(&states, "state", nil, "only in these states")
	f.IntVar(&limit, "limit", 0, "at most so many (default: all)")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(stateCodes(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// towards says who the other side is, and who asked; a joint case has parties instead.
func towards(r *nodev1.CaseRow) string {
	switch {
	case r.GetPeer() == "":
		return ""
	case r.GetOurs():
		return "to " + peerOf(r)
	}
	return "from " + peerOf(r)
}

func stateCodes() []string {
	var all []string
	for _, s := range exchange.States() {
		all = append(all, string(s))
	}
	return all
}

func (p *program) printCases(rows []*nodev1.CaseRow, now time.Time) error {
	var table [][]terminal.Cell
	for _, r := range rows {
		if p.json {
			if err := printJSON(p.out, r); err != nil {
				return err
			}
			continue
		}
		row := terminal.Plain(r.GetCaseToken(), r.GetKind(), towards(r), r.GetUnit())
		row = append(row, p.stateCell(r), deadlineCell(r, now))
		table = append(table, append(row, terminal.Painted(strings.Join(r.GetFlags(), " "), terminal.Yellow), terminal.Cell{Text: r.GetAssignee()}))
	}
	if !p.json {
		p.out.Table([]string{"CASE", "KIND", "PEER", "UNIT", "STATE", "TIME LEFT", "FLAGS", "OFFICER"}, table)
	}
	return nil
}

func (p *program) stateCell(r *nodev1.CaseRow) terminal.Cell {
	c := terminal.Cell{Text: r.GetState()}
	if p.out.TTY {
		c.Text = codes.Text(p.lang(), "state."+r.GetState(), nil)
	}
	if r.GetUrgent() {
		c.Text += " !"
	}
	switch exchange.State(r.GetState()) {
	case exchange.PendingApproval, exchange.Undelivered, exchange.Clarifying, exchange.Disputed:
		c.Colour = terminal.Yellow
	case exchange.Answered, exchange.NoInformation, exchange.Closed, exchange.Useful:
		c.Colour = terminal.Green
	case exchange.Refused, exchange.Rejected:
		c.Colour = terminal.Red
	}
	return c
}

// deadlineCell says how much time is left, not when it ends: that is what one acts on.
func deadlineCell(r *nodev1.CaseRow, now time.Time) terminal.Cell {
	if r.GetClockStopped() {
		return terminal.Painted("stopped", terminal.Dim)
	}
	if r.GetDeadlineMs() == 0 {
		return terminal.Cell{}
	}
	left := time.UnixMilli(int64(r.GetDeadlineMs())).Sub(now)
	switch {
	case left < 0:
		return terminal.Painted("over by "+span(-left), terminal.Red)
	case left < 4*time.Hour:
		return terminal.Painted(span(left), terminal.Yellow)
	}
	return terminal.Cell{Text: span(left)}
}

func (p *program) requestShow() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "show CASE", Short: "Print a case with its messages; the reading is logged", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			resp, err := p.show(c.Context(), cl, args[0], reason)
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(p.out, resp)
			}
			p.printCase(resp)
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "case-work", "coded reason of the reading: 1 to 64 of a-z, 0-9, . and -")
	return c
}

func (p *program) show(ctx context.Context, cl *client.Client, token, reason string) (*nodev1.ShowResponse, error) {
	ctx, cancel := p.within(ctx)
	defer cancel()
	return cl.Show(ctx, token, reason)
}

func (p *program) requestWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Print each change in your units, until interrupted", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dialAs()
			if err != nil {
				return err
			}
			defer cl.Close()
			err = cl.Watch(c.Context(), func(r *nodev1.CaseRow) error {
				if p.json {
					return printJSON(p.out, r)
				}
				p.out.Printf("%s\t%s\t%s\t%s\n", moment(r.GetUpdatedMs()), r.GetCaseToken(), r.GetState(), peerOf(r))
				return nil
			})
			if c.Context().Err() != nil {
				return nil
			}
			return err
		},
	}
}
