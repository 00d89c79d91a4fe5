package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func (p *program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the node is",
		Long:  "status says how the node is. Exit status 0: well, 1: an operator should look at something, 3: it does not answer.",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			s, err := cl.Operator.Status(ctx, &nodev1.StatusRequest{})
			if err != nil {
				return err
			}
			if p.json {
				err = p.out.message(s)
			} else {
				p.printStatus(s)
			}
			if err == nil && (len(s.GetWarnings()) > 0 || !s.GetConnected() || !s.GetCleared()) {
				return &failure{answerIsNo, errSilent, ""}
			}
			return err
		},
	}
}

func (p *program) printStatus(s *nodev1.StatusResponse) {
	line := func(name, format string, args ...any) { p.out.printf("%-12s%s\n", name, fmt.Sprintf(format, args...)) }
	yes := func(ok bool, yes, no string) string {
		if ok {
			return p.out.paint(green, yes)
		}
		return p.out.paint(red, no)
	}
	line("node", "%s, version %s, up for %s", p.out.paint(bold, s.GetCountry()), s.GetVersion(), span(time.Since(time.UnixMilli(int64(s.GetStartedMs())))))
	line("backbone", "%s", yes(s.GetConnected(), "connected", "not connected"))
	line("cleared", "%s", yes(s.GetCleared(), "yes", "no: "+oneLine(s.GetUnclearedReason())))
	line("log", "%d leaves", s.GetLogSize())
	line("directory", "version %d", s.GetDirectoryVersion())
	line("manifest", "version %d", s.GetManifestVersion())
	line("outbox", "%d waiting for a receipt", s.GetOutbox())
	line("parked", "%d", s.GetParked())
	line("seen again", "%d, answered with the receipt they had", s.GetDuplicates())
	line("refused", "%d not authentic", s.GetInauthentic())
	for _, w := range s.GetWarnings() {
		line(p.out.paint(yellow, "warning"), "%s", oneLine(w))
	}
}

func (p *program) peersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "peers", Short: "List the peers and what waits for them", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			resp, err := cl.Operator.Peers(ctx, &nodev1.PeersRequest{})
			if err != nil {
				return err
			}
			var rows [][]cell
			now := time.Now()
			for _, peer := range resp.GetPeers() {
				if p.json {
					if err := p.out.message(peer); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, peerRow(peer, now))
			}
			if !p.json {
				p.out.table([]string{"PEER", "MANIFEST", "HEARD", "WAITING", "OLDEST", "ITS LOG", "STATE"}, rows)
			}
			return nil
		},
	}
}

func peerRow(peer *nodev1.Peer, now time.Time) []cell {
	state := cell{"well", green}
	switch {
	case peer.GetForked():
		state = cell{"FORKED: its log shows two histories", red}
	case peer.GetManifestVersion() == 0:
		state = cell{"no manifest yet", yellow}
	case peer.GetStale():
		state = cell{"stale manifest", yellow}
	case len(peer.GetGaps()) > 0:
		state = cell{fmt.Sprintf("%d gaps", len(peer.GetGaps())), yellow}
	}
	row := plain(peer.GetCountry(), strconv.FormatUint(peer.GetManifestVersion(), 10), ago(peer.GetHeardMs(), now),
		strconv.FormatUint(peer.GetWaiting(), 10), ago(peer.GetOldestMs(), now), strconv.FormatUint(peer.GetLogSize(), 10))
	return append(row, state)
}

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
			var rows [][]cell
			for _, r := range resp.GetParked() {
				if p.json {
					if err := p.out.message(r); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, plain(strconv.FormatUint(r.GetId(), 10), r.GetFrom(), r.GetReason(), moment(r.GetAtMs()), hex.EncodeToString(r.GetMsg())))
			}
			if !p.json {
				p.out.table([]string{"ID", "FROM", "REASON", "SINCE", "MESSAGE"}, rows)
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
		return p.out.message(resp)
	case drop:
		p.out.printf("%d is refused\n", id)
	default:
		p.out.printf("%d went to case %s\n", id, resp.GetCaseToken())
	}
	return nil
}
