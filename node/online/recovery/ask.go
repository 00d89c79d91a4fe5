package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// askBack calls Recover and keeps what comes. The peer may first ask for a proof from one of the heads that it knows.
func (c *Claim) askBack(ctx context.Context, peer string, row *storev1.Recovery) error {
	r, err := c.recoverRequest(row)
	if err != nil {
		return err
	}
	for range 2 {
		want, err := c.gather(ctx, peer, row, r)
		if err != nil || want == 0 {
			return err
		}
		if err := c.proveFrom(r, want); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s asks for one proof after another: %w", peer, rollback.ErrHead)
}

// ShowGenesis shows a peer the genesis of our log once more, and asks for nothing: it was restored itself, or has joined since.
func (c *Claim) ShowGenesis(ctx context.Context, peer string) error {
	r, err := c.recoverRequest(&storev1.Recovery{GivenEpoch: math.MaxUint32, GivenSeq: math.MaxUint64})
	if err != nil {
		return err
	}
	for range 2 {
		stream, err := c.cfg.Client(peer).Recover(ctx, r)
		if err != nil {
			return err
		}
		want := uint64(0)
		for {
			answer, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			want = max(want, answer.GetWantSize())
		}
		if want == 0 {
			return nil
		}
		if err := c.proveFrom(r, want); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s asks for one proof after another: %w", peer, rollback.ErrHead)
}

// recoverRequest shows the genesis of our log.
func (c *Claim) recoverRequest(row *storev1.Recovery) (*peerv1.RecoverRequest, error) {
	r := &peerv1.RecoverRequest{GivenEpoch: row.GetGivenEpoch(), GivenSeq: row.GetGivenSeq()}
	log := c.cfg.Store.Log()
	err := c.cfg.Store.View(func(rd *store.Reader) (err error) {
		if r.Genesis, err = rd.Leaf(log.Base); err != nil {
			return err
		}
		if r.Endorsement, err = rd.Side(log.Base, store.SideEndorsement); err != nil {
			return err
		}
		opened, err := rd.LogRow(log.Number)
		r.Closed = opened.GetClosed()
		return err
	})
	return r, err
}

// proveFrom puts the proof from a size of the closed log into a request.
func (c *Claim) proveFrom(r *peerv1.RecoverRequest, from uint64) error {
	return c.cfg.Store.View(func(rd *store.Reader) error {
		logs, err := rd.Logs()
		if err != nil || len(logs) < 2 {
			return errors.Join(err, rollback.ErrHead)
		}
		closed := logs[len(logs)-2]
		if from == 0 || from >= uint64(closed.Size) {
			return fmt.Errorf("a proof from %d to %d: %w", from, closed.Size, rollback.ErrHead)
		}
		proof, err := rd.In(closed).Consistency(int64(from), closed.Size)
		if err != nil {
			return err
		}
		r.FromSize, r.Proof = from, nil
		for i := range proof {
			r.Proof = append(r.Proof, proof[i][:])
		}
		return nil
	})
}

// gather makes one call and keeps what comes, each in its own transaction; when all is here the recovery with the peer has its next stage.
func (c *Claim) gather(ctx context.Context, peer string, row *storev1.Recovery, r *peerv1.RecoverRequest) (want uint64, err error) {
	stream, err := c.cfg.Client(peer).Recover(ctx, r)
	if err != nil {
		return 0, err
	}
	var returned, expected uint64
	var lost []*storev1.LostMessage
	var content []byte
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		switch {
		case answer.GetWantSize() != 0:
			return answer.GetWantSize(), nil
		case len(answer.GetPiece()) > 0:
			if len(content)+len(answer.GetPiece()) > envelope.MaxInner {
				return 0, fmt.Errorf("content from %s: %w", peer, envelope.ErrTooLarge)
			}
			content = append(content, answer.GetPiece()...)
		case answer.GetReturned() != nil:
			why, m, err := c.takeBack(ctx, peer, row, answer.GetReturned(), content)
			content = nil
			switch {
			case errors.Is(err, rollback.ErrHead):
				c.log.Warn("what a peer gave back is not ours, or not whole", "peer", peer, "err", err)
			case err != nil:
				return 0, err
			case why != "":
				name := envelope.MessageName(answer.GetReturned().GetMessage())
				lost = append(lost, &storev1.LostMessage{Outgoing: true, Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: name[:], Why: why})
			default:
				returned++
			}
			if err == nil && why == "" && answer.GetReturned().GetErased() {
				name := envelope.MessageName(answer.GetReturned().GetMessage())
				lost = append(lost, &storev1.LostMessage{Outgoing: true, Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: name[:], Why: store.LostErased})
			}
		case answer.GetReceipted() != nil:
			if expected == maxExpected {
				return 0, fmt.Errorf("more than %d messages of %s were receipted in the lost time: %w", maxExpected, peer, rollback.ErrHead)
			}
			gone, err := c.expect(ctx, peer, answer.GetReceipted())
			if err != nil {
				return 0, err
			}
			if gone {
				m := answer.GetReceipted()
				lost = append(lost, &storev1.LostMessage{Epoch: m.GetEpoch(), Seq: m.GetSeq(), Msg: m.GetMsg(), Why: store.LostErased})
			} else {
				expected++
			}
		}
	}
	c.log.Info("a peer has given back what it has", "peer", peer, "returned", returned, "expected", expected, "lost", len(lost))
	return 0, c.stage(ctx, peer, lost, func(row *storev1.Recovery) {
		row.Stage, row.Returned, row.Expected = store.StageHere, returned, expected
	})
}
