package store

import (
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
)

// numbersAhead is how many case numbers are reserved with one write.
const numbersAhead = 1000

// numbersOfLog is how many numbers of a year each log has for itself: those of the second begin at 10,000,001.
const numbersOfLog = 10_000_000

// CaseNumber returns the next number of a year, from 1, as in "RS-2026-000123". Numbers are reserved a thousand ahead:
// taking one costs no write as a rule, [Tx.ReturnNumbers] gives back what is left, a crash skips it, and an Update that fails skips one. None
// comes twice.
func (t *Tx) CaseNumber(year int) (uint64, error) {
	if year < 1 || year > 9999 {
		return 0, fmt.Errorf("number in year %d: %w", year, ErrInvalid)
	}
	reserved := uint64(0)
	if v := t.b.Bucket(bucketNumbers).Get(rows.U64(uint64(year))); v != nil {
		reserved = rows.Number(v)
	}
	next, ok := t.s.numbers[year]
	if !ok {
		next = reserved + 1
	}
	if first := (t.s.current.Number-1)*numbersOfLog + 1; next < first {
		next = first // the log before has given out numbers that nobody here knows
	}
	if next > reserved {
		if err := t.put(bucketNumbers, rows.U64(uint64(year)), rows.U64(next+numbersAhead-1)); err != nil {
			return 0, err
		}
	}
	t.s.numbers[year] = next + 1
	return next, nil
}

// ReturnNumbers gives back the numbers that are reserved and that nobody has taken: the last thing that a node does which stops. Numbers can be
// taken after it; they are reserved anew.
func (t *Tx) ReturnNumbers() error {
	for year, next := range t.s.numbers {
		if err := t.put(bucketNumbers, rows.U64(uint64(year)), rows.U64(next-1)); err != nil {
			return err
		}
	}
	return nil
}
