package online

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// dirs returns the versions of a member's manifests that the node's log names.
func dirs(n *node, member string) (versions []int64) {
	for _, d := range leaves[*translog.Dir](n) {
		if d.Member == member {
			versions = append(versions, d.Version)
		}
	}
	return versions
}

func TestManifestsAreLearnedAndLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		time.Sleep(10 * time.Second)
		m := bg.book.Manifest("RS")
		if m == nil || m.Version() != rs.book.OwnVersion() {
			t.Fatal("BG does not know the newest manifest of RS")
		}
		if _, _, ok := m.Head(); !ok {
			t.Error("a cleared node's manifest has no head")
		}
		if units := m.Units(); len(units) != 1 || units[0].GetName() != "police" || units[0].GetAuthority() != rogatoryv1.Authority_AUTHORITY_POLICE {
			t.Errorf("units are %v", units)
		}
		if v := dirs(bg, "RS"); v[len(v)-1] != int64(m.Version()) {
			t.Errorf("log of BG names versions %v of RS", v)
		}
		list := leaves[*translog.Dir](rs)
		for i, d := range list {
			var prev translog.Hash
			for _, before := range list[:i] {
				if before.Member == d.Member {
					prev = before.Digest
				}
			}
			if d.Prev != prev {
				t.Errorf("leaf %d names %s as the version before, not %s", i, d.Prev, prev)
			}
		}
		size := bg.store.Head().Size
		time.Sleep(time.Minute)
		if now := bg.store.Head().Size; now != size {
			t.Errorf("a quiet minute of rounds has grown the log by %d leaves", now-size)
		}
		rs.restart()
		rs.cleared()
		if v := dirs(rs, "BG"); len(v) == 0 || len(v) > len(dirs(bg, "BG")) {
			t.Errorf("log of RS names versions %v of BG", v)
		}
	})
}

func TestMidnightBringsASealingKeyAndTakesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.round = 12 * time.Hour
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		rs.cleared()
		bg.cleared()
		created := func() (n, destroyed int) {
			for _, k := range leaves[*translog.Key](rs) {
				switch {
				case k.Use == "sealing" && k.Event == "create":
					n++
				case k.Use == "sealing" && k.Event == "destroy":
					destroyed++
				}
			}
			return n, destroyed
		}
		if n, d := created(); n != keyring.PublishAhead+1 || d != 0 {
			t.Fatalf("%d keys created, %d destroyed at the first start", n, d)
		}
		const days = 6
		first := sha256.Sum256(rs.keys.All()[0].Public().Bytes())
		time.Sleep(days*24*time.Hour + time.Minute)
		n, d := created()
		if n != keyring.PublishAhead+1+days || d != days-3 && d != days-2 {
			t.Errorf("%d keys created, %d destroyed after six days", n, d)
		}
		for _, k := range leaves[*translog.Key](rs) {
			if k.Event == "destroy" {
				if k.Key != first {
					t.Error("the first key destroyed is not the first one made")
				}
				break
			}
		}
		if _, ok := bg.book.SealingKey("RS", time.Now().Add(keyring.PublishAhead*24*time.Hour-time.Minute)); !ok {
			t.Error("BG does not know the keys of the next days")
		}
		if !bg.book.Fresh("RS", time.Now()) {
			t.Error("the manifest is stale")
		}
		if v := dirs(rs, "RS"); len(v) > 2+days*6 {
			t.Errorf("%d manifests in six days", len(v))
		}
	})
}

func TestCrashAfterKeysWereDestroyedLosesNoLeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		rs := r.nodes["RS"]
		rs.open()
		if err := rs.lane.board.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * 24 * time.Hour)
		if _, destroyed, err := rs.keys.EnsureDays(time.Now()); err != nil || len(destroyed) == 0 {
			t.Fatal(destroyed, err)
		}
		rs.restart() // nothing was logged
		rs.cleared()
		gone := 0
		for _, k := range leaves[*translog.Key](rs) {
			if k.Event == "destroy" {
				gone++
			}
		}
		if gone != 7 {
			t.Errorf("%d of 7 destroyed keys are in the log", gone)
		}
	})
}

// republish returns the next manifest of a node, as a hostile one may make it.
func (n *node) republish(version uint64) []byte {
	n.r.t.Helper()
	return n.Manifest(n.r.t, nil, version, n.keys)
}

func TestMemberThatRepublishesEverySecondGrowsTheLogByOneLeafAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.round = 10 * time.Minute
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		time.Sleep(5 * time.Minute)
		before := len(dirs(bg, "RS"))
		version := rs.book.OwnVersion()
		const minutes = 2
		for range minutes * 60 {
			version++
			bg.lane.board.Offer("RS", rs.republish(version))
			time.Sleep(time.Second)
		}
		if grew := len(dirs(bg, "RS")) - before; grew > 4+minutes {
			t.Errorf("%d leaves in %d minutes", grew, minutes)
		}
		time.Sleep(2 * time.Minute)
		if v := bg.book.Manifest("RS").Version(); v != version {
			t.Errorf("BG knows version %d, not the newest, %d", v, version)
		}
	})
}

func TestGarbageAndStrangersDoNotGrowTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.round = 10 * time.Minute
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		time.Sleep(30 * time.Minute) // each has cosigned what there was
		size := bg.store.Head().Size
		m := bg.book.Manifest("RS")
		for i := range 30 {
			bg.lane.board.Offer("XX", []byte("stranger"))
			bg.lane.board.Offer("RS", fmt.Append(nil, "garbage ", i))
			bg.lane.board.Offer("RS", rs.republish(1)) // an older one
			time.Sleep(time.Minute)
		}
		if now := bg.store.Head().Size; now != size {
			t.Errorf("the log has grown by %d", now-size)
		}
		if bg.book.Manifest("RS").Version() < m.Version() {
			t.Error("an older manifest was taken")
		}
	})
}

// The store is lost or new, and the keys are the same.
func TestPublishedManifestThatAStoreWithoutOneNeverHadIsARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		rs := r.nodes["RS"]
		rs.open()
		const published = 90
		if err := rs.port.PutStatement(t.Context(), "manifest", rs.republish(published)); err != nil {
			t.Fatal(err)
		}
		rs.restart()
		if e := rs.rolledBack(); e.Version != published || e.Peer != "RS" || len(e.Manifest) == 0 || e.Hint() == "" {
			t.Errorf("found %+v", e)
		}
		if rs.office.Cleared() {
			t.Error("cleared all the same")
		}
	})
}

func TestOnlyAManifestPublishedSinceTheCopyIsARollback(t *testing.T) {
	for name, starts := range map[string]int{"one start since": 1, "three starts since": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "BG", "RS")
				defer r.stop()
				r.round = 10 * time.Minute
				r.start("BG", "RS")
				bg, rs := r.nodes["BG"], r.nodes["RS"]
				rs.cleared()
				bg.cleared()
				time.Sleep(10 * time.Second)
				bg.stop() // it holds nothing newer
				rs.stop()
				old := rs.copyFolder()
				for range starts {
					rs.start()
					time.Sleep(10 * time.Second)
					rs.stop()
				}
				rs.folder = old
				rs.start()
				if e := rs.rolledBack(); e.Manifest == nil || e.Version <= e.Kept {
					t.Errorf("found %+v", e)
				}
			})
		})
	}
}

// The backbone may show what it likes of the past; and the newest store may come back after an older copy has run.
func TestOlderManifestOfOursIsNoRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		rs := r.nodes["RS"]
		r.start("BG", "RS")
		rs.cleared()
		time.Sleep(10 * time.Second)
		before := rs.published("RS")
		strange := rs.republish(1) // not in the store: an older copy made it
		if before == nil {
			t.Fatal("nothing is published")
		}
		rs.restart()
		rs.cleared()
		for _, b := range [][]byte{before, strange, []byte("garbage"), r.nodes["BG"].published("BG")} {
			if err := rs.port.PutStatement(t.Context(), "manifest", b); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			rs.restart()
			rs.cleared()
			time.Sleep(5 * time.Second)
			if string(rs.published("RS")) != string(rs.book.Manifest("RS").Signed()) {
				t.Error("the statement store has another manifest")
			}
		}
		select {
		case err := <-rs.ended:
			t.Fatal(err)
		default:
		}
	})
}

func TestCrashBetweenKeepingAndPublishingAManifestIsNoRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		rs := r.nodes["RS"]
		r.start("BG", "RS")
		rs.cleared()
		time.Sleep(10 * time.Second)
		for range 3 {
			rs.stop()
			rs.open() // does not run: nothing is published
			if err := rs.lane.board.Load(); err != nil {
				t.Fatal(err)
			}
			if err := rs.lane.board.Make(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rs.restart()
		rs.cleared()
		time.Sleep(10 * time.Second)
		if string(rs.published("RS")) != string(rs.book.Manifest("RS").Signed()) {
			t.Error("the statement store has another manifest")
		}
	})
}

func TestManifestIsFetchedByCallWhenTheStatementStoreLacksIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		time.Sleep(10 * time.Second)
		// A manifest that no statement shows.
		if err := rs.lane.board.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if got, want := bg.book.Manifest("RS").Version(), rs.book.OwnVersion(); got != want {
			t.Errorf("BG knows version %d, not %d", got, want)
		}
	})
}

func TestGapsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		for range 4 {
			bg.number("RS")
		}
		rs.take("BG", 1, 1)
		rs.take("BG", 1, 4)
		select {
		case gaps := <-bg.gaps:
			if fmt.Sprint(gaps) != "[2 3]" {
				t.Errorf("gaps are %v", gaps)
			}
		case <-time.After(10 * time.Second):
			t.Error("nothing is reported")
		}
		if h, ok, err := rs.lane.heldOf(bg.log.Verifier().Origin()); err != nil || !ok || h.GetSize() == 0 {
			t.Errorf("RS holds no head of BG: %v, %v", ok, err)
		}
	})
}

func TestTwoHeadsOfOneSizeAreKeptAsProofOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		for _, n := range r.nodes { // neither runs
			n.open()
			if err := n.lane.board.Make(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_ = must(rs.book.Learn(bg.book.Manifest("BG").Signed(), "BG", time.Now()))(t)
		for i := range 5 {
			note := must(translog.SignCheckpoint(translog.Checkpoint{Origin: bg.log.Verifier().Origin(), Size: 7, Root: translog.Hash{byte(i + 1)}}, bg.log))(t)
			if err := rs.lane.keepHead(t.Context(), "BG", note); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		if err := rs.store.View(func(r *store.Reader) error {
			return r.EachForkProof(func(*forkProof) bool { n++; return true })
		}); err != nil || n != 1 {
			t.Errorf("%d proofs, %v", n, err)
		}
		strange := must(translog.SignCheckpoint(translog.Checkpoint{Origin: rs.log.Verifier().Origin(), Size: 9, Root: translog.Hash{1}}, rs.log))(t)
		if err := rs.lane.keepHead(t.Context(), "BG", strange); err == nil {
			t.Error("a checkpoint of another log was taken")
		}
	})
}
