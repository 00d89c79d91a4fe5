package node_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/audit/replay"
)

// honestSeeds of the histories; many_test.go has more.
var honestSeeds = []uint64{1}

// Three nodes ask and answer one another while links are cut, frames are lost, repeated and reordered, and nodes restart. Their logs are then exported,
// verified, replayed and reconciled: nothing is found in what honest nodes write, whatever happened to them.
func TestAuditorFindsNothingInHonestNodes(t *testing.T) {
	for _, seed := range honestSeeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { honest(t, seed) }) })
	}
}

func honest(t *testing.T, seed uint64) {
	time.Sleep(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
	codes := []string{"RS", "BG", "HU"}
	f := federate(t, codes...)
	random := rand.New(rand.NewPCG(seed, 11))
	var nodes []*inside
	for _, code := range codes {
		nodes = append(nodes, f.node[code].run())
	}
	f.net.Duplicate(0.2)
	f.net.Reorder(0.2)
	f.net.Drop(0.1)
	asked := map[string]int{} // token: who is to answer
	var tokens []string
	for range 30 {
		i := random.IntN(3)
		j := (i + 1 + random.IntN(2)) % 3
		switch random.IntN(8) {
		case 0:
			f.net.Cut(codes[i], codes[j])
		case 1:
			f.net.Heal(codes[i], codes[j])
		case 2:
			nodes[i].halt()
			time.Sleep(time.Duration(random.IntN(1200)) * time.Second)
			nodes[i] = f.node[codes[i]].run()
		case 3, 4:
			if len(tokens) > 0 {
				token := tokens[random.IntN(len(tokens))]
				if who, open := asked[token]; open && nodes[who].has(token) {
					nodes[who].reply(token)
					delete(asked, token)
				}
			}
		default:
			if token, err := nodes[i].ask(codes[j]); err == nil {
				asked[token] = j
				tokens = append(tokens, token)
			} else {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(random.IntN(240)) * time.Second)
	}
	for i := range codes {
		for j := range codes {
			f.net.Heal(codes[i], codes[j])
		}
	}
	f.net.Drop(0)
	settled(t, nodes)
	time.Sleep(time.Duration(10+random.IntN(50)) * time.Minute) // rounds
	for _, in := range nodes {
		in.halt()
	}
	a, err := audit.NewAnchor([][]byte{f.directory.Signed()})
	must(t, err)
	var readers []*archive.Reader
	for _, code := range codes {
		c := f.node[code]
		r := c.exported()
		readers = append(readers, r)
		checked, err := audit.Verify(t.Context(), r, a, audit.Options{})
		must(t, err)
		again, err := replay.Run(t.Context(), r, replay.Options{Anchor: a})
		must(t, err)
		for _, found := range append(checked.Findings, again.Findings...) {
			t.Errorf("%s: %s", code, found)
		}
		if sent := c.leaves(ofKind((*translog.Msg)(nil).Kind())); sent == 0 || checked.Assurance != audit.A3 {
			t.Errorf("%s: %d messages, %s", code, sent, checked.Line())
		}
	}
	for i := range readers {
		for j := range i {
			res, err := reconcile.Run(t.Context(), readers[i], readers[j], reconcile.Options{Anchor: a})
			must(t, err)
			for _, found := range res.Findings {
				t.Errorf("%s and %s: %s", codes[i], codes[j], found)
			}
		}
	}
}
