// Package casefile is a case as a node's store holds it: with the unit that it belongs to, what people may read of it, and the leaves of the log that say how
// it came to be as it is.
//
// Inside one transaction a File is loaded, moved by Step, which writes a `case` leaf for each step beside the assertion and the docket that stand behind it,
// and saved. What decides is package exchange; what somebody wants is package deeds's; what came is package intake's. A notice is a File without a case.
package casefile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// A File is a case in a transaction, with the unit that it belongs to.
type File struct {
	exchange.Case
	// Unit of ours that it belongs to.
	Unit string
	// Told says that the store has it.
	Told bool
	// Opened is when this node first knew of it, milliseconds since 1970.
	Opened uint64
	// Expired: the term of its dockets has ended; the summary is all that is left, and nothing moves it.
	Expired bool

	opener rogatoryv1.Kind // of the message that opened it
	// acts are the leaves by which people held, released, kept or erased something of it: the last maxActs.
	acts []uint64
}

const maxActs = 64

// acted are the steps of which a case remembers the leaves.
var acted = []exchange.Step{
	exchange.Step(exchange.EventHold), exchange.Step(exchange.EventRelease), exchange.Step(exchange.EventKeep),
	exchange.Step(exchange.EventProposeErase), exchange.Step(exchange.EventErase), exchange.Step(exchange.EventProposeEraseItem),
	exchange.Step(exchange.EventEraseItem), exchange.Step(exchange.EventKeepItem),
}

// Load returns a case, or an empty one with Told false.
func Load(r *store.Reader, token string) (*File, error) {
	summary, body, err := r.Case(token)
	if errors.Is(err, store.ErrNotFound) {
		return &File{}, nil
	}
	if err != nil {
		return nil, err
	}
	if rogatoryv1.Kind(summary.GetKind()) == rogatoryv1.Kind_KIND_GOVERNANCE {
		return ofRow(summary, kindNotice), nil
	}
	if summary.GetDocketExpiredMs() != 0 {
		c := ofRow(summary, kindOf(rogatoryv1.Kind(summary.GetKind())))
		c.Expired = true
		return c, nil
	}
	c, err := exchange.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("reading case %s: %w", token, err)
	}
	return &File{
		Case: c, Unit: summary.GetUnit(), Opened: summary.GetOpenedMs(), opener: rogatoryv1.Kind(summary.GetKind()), Told: true,
		acts: summary.GetActs(),
	}, nil
}

// Of returns a case that belongs to one of the officer's units.
func Of(s *store.Store, token string, officer *rogatoryv1.Officer) (*File, error) {
	if !WellFormed(token) {
		return nil, fmt.Errorf("%q: %w", token, refusal.ErrNotToken)
	}
	var c *File
	if err := s.View(func(r *store.Reader) (err error) {
		c, err = Load(r, token)
		return err
	}); err != nil {
		return nil, err
	}
	if !c.BelongsTo(officer) {
		return nil, fmt.Errorf("case %s: %w", token, refusal.ErrCase)
	}
	return c, nil
}

// BelongsTo reports whether it is a case of one of the officer's units.
func (c *File) BelongsTo(officer *rogatoryv1.Officer) bool {
	return c.Told && slices.Contains(officer.GetUnits(), c.Unit)
}

// ofRow returns a case of which there is no more than its row says.
func ofRow(s *storev1.CaseSummary, kind exchange.CaseKind) *File {
	c := &File{
		Unit: s.GetUnit(), Opened: s.GetOpenedMs(), opener: rogatoryv1.Kind(s.GetKind()), Told: true,
		Case: exchange.Case{
			Token: s.GetToken(), Kind: kind, Side: exchange.Answering, Peer: s.GetPeer(), State: exchange.State(s.GetState()),
			Changed: int64(s.GetUpdatedMs()),
		},
	}
	if s.GetSide() == "asking" {
		c.Side = exchange.Opening
	}
	return c
}

// kindOf is the kind of case that a message opens.
func kindOf(k rogatoryv1.Kind) exchange.CaseKind {
	switch k {
	case rogatoryv1.Kind_KIND_SPONTANEOUS:
		return exchange.KindSpontaneous
	case rogatoryv1.Kind_KIND_JOINT:
		return exchange.KindJoint
	}
	return exchange.KindRequest
}

// HandTo gives the case to a unit, with the contents of what waited in it.
func (c *File) HandTo(tx *store.Tx, unit string) error {
	if c.Told && c.Unit != unit {
		indices, err := tx.CaseMessages(c.Token)
		if err != nil {
			return err
		}
		for _, index := range indices {
			row, err := tx.Message(index)
			if err != nil {
				return err
			}
			if err := tx.TransferContent(row.GetContentId(), unit); err != nil && !errors.Is(err, store.ErrErased) {
				return err
			}
		}
	}
	c.Unit = unit
	return nil
}

// Save writes the case, what a listing shows of it, and when it is woken. A message without a receipt is undelivered after that time.
func (c *File) Save(tx *store.Tx, undelivered time.Duration) error {
	if c.OwnUnit != "" {
		c.Unit = c.OwnUnit
	}
	if c.Opened == 0 {
		c.Opened = uint64(max(tx.At(), 1))
	}
	side := "answering"
	if c.Side == exchange.Opening {
		side = "asking"
	}
	var body []byte
	if !c.Notice() {
		body = c.Encode()
	}
	return tx.PutCase(&storev1.CaseSummary{
		Token: c.Token, Number: c.Token, Unit: c.Unit, State: c.State.Code(), Peer: c.Peer, Side: side,
		UpdatedMs: uint64(c.Changed), DeadlineMs: uint64(c.Due()), OpenedMs: c.Opened, WakeMs: c.wakes(undelivered),
		Kind: uint32(c.opener), Urgency: uint32(c.Urgency), Assignee: c.Assignee, Acts: c.acts,
	}, body)
}
