package post

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rogatory/rogatory/crypto/translog"
)

func TestTheHeadsThatReceiptsStandOnAreToldToTheWitness(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs, bg := w.members["RS"], w.members["BG"]
		var mu sync.Mutex
		var told []translog.Checkpoint
		rs.start(func(cfg *Config) {
			cfg.Seen = func(peer string, cp translog.Checkpoint, note []byte) {
				mu.Lock()
				defer mu.Unlock()
				if parsed, err := translog.ParseCheckpoint(note, bg.log.Verifier()); peer != "BG" || err != nil || parsed != cp {
					t.Errorf("told of %s: %v, %v", peer, cp, err)
				}
				told = append(told, cp)
			}
		})
		bg.start()
		for range 3 {
			rs.send("BG", "RS-1")
			synctest.Wait()
		}
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 3 || told[0].Size >= told[2].Size {
			t.Errorf("told of %v", told)
		}
	}, "RS", "BG")
}
