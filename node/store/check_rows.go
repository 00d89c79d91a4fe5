package store

import (
	"bytes"
	"errors"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func (c *checker) messages() error {
	n, listed := 0, 0
	if err := c.each(bucketSides, func(k, v []byte) {
		if !isIndexed(k, endMessage) {
			return
		}
		n++
		var m storev1.LoggedMessage
		if !c.must(rows.Parse(v, &m)) {
			return
		}
		c.must(c.r.joinSignature(&m.Signature, &m.SignatureAt))
		if m.ContentId != 0 {
			_, err := c.r.ContentHead(m.ContentId)
			c.must(err)
		}
		if m.CaseToken == "" {
			return
		}
		listed++
		if at, err := c.r.caseNumber(m.CaseToken); c.must(err) && c.r.b.Bucket(bucketCases).Get(append(rows.U64(at), k[:8]...)) == nil {
			c.find("message at leaf %d is not listed with its case", rows.Number(k))
		}
	}); err != nil {
		return err
	}
	if n != c.ins+c.outs {
		c.find("%d messages have side records, %d have leaves", n, c.ins+c.outs)
	}
	kept := 0
	if err := c.each(bucketCases, func(k, _ []byte) {
		if len(k) == 16 {
			kept++
		}
	}); err != nil {
		return err
	}
	if kept != listed {
		c.find("%d messages are listed with cases, %d belong to one", kept, listed)
	}
	return nil
}

func (c *checker) outbox() error {
	waiting, again := 0, 0
	if err := c.each(bucketOutbox, func(k, v []byte) {
		waiting++
		var e storev1.OutboxEntry
		if !c.must(rows.Parse(v, &e)) {
			return
		}
		if len(e.Msg) != translog.HashSize || !bytes.Equal(k, place(e.To, e.Epoch, e.Seq)) {
			c.find("outbox entry at %x is malformed", k)
			return
		}
		if m, err := c.r.messageRow(int64(e.LeafIndex)); err == nil && m.ReceiptPlusOne != 0 && bytes.Equal(m.Msg, e.Msg) {
			again++ // the recipient has lost what it had receipted
		} else if leaf, ok := c.open[translog.Hash(e.Msg)]; !ok || leaf != int64(e.LeafIndex) {
			c.find("message %d.%d to %s waits and has no open leaf", e.Epoch, e.Seq, e.To)
		}
		if e.ContentId != 0 {
			_, err := c.r.ContentHead(e.ContentId)
			c.must(err)
		}
	}); err != nil {
		return err
	}
	if waiting-again != len(c.open) {
		c.find("%d messages wait, %d have no receipt", waiting, len(c.open))
	}
	return nil
}

func (c *checker) cases() error {
	n := 0
	if err := c.each(bucketTokens, func(token, v []byte) {
		n++
		row, err := c.r.caseRow(rows.Number(v))
		if !c.must(err) {
			return
		}
		if row.Summary.Token != string(token) {
			c.find("case %s leads to case %s", token, row.Summary.Token)
		}
		at := rows.Number(v)
		var listed storev1.CaseSummary
		ok, err := rows.Read(c.r.b.Bucket(bucketByUnit), unitKey(at, row.Summary), &listed)
		if c.must(err) && (!ok || !proto.Equal(&listed, row.Summary)) {
			c.find("case %s is listed otherwise than it is", token)
		}
		if wake := row.Summary.WakeMs; wake != 0 && string(c.r.b.Bucket(bucketWake).Get(append(rows.U64(wake), rows.U64(at)...))) != string(token) {
			c.find("case %s is not listed to wake", token)
		}
	}); err != nil {
		return err
	}
	kept := 0
	if err := c.each(bucketCases, func(k, _ []byte) {
		if piece, ok := rows.IsPiece(k); ok && piece == 0 {
			kept++
		}
	}); err != nil {
		return err
	}
	if err := errors.Join(c.pieces(bucketCases), c.pieces(bucketParked), c.pieces(bucketContents)); err != nil {
		return err
	}
	if kept != n {
		c.find("%d cases, %d tokens", kept, n)
	}
	return nil
}

// pieces looks for pieces of a value that follow no other.
func (c *checker) pieces(bucket []byte) error {
	b := c.r.b.Bucket(bucket)
	return c.each(bucket, func(k, _ []byte) {
		if piece, ok := rows.IsPiece(k); ok && piece > 0 && b.Get(rows.PieceKey(k[:8], int(piece)-1)) == nil {
			c.find("piece %d of %s %d follows none", piece, bucket, rows.Number(k))
		}
	})
}

func (c *checker) listings() error {
	cases, wake := 0, 0
	var due int
	return errors.Join(
		c.each(bucketTokens, func([]byte, []byte) { cases++ }),
		c.each(bucketByUnit, func(_, v []byte) {
			cases--
			var s storev1.CaseSummary
			if c.must(rows.Parse(v, &s)) && s.WakeMs != 0 {
				due++
			}
		}),
		c.each(bucketWake, func([]byte, []byte) { wake++ }),
		func() error {
			if cases != 0 || wake != due {
				c.find("the listing by unit has %d rows too few, the one to wake has %d rows instead of %d", cases, wake, due)
			}
			return nil
		}())
}

func (c *checker) contents() error {
	pieces := uint64(0)
	if err := c.each(bucketContents, func(k, v []byte) {
		if _, ok := rows.IsPiece(k); ok {
			pieces--
			return
		}
		var head storev1.ContentHead
		if !c.must(rows.Parse(v, &head)) {
			return
		}
		pieces += uint64(head.Pieces)
		id := rows.Number(k)
		unit, key, has, err := c.keys.Key(id)
		chore := c.r.b.Bucket(bucketChores).Get(k) != nil
		sealed := rows.ReadPieces(c.r.b.Bucket(bucketContents), k)
		switch {
		case uint64(len(sealed)) != head.Length:
			c.find("content %d has %d bytes, not %d", id, len(sealed), head.Length)
		case head.ErasedMs != 0:
			if has && !chore {
				c.find("content %d is erased and has a key", id)
			}
		case !has:
			c.find("content %d has no key", id)
		case c.must(err):
			if unit != head.Unit && !chore {
				c.find("content %d is wrapped for another unit", id)
			}
			if _, err := key.Open(sealed); err != nil {
				c.find("content %d: %w", id, err)
			}
		}
	}); err != nil {
		return err
	}
	if pieces != 0 {
		c.find("contents have %d pieces too few", int64(pieces))
	}
	return nil
}

// dataKeys looks for keys that belong to nothing.
func (c *checker) dataKeys() error {
	taken, err := c.r.takenKeys()
	if err != nil {
		return err
	}
	return c.keys.Each(taken, func(id uint64, ahead bool) {
		if has := c.r.b.Bucket(bucketContents).Get(rows.U64(id)) != nil; has == ahead {
			c.find("key %d belongs to a content: %t, is made ahead: %t", id, has, ahead)
		}
	})
}

func (c *checker) acts() error {
	return c.each(bucketNonces, func(k, _ []byte) {
		if len(k) != 8+16 {
			c.find("a used nonce has a key of %d bytes", len(k))
		}
	})
}

// blobs looks for attachments whose file holds less than it should, and for files that belong to none: what was erased must not lie about. A
// crash may leave such a file; the node sweeps it at its start.
func (c *checker) blobs() error {
	strays, err := c.r.strayBlobs()
	if err != nil {
		return err
	}
	for _, name := range strays {
		c.find("file %s belongs to no attachment; starting the node removes it", name)
	}
	return c.each(bucketAttachments, func(_, v []byte) {
		var a storev1.Attachment
		if !c.must(rows.Parse(v, &a)) || a.Received == 0 {
			return
		}
		info, err := os.Stat(c.r.s.BlobPath(a.Id))
		if c.must(err) && uint64(info.Size()) < a.Received {
			c.find("attachment %x has %d bytes, not %d", a.Id, info.Size(), a.Received)
		}
	})
}
