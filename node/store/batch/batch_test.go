package batch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func never() (time.Duration, func()) { return 0, nil }

func TestWhatWaitsAtTheSameMomentIsDoneTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New[int]()
		var batches [][]int
		go q.Run(func(calls []int) {
			time.Sleep(time.Second) // as a disk does
			batches = append(batches, calls)
		}, never)
		var wg sync.WaitGroup
		for i := range 2*most + 10 {
			wg.Go(func() {
				if i > 0 { // the first is alone
					time.Sleep(time.Millisecond)
				}
				if err := q.Do(t.Context(), i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		q.Close()
		var sizes []int
		for _, b := range batches {
			sizes = append(sizes, len(b))
		}
		if !slices.Equal(sizes, []int{1, most, most, 9}) {
			t.Errorf("batches of %v", sizes)
		}
		if all := slices.Sorted(slices.Values(slices.Concat(batches...))); len(all) != 2*most+10 || len(slices.Compact(all)) != 2*most+10 {
			t.Errorf("%d calls were done", len(all))
		}
	})
}

func TestACallWhoseContextEndsBeforeItIsTakenIsNeverDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New[string]()
		var did []string
		go q.Run(func(calls []string) {
			did = append(did, calls...)
			time.Sleep(time.Second)
		}, never)
		ctx, end := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := q.Do(ctx, "taken"); err != nil {
				t.Errorf("a call that was taken: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := q.Do(ctx, "waiting"); !errors.Is(err, context.Canceled) {
				t.Errorf("a call that waits: %v", err)
			}
		})
		synctest.Wait()
		end()
		wg.Wait()
		if err := q.Do(ctx, "late"); !errors.Is(err, context.Canceled) {
			t.Errorf("a call behind the end: %v", err)
		}
		q.Close()
		if !q.Closed() || !slices.Equal(did, []string{"taken"}) {
			t.Errorf("did %v", did)
		}
	})
}

func TestClosingDoesWhatWaitsAndTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New[int]()
		did := 0
		go q.Run(func(calls []int) {
			time.Sleep(time.Second)
			did += len(calls)
		}, never)
		for i := range 5 {
			go func() { _ = q.Do(t.Context(), i) }()
			synctest.Wait()
		}
		q.Close()
		if did != 5 {
			t.Errorf("%d of 5 calls were done", did)
		}
		if err := q.Do(t.Context(), 6); !errors.Is(err, ErrClosed) {
			t.Errorf("behind the end: %v", err)
		}
	})
}

func TestWhatIsDueIsDoneWhenNobodyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New[int]()
		left := 2
		go q.Run(func([]int) {}, func() (time.Duration, func()) {
			if left == 0 {
				return 0, nil
			}
			return time.Minute, func() { left-- }
		})
		time.Sleep(2*time.Minute + time.Second)
		q.Close()
		if left != 0 {
			t.Errorf("%d are still due", left)
		}
	})
}
