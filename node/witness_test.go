package node_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// every sets how often a node makes a round.
func every(d time.Duration) func(*configs.Node) {
	return func(cfg *configs.Node) { cfg.Round = d }
}

// look reads the store of a node that does not run.
func (c *country) look(read func(*store.Reader) error) {
	c.f.t.Helper()
	s := c.open()
	if err := errors.Join(s.View(read), s.Close()); err != nil {
		c.f.t.Fatal(err)
	}
}

// logged returns what the log of a node that does not run says of a kind.
func logged[E translog.Entry](c *country) (list []E) {
	c.f.t.Helper()
	c.look(func(r *store.Reader) error {
		list = nil
		var bad error
		r.Leaves(0, func(_ int64, raw []byte) bool {
			leaf, err := translog.ParseLeaf(raw)
			bad = errors.Join(bad, err)
			if e, ok := leaf.Entry.(E); ok {
				list = append(list, e)
			}
			return err == nil
		})
		return bad
	})
	return list
}

// cosigned returns the kept head of a node that does not run, held against the witnesses' keys that its store has.
func (c *country) cosigned() (cp translog.Checkpoint, by []translog.Cosignature) {
	c.f.t.Helper()
	c.look(func(r *store.Reader) error {
		_, note, err := r.CosignedHead()
		if err != nil || note == nil {
			return err
		}
		var witnesses []*translog.WitnessVerifier
		if err := r.EachLatestManifest(func(peer string, latest *storev1.LatestManifest, signed []byte) bool {
			m, err := federation.KnownManifest(signed, c.f.directory, [32]byte(latest.GetDigest()))
			if err != nil {
				c.f.t.Errorf("manifest of %s: %v", peer, err)
				return true
			}
			witnesses = append(witnesses, m.Witness())
			return true
		}); err != nil {
			return err
		}
		member, err := c.f.directory.Member(c.code)
		if err != nil {
			return err
		}
		cp, by, err = translog.ParseExport(note, member.Log(), witnesses)
		return err
	})
	return cp, by
}

func TestTwelveIdleNodesWriteNoLeafAndThreeThatAreDownDoNotBreakTheQuorum(t *testing.T) {
	bubble(t, func(t *testing.T) {
		codes := []string{"AL", "BA", "BG", "GR", "HU", "IT", "ME", "MK", "RO", "RS", "SI", "TR"}
		f := federate(t, codes...)
		var nodes []*inside
		for _, code := range codes {
			nodes = append(nodes, f.node[code].run(every(10*time.Minute)))
		}
		rs := nodes[9]
		within(t, 10*time.Minute, "a request", func() bool { _, err := rs.ask("BG"); return err == nil })
		settled(t, nodes)
		time.Sleep(45 * time.Minute)
		size := map[string]uint64{}
		for _, in := range nodes {
			s := in.state()
			size[in.code] = s.GetLogSize()
			if round := s.GetRound(); round.GetDue() || round.GetCosigned() != 11 || round.GetQuorum() != 8 || len(round.GetLagging()) > 0 || round.GetQuorumSize() != round.GetSize() {
				t.Errorf("the newest round head of %s: %v", in.code, round)
			}
		}
		time.Sleep(time.Hour)
		for _, in := range nodes {
			if now := in.state().GetLogSize(); now != size[in.code] {
				t.Errorf("the log of %s has grown by %d in an idle hour", in.code, now-size[in.code])
			}
		}
		for _, in := range nodes[:2] {
			in.halt()
		}
		nodes[11].halt()
		before := rs.state().GetRound()
		rs.mustAsk("BG")
		time.Sleep(25 * time.Minute)
		round := rs.state().GetRound()
		if round.GetDue() || round.GetCosigned() != 8 || round.GetSize() <= before.GetSize() || round.GetQuorumSize() != round.GetSize() || fmt.Sprint(round.GetLagging()) != "[AL BA TR]" {
			t.Errorf("with three down: %v", round)
		}
		for _, in := range nodes {
			in.halt()
		}
		if cp, by := rs.cosigned(); uint64(cp.Size) != round.GetSize() || len(by) != 8 {
			t.Errorf("kept is %d with %d cosignatures", cp.Size, len(by))
		}
	})
}

func TestABusyNodeCostsEachPeerOneLeafARound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		_ = f
		const rounds = 20
		for range rounds * 4 {
			rs.mustAsk("BG")
			time.Sleep(15 * time.Second)
		}
		settled(t, []*inside{rs, bg})
		time.Sleep(5 * time.Minute)
		rs.halt()
		bg.halt()
		var last int64
		wits := logged[*translog.Wit](bg.country)
		for _, w := range wits {
			if w.Size <= last {
				t.Errorf("cosigned %d after %d", w.Size, last)
			}
			last = w.Size
		}
		if n := len(wits); n < rounds*8/10 || n > rounds*12/10+6 {
			t.Errorf("%d leaves of a peer in %d busy rounds", n, rounds)
		}
		if n := len(logged[*translog.Cos](rs.country)); n != len(wits) {
			t.Errorf("%d heads have their quorum, %d were cosigned", n, len(wits))
		}
	})
}

func TestAGenesisThatTheDirectoryNamesIsHeldAgainstTheFirstHead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		for _, code := range []string{"RS", "BG", "HU"} {
			in := f.node[code].run(every(100 * time.Hour))
			defer in.halt()
		}
		time.Sleep(time.Minute)
		next := proto.Clone(f.directory.Proto()).(*rogatoryv1.Directory)
		for _, c := range f.node {
			c.halt()
			c.look(func(r *store.Reader) error {
				first, err := r.Leaf(0)
				hash := translog.LeafHash(first)
				if c.code == "BG" {
					hash[0] ^= 1
				}
				for _, m := range next.GetMembers() {
					if m.GetCountry() == c.code {
						m.Genesis = hash[:]
					}
				}
				return err
			})
		}
		f.sign(next)
		var nodes []*inside
		for _, code := range []string{"RS", "BG", "HU"} {
			nodes = append(nodes, f.node[code].run())
		}
		time.Sleep(10 * time.Minute)
		for _, in := range nodes {
			want := uint32(2)
			if in.code == "BG" {
				want = 0
			}
			if round := in.state().GetRound(); round.GetCosigned() != want || round.GetSize() == 0 {
				t.Errorf("%s: %v", in.code, round)
			}
		}
	})
}
