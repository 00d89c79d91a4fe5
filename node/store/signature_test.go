package store

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// testSignature is a BatchSignature as far as the store looks into it: a root signature and what is the statement's own.
func testSignature(root, own byte) []byte {
	b := append([]byte{0x0a, 0xad, 0x1a}, bytes.Repeat([]byte{root}, 3373)...)
	return append(b, 0x10, 0x08, 0x18, own)
}

func TestASignatureOfManyIsKeptOnceAndReadWhole(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	signature := func(i int) []byte {
		if i == 17 {
			return []byte("something else")
		}
		return testSignature(byte(i/8), byte(i%8))
	}
	var indices []int64
	for i := range 24 {
		update(t, s, func(tx *Tx) error {
			e, err := submit(tx, "BG", "case-1", "police", []byte("content"))
			if err != nil {
				return err
			}
			m, err := tx.Message(int64(e.LeafIndex))
			if err != nil {
				return err
			}
			m.Signature = signature(i)
			reseal, err := tx.Append(resealOf(e))
			if err != nil {
				return err
			}
			if err := errors.Join(
				tx.PutStatement(reseal, &storev1.LoggedStatement{Msg: e.Msg, Signature: signature(i)}),
				tx.PutMessage(int64(e.LeafIndex), m)); err != nil {
				return err
			}
			if i%2 == 0 {
				if err := receipt(tx, e); err != nil {
					return err
				}
			}
			if i == 4 {
				if err := tx.ExpireDocket(int64(e.LeafIndex)); err != nil {
					return err
				}
			}
			indices = append(indices, int64(e.LeafIndex))
			return nil
		})
		if i == 11 { // what a restart forgets is kept once more
			closeStore(t, s)
			s = openStore(t, opts)
		}
	}
	view(t, s, func(r *Reader) error {
		for i, index := range indices {
			m, err := r.Message(index)
			if err != nil || !bytes.Equal(m.Signature, signature(i)) || m.SignatureAt != 0 {
				t.Errorf("signature %d is %x, %v", i, m.GetSignature(), err)
			}
			st, err := r.Statement(index + 1)
			if err != nil || !bytes.Equal(st.Signature, signature(i)) || st.SignatureAt != 0 {
				t.Errorf("signature of statement %d is %x, %v", i, st.GetSignature(), err)
			}
		}
		rows := 0
		if err := r.b.Bucket(bucketSides).ForEach(func(k, _ []byte) error {
			if isIndexed(k, endSignature) {
				rows++
			}
			return nil
		}); err != nil || rows != 4 {
			t.Errorf("%d signatures are kept, %v", rows, err)
		}
		return r.EachMessage(0, func(index int64, m *storev1.LoggedMessage) bool {
			if i := slices.Index(indices, index); !bytes.Equal(m.Signature, signature(i)) {
				t.Errorf("listed signature %d is %x", i, m.Signature)
			}
			return true
		})
	})
}

func FuzzSplitSignature(f *testing.F) {
	f.Add(testSignature(1, 2))
	f.Add([]byte{0x0a, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		shared, own := splitSignature(b)
		if !bytes.Equal(append(bytes.Clone(shared), own...), b) {
			t.Errorf("%x and %x are not %x", shared, own, b)
		}
	})
}
