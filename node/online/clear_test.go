package online

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
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
		rs.stop()
		old := rs.copyFolder()
		rs.start()
		rs.cleared()
		rs.append()
		size := rs.store.Head().Size
		time.Sleep(5 * time.Second) // BG hears of the new head
		rs.stop()

		rs.folder = old // database and guard
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
		rs.stop()
		old := rs.copyFolder()
		rs.start()
		rs.cleared()
		time.Sleep(5 * time.Second)
		rs.stop()
		rs.folder = old
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

func TestMajorityIsOfThoseWhoHavePublished(t *testing.T) {
	for n, want := range []int{0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6} {
		if got := needed(n); got != want {
			t.Errorf("of %d peers %d must answer, not %d", n, want, got)
		}
	}
}
