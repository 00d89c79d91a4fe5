package audit

import (
	"fmt"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
)

// Prove returns the proof that a leaf stands in the log of an archive, above the archive's newest head, in the text form of C2SP tlog-proof.
// The leaf itself is its extra data. The proof holds for whoever has the log's keys; nothing of other leaves is in it but hashes.
func Prove(r *archive.Reader, index int64) ([]byte, error) {
	e, err := r.Entry(index)
	if err != nil {
		return nil, fmt.Errorf("proving leaf %d: %w", index, err)
	}
	if e.Leaf == nil {
		return nil, fmt.Errorf("proving leaf %d: %w", index, ErrNotFound)
	}
	note, err := r.Checkpoint()
	if err != nil {
		return nil, fmt.Errorf("proving leaf %d: %w", index, err)
	}
	info := r.Info()
	hashes, err := translog.ProveInclusion(info.Size, index, r.Hashes())
	if err != nil {
		return nil, err
	}
	// The tiles are the archive's own word: a proof that does not hold is not handed out.
	if err := translog.CheckInclusion(hashes, info.Size, info.Root, index, translog.LeafHash(e.Leaf)); err != nil {
		return nil, err
	}
	p := translog.Proof{Extra: e.Leaf, Index: index, Hashes: hashes, Checkpoint: note}
	return p.Marshal()
}

// ProveReceipt returns the receipt that a `rcpt` leaf stands for, as the proof that the peer's leaf is in the peer's log.
func ProveReceipt(r *archive.Reader, index int64) ([]byte, error) {
	e, l, err := rcptAt(r, index)
	if err != nil {
		return nil, fmt.Errorf("proving the receipt at %d: %w", index, err)
	}
	path := e.Side("path")
	if len(path)%translog.HashSize != 0 || e.Side("leaf") == nil {
		return nil, fmt.Errorf("proving the receipt at %d: %w", index, ErrNotFound)
	}
	receipt := translog.Receipt{Leaf: e.Side("leaf"), Index: l.Index}
	for ; len(path) > 0; path = path[translog.HashSize:] {
		receipt.Hashes = append(receipt.Hashes, translog.Hash(path))
	}
	note, err := headBeside(r, index, l)
	if err != nil {
		return nil, fmt.Errorf("proving the receipt at %d: %w", index, err)
	}
	p := receipt.Proof(note)
	p.Extra = receipt.Leaf
	return p.Marshal()
}

func rcptAt(r *archive.Reader, index int64) (archive.Entry, *translog.Rcpt, error) {
	e, err := r.Entry(index)
	if err != nil {
		return e, nil, err
	}
	if e.Leaf == nil {
		return e, nil, ErrNotFound
	}
	leaf, err := translog.ParseLeaf(e.Leaf)
	if err != nil {
		return e, nil, err
	}
	l, ok := leaf.Entry.(*translog.Rcpt)
	if !ok {
		return e, nil, fmt.Errorf("leaf %d is a %s: %w", index, leaf.Kind, ErrNotFound)
	}
	return e, l, nil
}

// headBeside returns the peer's signed head of a receipt: beside its `rcpt`, or beside the nearest one before it of the same head.
func headBeside(r *archive.Reader, index int64, l *translog.Rcpt) ([]byte, error) {
	var tile []archive.Entry
	for n := index / archive.TileWidth; n >= 0; n-- {
		var err error
		if tile, err = r.Tile(n, tile); err != nil {
			return nil, err
		}
		for i := len(tile) - 1; i >= 0; i-- {
			e := &tile[i]
			note := e.Side("checkpoint")
			if e.Index > index || note == nil || e.Leaf == nil {
				continue
			}
			leaf, err := translog.ParseLeaf(e.Leaf)
			if err != nil {
				continue
			}
			if o, ok := leaf.Entry.(*translog.Rcpt); ok && o.Log == l.Log && o.Size == l.Size && o.Root == l.Root {
				return note, nil
			}
		}
	}
	return nil, ErrNotFound
}
