package online

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
		var rollback *RollbackError
		if !errors.Is(err, ErrRollback) || !errors.As(err, &rollback) {
			t.Fatalf("ended with %v", err)
		}
		if rollback.Peer != "BG" || rollback.Held.Size < size || len(rollback.Note) == 0 || rollback.Hint() == "" {
			t.Errorf("proof is %+v", rollback)
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
		if err := <-rs.ended; !errors.Is(err, ErrRollback) {
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
				err := rs.lane.judge("BG", &peerv1.HeadRequest{SeenEpoch: 1, SeenSeq: seq})
				if !errors.Is(err, ErrRollback) {
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

func TestNumbersShownByAPeerAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "RS")
		defer r.stop()
		rs := r.nodes["RS"]
		rs.open()
		rs.number("BG")
		rs.number("BG")
		for _, c := range []struct {
			epoch uint32
			seq   uint64
			want  error
		}{
			{0, 0, nil}, {1, 1, nil}, {1, 2, nil},
			{1, 3, ErrRollback}, {2, 1, ErrRollback}, {1, 1<<64 - 1, ErrRollback},
			{0, 1, ErrHead}, {1, 0, ErrHead},
		} {
			if err := rs.lane.judge("BG", &peerv1.HeadResponse{SeenEpoch: c.epoch, SeenSeq: c.seq}); !errors.Is(err, c.want) {
				t.Errorf("%d.%d: %v, not %v", c.epoch, c.seq, err, c.want)
			}
		}
		if err := rs.lane.judge("HU", &peerv1.HeadResponse{SeenEpoch: 1, SeenSeq: 1}); !errors.Is(err, ErrRollback) {
			t.Errorf("a number to one peer counts for another: %v", err)
		}
	})
}

func TestMajorityIsOfThoseWhoHavePublished(t *testing.T) {
	for n, want := range []int{0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6} {
		if got := needed(n); got != want {
			t.Errorf("of %d peers %d must answer, not %d", n, want, got)
		}
	}
}
