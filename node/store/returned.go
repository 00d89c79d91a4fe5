package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Stages of a recovery with one peer.
const (
	StageAsk    = 0 // it is to be asked what it has
	StageHere   = 1 // what it gave back is here
	StageResend = 2 // it sends again
	StageDone   = 3 // all is here
)

// Why a message does not come back, in storev1.LostMessage.
const (
	LostErased  = "erased"  // its content was erased at the peer
	LostDocket  = "docket"  // the term of its docket is over at the peer
	LostRefused = "refused" // the peer had refused it, and keeps nothing of such
	LostCase    = "case"    // it is here, and its case does not allow it: it stands in the log without an effect
	LostPeer    = "peer"    // the peer's program gives nothing back
	LostUnit    = "unit"    // it came from a unit that is no more
	LostNever   = "never"   // the peer said that it comes again, and it never came
)

// PutRecovery keeps how far the recovery has come with a peer.
func (t *Tx) PutRecovery(r *storev1.Recovery) error {
	if err := checkName("peer", r.Peer); err != nil {
		return err
	}
	return t.putRow(bucketRecoveries, []byte(r.Peer), r)
}

// Recovery returns how far the last recovery has come with a peer; ok is false when there was none.
func (r *Reader) Recovery(peer string) (row *storev1.Recovery, ok bool, err error) {
	return rows.Get[storev1.Recovery](r.b.Bucket(bucketRecoveries), []byte(peer))
}

// Recoveries returns how far the last recovery has come with each peer, in order; none when there was none.
func (r *Reader) Recoveries() (all []*storev1.Recovery, err error) {
	err = rows.Each(r.b.Bucket(bucketRecoveries), nil, nil, func(_ []byte, row *storev1.Recovery) bool {
		all = append(all, row)
		return true
	})
	return all, err
}

// GiveUp waits for nothing of a peer any more: each message that is still to come again is noted as lost, and the peer itself if it has not said what it
// has. What it gave back gets its place when the durable lane looks the next time.
func (t *Tx) GiveUp(peer string) error {
	row, ok, err := t.Recovery(peer)
	if err != nil || !ok || row.Stage == StageDone {
		return err
	}
	if row.Stage == StageAsk {
		if err := t.PutLost(peer, &storev1.LostMessage{Why: LostPeer}); err != nil {
			return err
		}
	}
	var lost []*storev1.LostMessage
	if err := t.EachExpected(peer, func(epoch uint32, seq uint64, e *storev1.Expected) bool {
		lost = append(lost, &storev1.LostMessage{Epoch: epoch, Seq: seq, Msg: e.GetMsg(), Why: LostNever})
		return true
	}); err != nil {
		return err
	}
	for _, m := range lost {
		if err := errors.Join(t.PutLost(peer, m), t.DeleteExpected(peer, m.Epoch, m.Seq)); err != nil {
			return err
		}
	}
	row.Stage = StageResend
	return t.PutRecovery(row)
}

// Awaits reports whether messages of a peer are still to come again.
func (r *Reader) Awaits(peer string) bool {
	k, _ := r.b.Bucket(bucketExpected).Cursor().Seek(rows.Named(peer))
	return bytes.HasPrefix(k, rows.Named(peer))
}

// EraseReturned destroys a content that came back and that was erased before: here, by the journal beside the guard, or at the peer that gave its
// message back. The message gets its tombstone when the desk looks for those that are owed.
func (t *Tx) EraseReturned(id uint64) error {
	return errors.Join(t.EraseContent(id), oweTombs(t.b))
}

// PutReturned keeps a message of ours that a peer gave back, until it has its place in the log. The same one again changes nothing.
func (t *Tx) PutReturned(epoch uint32, seq uint64, m *storev1.ReturnedMessage) error {
	if err := checkName("peer", m.Peer); err != nil {
		return err
	}
	if len(m.Msg) != translog.HashSize || epoch == 0 || seq == 0 {
		return fmt.Errorf("keeping returned message %d.%d of %s: %w", epoch, seq, m.Peer, ErrInvalid)
	}
	return t.putRow(bucketReturned, place(m.Peer, epoch, seq), m)
}

// Returned returns the messages that a peer gave back and that have no place in the log yet, in the order of their numbers, at most limit.
func (r *Reader) Returned(peer string, limit int) (returned []*storev1.ReturnedMessage, err error) {
	err = rows.Each(r.b.Bucket(bucketReturned), rows.Named(peer), rows.Named(peer), func(_ []byte, row *storev1.ReturnedMessage) bool {
		returned = append(returned, row)
		return len(returned) < limit
	})
	return returned, err
}

// HasReturned reports whether a message that a peer gave back waits for its place in the log.
func (r *Reader) HasReturned(peer string, epoch uint32, seq uint64) bool {
	return r.b.Bucket(bucketReturned).Get(place(peer, epoch, seq)) != nil
}

// DeleteReturned forgets a message that has its place in the log now.
func (t *Tx) DeleteReturned(peer string, epoch uint32, seq uint64) error {
	return t.delete(bucketReturned, place(peer, epoch, seq))
}

// PutExpected notes that a message of a peer comes again that a lost leaf of ours has receipted.
func (t *Tx) PutExpected(peer string, epoch uint32, seq uint64, e *storev1.Expected) error {
	if err := checkName("peer", peer); err != nil {
		return err
	}
	return t.putRow(bucketExpected, place(peer, epoch, seq), e)
}

// Expected returns the note of [Tx.PutExpected]; ok is false without one.
func (r *Reader) Expected(peer string, epoch uint32, seq uint64) (e *storev1.Expected, ok bool, err error) {
	return rows.Get[storev1.Expected](r.b.Bucket(bucketExpected), place(peer, epoch, seq))
}

// EachExpected calls each with the messages of a peer that are to come again, in the order of their numbers, until it returns false.
func (r *Reader) EachExpected(peer string, each func(epoch uint32, seq uint64, e *storev1.Expected) bool) error {
	return rows.Each(r.b.Bucket(bucketExpected), rows.Named(peer), rows.Named(peer), func(k []byte, e *storev1.Expected) bool {
		epoch, seq := sequenceOf(peer, k)
		return each(epoch, seq, e)
	})
}

// DeleteExpected forgets a message that has come again.
func (t *Tx) DeleteExpected(peer string, epoch uint32, seq uint64) error {
	return t.delete(bucketExpected, place(peer, epoch, seq))
}

// SendAgain puts a message whose receipt a peer has lost into the outbox again. The row is that of its `out` leaf at index.
func (t *Tx) SendAgain(index int64, m *storev1.LoggedMessage, epoch uint32, seq, submitted uint64) error {
	if _, err := t.OutboxEntry(m.Peer, epoch, seq); err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	return t.putRow(bucketOutbox, place(m.Peer, epoch, seq), &storev1.OutboxEntry{
		To: m.Peer, Epoch: epoch, Seq: seq, Msg: m.Msg, Message: m.Message, Docket: m.Docket, DocketSalt: m.DocketSalt,
		ContentId: m.ContentId, LeafIndex: uint64(index), CaseToken: m.CaseToken, SubmittedMs: submitted,
	})
}

// PutLost notes a message of which a peer knows and that does not come back.
func (t *Tx) PutLost(peer string, m *storev1.LostMessage) error {
	if err := checkName("peer", peer); err != nil {
		return err
	}
	direction := byte(0)
	if m.Outgoing {
		direction = 1
	}
	return t.putRow(bucketLost, append(place(peer, m.Epoch, m.Seq), direction), m)
}

// EachLost calls each with what does not come back from a peer, in the order of the numbers, until it returns false.
func (r *Reader) EachLost(peer string, each func(*storev1.LostMessage) bool) error {
	return rows.Each(r.b.Bucket(bucketLost), rows.Named(peer), rows.Named(peer), func(_ []byte, m *storev1.LostMessage) bool { return each(m) })
}

// PutPeerLog keeps what is known of a log that a peer has closed.
func (t *Tx) PutPeerLog(origin string, l *storev1.PeerLog) error {
	if err := checkName("origin", origin); err != nil {
		return err
	}
	return t.putRow(bucketPeerLogs, []byte(origin), l)
}

// PeerLog returns what is known of a log that a peer has closed; ok is false when the peer has closed none of that name.
func (r *Reader) PeerLog(origin string) (l *storev1.PeerLog, ok bool, err error) {
	return rows.Get[storev1.PeerLog](r.b.Bucket(bucketPeerLogs), []byte(origin))
}

// EachPeerLog calls each with the logs that peers have closed until it returns false.
func (r *Reader) EachPeerLog(each func(origin string, l *storev1.PeerLog) bool) error {
	return rows.Each(r.b.Bucket(bucketPeerLogs), nil, nil, func(k []byte, l *storev1.PeerLog) bool { return each(string(k), l) })
}

// Reported reports whether the report of the recovery that opened a log has been written.
func (r *Reader) Reported(origin string) (bool, error) {
	row, err := r.LogRow(leaves.Number(origin))
	return row.GetReported(), err
}

// NoteReported notes that it has.
func (t *Tx) NoteReported(origin string) error {
	row, err := t.LogRow(leaves.Number(origin))
	if err != nil {
		return err
	}
	row.Reported = true
	return t.putRow(bucketLogs, rows.U64(row.Number), row)
}
