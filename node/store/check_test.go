package store

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/keys"
	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func TestCheckFindsWhateverDoesNotFit(t *testing.T) {
	first := func(bucket []byte, is func([]byte) bool, change func(b *bbolt.Bucket, k, v []byte) error) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucket)
			c := b.Cursor()
			k, v := c.First()
			for is != nil && !is(k) {
				k, v = c.Next()
			}
			return change(b, append([]byte(nil), k...), append([]byte(nil), v...))
		}
	}
	drop := func(b *bbolt.Bucket, k, _ []byte) error { return b.Delete(k) }
	flip := func(b *bbolt.Bucket, k, v []byte) error {
		v[len(v)/2] ^= 1
		return b.Put(k, v)
	}
	add := func(b *bbolt.Bucket, k, v []byte) error {
		last := len(k) - 1
		if len(k) == 9 { // the last byte says what it is
			last--
		}
		k[last] ^= 0x40
		return b.Put(k, v)
	}
	all := []func(b *bbolt.Bucket, k, v []byte) error{drop, add, flip}
	one, two := all[:1], all[:2]
	type damage struct {
		what   string
		file   string
		change func(*bbolt.Tx) error
	}
	var damages []damage
	long := func(n int) func([]byte) bool { return func(k []byte) bool { return len(k) == n } }
	end := func(b byte) func([]byte) bool { return func(k []byte) bool { return isIndexed(k, b) } }
	for _, row := range []struct {
		what    string
		bucket  []byte
		is      func(k []byte) bool // nil: any
		changes []func(b *bbolt.Bucket, k, v []byte) error
	}{
		{"leaf", bucketLeaves, long(8), all},
		{"leaf's hashes", bucketLeaves, end(1), all},
		{"message", bucketSides, end(endMessage), two},
		{"statement", bucketSides, end(endStatement), one},
		{"signature", bucketSides, end(endSignature), one},
		{"outbox entry", bucketOutbox, nil, two},
		{"outgoing sequence", bucketOutgoing, nil, two},
		{"incoming sequence", bucketIncoming, nil, two},
		{"seen message", bucketSeen, nil, two},
		{"token", bucketTokens, nil, two},
		{"case", bucketCases, long(10), two},
		{"message of a case", bucketCases, long(16), two},
		{"case in its unit", bucketByUnit, nil, two},
		{"case to wake", bucketWake, nil, two},
		{"content", bucketContents, long(8), two},
		{"piece of a content", bucketContents, long(10), all},
	} {
		for i, change := range row.changes {
			damages = append(damages, damage{row.what + []string{" less", " more", " with another bit"}[i], mainName, first(row.bucket, row.is, change)})
		}
	}
	damages = append(damages,
		damage{"a key less", keysName, first(keys.Buckets[0], nil, drop)},
		damage{"a bit in a key", keysName, first(keys.Buckets[0], nil, flip)},
		damage{"no blocks", keysName, first(keys.Buckets[1], nil, drop)},
		damage{"a key of nothing", keysName, func(tx *bbolt.Tx) error {
			return tx.Bucket(keys.Buckets[0]).Put(binary.BigEndian.AppendUint64(nil, 1<<50), []byte("key"))
		}},
		damage{"another mark of the pool", mainName, func(tx *bbolt.Tx) error { return tx.Bucket(bucketPools).Put([]byte("police"), rows.U64(uint64(0))) }},
	)

	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	update(t, s, func(tx *Tx) error {
		e, err := submit(tx, "BG", "case-1", "police", []byte("receipted"))
		if err != nil {
			return err
		}
		if err := receipt(tx, e); err != nil {
			return err
		}
		e, err = submit(tx, "BG", "case-2", "police", []byte("waiting"))
		if err != nil {
			return err
		}
		reseal, err := tx.Append(resealOf(e))
		return errors.Join(err,
			tx.PutStatement(reseal, &storev1.LoggedStatement{Msg: e.Msg, Signature: testSignature(1, 0)}),
			receive(tx, "HU", 1, 1, "case-3", "police", []byte("arrived")),
			tx.UseNonce(make([]byte, 16), 7))
	})
	closeStore(t, s)
	for _, d := range damages {
		t.Run(d.what, func(t *testing.T) {
			t.Parallel()
			copied := testOptions(t.TempDir())
			copyTree(t, opts.Dir, copied.Dir)
			editFile(t, filepath.Join(copied.Dir, d.file), d.change)
			if err := checkFolder(context.Background(), copied); !errors.Is(err, ErrInconsistent) {
				t.Errorf("check: %v", err)
			}
		})
	}
	if err := checkFolder(context.Background(), opts); err != nil {
		t.Errorf("without damage: %v", err)
	}
}
