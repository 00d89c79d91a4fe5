package recovery

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	// lookAgain is how often it is looked whether all is here.
	lookAgain = 2 * time.Second
	// giveUpAfter is how long a message is waited for that a peer was asked to send again.
	giveUpAfter = 14 * 24 * time.Hour
)

// reportLoop writes the `node` leaf that ends a recovery when all peers have given back what they have.
func (c *Claim) reportLoop(ctx context.Context) error {
	for {
		if !c.cfg.Cleared() { // what the log says before is signed by nobody
			if !wait.For(ctx, lookAgain) {
				return nil
			}
			continue
		}
		done, err := false, c.giveUp(ctx)
		if err == nil {
			done, err = c.report(ctx)
		}
		if err != nil && store.Fatal(err) {
			return err
		}
		if err != nil {
			c.log.Error("writing the report of a recovery failed", "err", err)
		}
		if done || !wait.For(ctx, lookAgain) {
			return nil
		}
	}
}

// giveUp waits no more for what does not come, and has what was given back get its place when all else is here.
func (c *Claim) giveUp(ctx context.Context) error {
	rows, err := c.recoveries()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.GetStage() != store.StageResend {
			continue
		}
		peer, awaits := row.GetPeer(), false
		if err := c.cfg.Store.View(func(r *store.Reader) error { awaits = r.Awaits(peer); return nil }); err != nil {
			return err
		}
		if awaits {
			if row.GetAskedMs() == 0 { // an earlier program has asked
				if err := c.stage(ctx, peer, nil, func(row *storev1.Recovery) { row.AskedMs = uint64(time.Now().UnixMilli()) }); err != nil {
					return err
				}
				continue
			}
			if time.Since(time.UnixMilli(int64(row.GetAskedMs()))) < giveUpAfter {
				continue
			}
			if _, err := c.cfg.Store.Update(ctx, func(tx *store.Tx) error { return tx.GiveUp(peer) }); err != nil {
				return err
			}
			c.log.Warn("a peer does not send again what it said it would: the report names it", "peer", peer)
		}
		if err := c.cfg.Office.GiveBack(ctx, peer, 0); err != nil {
			return err
		}
	}
	return nil
}

// report writes the report if the recovery has ended and it was not written before: its rows go with it.
func (c *Claim) report(ctx context.Context) (done bool, err error) {
	var report *Report
	if err := c.cfg.Store.View(func(r *store.Reader) (err error) {
		report, err = ReadReport(r)
		return err
	}); err != nil || len(report.Away()) > 0 {
		return false, err
	}
	b, err := report.Encode()
	if err != nil {
		return false, err
	}
	_, err = c.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		noted, err := tx.Reported(report.Log)
		if err != nil || noted {
			return err
		}
		index, err := tx.Append(&translog.Node{Event: translog.NodeRecover, Program: "rogatory-node:" + c.cfg.Version, Digest: sha256.Sum256(b)})
		if err != nil {
			return err
		}
		return errors.Join(tx.PutSide(index, store.SideReport, b), tx.NoteReported(report.Log))
	})
	if err == nil {
		c.log.Info("the recovery has ended", "log", report.Log)
	}
	return err == nil, err
}
