package node_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
)

// A node whose clock was two days ahead for a while has made keys of days that no manifest may name yet. When the clock is right again the
// node starts and is reached as before.
func TestNodeStartsAfterItsClockWasDaysAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		folder := filepath.Join(f.node["RS"].dir, setup.RingFolder)
		ring, err := keyring.OpenRing(filepath.Join(folder, keyring.RingFile), keyring.Plain())
		must(t, err)
		keys, err := ring.OpenSealing(filepath.Join(folder, keyring.SealingFile))
		must(t, err)
		_, _, err = keys.EnsureDays(time.Now().Add(48 * time.Hour))
		must(t, err)
		rs, bg := f.node["RS"].run(slow), f.node["BG"].run(slow)
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		k := &talk{T: t, f: f, rs: rs.founder(1), bg: bg.founder(1)}
		k.ask("police-request-normal.json")
		k.end()
	})
}
