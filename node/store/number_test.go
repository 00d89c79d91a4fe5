package store

import (
	"fmt"
	"testing"
)

func TestCaseNumbersNeverComeTwice(t *testing.T) {
	opts := testOptions(t.TempDir())
	last := uint64(0)
	for range 3 {
		s := openStore(t, opts)
		for range 1100 / 100 {
			update(t, s, func(tx *Tx) error {
				for range 100 {
					n, err := tx.CaseNumber(2026)
					if err != nil || n <= last {
						return fmt.Errorf("number %d after %d: %w", n, last, err)
					}
					last = n
				}
				return nil
			})
		}
		closeStore(t, s)
	}
}

func TestNumbersThatNobodyTookAreGivenBack(t *testing.T) {
	opts := testOptions(t.TempDir())
	take := func(s *Store, want uint64) {
		t.Helper()
		n := uint64(0)
		update(t, s, func(tx *Tx) (err error) { n, err = tx.CaseNumber(2026); return err })
		if n != want {
			t.Errorf("number %d, want %d", n, want)
		}
	}
	back := func(tx *Tx) error { return tx.ReturnNumbers() }
	s := openStore(t, opts)
	update(t, s, back) // nothing is reserved
	take(s, 1)
	take(s, 2)
	update(t, s, back)
	update(t, s, back)
	closeStore(t, s)
	s = openStore(t, opts)
	take(s, 3)
	update(t, s, back)
	take(s, 4) // after all
	closeStore(t, s)
	s = openStore(t, opts)
	take(s, numbersAhead+4) // as after a crash
	closeStore(t, s)
}
