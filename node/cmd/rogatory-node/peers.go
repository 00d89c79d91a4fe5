package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

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
	case peer.GetHeld() > 0:
		state = cell{fmt.Sprintf("%d approved messages wait for a number", peer.GetHeld()), yellow}
	case !peer.GetConfirmed():
		state = cell{"not heard since the start", yellow}
	case len(peer.GetGaps()) > 0:
		state = cell{fmt.Sprintf("%d gaps", len(peer.GetGaps())), yellow}
	}
	row := plain(peer.GetCountry(), strconv.FormatUint(peer.GetManifestVersion(), 10), ago(peer.GetHeardMs(), now),
		strconv.FormatUint(peer.GetWaiting(), 10), ago(peer.GetOldestMs(), now), strconv.FormatUint(peer.GetLogSize(), 10))
	return append(row, state)
}
