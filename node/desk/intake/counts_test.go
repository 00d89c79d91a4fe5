package intake

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
)

func TestMessagesWithinTheHourAreCountedFromTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := store.Open(store.Options{
			Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: "test.example/RS/log/1", Epoch: 1,
			UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{1}, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		seq := int64(0)
		arrive := func(tx *store.Tx, from string) error {
			seq++
			_, err := tx.Append(&translog.Rej{Code: "unit", From: from, Msg: translog.Hash{byte(seq)}})
			return err
		}
		var lasting, fresh counts
		count := func(from string, more int) (n uint32) {
			_, err := s.Update(context.Background(), func(tx *store.Tx) error {
				for range more {
					if err := arrive(tx, from); err != nil {
						return err
					}
				}
				var err error
				if n, err = lasting.within(tx, s.Head().Size, from, tx.At()); err != nil {
					return err
				}
				fresh = counts{} // as after a restart
				again, err := fresh.within(tx, s.Head().Size, from, tx.At())
				if again != n {
					t.Errorf("%d are remembered, %d stand in the log", n, again)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		for _, step := range []struct {
			after time.Duration
			from  string
			more  int
			want  uint32
		}{
			{0, "BG", 3, 3}, {30 * time.Minute, "BG", 2, 5}, {0, "HU", 1, 1}, {31 * time.Minute, "BG", 0, 2}, {0, "BG", 1, 3}, {0, "HU", 0, 1},
			{2 * time.Hour, "BG", 0, 0}, {0, "BG", 1, 1},
		} {
			time.Sleep(step.after)
			if got := count(step.from, step.more); got != step.want {
				t.Errorf("%d of %s within the hour, not %d", got, step.from, step.want)
			}
		}
	})
}
