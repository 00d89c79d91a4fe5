package reading

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// watchPause is how often a watched unit is looked at.
const watchPause = 500 * time.Millisecond

// Watch tells of changes in the actor's units until the call ends: first the cases as they are, newest last.
func (in *Room) Watch(ctx context.Context, r *nodev1.WatchRequest, tell func(*nodev1.CaseRow) error) error {
	officer, err := in.Verify(r.GetAssertion(), rogatoryv1.Verb_VERB_LIST, "")
	if err != nil {
		return err
	}
	if err := in.officers.Once(ctx, r.GetAssertion()); err != nil {
		return err
	}
	seen := map[string]*storev1.CaseSummary{}
	ticker := time.NewTicker(watchPause)
	defer ticker.Stop()
	for {
		// Who is taken off the register, or out of a unit, while watching sees no more of it.
		if officer, err = in.officers.Now().Officer(officer.GetPseudonym()); err != nil {
			return err
		}
		changed, err := in.changedSince(officer.GetUnits(), seen)
		if err != nil {
			return err
		}
		for _, row := range changed {
			if err := tell(row); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changedSince returns the newest hundred cases of each unit that are not as they were seen: two changes may have one time.
func (in *Room) changedSince(units []string, seen map[string]*storev1.CaseSummary) (changed []*nodev1.CaseRow, err error) {
	now := time.Now().UnixMilli()
	err = in.store.View(func(r *store.Reader) error {
		for _, unit := range units {
			page, err := r.Cases(unit, store.CaseFilter{Limit: 100})
			if err != nil {
				return err
			}
			for _, s := range slices.Backward(page.Cases) {
				if proto.Equal(seen[s.GetToken()], s) {
					continue
				}
				seen[s.GetToken()] = s
				c, err := casefile.Load(r, s.GetToken())
				if err != nil {
					return err
				}
				row, err := rowOf(r, c, now)
				if err != nil {
					return err
				}
				changed = append(changed, row)
			}
		}
		return nil
	})
	return changed, err
}
