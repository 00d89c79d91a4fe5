package online

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/node/wait"
)

const (
	// roundWidth is how many exchanges run at once.
	roundWidth = 4
	// roundTimeout bounds one exchange in a round.
	roundTimeout = 10 * time.Second
)

// roundLoop exchanges heads with all peers, every round, and when the backbone is there again: whoever started while we were away waits for us.
func (l *Lane) roundLoop(ctx context.Context) error {
	for {
		net := l.cfg.Net.Changed()
		if !wait.For(ctx, wait.Jitter(l.cfg.Node.Round), net) {
			return nil
		}
		if !l.cfg.Net.Connected() {
			continue
		}
		if err := l.round(ctx); err != nil {
			return err
		}
	}
}

// round exchanges heads with every peer that has published a sealing key for today. Only errors that end the node come back.
func (l *Lane) round(ctx context.Context) error {
	list := l.cfg.Peers.Published()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	var g errgroup.Group
	g.SetLimit(roundWidth)
	for _, peer := range list {
		if _, ok := l.cfg.Peers.SealingKey(peer, time.Now()); !ok {
			continue
		}
		g.Go(func() error {
			call, cancel := context.WithTimeout(ctx, roundTimeout)
			defer cancel()
			err := l.exchange(call, peer)
			switch {
			case err == nil || ctx.Err() != nil:
				return nil
			case ends(err):
				return err
			}
			l.log.Debug("exchanging heads failed", "peer", peer, "err", err)
			return nil
		})
	}
	return g.Wait()
}
