package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
)

// The term of dockets. Three years (five for financial information) after a case of which nothing is left that they explain, its dockets go with their
// salts: those of its messages, those of its local steps, and those of its drafts. One `erase` leaf says so. Its `of` are the names of the messages
// whose dockets went, and of each local docket the commitment that its `case` leaf has as `docket`.
//
// What remains of the case is its summary with the hash of the case as it last was, which a state leaf commits to as well; in the snapshots beside state
// leaves it is reduced to that hash. Nothing moves it any more, and what a peer still sends into it is refused.

// termBy is who erases dockets, and the basis.
const termBy = "docket-term"

// EndTerm destroys the dockets of a case if their term has ended, and reports whether it had.
func (s *Shredder) EndTerm(ctx context.Context, token string, now time.Time) (ended bool, err error) {
	due := func(r *store.Reader) (*casefile.File, error) {
		c, err := casefile.Load(r, token)
		if err != nil || !c.Told || c.Expired || c.Notice() {
			return nil, err
		}
		if until := c.DocketsUntil(); until == 0 || until > now.UnixMilli() {
			return nil, nil
		}
		return c, nil
	}
	var c *casefile.File
	size := int64(0)
	if err := s.store.View(func(r *store.Reader) error {
		c, err = due(r)
		size = r.Size()
		return err
	}); err != nil || c == nil {
		return false, err
	}
	traces, err := s.tracesOf(ctx, c, size)
	if err != nil {
		return false, err
	}
	var blobs [][]byte
	_, err = s.store.Update(ctx, func(tx *store.Tx) error {
		blobs, ended = nil, false
		again, err := due(&tx.Reader)
		if err != nil || again == nil || again.Changed != c.Changed {
			return err // it has moved since
		}
		ended = true
		blobs, err = s.expire(tx, again, traces)
		return err
	})
	if err != nil || !ended {
		return false, err
	}
	if err := Remove(s.store, blobs); err != nil {
		return true, err
	}
	s.log.Info("the dockets of a case were destroyed: their term is over", "case", token)
	return true, nil
}

// traces are what stands beside leaves of the dockets of a case, its messages' own excepted.
type traces struct {
	local  []localDocket
	states []int64 // `state` leaves whose snapshots may hold the case
}

// localDocket is the docket beside a `case` leaf.
type localDocket struct {
	index  int64
	commit translog.Hash
}

// tracesOf looks through the log, from when the case began here to the first `state` leaf after it changed last, and at the `state` leaves that opened a
// log since: they hold all cases.
func (s *Shredder) tracesOf(ctx context.Context, c *casefile.File, size int64) (found traces, err error) {
	from := int64(0)
	if err := s.store.View(func(r *store.Reader) error {
		from, err = casefile.Since(r, size, int64(c.Opened))
		return err
	}); err != nil {
		return found, err
	}
	if err := casefile.EachLeaf(ctx, s.store, from, func(r *store.Reader, place int64, leaf translog.Leaf) (bool, error) {
		switch e := leaf.Entry.(type) {
		case *translog.Case:
			if e.Case != c.Token {
				break
			}
			if _, missing := r.Side(place, "docket"); missing == nil {
				found.local = append(found.local, localDocket{place, e.Docket})
			}
		case *translog.State:
			found.states = append(found.states, place)
			return leaf.At <= c.Changed, nil
		}
		return true, nil
	}); err != nil {
		return found, err
	}
	return found, s.store.View(func(r *store.Reader) error {
		logs, err := r.Logs()
		if err != nil {
			return err
		}
		for _, l := range logs {
			first, end, err := r.Opening(l)
			if err != nil {
				return err
			}
			for place := first; place < end; place++ {
				if !slices.Contains(found.states, place) {
					found.states = append(found.states, place)
				}
			}
		}
		return nil
	})
}

// reduce leaves of a case only its hash in the snapshot beside a `state` leaf. The leaf's digest stays right: it is one over hashes.
func reduce(tx *store.Tx, index int64, token string) error {
	b, err := tx.Side(index, store.SideSnapshot)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := exchange.ParseSnapshot(b)
	if err != nil {
		return fmt.Errorf("reading the snapshot of leaf %d: %w", index, err)
	}
	i := slices.IndexFunc(list, func(c exchange.Changed) bool { return c.Token == token && c.Body != nil })
	if i < 0 {
		return nil
	}
	list[i].Body = nil
	return tx.PutSide(index, store.SideSnapshot, exchange.EncodeSnapshot(list))
}

// expire destroys the dockets of a case, and what is left of content in it: what came after it was erased.
func (s *Shredder) expire(tx *store.Tx, c *casefile.File, found traces) (blobs [][]byte, err error) {
	indices, err := tx.CaseMessages(c.Token)
	if err != nil {
		return nil, err
	}
	hash := c.Hash()
	leaf := translog.Erase{Basis: fmt.Sprintf("%s.%d-years", termBy, exchange.DocketYears(c.Regime)), By: termBy}
	if blobs, err = Bury(tx, indices, leaf, nil); err != nil {
		return nil, err
	}
	if err := drafts.DropAll(tx, c.Token); err != nil {
		return nil, err
	}
	var of []translog.Hash
	for _, index := range indices {
		row, err := tx.Message(index)
		if err != nil {
			return nil, err
		}
		if len(row.GetDocket()) > 0 {
			of = append(of, translog.Hash(row.GetMsg()))
		}
		if err := tx.ExpireDocket(index); err != nil {
			return nil, err
		}
	}
	for _, index := range found.states {
		if err := reduce(tx, index, c.Token); err != nil {
			return nil, err
		}
	}
	for _, l := range found.local {
		of = append(of, l.commit)
		if err := tx.DeleteSide(l.index, "docket"); err != nil {
			return nil, err
		}
	}
	if err := tx.ScrubLater(); err != nil {
		return nil, err
	}
	leaf.What = []string{wentDocket}
	for from := 0; from < len(of); from += casefile.AtOnce {
		if _, err := casefile.AppendErase(tx, leaf, of[from:min(from+casefile.AtOnce, len(of))], nil); err != nil {
			return nil, err
		}
	}
	summary, _, err := tx.Case(c.Token)
	if err != nil {
		return nil, err
	}
	summary = proto.CloneOf(summary)
	summary.DocketExpiredMs, summary.CaseHash = uint64(max(tx.At(), 1)), hash[:]
	summary.WakeMs, summary.DeadlineMs, summary.Acts, summary.Assignee = 0, 0, nil, ""
	summary.Urgency = 0
	return blobs, tx.PutCase(summary, nil)
}
