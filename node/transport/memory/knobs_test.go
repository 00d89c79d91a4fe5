package memory_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/memory"
)

// A sender that resends until it is answered and a recipient that knows what it has seen get everything across, whatever the
// backbone does: the contract that the durable lane rests on.
func TestResendingThroughABadBackboneLosesNothing(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			const messages = 50
			m := memory.New(memory.Options{Seed: seed, FramesPerSender: 20}, members...)
			m.Duplicate(0.2)
			m.Reorder(0.3)
			m.Drop(0.2)
			m.Delay("RS", "BG", 200*time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			rs, bg := m.Port("RS"), m.Port("BG")

			receipts := make(chan uint32, 10*messages)
			receive := func(n transport.Net, from string, take func(uint32)) {
				for {
					frames, err := n.Receive(ctx, from, 1<<20)
					if ctx.Err() != nil {
						return
					}
					if errors.Is(err, transport.ErrUnavailable) {
						select {
						case <-n.Changed():
						case <-ctx.Done():
						}
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					for _, f := range frames {
						take(binary.BigEndian.Uint32(f.Data))
						f.Ack()
					}
				}
			}
			effects := map[uint32]int{} // owned by BG's receiver
			running.Go(func() {
				receive(bg, "RS", func(i uint32) {
					if effects[i] == 0 {
						effects[i]++
					}
					_ = bg.Publish(ctx, "RS", binary.BigEndian.AppendUint32(nil, i)) // lost receipts are asked for again
				})
			})
			running.Go(func() { receive(rs, "BG", func(i uint32) { receipts <- i }) })
			running.Go(func() {
				dice := rand.New(rand.NewPCG(seed, 1))
				for ctx.Err() == nil {
					time.Sleep(time.Duration(dice.IntN(20)) * time.Second)
					m.Cut("RS", "BG")
					time.Sleep(time.Duration(dice.IntN(20)) * time.Second)
					m.Heal("RS", "BG")
					m.Disconnect("BG")
					time.Sleep(time.Duration(dice.IntN(5)) * time.Second)
					m.Connect("BG")
				}
			})

			open := map[uint32]bool{}
			for i := range uint32(messages) {
				open[i] = true
			}
			for start := time.Now(); len(open) > 0; {
				if time.Since(start) > 24*time.Hour {
					t.Fatalf("seed %d: %d messages without receipt after a day", seed, len(open))
				}
				for i := range open {
					err := rs.Publish(ctx, "BG", binary.BigEndian.AppendUint32(nil, i))
					if err != nil && !errors.Is(err, transport.ErrFull) {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Second)
				for len(receipts) > 0 {
					delete(open, <-receipts)
				}
			}
			cancel()
			running.Wait()
			if len(effects) != messages {
				t.Errorf("seed %d: %d effects of %d", seed, len(effects), messages)
			}
		})
	}
}
