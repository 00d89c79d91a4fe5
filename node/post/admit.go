package post

import (
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// commitOne writes what becomes of one envelope.
func (l *lane) commitOne(tx *store.Tx, op *opening) error {
	op.answer, op.late = -1, nil
	switch {
	case op.arrival != nil:
		return l.admit(tx, op)
	case op.refused != "":
		return l.reject(tx, op, op.refused)
	case op.parked != nil:
		_, err := tx.Park(op.parked)
		return err
	case op.fork != nil:
		return l.keepFork(tx, op.o, op.fork)
	}
	return nil
}

// arrived answers a message that came twice in one transaction, or between the look and the commit.
func (l *lane) arrived(tx *store.Tx, op *opening) (bool, error) {
	m := op.o.Message()
	seen, ok, err := tx.Seen(l.country, m.GetEpoch(), m.GetSeq())
	if err != nil || !ok {
		return false, err
	}
	if envelope.Name(seen.GetMsg()) == op.o.Name() {
		op.answer = int64(seen.GetLeafIndex())
		return true, nil
	}
	op.late = seen
	return true, l.keepFork(tx, op.o, seen)
}

// admit puts a new message into log, case, contents and seen, as the desk judges.
func (l *lane) admit(tx *store.Tx, op *opening) error {
	if done, err := l.arrived(tx, op); done || err != nil {
		return err
	}
	a := op.arrival
	expected, err := l.expected(tx, a.Message, a.Name)
	if err != nil {
		return err
	}
	a.Index, a.At = tx.Size(), tx.At()
	if first := int64(expected.GetFirstAt()); first != 0 {
		a.At = min(a.At, first)
	}
	adm, err := l.o.cfg.Desk.Admit(tx, a)
	if err != nil {
		return fmt.Errorf("judging a message from %s: %w", l.country, err)
	}
	if adm.Reject != "" {
		return l.reject(tx, op, adm.Reject)
	}
	m := a.Message
	if op.answer, err = tx.Append(&translog.Msg{
		Dir: translog.In, Msg: translog.Hash(a.Name),
		Stmt: envelope.StatementHash(a.statement), Sig: envelope.SignatureHash(a.signature),
		From: m.From, To: m.To, Epoch: int64(m.Epoch), Seq: int64(m.Seq), Prev: translog.Hash(m.Prev),
		DocketCommit: translog.Hash(m.DocketCommit), ContentCommit: translog.Hash(m.ContentCommit),
		DirectoryVersion: int64(l.o.cfg.Peers.Directory().Version()),
		ManifestVersion:  int64(a.manifest),
		Size:             int64(envelope.InnerSize(a.docket, a.content)),
		FirstAt:          int64(expected.GetFirstAt()),
	}); err != nil {
		return err
	}
	// The case comes before the message that is listed with it.
	if err := adm.Record(tx); err != nil {
		return err
	}
	id, err := tx.PutContent(adm.Unit, saltedContent(a.content))
	if err != nil {
		return err
	}
	if err := tx.PutMessage(op.answer, &storev1.LoggedMessage{
		Peer: l.country, Msg: a.Name[:], Message: a.raw,
		Docket: a.docket.Bytes, DocketSalt: a.docket.Salt[:], ContentId: id, CaseToken: adm.CaseToken,
		Statement: a.statement, Signature: a.signature,
	}); err != nil {
		return err
	}
	if err := tx.PutSeen(l.country, m.Epoch, m.Seq, &storev1.Seen{Msg: a.Name[:], LeafIndex: uint64(op.answer), CaseToken: adm.CaseToken}); err != nil {
		return err
	}
	return l.resent(tx, m, expected, id)
}

// reject logs a final refusal; it uses up the message's number.
func (l *lane) reject(tx *store.Tx, op *opening, code string) error {
	if done, err := l.arrived(tx, op); done || err != nil {
		return err
	}
	m, name := op.o.Message(), op.o.Name()
	expected, err := l.expected(tx, m, name)
	if err != nil {
		return err
	}
	index, err := tx.Append(&translog.Rej{Code: code, From: l.country, Msg: translog.Hash(name)})
	if err != nil {
		return err
	}
	op.answer = index
	signature, err := op.o.Signature()
	if err != nil {
		return err
	}
	// It proves to the sender that this number was given out.
	if err := tx.PutStatement(index, &storev1.LoggedStatement{Msg: name[:], Statement: op.o.Statement(), Signature: signature}); err != nil {
		return err
	}
	if err := tx.PutSeen(l.country, m.GetEpoch(), m.GetSeq(), &storev1.Seen{Msg: name[:], LeafIndex: uint64(index)}); err != nil {
		return err
	}
	return l.resent(tx, m, expected, 0)
}
