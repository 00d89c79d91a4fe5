package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

func TestThoseWhoWaitTogetherAreCommittedTogether(t *testing.T) {
	opts := testOptions(t.TempDir())
	var commits atomic.Int64
	opts.Step = func(point string) {
		if point == StepCommitted {
			commits.Add(1)
		}
	}
	s := openStore(t, opts)
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := range 10 {
				if _, err := s.Update(t.Context(), func(tx *Tx) error { _, err := tx.Append(opEntry(w*10 + i)); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := commits.Load(); n > 160 {
		t.Errorf("640 updates took %d commits", n)
	}
	before := commits.Load()
	for i := range 5 {
		update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(i)); return err })
	}
	if n := commits.Load() - before; n != 5 {
		t.Errorf("5 updates of one caller took %d commits", n)
	}
}

func TestNobodyWaitsForCompanyWhenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(testOptions(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		// Time passes in here only while everybody waits for it.
		begin := time.Now()
		for i := range 10 {
			update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(i)); return err })
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("ten updates of one caller waited %v", waited)
		}
		closeStore(t, s)
	})
}

func TestACallThatHasNotBegunEndsWithItsContext(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	began, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Update(context.Background(), func(*Tx) error {
			close(began)
			<-release
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := s.Update(ctx, func(*Tx) error {
			t.Error("it ran")
			return nil
		}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(release)
	})
	cancel()
	wg.Wait()
}

func TestAClosedStoreRefuses(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	closeStore(t, s)
	if _, err := s.Update(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("update: %v", err)
	}
	if err := s.View(func(*Reader) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("check: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestACommitOfWhichNobodyKnowsStopsTheStore(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	// A transaction that shows although its commit has returned an error.
	shows := 0
	if err := s.main.View(func(b *bbolt.Tx) error { shows = b.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.judge(shows+1, syscall.EIO); !errors.Is(err, ErrDisk) || errors.Is(err, ErrBroken) {
		t.Errorf("one that does not show: %v", err)
	}
	if err := s.judge(shows, syscall.EIO); !errors.Is(err, ErrBroken) || !errors.Is(err, ErrDisk) {
		t.Errorf("one that shows: %v", err)
	}
	if _, err := s.Update(t.Context(), func(tx *Tx) error { _, err := tx.Append(opEntry(1)); return err }); !errors.Is(err, ErrBroken) || Hint(err) != "restart the node" {
		t.Errorf("the next update: %v", err)
	}
	closeStore(t, s)
	s = openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(1)); return err })
}
