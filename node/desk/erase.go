package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/attachments"
	"github.com/rogatory/rogatory/node/desk/casefile"
	"github.com/rogatory/rogatory/node/desk/drafts"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/exchange"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// What a tombstone says was destroyed, as its leaf spells it.
const (
	wentAttachments = "attachments"
	wentContent     = "content"
	wentDocket      = "docket"
)

// erase destroys what a reviewed case holds, or what one message says, whose name is the act's subject: the first person proposes it, a second does it;
// where its provider has asked for it by a notice, the first does it. Contents, their keys and salts and the attachments go; dockets, receipts and
// the tombstone remain. A tombstone is committed before any key is destroyed, and what a crash leaves is done at the next start.
func (a *deed) erase(ctx context.Context) (*nodev1.CommitResponse, error) {
	if err := a.verifyOnCase(); err != nil {
		return nil, err
	}
	if done, err := a.before(); done != nil || err != nil {
		return done, err
	}
	tokens := []string{a.act.GetCaseToken()}
	var blobs [][]byte
	var sent int64 = -1 // the message, if it is ours
	_, err := a.d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		blobs, sent = nil, -1
		if err := a.note(tx, tokens); err != nil {
			return err
		}
		c, err := casefile.Load(&tx.Reader, tokens[0])
		if err != nil {
			return err
		}
		if c.Unit != a.unit {
			return fmt.Errorf("case %s: %w", c.Token, refusal.ErrCase) // handed over in the meantime
		}
		if len(a.act.GetSubject()) > 0 {
			name := exchange.Name(a.act.GetSubject())
			if m, ok := c.Message(name); ok && m.Out {
				sent = int64(m.Index)
			}
			blobs, err = a.eraseItem(tx, c, name)
		} else {
			blobs, err = a.eraseCase(tx, c)
		}
		if err != nil {
			return err
		}
		return c.Save(tx, a.d.cfg.Node.UndeliveredAfter)
	})
	if err != nil {
		return nil, err
	}
	for _, id := range blobs {
		if err := a.d.cfg.Store.RemoveBlob(id); err != nil {
			return nil, err // the next start sweeps it
		}
	}
	out, err := a.d.rows(tokens)
	if err == nil && sent >= 0 {
		out.Copies, err = a.d.copies(ctx, sent, a.officer)
	}
	return out, err
}

// copies returns the other messages with the same content that the officer's units have sent: it went to their recipients as well.
func (d *Desk) copies(ctx context.Context, sent int64, officer *rogatoryv1.Officer) (out []*nodev1.SentCopy, err error) {
	commit := func(row *storev1.LoggedMessage) ([]byte, error) {
		msg, err := envelope.ParseMessage(row.GetMessage())
		return msg.GetContentCommit(), err
	}
	var want []byte
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		row, err := r.Message(sent)
		if err == nil {
			want, err = commit(row)
		}
		return err
	}); err != nil {
		return nil, err
	}
	err = d.eachMessage(ctx, 0, func(r *store.Reader, index int64, row *storev1.LoggedMessage) error {
		if !row.GetOutgoing() || index == sent {
			return nil
		}
		if got, err := commit(row); err != nil || !bytes.Equal(got, want) {
			return err
		}
		c, err := casefile.Load(r, row.GetCaseToken())
		if err != nil || !c.Told || !slices.Contains(officer.GetUnits(), c.Unit) {
			return err
		}
		m, err := c.Read(r, index, d.log)
		if err != nil {
			return err
		}
		out = append(out, &nodev1.SentCopy{CaseToken: c.Token, Msg: row.GetMsg(), To: casefile.Address(row.GetPeer(), m.GetDocket().GetToUnit()), Status: m.GetStatus()})
		return nil
	})
	return out, err
}

// eachMessage calls f with every message from a leaf on, a few in each View.
func (d *Desk) eachMessage(ctx context.Context, from int64, f func(r *store.Reader, index int64, row *storev1.LoggedMessage) error) error {
	for next, over := from, false; !over; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.cfg.Store.View(func(r *store.Reader) error {
			var failed error
			n := 0
			over = true
			if err := r.EachMessage(next, func(index int64, row *storev1.LoggedMessage) bool {
				if n++; n > searchAtOnce {
					over = false
					return false
				}
				next = index + 1
				failed = f(r, index, row)
				return failed == nil
			}); err != nil {
				return err
			}
			return failed
		}); err != nil {
			return err
		}
	}
	return nil
}

func (a *deed) eraseCase(tx *store.Tx, c *casefile.File) (blobs [][]byte, err error) {
	kind := exchange.EventErase
	if c.EraseProposedBy == "" {
		kind = exchange.EventProposeErase
	}
	if err := mayErase(tx, c); err != nil {
		return nil, err
	}
	if err := c.Step(tx, a.event(tx, kind), a.d.ruleset(false), casefile.Why{Assertion: a.assertion, Local: a.local(c.Token)}); err != nil {
		return nil, err
	}
	if kind == exchange.EventProposeErase {
		return nil, nil
	}
	indices, err := tx.CaseMessages(c.Token)
	if err != nil {
		return nil, err
	}
	if err := drafts.DropDeclined(tx, c.Token); err != nil {
		return nil, err
	}
	return bury(tx, indices, translog.Erase{Basis: a.act.GetReason(), By: a.act.GetActor()}, a.assertion)
}

func (a *deed) eraseItem(tx *store.Tx, c *casefile.File, name exchange.Name) (blobs [][]byte, err error) {
	m, ok := c.Message(name)
	if !ok {
		return nil, fmt.Errorf("message %s in case %s: %w", name, c.Token, refusal.ErrMessage)
	}
	_, proposed := c.EraseProposed(name)
	_, asked := c.EraseAsked(name)
	e := a.event(tx, exchange.EventEraseItem)
	if e.Of = name; !proposed && !asked {
		e.Kind = exchange.EventProposeEraseItem
	}
	if m.Out && m.Received == 0 && !m.Rejected {
		return nil, fmt.Errorf("erasing a message of case %s: %w", c.Token, refusal.ErrOnItsWay)
	}
	if err := c.Step(tx, e, a.d.ruleset(false), casefile.Why{Assertion: a.assertion, Local: a.local(c.Token)}); err != nil {
		return nil, err
	}
	if e.Kind == exchange.EventProposeEraseItem {
		return nil, nil
	}
	return bury(tx, []int64{int64(m.Index)}, translog.Erase{Basis: a.act.GetReason(), By: a.act.GetActor()}, a.assertion)
}

// mayErase refuses while something of the case is on its way out.
func mayErase(tx *store.Tx, c *casefile.File) error {
	if waits, err := drafts.Waits(&tx.Reader, c.Token); err != nil || waits {
		return errors.Join(err, fmt.Errorf("erasing case %s: %w", c.Token, refusal.ErrPending))
	}
	for _, m := range c.Messages {
		if m.Out && m.Received == 0 && !m.Rejected {
			return fmt.Errorf("erasing case %s: %w", c.Token, refusal.ErrOnItsWay)
		}
	}
	return nil
}

// bury writes the tombstones of messages that have none and takes their contents and attachments away. It returns the attachments whose files are to be
// removed after the commit. leaf says who and why; assertion is nil for a timer.
func bury(tx *store.Tx, indices []int64, leaf translog.Erase, assertion *rogatoryv1.Assertion) (blobs [][]byte, err error) {
	var names []translog.Hash
	rows := map[int64]*storev1.LoggedMessage{}
	for _, index := range indices {
		row, err := tx.Message(index)
		if err != nil {
			return nil, err
		}
		if row.GetErasedPlusOne() == 0 {
			rows[index] = row
			names = append(names, translog.Hash(row.GetMsg()))
		}
	}
	indices = slices.Sorted(maps.Keys(rows))
	if blobs, err = attachments.Detach(tx, names); err != nil {
		return nil, err
	}
	if len(blobs) > 0 {
		leaf.What = []string{wentAttachments}
	}
	leaf.What = append(leaf.What, wentContent)
	for part := range slices.Chunk(indices, casefile.AtOnce) {
		names = names[:0]
		for _, index := range part {
			names = append(names, translog.Hash(rows[index].GetMsg()))
		}
		tomb, err := casefile.AppendErase(tx, leaf, names, assertion)
		if err != nil {
			return nil, err
		}
		for _, index := range part {
			if err := errors.Join(tx.EraseContent(rows[index].GetContentId()), tx.Entomb(index, tomb)); err != nil {
				return nil, err
			}
		}
	}
	return blobs, nil
}

// restoredBy is who erased what a restored backup still had, and the basis: the people's leaves are not in its log.
const restoredBy = "restore"

// entombRestored writes tombstones for what was erased again when a backup was restored.
func (d *Desk) entombRestored(ctx context.Context) error {
	owed := false
	if err := d.cfg.Store.View(func(r *store.Reader) error {
		owed = r.TombsOwed()
		return nil
	}); err != nil || !owed {
		return err
	}
	var gone []int64
	if err := d.eachMessage(ctx, 0, func(r *store.Reader, index int64, row *storev1.LoggedMessage) error {
		if row.GetErasedPlusOne() != 0 || row.GetContentId() == 0 {
			return nil
		}
		head, err := r.ContentHead(row.GetContentId())
		if err == nil && head.GetErasedMs() != 0 {
			gone = append(gone, index)
		}
		return err
	}); err != nil {
		return err
	}
	_, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		// Their files went when the backup was restored.
		if _, err := bury(tx, gone, translog.Erase{Basis: restoredBy, By: restoredBy}, nil); err != nil {
			return err
		}
		return tx.TombsPaid()
	})
	return err
}

// stayErased erases again what peers have given back, or sent again, to a node that had lost it after it was erased: its names stand in the journal beside
// the guard. There is nothing to do in a log that was never recovered.
func (d *Desk) stayErased(ctx context.Context) error {
	if d.cfg.Store.Log().Number <= 1 {
		return nil
	}
	size := d.cfg.Store.Size()
	if size == d.looked {
		return nil
	}
	names, err := d.cfg.Store.ErasedMessages()
	if err != nil {
		return err
	}
	var back []int64
	if len(names) > 0 {
		if err := d.eachMessage(ctx, d.looked, func(_ *store.Reader, index int64, row *storev1.LoggedMessage) error {
			if row.GetErasedPlusOne() == 0 && len(row.GetMsg()) == translog.HashSize && names[[32]byte(row.GetMsg())] {
				back = append(back, index)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if len(back) > 0 {
		var blobs [][]byte
		if _, err := d.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			blobs, err = bury(tx, back, translog.Erase{Basis: restoredBy, By: restoredBy}, nil)
			return err
		}); err != nil {
			return err
		}
		for _, id := range blobs {
			if err := d.cfg.Store.RemoveBlob(id); err != nil {
				return err // the next start sweeps it
			}
		}
		d.log.Info("what was erased before the recovery and came back is erased again", "messages", len(back))
	}
	d.looked = size
	return nil
}
