package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// MaxCase is the largest body of a case in bytes.
const MaxCase = 4 << 20

// PutCase keeps a case: its body as the caller encodes it, and what a listing shows of it. The first PutCase of a token
// gives it its place in order of arrival.
func (t *Tx) PutCase(summary *storev1.CaseSummary, body []byte) error {
	if err := errors.Join(checkName("case token", summary.Token), checkName("unit", summary.Unit)); err != nil {
		return err
	}
	if len(body) > MaxCase {
		return fmt.Errorf("case of %d bytes: %w", len(body), ErrTooLarge)
	}
	n, err := t.caseNumber(summary.Token)
	switch {
	case errors.Is(err, ErrNotFound):
		if n, err = t.sequence(bucketCases); err != nil {
			return err
		}
		if err := t.put(bucketTokens, []byte(summary.Token), rows.U64(n)); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		old, err := t.caseRow(n)
		if err != nil {
			return err
		}
		if err := t.unlist(n, old.Summary, summary); err != nil {
			return err
		}
	}
	if err := t.list(n, summary); err != nil {
		return err
	}
	row, err := rows.Marshal(&storev1.CaseRow{Summary: summary, Body: body})
	if err != nil {
		return err
	}
	_, err = t.putPieces(bucketCases, rows.U64(n), row)
	return err
}

func (t *Tx) list(n uint64, c *storev1.CaseSummary) error {
	if err := t.putRow(bucketByUnit, unitKey(n, c), c); err != nil {
		return err
	}
	if c.WakeMs == 0 {
		return nil
	}
	return t.put(bucketWake, append(rows.U64(c.WakeMs), rows.U64(n)...), []byte(c.Token))
}

// unlist takes old out of the listings, where next will not overwrite it.
func (t *Tx) unlist(n uint64, old, next *storev1.CaseSummary) error {
	if key := unitKey(n, old); !bytes.Equal(key, unitKey(n, next)) {
		if err := t.delete(bucketByUnit, key); err != nil {
			return err
		}
	}
	if old.WakeMs == 0 || old.WakeMs == next.WakeMs {
		return nil
	}
	return t.delete(bucketWake, append(rows.U64(old.WakeMs), rows.U64(n)...))
}

func unitKey(n uint64, c *storev1.CaseSummary) []byte {
	return rows.Named(c.Unit, rows.U64(c.UpdatedMs), rows.U64(n))
}

func (r *Reader) caseNumber(token string) (uint64, error) {
	v := r.b.Bucket(bucketTokens).Get([]byte(token))
	if v == nil {
		return 0, fmt.Errorf("case %s: %w", token, ErrNotFound)
	}
	return rows.Number(v), nil
}

func (r *Reader) caseRow(n uint64) (*storev1.CaseRow, error) {
	row := new(storev1.CaseRow)
	if err := rows.Parse(rows.ReadPieces(r.b.Bucket(bucketCases), rows.U64(n)), row); err != nil {
		return nil, err
	}
	if row.Summary == nil {
		return nil, fmt.Errorf("case number %d: %w", n, ErrNotFound)
	}
	return row, nil
}

// HasCase reports whether there is a case by that token.
func (r *Reader) HasCase(token string) bool {
	return r.b.Bucket(bucketTokens).Get([]byte(token)) != nil
}

// Case returns a case as PutCase was given it, or [ErrNotFound].
func (r *Reader) Case(token string) (summary *storev1.CaseSummary, body []byte, err error) {
	n, err := r.caseNumber(token)
	if err != nil {
		return nil, nil, err
	}
	row, err := r.caseRow(n)
	if err != nil {
		return nil, nil, err
	}
	return row.Summary, row.Body, nil
}

// EachCase calls each with every case in order of arrival, until it returns false.
func (r *Reader) EachCase(each func(summary *storev1.CaseSummary, body []byte) bool) error {
	c := r.b.Bucket(bucketCases).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if piece, ok := rows.IsPiece(k); !ok || piece != 0 {
			continue
		}
		row, err := r.caseRow(rows.Number(k))
		if err != nil {
			return err
		}
		if !each(row.Summary, row.Body) {
			break
		}
	}
	return nil
}

// A CaseFilter selects cases of a listing. Its zero value selects all.
type CaseFilter struct {
	States []string // any of these; empty means any
	Peer   string   // empty means any
	// Before is where the page before this one ended: its Next. Empty starts with the newest.
	Before []byte
	Limit  int // of rows; 0 means 100
}

// A CasePage is one page of a listing.
type CasePage struct {
	Cases []*storev1.CaseSummary
	Next  []byte // CaseFilter.Before of the next page; nil when this is the last
}

// Cases lists the cases of a unit, those that changed last first.
func (r *Reader) Cases(unit string, f CaseFilter) (CasePage, error) {
	var page CasePage
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	prefix := rows.Named(unit)
	c := r.b.Bucket(bucketByUnit).Cursor()
	// The end of the unit's range: the byte behind the name is 0, so 1 is beyond it.
	end := append([]byte(unit), 1)
	if f.Before != nil {
		end = append(slices.Clone(prefix), f.Before...)
	}
	var k, v []byte
	if k, _ = c.Seek(end); k == nil {
		k, v = c.Last()
	} else {
		k, v = c.Prev()
	}
	for ; bytes.HasPrefix(k, prefix); k, v = c.Prev() {
		s := new(storev1.CaseSummary)
		if err := rows.Parse(v, s); err != nil {
			return CasePage{}, err
		}
		if len(f.States) > 0 && !slices.Contains(f.States, s.State) ||
			f.Peer != "" && f.Peer != s.Peer {
			continue
		}
		if len(page.Cases) == limit {
			last := page.Cases[limit-1]
			n, err := r.caseNumber(last.Token)
			page.Next = append(rows.U64(last.UpdatedMs), rows.U64(n)...)
			return page, err
		}
		page.Cases = append(page.Cases, s)
	}
	return page, nil
}

// CasesToWake returns the tokens of the cases whose wake time is at or before now (milliseconds since 1970), earliest
// first, at most limit, and the wake time of the next one, or 0.
func (r *Reader) CasesToWake(now uint64, limit int) (tokens []string, next uint64) {
	c := r.b.Bucket(bucketWake).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if at := rows.Number(k); at > now || len(tokens) == limit {
			return tokens, at
		}
		tokens = append(tokens, string(v))
	}
	return tokens, 0
}
