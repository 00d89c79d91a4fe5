package rows

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// in calls f with an empty bucket, in a transaction that is not kept.
func in(t testing.TB, f func(b *bbolt.Bucket)) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "rows"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	b, err := tx.CreateBucket([]byte("rows"))
	if err != nil {
		t.Fatal(err)
	}
	f(b)
}

func count(t *testing.T, b *bbolt.Bucket) (n int) {
	t.Helper()
	if err := b.ForEach(func(_, _ []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKeysSortAsWhatTheyAreOf(t *testing.T) {
	ascending := [][]byte{
		Named("BG"), Named("BG", U64(uint64(1))), Named("BG", U64(uint64(255))), Named("BG", U64(uint64(256))), Named("BGX"), Named("HU"),
	}
	if !slices.IsSortedFunc(ascending, bytes.Compare) {
		t.Errorf("%x", ascending)
	}
	if n := Number(U64(int64(1<<40 + 7))); n != 1<<40+7 {
		t.Errorf("number %d", n)
	}
}

func TestRowsOfOneNameAreWalkedThroughFromAKeyOn(t *testing.T) {
	in(t, func(b *bbolt.Bucket) {
		for _, peer := range []string{"BG", "BGX", "HU"} {
			for i := range uint64(3) {
				v, err := Marshal(&storev1.Expected{Msg: []byte{byte(i)}})
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Put(Named(peer, U64(i)), v); err != nil {
					t.Fatal(err)
				}
			}
		}
		var got []byte
		walk := func(from []byte, most int) string {
			t.Helper()
			got = nil
			if err := Each(b, Named("BG"), from, func(_ []byte, row *storev1.Expected) bool {
				got = append(got, '0'+row.Msg[0])
				return len(got) < most
			}); err != nil {
				t.Fatal(err)
			}
			return string(got)
		}
		if all, rest, two := walk(Named("BG"), 9), walk(Named("BG", U64(uint64(1))), 9), walk(Named("BG"), 2); all != "012" || rest != "12" || two != "01" {
			t.Errorf("all %s, from one on %s, two %s", all, rest, two)
		}
		if row, err := Find[storev1.Expected](b, Named("HU", U64(uint64(2)))); err != nil || row.Msg[0] != 2 {
			t.Errorf("found %v, %v", row, err)
		}
		if _, err := Find[storev1.Expected](b, Named("HU", U64(uint64(3)))); !errors.Is(err, ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
		if err := DeleteWhere(b, func(k, _ []byte) (bool, error) { return bytes.HasPrefix(k, Named("BG")), nil }); err != nil {
			t.Fatal(err)
		}
		if left := walk(Named("BG"), 9); left != "" {
			t.Errorf("left are %s", left)
		}
		if n := count(t, b); n != 6 {
			t.Errorf("%d rows of others are left", n)
		}
	})
}

func TestALongValueIsReadAsItWasWrittenWhateverWasThere(t *testing.T) {
	in(t, func(b *bbolt.Bucket) {
		key := U64(uint64(7))
		if ReadPieces(b, key) != nil {
			t.Error("there is a value")
		}
		for _, size := range []int{0, 1, smallPiece, smallPiece + 1, 300_000, fewPieces * smallPiece, 2 * maxPiece, 5} {
			value := bytes.Repeat([]byte{byte(size)}, size)
			n, err := PutPieces(b, key, value)
			if err != nil || n != count(t, b) {
				t.Errorf("%d bytes in %d pieces, %d are there: %v", size, n, count(t, b), err)
			}
			if !bytes.Equal(ReadPieces(b, key), value) {
				t.Errorf("%d bytes are read otherwise", size)
			}
		}
		if err := DeletePieces(b, key, 0); err != nil || count(t, b) != 0 {
			t.Errorf("%d pieces are left: %v", count(t, b), err)
		}
		if piece, ok := IsPiece(PieceKey(key, 300)); !ok || piece != 300 {
			t.Errorf("piece %d, %t", piece, ok)
		}
		if _, ok := IsPiece(key); ok {
			t.Error("a number is a piece")
		}
	})
}
