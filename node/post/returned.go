package post

import (
	"context"
	"errors"
	"math"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// After a rollback the store lacks messages that were sent and received in the lost time. Package recovery asks the peers for them. Nothing of a
// peer is taken before its answer is here (Bar, Unbar), so that no reply comes before what it answers. What it gives back of ours waits beside the log
// until its turn, by the time at which it was submitted: the peer's own messages come again on the durable lane, one after another, and each goes
// before those of ours that were submitted after its first receipt.

// Returned is a message of ours that a peer gave back.
type Returned struct {
	To      string
	Name    envelope.Name
	Message *rogatoryv1.Message
	Docket  *rogatoryv1.Docket
	// Content is nil when the peer has erased it.
	Content *rogatoryv1.Content
	// Index is the place that it gets.
	Index int64
}

// Bar has nothing of a peer taken until Unbar. It is called before Run. The contents of the messages with these names were erased here: they stay so
// when the messages come again.
func (o *Office) Bar(peer string, erased map[[32]byte]bool) {
	if l := o.lanes[peer]; l != nil {
		l.barred, l.erased = make(chan struct{}), erased
	}
}

// Unbar ends Bar, once.
func (o *Office) Unbar(peer string) {
	if l := o.lanes[peer]; l != nil && l.barred != nil {
		l.unbar.Do(func() { close(l.barred) })
	}
}

// Again has messages carried again that store.SendAgain has put into the outbox.
func (o *Office) Again(peer string) error {
	l := o.lanes[peer]
	if l == nil {
		return nil
	}
	err := l.load()
	l.signal()
	return err
}

// Keep puts the content of a message that a peer gave back under a key of its unit, as all contents are kept.
func (o *Office) Keep(tx *store.Tx, unit string, content envelope.Part) (id uint64, err error) {
	return tx.PutContent(unit, saltedContent(content))
}

// GiveBack gives those messages of ours their place in log and case that a peer gave back and that were submitted up to a time, in milliseconds
// since 1970 UTC. One that its case does not allow waits on, unless all of the peer is here.
func (o *Office) GiveBack(ctx context.Context, peer string, until int64) error {
	l := o.lanes[peer]
	if l == nil {
		return nil
	}
	_, err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error { return l.giveBack(tx, until) })
	return o.guarded(ctx, err)
}

// returnedAtOnce is how many messages that were given back are looked at for one that comes.
const returnedAtOnce = 1000

func (l *lane) giveBack(tx *store.Tx, until int64) error {
	rec, ok, err := tx.Recovery(l.country)
	if err != nil || !ok || rec.GetStage() == store.StageAsk || rec.GetStage() == store.StageDone {
		return err
	}
	last := rec.GetStage() == store.StageResend && !tx.Awaits(l.country)
	if last {
		until = math.MaxInt64
	}
	for moved := true; moved; {
		rows, err := tx.Returned(l.country, returnedAtOnce)
		if err != nil {
			return err
		}
		moved = false
		for _, row := range rows {
			m, err := envelope.ParseMessage(row.GetMessage())
			if err != nil {
				return err
			}
			if int64(m.GetSubmittedMs()) > until {
				break
			}
			placed, err := l.placeReturned(tx, row, m, false)
			if err != nil {
				return err
			}
			moved = moved || placed
		}
		if moved || !last {
			continue
		}
		for _, row := range rows { // nothing that could change their cases comes any more
			m, err := envelope.ParseMessage(row.GetMessage())
			if err != nil {
				return err
			}
			if _, err := l.placeReturned(tx, row, m, true); err != nil {
				return err
			}
			if err := tx.PutLost(l.country, &storev1.LostMessage{Outgoing: true, Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: row.GetMsg(), Why: store.LostCase}); err != nil {
				return err
			}
			moved = true
		}
	}
	if last {
		rec.Stage = store.StageDone
		return tx.PutRecovery(rec)
	}
	return nil
}

// placeReturned writes a message of ours that the peer gave back: its leaf, that of the peer's receipt, and what it does to its case. When its case
// does not allow it now nothing is written, unless force leaves the case as it is.
func (l *lane) placeReturned(tx *store.Tx, row *storev1.ReturnedMessage, m *rogatoryv1.Message, force bool) (bool, error) {
	leaf, err := translog.ParseLeaf(row.GetLeaf())
	if err != nil {
		return false, err
	}
	r := Returned{To: l.country, Name: envelope.Name(row.GetMsg()), Message: m, Docket: &rogatoryv1.Docket{}, Index: tx.Size()}
	if err := envelope.StrictUnmarshal(row.GetDocket(), r.Docket, maxDocket); err != nil {
		return false, err
	}
	size := 0
	if row.GetContentId() != 0 {
		kept, err := tx.Content(row.GetContentId())
		if err != nil && !errors.Is(err, store.ErrErased) {
			return false, err
		}
		if err == nil {
			part, err := SplitContent(kept)
			if err != nil {
				return false, err
			}
			r.Content = &rogatoryv1.Content{}
			if err := envelope.StrictUnmarshal(part.Bytes, r.Content, maxContent); err != nil {
				return false, err
			}
			size = envelope.InnerSize(envelope.Part{Bytes: row.GetDocket()}, part)
		}
	}
	adm, err := l.o.cfg.Desk.Returned(tx, &r)
	if err != nil {
		return false, err
	}
	if adm.Reject != "" {
		if !force {
			return false, nil
		}
		adm = Admission{}
	}
	if _, err := tx.Append(&translog.Msg{
		Dir: translog.Out, Msg: translog.Hash(r.Name), FirstAt: int64(m.GetSubmittedMs()),
		Stmt: envelope.StatementHash(row.GetStatement()), Sig: envelope.SignatureHash(row.GetSignature()),
		From: m.From, To: m.To, Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit),
		DirectoryVersion: int64(l.o.cfg.Peers.Directory().Version()), ManifestVersion: int64(l.o.cfg.Peers.OwnVersion()), Size: int64(size),
	}); err != nil {
		return false, err
	}
	if adm.Record != nil {
		if err := adm.Record(tx); err != nil {
			return false, err
		}
	}
	rcpt, err := l.rcptOf(tx, row, leaf, r.Index)
	if err != nil {
		return false, err
	}
	if err := tx.PutMessage(r.Index, &storev1.LoggedMessage{
		Outgoing: true, Peer: l.country, Msg: row.GetMsg(), Message: row.GetMessage(), Docket: row.GetDocket(), DocketSalt: row.GetDocketSalt(),
		ContentId: row.GetContentId(), CaseToken: adm.CaseToken, Statement: row.GetStatement(), Signature: row.GetSignature(),
		ReceiptPlusOne: uint64(rcpt) + 1, ReceiptLeaf: row.GetLeaf(),
	}); err != nil {
		return false, err
	}
	if err := tx.DeleteReturned(l.country, m.GetEpoch(), m.GetSeq()); err != nil {
		return false, err
	}
	if adm.CaseToken == "" {
		return true, nil
	}
	at := leaf.At
	if e, ok := leaf.Entry.(*translog.Msg); ok && e.FirstAt != 0 {
		at = min(at, e.FirstAt)
	}
	return true, l.o.cfg.Desk.Delivered(tx, Delivery{To: l.country, Name: r.Name, CaseToken: adm.CaseToken, At: at})
}

// rcptOf appends the leaf of the receipt that came with a message, with its proof beside it.
func (l *lane) rcptOf(tx *store.Tx, row *storev1.ReturnedMessage, leaf translog.Leaf, out int64) (int64, error) {
	cp, own, err := receipt.Checkpoint(l.o.cfg.Peers, l.country, row.GetCheckpoint())
	if err != nil {
		return 0, err
	}
	index, err := tx.Append(translog.RcptOf(leaf, translog.Hash(row.GetMsg()), cp, tx.Ref(out)))
	if err != nil {
		return 0, err
	}
	return index, errors.Join(tx.PutSide(index, receipt.SidePath, row.GetPath()), tx.PutSide(index, receipt.SideCheckpoint, own))
}

// expected returns what is noted of a message that comes again, nil for any other. Messages of ours that came before it get their places first.
func (l *lane) expected(tx *store.Tx, m *rogatoryv1.Message, name envelope.Name) (*storev1.Expected, error) {
	if l.barred == nil {
		return nil, nil
	}
	e, ok, err := tx.Expected(l.country, m.GetEpoch(), m.GetSeq())
	if err != nil || !ok || envelope.Name(e.GetMsg()) != name {
		return nil, err
	}
	return e, l.giveBack(tx, int64(e.GetFirstAt()))
}

// resent notes that a message has come again; content is the number of what it says, 0 when it was refused.
func (l *lane) resent(tx *store.Tx, m *rogatoryv1.Message, e *storev1.Expected, content uint64) error {
	if e == nil {
		return nil
	}
	if err := tx.DeleteExpected(l.country, m.GetEpoch(), m.GetSeq()); err != nil {
		return err
	}
	if content == 0 && !e.GetRefused() { // it was taken before; its case does not allow it now
		if err := tx.PutLost(l.country, &storev1.LostMessage{Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: e.GetMsg(), Why: store.LostCase}); err != nil {
			return err
		}
	}
	if content != 0 && l.erased[[32]byte(e.GetMsg())] {
		if err := tx.EraseReturned(content); err != nil {
			return err
		}
	}
	rec, ok, err := tx.Recovery(l.country)
	if err != nil || !ok {
		return err
	}
	rec.Resent++
	if err := tx.PutRecovery(rec); err != nil || rec.Resent < rec.Expected {
		return err
	}
	return l.giveBack(tx, math.MaxInt64)
}
