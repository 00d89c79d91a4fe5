package post

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/receipt"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Whoever reads the log proves each receipt from what stands beside its leaf, and finds the checkpoint of a bundle at its first.
func TestEveryReceiptIsProvenByWhatStandsBesideItsLeaf(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		rs := w.members["RS"]
		rs.start()
		v := w.members["BG"].turn()
		first, second := rs.send("BG", "RS-1"), rs.send("BG", "RS-2")
		_, err := rs.store.Update(context.Background(), func(tx *store.Tx) error {
			return tx.PutAttachment(&storev1.Attachment{
				Id: make([]byte, 16), Outgoing: true, Length: 1,
				Copies: []*storev1.AttachmentCopy{{Peer: "BG", Msg: first.Name[:], CaseToken: "RS-1", LeafIndex: uint64(first.Index)}},
			})
		})
		must(t, err)
		both := v.prove(arrival(rs, first), arrival(rs, second))
		both.Checkpoint = append(both.Checkpoint, "— somebody.example AAAAAAAA\n"...) // anybody can append a line: it is no part of the receipt
		v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{both}})
		v.frame("RS", &rogatoryv1.Frame{Receipts: []*rogatoryv1.Receipts{v.prove(&translog.Whole{Msg: translog.Hash(first.Name), List: digest("list")})}})
		checkpoints := 0
		must(t, rs.store.View(func(r *store.Reader) error {
			var cp translog.Checkpoint
			proven := 0
			for i, e := range rs.leaves(0) {
				rcpt, ok := e.(*translog.Rcpt)
				if !ok {
					continue
				}
				note, err := r.Side(int64(i), receipt.SideCheckpoint)
				switch {
				case err == nil:
					checkpoints++
					if bytes.Contains(note, []byte("somebody")) {
						t.Error("a line of somebody else is kept")
					}
					if cp, err = translog.ParseCheckpoint(note, v.log.Verifier()); err != nil {
						return err
					}
				case !errors.Is(err, store.ErrNotFound):
					return err
				}
				if cp.Size != rcpt.Size || cp.Root != rcpt.Root {
					t.Errorf("leaf %d is of a tree of %d and stands behind a checkpoint of %d", i, rcpt.Size, cp.Size)
				}
				leaf, err := r.Side(int64(i), store.SideLeaf)
				if errors.Is(err, store.ErrNotFound) {
					m, err := r.Message(rcpt.Ref)
					must(t, err)
					leaf = m.GetReceiptLeaf()
				} else if err != nil {
					return err
				}
				b, err := r.Side(int64(i), receipt.SidePath)
				if err != nil {
					return err
				}
				var path []translog.Hash
				for ; len(b) > 0; b = b[translog.HashSize:] {
					path = append(path, translog.Hash(b))
				}
				if _, name, err := translog.VerifyReceipt(translog.Receipt{Leaf: leaf, Index: rcpt.Index, Hashes: path}, cp); err != nil || name != rcpt.Of {
					t.Errorf("leaf %d: %v", i, err)
				}
				proven++
			}
			if proven != 3 {
				t.Errorf("%d receipts are proven", proven)
			}
			return nil
		}))
		if checkpoints != 2 {
			t.Errorf("%d checkpoints are kept for two bundles", checkpoints)
		}
	}, "RS", "BG")
}
