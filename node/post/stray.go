package post

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
)

// strays counts what was not authentic, by reason. Reasons are constants of this package and of package envelope, so there are few.
type strays struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (o *Office) stray(reason string) {
	o.Inauthentic.Add(1)
	o.strays.mu.Lock()
	defer o.strays.mu.Unlock()
	o.strays.counts[reason]++
}

// strayLoop turns the counts of each hour into one leaf, so that nobody makes the log grow by what is not authentic. What was counted
// since the last hour becomes one when the node stops. What the peers' refusals were is said at the same time.
func (o *Office) strayLoop(ctx context.Context) error {
	for {
		hour := time.Now().Truncate(time.Hour)
		more := wait.For(ctx, time.Until(hour.Add(time.Hour)))
		for _, peer := range slices.Sorted(maps.Keys(o.lanes)) {
			o.lanes[peer].refusals.End(o.log, peer)
		}
		if err := o.logStrays(context.WithoutCancel(ctx), hour); err != nil {
			if store.Fatal(err) {
				return err
			}
			o.log.Error("logging strays failed", "err", err, "hint", store.Hint(err))
		}
		if !more {
			return nil
		}
	}
}

// logStrays commits the counts; when that fails they count with the next hour's.
func (o *Office) logStrays(ctx context.Context, hour time.Time) error {
	o.strays.mu.Lock()
	counts := o.strays.counts
	o.strays.counts = map[string]int64{}
	o.strays.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	leaf := &translog.Stray{Hour: hour.UnixMilli()}
	for reason, n := range counts {
		leaf.Counts = append(leaf.Counts, translog.Count{Code: reason, N: n})
	}
	slices.SortFunc(leaf.Counts, func(a, b translog.Count) int { return cmp.Compare(a.Code, b.Code) })
	_, err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Append(leaf)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrUnguarded) {
		o.strays.mu.Lock()
		defer o.strays.mu.Unlock()
		for reason, n := range counts {
			o.strays.counts[reason] += n
		}
		return err
	}
	return nil
}
