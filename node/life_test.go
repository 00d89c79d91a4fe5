package node_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// bubble runs a test in a bubble of synctest, whose time is moved to that of the examples.
func bubble(t *testing.T, f func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
		f(t)
	})
}

// pair starts two nodes and waits until both are cleared.
func pair(t *testing.T, change ...func(*configs.Node)) (f *federationOf, rs, bg *inside) {
	f = federate(t, "RS", "BG")
	rs, bg = f.node["RS"].run(change...), f.node["BG"].run(change...)
	rs.clearedIn(time.Minute)
	bg.clearedIn(time.Minute)
	return f, rs, bg
}

func (in *inside) state() *nodev1.StatusResponse {
	in.f.t.Helper()
	s, err := in.op.Status(context.Background(), &nodev1.StatusRequest{})
	if err != nil {
		in.f.t.Fatal(err)
	}
	return s
}

// within waits, in the bubble's time, for something that must become true in d.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	step := max(50*time.Millisecond, d/1000) // hours have too many blinks of an eye
	for end := time.Now().Add(d); !ok(); time.Sleep(step) {
		if time.Now().After(end) {
			t.Fatalf("%s took more than %v", what, d)
		}
	}
}

func (in *inside) clearedIn(d time.Duration) {
	in.f.t.Helper()
	within(in.f.t, d, "clearing of "+in.code, func() bool { return in.state().GetCleared() })
}

// ask sends the example request to a country.
func (in *inside) ask(to string) (string, error) {
	in.f.t.Helper()
	file := example(in.f.t, "police-request-normal.json")
	file.To, file.FromUnit = []string{to + "/police"}, "police"
	return in.send(file)
}

func (in *inside) mustAsk(to string) string {
	in.f.t.Helper()
	token, err := in.ask(to)
	if err != nil {
		in.f.t.Fatal(err)
	}
	return token
}

// leaves counts the leaves of a stopped node for which f returns true.
func (c *country) leaves(f func(translog.Leaf) bool) int {
	c.f.t.Helper()
	s := c.open()
	n := 0
	err := s.View(func(r *store.Reader) error {
		var bad error
		r.Leaves(0, func(_ int64, raw []byte) bool {
			leaf, err := translog.ParseLeaf(raw)
			bad = errors.Join(bad, err)
			if err == nil && f(leaf) {
				n++
			}
			return true
		})
		return bad
	})
	if err := errors.Join(err, s.Close()); err != nil {
		c.f.t.Fatal(err)
	}
	return n
}

func ofKind(kind string) func(translog.Leaf) bool {
	return func(l translog.Leaf) bool { return l.Kind == kind }
}

func TestMessagesArriveWithinSecondsWhenThePeerComesBack(t *testing.T) {
	for _, away := range []time.Duration{time.Minute, time.Hour, 3 * 24 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, rs, bg := pair(t, slow)
				bg.halt()
				rs.mustAsk("BG")
				time.Sleep(away)
				bg = f.node["BG"].run(slow)
				within(t, 10*time.Second, "first delivery", func() bool { return rs.state().GetOutbox() == 0 })
				rs.halt()
				bg.halt()
			})
		})
	}
}

// What the backbone took and lost while the peer was away is carried again.
func TestMessagesThatTheBackboneLostArriveWhenThePeerComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		bg.halt()
		f.net.Drop(1)
		rs.mustAsk("BG")
		time.Sleep(3 * time.Hour)
		f.net.Drop(0)
		bg = f.node["BG"].run()
		within(t, 10*time.Second, "first delivery", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
	})
}

// The receipt is lost and four days pass: the sealing key of the first attempt is destroyed by then. The message is sealed anew, has no
// second effect, and is answered with the same receipt.
func TestLostReceiptAfterFourDaysIsTheSameReceipt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t, slow)
		f.net.Delay("RS", "BG", 2*time.Second)
		token := rs.mustAsk("BG")
		time.Sleep(time.Second)
		f.net.Drop(1) // the message is on its way, its receipt will be lost
		within(t, time.Minute, "arrival", func() bool { return bg.has(token) })
		time.Sleep(time.Second)
		rs.halt()
		f.net.Drop(0)
		f.net.Delay("RS", "BG", 0)
		time.Sleep(4 * 24 * time.Hour)
		rs = f.node["RS"].run(slow)
		within(t, time.Minute, "receipt", func() bool { return rs.state().GetOutbox() == 0 })
		if bg.state().GetDuplicates() == 0 {
			t.Error("the message did not come a second time: the test shows nothing")
		}
		rs.halt()
		bg.halt()
		if n := rs.leaves(ofKind("reseal")); n == 0 {
			t.Error("no reseal leaf: what was sent again is not in the log")
		}
		oneEffect(t, f, map[string]string{token: "RS-BG"})
	})
}

// has reports whether the node has a case.
func (in *inside) has(token string) bool {
	ctx := context.Background()
	a := in.sign(&rogatoryv1.Act{Verb: rogatoryv1.Verb_VERB_LIST})
	list, err := in.desk.List(ctx, &nodev1.ListRequest{Assertion: a})
	if err != nil {
		in.f.t.Fatal(err)
	}
	for _, r := range list.GetCases() {
		if r.GetCaseToken() == token {
			return true
		}
	}
	return false
}

func TestRotatedIdentityKeyCarriesWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		f.net.Disconnect("RS")
		token := rs.mustAsk("BG")
		rs.halt()
		path := filepath.Join(rs.dir, setup.RingFolder, keyring.RingFile)
		ring, err := keyring.OpenRing(path, keyring.Plain())
		if err != nil {
			t.Fatal(err)
		}
		if err := ring.RotateIdentity("RS", time.Now(), 30*24*time.Hour, 365*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := keyring.SaveRing(path, ring, keyring.Plain()); err != nil {
			t.Fatal(err)
		}
		f.net.Connect("RS")
		rs = f.node["RS"].run()
		within(t, time.Minute, "delivery under the new key", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
		oneEffect(t, f, map[string]string{token: "RS-BG"})
	})
}

func TestTwelveNodesCutAtOnceComeBackByThemselves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		codes := []string{"AL", "BA", "BG", "GR", "HU", "IT", "ME", "MK", "RO", "RS", "SI", "TR"}
		f := federate(t, codes...)
		start := func() {
			for _, code := range codes {
				f.node[code].run(slow)
			}
		}
		start()
		time.Sleep(2 * time.Minute)
		for _, code := range codes {
			f.node[code].halt()
		}
		time.Sleep(time.Hour)
		var nodes []*inside
		for _, code := range codes {
			nodes = append(nodes, f.node[code].run(slow))
		}
		for _, in := range nodes {
			in.clearedIn(time.Minute)
		}
		for _, in := range nodes {
			in.halt()
		}
	})
}

func TestFirstStartWithoutPeersIsCleared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG")
		rs := f.node["RS"].run()
		rs.clearedIn(time.Minute)
		rs.mustAsk("BG") // it waits for the peer's first manifest
		time.Sleep(time.Hour)
		bg := f.node["BG"].run()
		within(t, time.Minute, "delivery to a newcomer", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
	})
}

// A node that its peers have not cleared keeps what officers approve, unnumbered, and sends it when they have.
func TestUnclearedNodeKeepsWhatIsApprovedAndSendsItLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		rs.halt()
		f.net.Disconnect("RS")
		rs = f.node["RS"].run()
		time.Sleep(time.Minute)
		if rs.state().GetCleared() {
			t.Fatal("cleared without having asked anybody")
		}
		token := rs.mustAsk("BG")
		if n := rs.state().GetOutbox(); n != 0 {
			t.Fatalf("%d messages were numbered by an uncleared node", n)
		}
		rs.halt() // a restart forgets nothing
		rs = f.node["RS"].run()
		f.net.Connect("RS")
		within(t, time.Minute, "delivery", func() bool { return bg.has(token) })
		within(t, time.Minute, "receipt", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
		oneEffect(t, f, map[string]string{token: "RS-BG"})
	})
}

// A majority has cleared RS; BG is away and may know more than all of them. What is for BG gets a number when BG was heard, and then comes at once.
func TestWhatIsForAPeerNotHeardSinceTheStartWaitsForItAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, bg, hu := f.node["RS"].run(), f.node["BG"].run(), f.node["HU"].run()
		for _, in := range []*inside{rs, bg, hu} {
			in.clearedIn(time.Minute)
		}
		time.Sleep(time.Minute)
		rs.halt()
		f.net.Cut("RS", "BG")
		rs = f.node["RS"].run()
		rs.clearedIn(time.Minute)
		token, other := rs.mustAsk("BG"), rs.mustAsk("HU")
		within(t, 10*time.Second, "delivery to a peer that is there", func() bool { return hu.has(other) })
		time.Sleep(5 * time.Minute)
		peers, err := rs.op.Peers(context.Background(), &nodev1.PeersRequest{})
		must(t, err)
		for _, p := range peers.GetPeers() {
			away := p.GetCountry() == "BG"
			if p.GetConfirmed() == away || p.GetHeld() > 0 != away || p.GetWaiting() != 0 {
				t.Errorf("peer %v", p)
			}
		}
		rs.halt() // a restart forgets nothing
		rs = f.node["RS"].run()
		time.Sleep(time.Minute)
		f.net.Heal("RS", "BG")
		within(t, 10*time.Second, "delivery", func() bool { return bg.has(token) })
		settled(t, []*inside{rs, bg, hu})
		rs.halt()
		bg.halt()
		hu.halt()
		oneEffect(t, f, map[string]string{token: "RS-BG", other: "RS-HU"})
	})
}

// copied copies what a node has that does not run: keys, data folder and guard.
func (c *country) copied() (folder string) {
	c.f.t.Helper()
	folder = filepath.Join(c.f.t.TempDir(), "old")
	must(c.f.t, os.CopyFS(folder, os.DirFS(c.dir)))
	return folder
}

// putBack puts a copy in the place of what a node has.
func (c *country) putBack(folder string) {
	t := c.f.t
	t.Helper()
	must(t, os.RemoveAll(c.dir))
	must(t, os.CopyFS(c.dir, os.DirFS(folder)))
	for _, private := range []string{setup.RingFolder, setup.PeopleFolder} {
		must(t, filepath.Walk(filepath.Join(c.dir, private), func(p string, i os.FileInfo, err error) error {
			if err != nil || i.IsDir() {
				return err
			}
			return os.Chmod(p, 0o600)
		}))
	}
}

// published returns the manifest, as the statement store has it, of a country that does not run.
func (f *federationOf) published(code string) (b []byte) {
	port := f.net.Port(code)
	defer port.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = port.WatchStatements(ctx, "manifest", func(from string, now []byte) {
		if from == code {
			b = now
		}
	})
	return b
}

// publish puts a manifest into the statement store for a country that does not run.
func (f *federationOf) publish(code string, b []byte) {
	f.t.Helper()
	port := f.net.Port(code)
	must(f.t, port.PutStatement(context.Background(), "manifest", b))
	must(f.t, port.Close())
}

// rolledBack waits until the node stops, uncleared, because of an older store.
func (in *inside) rolledBack() *rollback.Error {
	in.f.t.Helper()
	err := in.wait(time.Minute)
	var found *rollback.Error
	if !errors.As(err, &found) || errors.Is(err, errStillRuns) {
		in.f.t.Fatalf("a node from an old copy stopped with %v, not with a rollback", err)
	}
	return found
}

// Data folder and guard come back from an old copy: only others can notice, and do.
func TestRestoredFolderIsRefusedByTheNextStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, rs, bg := pair(t)
		rs.mustAsk("BG")
		within(t, time.Minute, "receipt", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		old := rs.copied()
		rs = rs.f.node["RS"].run()
		rs.clearedIn(time.Minute)
		bg.mustAsk("RS")
		within(t, time.Minute, "receipts", func() bool { return bg.state().GetOutbox() == 0 })
		time.Sleep(time.Minute) // heads are exchanged
		rs.halt()
		rs.putBack(old)
		rs.f.node["RS"].run().rolledBack()
		bg.halt()
	})
}

// The copy is from before the first message, and comes back before the peer has seen a newer checkpoint. What is published has been lost too, so
// the peer alone knows of the message.
func TestRestoredFolderIsRefusedThoughNoPeerHoldsANewerCheckpoint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		time.Sleep(2 * time.Minute)
		rs.halt()
		published := f.published("RS")
		old := rs.copied()
		rs = f.node["RS"].run()
		rs.clearedIn(10 * time.Second)
		rs.mustAsk("BG")
		within(t, 5*time.Second, "receipt", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt() // within the round
		rs.putBack(old)
		f.publish("RS", published)
		e := f.node["RS"].run().rolledBack()
		if e.Peer != "BG" || e.Seq != 1 || e.Given != 0 {
			t.Errorf("found by %+v", e)
		}
		if n := rs.leaves(func(l translog.Leaf) bool { m, ok := l.Entry.(*translog.Msg); return ok && m.Dir == translog.Out }); n != 0 {
			t.Errorf("%d messages were numbered from the old copy", n)
		}
		bg.halt()
	})
}

// Nothing was sent since the copy was made; only a manifest was published.
func TestRestoredFolderIsRefusedWhenOnlyAManifestWasPublished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		time.Sleep(2 * time.Minute)
		rs.halt()
		old := rs.copied()
		bg.halt() // it holds nothing newer of RS
		rs = f.node["RS"].run()
		time.Sleep(10 * time.Second)
		rs.halt()
		newest := rs.copied()
		rs.putBack(old)
		bg = f.node["BG"].run()
		if e := f.node["RS"].run().rolledBack(); e.Manifest == nil {
			t.Errorf("found by %+v", e)
		}
		rs.putBack(newest) // as the hint says
		rs = f.node["RS"].run()
		rs.clearedIn(time.Minute)
		rs.mustAsk("BG")
		within(t, time.Minute, "receipt", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The guard alone notices that the data folder was replaced.
func TestRestoredDataFolderIsRefusedByTheGuard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		rs.halt()
		data := filepath.Join(rs.dir, setup.DataFolder)
		old := filepath.Join(f.dir, "old-data")
		must(t, os.CopyFS(old, os.DirFS(data)))
		rs = f.node["RS"].run()
		rs.clearedIn(time.Minute)
		rs.mustAsk("BG")
		rs.halt()
		newer := filepath.Join(f.dir, "newer-data")
		must(t, os.Rename(data, newer))
		must(t, os.CopyFS(data, os.DirFS(old)))
		err := f.node["RS"].startErr()
		if !errors.Is(err, store.ErrRollback) {
			t.Fatalf("a node with an old data folder stopped with %v, not with a rollback", err)
		}
		must(t, os.RemoveAll(data))
		must(t, os.Rename(newer, data))
		bg.halt()
	})
}

// A member that floods is told to wait; the others are served.
func TestFloodingMemberIsToldToWaitAndOthersAreServed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := federate(t, "RS", "BG", "HU")
		rs, hu := f.node["RS"].run(slow), f.node["HU"].run(slow)
		bg := f.node["BG"].run(slow, func(c *configs.Node) { c.CapacityPerHour = 20 })
		for _, in := range []*inside{rs, hu, bg} {
			in.clearedIn(time.Minute)
		}
		sent := map[string]string{}
		for range 30 {
			sent[rs.mustAsk("BG")] = "RS-BG"
		}
		time.Sleep(10 * time.Second)
		if n := rs.state().GetOutbox(); n < 20 {
			t.Errorf("only %d of 30 messages wait: the capacity of 20 an hour did not hold", n)
		}
		sent[hu.mustAsk("BG")] = "HU-BG"
		within(t, 10*time.Second, "delivery for the other", func() bool { return hu.state().GetOutbox() == 0 })
		within(t, 6*time.Hour, "the flood's own delivery", func() bool { return rs.state().GetOutbox() == 0 })
		for _, in := range []*inside{rs, hu, bg} {
			in.halt()
		}
		oneEffect(t, f, sent)
	})
}

// An operator parks nothing by hand: what is authentic but not understood waits for a newer program, or is dropped with a receipt.
func TestGapsAreReportedAndNeverBlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		f.net.Drop(1)
		first := rs.mustAsk("BG")
		time.Sleep(100 * time.Millisecond)
		f.net.Drop(0)
		second := rs.mustAsk("BG")
		within(t, 5*time.Second, "arrival of the second", func() bool { return bg.has(second) })
		peers, err := bg.op.Peers(context.Background(), &nodev1.PeersRequest{})
		must(t, err)
		if gaps := peers.GetPeers()[0].GetGaps(); !bg.has(first) && fmt.Sprint(gaps) != "[1]" {
			t.Errorf("gaps are %v, not the first message", gaps)
		}
		within(t, time.Minute, "the rest", func() bool { return bg.has(first) && rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
	})
}
