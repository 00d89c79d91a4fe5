package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rogatory/rogatory/node/cmd/internal/terminal"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

func (p *program) peersCommand() *cobra.Command {
	c := &cobra.Command{
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
			var rows [][]terminal.Cell
			now := time.Now()
			for _, peer := range resp.GetPeers() {
				if p.json {
					if err := printJSON(p.out, peer); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, peerRow(peer, now))
			}
			if !p.json {
				p.out.Table([]string{"PEER", "MANIFEST", "HEARD", "WAITING", "OLDEST", "ITS LOG", "COSIGNED", "COSIGNS OURS", "STATE"}, rows)
			}
			return nil
		},
	}
	c.AddCommand(p.recosignCommand())
	return c
}

// recosignCommand is the operator's word after a fork.
func (p *program) recosignCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recosign COUNTRY",
		Short: "Cosign a peer's log again that has shown two histories",
		Long: "recosign takes up the cosigning of a peer's log again that was stopped because the log has shown two histories. The proofs stay. Do this when " +
			"the peer's operator has explained them; the log must continue from the head that was cosigned last.",
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.dial()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := p.within(c.Context())
			defer cancel()
			resp, err := cl.Operator.Recosign(ctx, &nodev1.RecosignRequest{Country: args[0]})
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(p.out, resp)
			}
			if resp.GetStopped() == "" {
				p.out.Printf("The log of %s is cosigned; nothing was in the way.\n", args[0])
				return nil
			}
			p.out.Printf("The log of %s is cosigned again. The proof (%s) is kept.\n", args[0], resp.GetStopped())
			return nil
		},
	}
}

func peerRow(peer *nodev1.Peer, now time.Time) []terminal.Cell {
	state := terminal.Painted("well", terminal.Green)
	switch {
	case peer.GetStopped() != "":
		state = terminal.Painted("FORKED: its log shows two histories and is not cosigned", terminal.Red)
	case peer.GetForked():
		state = terminal.Painted("has shown two histories; the proof is kept", terminal.Red)
	case peer.GetManifestVersion() == 0:
		state = terminal.Painted("no manifest yet", terminal.Yellow)
	case peer.GetStale():
		state = terminal.Painted("stale manifest", terminal.Yellow)
	case peer.GetHeld() > 0:
		state = terminal.Painted(fmt.Sprintf("%d approved messages wait for a number", peer.GetHeld()), terminal.Yellow)
	case !peer.GetConfirmed():
		state = terminal.Painted("not heard since the start", terminal.Yellow)
	case len(peer.GetGaps()) > 0:
		state = terminal.Painted(fmt.Sprintf("%d gaps", len(peer.GetGaps())), terminal.Yellow)
	}
	row := terminal.Plain(peer.GetCountry(), strconv.FormatUint(peer.GetManifestVersion(), 10), ago(peer.GetHeardMs(), now),
		strconv.FormatUint(peer.GetWaiting(), 10), ago(peer.GetOldestMs(), now), strconv.FormatUint(peer.GetLogSize(), 10),
		strconv.FormatUint(peer.GetWitnessedSize(), 10), strconv.FormatUint(peer.GetCosignedSize(), 10))
	return append(row, state)
}
