package online

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
)

func TestFirstStartWithoutPeersClearsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		began := time.Now()
		r.start("RS")
		r.nodes["RS"].cleared()
		if took := time.Since(began); took < settle {
			t.Errorf("cleared after %s without having looked for peers", took)
		}
	})
}

func TestNodesCutAtOnceClearEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "GR", "RS")
		defer r.stop()
		r.start("BG", "GR", "RS")
		for range 2 {
			for _, n := range r.nodes {
				n.cleared()
				n.append()
			}
			time.Sleep(5 * time.Second) // some rounds, so that all hold heads of each other
			for _, n := range r.nodes {
				n.stop()
			}
			began := time.Now()
			r.start("BG", "GR", "RS")
			for _, n := range r.nodes {
				n.cleared()
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("clearing took %s", took)
			}
		}
	})
}

func TestNodeStaysUnclearedWithoutMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "GR", "HU", "RS")
		defer r.stop()
		r.start("BG", "GR", "HU", "RS")
		for _, n := range r.nodes {
			n.cleared()
		}
		time.Sleep(5 * time.Second)
		rs := r.nodes["RS"]
		rs.stop()
		r.nodes["GR"].stop()
		r.nodes["HU"].stop()
		rs.start()
		time.Sleep(2 * time.Minute)
		if rs.office.Cleared() {
			t.Fatal("cleared by one of three")
		}
		r.nodes["GR"].start()
		began := time.Now()
		rs.cleared()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("cleared %s after the second peer was back", took)
		}
	})
}

func TestRestoredDataFolderIsNoticedByAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		rs := r.nodes["RS"]
		rs.cleared()
		r.nodes["BG"].cleared()
		time.Sleep(5 * time.Second)
		before := rs.published("RS")
		rs.stop()
		old := rs.copyFolder()
		rs.start()
		rs.cleared()
		rs.append()
		size := rs.store.Head().Size
		time.Sleep(5 * time.Second) // BG hears of the new head
		rs.stop()

		rs.folder = old    // database and guard
		rs.publish(before) // only the peer knows
		rs.start()
		err := <-rs.ended
		var found *rollback.Error
		if !errors.Is(err, rollback.Err) || !errors.As(err, &found) {
			t.Fatalf("ended with %v", err)
		}
		if found.Peer != "BG" || found.Held.Size < size || len(found.Note) == 0 || found.Hint() == "" {
			t.Errorf("proof is %+v", found)
		}
		if rs.office.Cleared() {
			t.Error("cleared all the same")
		}
	})
}

func TestOtherHistoryOfTheSameSizeIsARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		rs := r.nodes["RS"]
		rs.cleared()
		r.nodes["BG"].cleared()
		time.Sleep(5 * time.Second)
		before := rs.published("RS")
		rs.stop()
		old := rs.copyFolder()
		rs.start()
		rs.cleared()
		time.Sleep(5 * time.Second)
		rs.stop()
		rs.folder = old
		rs.publish(before)
		rs.open() // outgrows what BG has seen before it hears of it
		for range 50 {
			rs.append()
		}
		rs.stop()
		rs.start()
		if err := <-rs.ended; !errors.Is(err, rollback.Err) {
			t.Fatalf("ended with %v", err)
		}
	})
}

// The peer holds no checkpoint newer than the copy: the message came to it, and the round after did not.
func TestNumberThatThePeerHasSeenAndTheStoreNeverGaveOutIsARollback(t *testing.T) {
	for _, silent := range []bool{false, true} { // the peer asks, and does not only answer
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, "BG", "RS")
			defer r.stop()
			r.start("BG", "RS")
			bg, rs := r.nodes["BG"], r.nodes["RS"]
			rs.cleared()
			bg.cleared()
			time.Sleep(5 * time.Second)
			rs.stop()
			old := rs.copyFolder()
			rs.open()
			seq := rs.number("BG")
			rs.stop()
			bg.take("RS", 1, seq)
			rs.folder = old
			if silent {
				rs.open()
				statement, signature := rs.Statement(t, "BG", 1, seq)
				err := rs.lane.judge.Shown("BG", nil, rollback.Number{Epoch: 1, Seq: seq, Statement: statement, Signature: signature})
				if !errors.Is(err, rollback.Err) {
					t.Errorf("asked by a peer that has seen more: %v", err)
				}
				return
			}
			rs.start()
			if e := rs.rolledBack(); e.Peer != "BG" || e.Epoch != 1 || e.Seq != seq || e.Given != seq-1 || e.Hint() == "" {
				t.Errorf("found %+v", e)
			}
			if rs.office.Cleared() {
				t.Error("cleared all the same")
			}
		})
	}
}

// Two of three are there. Only one of them has had a message from us, and it is the slower.
func TestWhatOnlyTheSlowestPeerKnowsIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "HU", "RS")
		defer r.stop()
		r.start("BG", "HU", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		for _, n := range r.nodes {
			n.cleared()
		}
		time.Sleep(5 * time.Second)
		rs.stop()
		old := rs.copyFolder()
		rs.open()
		bg.take("RS", 1, rs.number("BG"))
		rs.stop()
		rs.folder = old
		r.net.Delay("RS", "BG", 300*time.Millisecond)
		rs.start()
		if e := rs.rolledBack(); e.Peer != "BG" {
			t.Errorf("found %+v", e)
		}
		if rs.office.Cleared() {
			t.Error("cleared before the slower peer has answered")
		}
		r.net.Delay("RS", "BG", 0)
		time.Sleep(time.Minute) // what is on its way arrives
	})
}

// One member of three lies about what it has seen: it stops nobody, and only what is for it waits.
func TestAMemberThatLiesAboutANumberStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "HU", "RS")
		defer r.stop()
		r.start("BG", "HU", "RS")
		rs, hu := r.nodes["RS"], r.nodes["HU"]
		for _, n := range r.nodes {
			n.cleared()
		}
		hu.hollow = true
		if _, err := hu.store.Update(context.Background(), func(tx *store.Tx) error {
			return tx.PutSeen("RS", 1, 7, seen(translog.Hash{7}, 0))
		}); err != nil {
			t.Fatal(err)
		}
		rs.restart()
		rs.cleared()
		time.Sleep(time.Minute)
		if !rs.office.mayNumber("BG") || rs.office.mayNumber("HU") {
			t.Errorf("numbers for BG: %v, for HU: %v", rs.office.mayNumber("BG"), rs.office.mayNumber("HU"))
		}
		select {
		case err := <-rs.ended:
			t.Errorf("stopped: %v", err)
		default:
		}
	})
}

// Three of four are cleared without the fourth, which may have seen more than all of them.
func TestNoNumberGoesToAPeerThatHasNotShownWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "HU", "RS", "SI")
		r.round = 20 * time.Minute
		defer r.stop()
		r.start("BG", "HU", "RS", "SI")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		for _, n := range r.nodes {
			n.cleared()
		}
		time.Sleep(5 * time.Second)
		rs.stop()
		r.net.Disconnect("BG")
		rs.start()
		rs.cleared()
		time.Sleep(5 * time.Minute)
		if !rs.office.mayNumber("HU") || !rs.office.mayNumber("SI") || rs.office.mayNumber("BG") {
			t.Error("a peer that is away gets numbers, or one that is there none")
		}
		r.net.Connect("BG")
		time.Sleep(6 * time.Second)
		if !rs.office.mayNumber("BG") {
			t.Error("a peer that is back gets no numbers")
		}
		time.Sleep(time.Hour)
		rs.stop()
		r.net.Disconnect("BG")
		rs.start()
		time.Sleep(time.Hour) // it is not asked so often any more
		r.net.Connect("BG")
		time.Sleep(6 * time.Second)
		if !rs.office.mayNumber("BG") {
			t.Error("a peer that is back after long gets no numbers")
		}
		// The copy is from before the number that only the peer knows which comes back last.
		rs.stop()
		old := rs.copyFolder()
		rs.open()
		bg.take("RS", 1, rs.number("BG"))
		rs.stop()
		rs.folder = old
		r.net.Disconnect("BG")
		rs.start()
		rs.cleared()
		if rs.office.mayNumber("BG") {
			t.Error("it would get the number again")
		}
		r.net.Connect("BG")
		if e := rs.rolledBack(); e.Peer != "BG" || len(e.Signature) == 0 {
			t.Errorf("found %+v", e)
		}
	})
}

func TestMajorityIsOfThoseWhoHavePublished(t *testing.T) {
	for n, want := range []int{0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6} {
		if got := Needed(n); got != want {
			t.Errorf("of %d peers %d must answer, not %d", n, want, got)
		}
	}
}

func TestRestartedPeerAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		r.start("BG", "RS")
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		bg.cleared()
		rs.cleared()
		for range 3 {
			began := time.Now()
			if _, err := bg.lane.client("RS").Ping(t.Context(), &peerv1.PingRequest{}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("answered after %s", took)
			}
			rs.restart()
			rs.cleared()
		}
	})
}
