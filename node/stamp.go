package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/rogatory/rogatory/crypto/timestamp"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/refusal"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	nodev1 "github.com/rogatory/rogatory/proto/rogatory/node/v1"
)

// This file takes time tokens over the log from outside. The node asks nobody itself: who brings a token, rogatory-node log stamp, can wait or
// fail, and nothing waits for it.

// sideToken names the side record of a `time` leaf: its token.
const sideToken = "token"

// StampHead names the newest signed head.
func (l *logbook) StampHead(ctx context.Context, _ *nodev1.StampHeadRequest) (*nodev1.StampHeadResponse, error) {
	if err := l.n.keepCheckpoint(ctx); err != nil {
		return nil, refusal.Tell(err)
	}
	var note []byte
	if err := l.n.store.View(func(r *store.Reader) (err error) { _, note, err = r.Checkpoint(); return err }); err != nil {
		return nil, refusal.Tell(err)
	}
	cp, err := translog.ParseCheckpoint(note, l.n.signer.Verifier())
	if err != nil {
		return nil, refusal.Tell(fmt.Errorf("reading the newest checkpoint: %w", err))
	}
	return &nodev1.StampHeadResponse{Log: cp.Origin, Size: uint64(cp.Size), Root: cp.Root[:]}, nil
}

// Stamp logs a token. What an auditor would find wrong with it, but for whose it is, is refused here: the head that it stands over, and that it agrees
// with the times in the log, by the auditor's measure. One that is logged already stays where it is.
func (l *logbook) Stamp(ctx context.Context, r *nodev1.StampRequest) (*nodev1.StampResponse, error) {
	token, err := timestamp.Parse(r.GetToken())
	if err != nil {
		return nil, refusal.Tell(err)
	}
	if size := l.n.store.Head().Size; r.GetSize() > uint64(size) {
		return nil, refusal.Tell(fmt.Errorf("of size %d, and this log has %d leaves: %w", r.GetSize(), size, refusal.ErrTokenHead))
	}
	leaf := &translog.Time{Digest: sha256.Sum256(r.GetToken()), Size: int64(r.GetSize()), Time: token.Time.UnixMilli(), Type: "rfc3161"}
	var index int64
	var had bool
	if _, err := l.n.store.Update(ctx, func(tx *store.Tx) error {
		head, err := tx.HeadAt(leaf.Size)
		if err != nil {
			return err
		}
		leaf.Root = head.Root
		if cp := (translog.Checkpoint{Origin: l.n.signer.Verifier().Origin(), Size: head.Size, Root: head.Root}); cp.Imprint() != token.Imprint {
			return refusal.ErrTokenHead
		}
		if index, had, err = l.stamped(tx, leaf); had || err != nil {
			return err
		}
		if err := l.fits(tx, leaf); err != nil {
			return err
		}
		place, err := tx.Append(leaf)
		if err != nil {
			return err
		}
		index = place - l.n.store.Log().Base
		return tx.PutSide(place, sideToken, r.GetToken())
	}); err != nil {
		return nil, refusal.Tell(fmt.Errorf("taking a time token: %w", err))
	}
	if !had {
		l.n.log.Info("a time token was logged", "size", leaf.Size, "index", index, "time", token.Time)
	}
	return &nodev1.StampResponse{Index: uint64(index), TimeMs: uint64(leaf.Time), By: token.Signer()}, nil
}

// stamped looks for a token in the log: it can only stand behind the head that it stands over.
func (l *logbook) stamped(tx *store.Tx, leaf *translog.Time) (index int64, ok bool, err error) {
	base, digest := l.n.store.Log().Base, []byte(`"digest":"`+leaf.Digest.String()+`"`)
	tx.Leaves(base+leaf.Size, func(place int64, b []byte) bool {
		if !bytes.Contains(b, digest) {
			return true
		}
		var there translog.Leaf
		there, err = translog.ParseLeaf(b)
		_, ok = there.Entry.(*translog.Time)
		index = place - base
		return err == nil && !ok
	})
	return index, ok, err
}

// fits judges a token's time: it is not before that of the leaves that it stands over, nor ahead of the leaf that will name it.
func (l *logbook) fits(tx *store.Tx, leaf *translog.Time) error {
	skew := federation.ClockSkew.Milliseconds()
	if leaf.Time > tx.At()+skew {
		return fmt.Errorf("it is %d s ahead of this machine's clock: %w", (leaf.Time-tx.At())/1000, refusal.ErrTokenTime)
	}
	if leaf.Size == 0 {
		return nil
	}
	b, err := tx.Leaf(l.n.store.Log().Base + leaf.Size - 1)
	if err != nil {
		return err
	}
	last, err := translog.ParseLeaf(b)
	if err != nil {
		return err
	}
	if last.At > leaf.Time+skew {
		return fmt.Errorf("it is %d s older than a leaf that it stands over: %w", (last.At-leaf.Time)/1000, refusal.ErrTokenTime)
	}
	return nil
}
