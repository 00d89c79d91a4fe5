// Package receipt is the proof that a message has arrived: a leaf of the recipient's log that names it, the path from there to the head of a
// checkpoint, and that checkpoint, signed. A [Notary] makes them of our log; the functions check those of peers.
package receipt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/peers"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

var (
	// ErrReceipt means that a receipt does not fit the message it names.
	ErrReceipt = errors.New("receipt does not fit the message")
	// ErrStranger means that the directory does not know the country whose receipt it is.
	ErrStranger = errors.New("country of the receipt is not in the directory")
)

// Side records of `rcpt` leaves: what proves the receipt to whoever reads the log.
const (
	// SidePath is the inclusion proof's hashes, one after another.
	SidePath = "path"
	// SideCheckpoint is the checkpoint that the proof leads to, as it came. Receipts that came together share one, which
	// stands beside the first of them.
	SideCheckpoint = "checkpoint"
)

// maxOrigin bounds the first line of a checkpoint.
const maxOrigin = 256

// Checkpoint parses a checkpoint of a peer, of its log or of one that it has closed; own is it without lines of others.
func Checkpoint(book *peers.Book, peer string, note []byte) (cp translog.Checkpoint, own []byte, err error) {
	log := book.Log(peer)
	if log == nil {
		return translog.Checkpoint{}, nil, ErrStranger
	}
	origin, _, _ := bytes.Cut(note[:min(len(note), maxOrigin)], []byte("\n"))
	most := int64(translog.MaxInt)
	if closed, ok := book.Closed(peer, string(origin)); ok && string(origin) != log.Origin() {
		log, most = closed.Log, closed.Size // beyond that the peer has lost it
	}
	cp, err = translog.ParseCheckpoint(note, log)
	if err == nil && cp.Size > most {
		err = fmt.Errorf("%s was closed at %d: %w", origin, most, ErrReceipt)
	}
	if err == nil && bytes.Count(note, []byte("\n— ")) > 2 {
		note, err = translog.AddCosignatures(note, log, nil)
	}
	return cp, note, err
}

// Verify checks one receipt against a checkpoint that was verified, and returns the leaf, the message that it names, and the path.
func Verify(r *rogatoryv1.Receipt, cp translog.Checkpoint) (leaf translog.Leaf, name envelope.Name, path []translog.Hash, err error) {
	if len(r.GetHashes()) > translog.MaxProofHashes || r.GetIndex() > translog.MaxInt {
		return leaf, name, nil, ErrReceipt
	}
	path = make([]translog.Hash, len(r.GetHashes()))
	for i, h := range r.GetHashes() {
		if len(h) != len(path[i]) {
			return leaf, name, nil, ErrReceipt
		}
		path[i] = translog.Hash(h)
	}
	leaf, of, err := translog.VerifyReceipt(translog.Receipt{Leaf: r.GetLeaf(), Index: int64(r.GetIndex()), Hashes: path}, cp)
	return leaf, envelope.Name(of), path, err
}

// Of checks the one receipt that a peer gives for a message.
func Of(book *peers.Book, peer string, rs *rogatoryv1.Receipts, name envelope.Name) (leaf translog.Leaf, path []byte, err error) {
	cp, _, err := Checkpoint(book, peer, rs.GetCheckpoint())
	if err != nil {
		return leaf, nil, err
	}
	return Proven(rs, cp, name)
}

// Proven checks the one receipt that there is for a message against its checkpoint, which was verified. The path comes as it is kept: SidePath.
func Proven(rs *rogatoryv1.Receipts, cp translog.Checkpoint, name envelope.Name) (leaf translog.Leaf, path []byte, err error) {
	if len(rs.GetReceipts()) != 1 {
		return leaf, nil, ErrReceipt
	}
	leaf, of, hashes, err := Verify(rs.GetReceipts()[0], cp)
	if err == nil && of != name {
		err = ErrReceipt
	}
	return leaf, Path(hashes), err
}

// Path returns a path as it is kept beside a `rcpt` leaf.
func Path(hashes []translog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*translog.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}
