package store

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func TestCheckFindsWhateverDoesNotFit(t *testing.T) {
	first := func(bucket []byte, change func(b *bbolt.Bucket, k, v []byte) error) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucket)
			k, v := b.Cursor().First()
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
		k[last] ^= 0x40
		return b.Put(k, v)
	}
	type damage struct {
		what   string
		file   string
		change func(*bbolt.Tx) error
	}
	var damages []damage
	for _, bucket := range [][]byte{
		bucketLeaves, bucketHashes, bucketMessages, bucketOutbox, bucketOutgoing, bucketIncoming, bucketSeen, bucketTokens, bucketCases,
		bucketByUnit, bucketWake, bucketOfCase, bucketContents, bucketPieces, bucketNonces, bucketNonceExpiry, bucketStatements,
		bucketSignatures,
	} {
		damages = append(damages, damage{"a row less in " + string(bucket), mainName, first(bucket, drop)})
	}
	for _, bucket := range [][]byte{
		bucketLeaves, bucketHashes, bucketMessages, bucketOutbox, bucketSeen, bucketTokens, bucketCases, bucketByUnit, bucketWake, bucketOfCase,
		bucketContents, bucketPieces, bucketNonces, bucketNonceExpiry, bucketOutgoing, bucketIncoming,
	} {
		damages = append(damages, damage{"a row more in " + string(bucket), mainName, first(bucket, add)})
	}
	for _, bucket := range [][]byte{bucketLeaves, bucketHashes, bucketPieces} {
		damages = append(damages, damage{"a bit in " + string(bucket), mainName, first(bucket, flip)})
	}
	damages = append(damages,
		damage{"a key less", keysName, first(bucketKeys, drop)},
		damage{"a bit in a key", keysName, first(bucketKeys, flip)},
		damage{"no blocks", keysName, first(bucketBlocks, drop)},
		damage{"a key of nothing", keysName, func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketKeys).Put(binary.BigEndian.AppendUint64(nil, 1<<50), []byte("key"))
		}},
		damage{"another mark of the pool", mainName, func(tx *bbolt.Tx) error { return tx.Bucket(bucketPools).Put([]byte("police"), u64(uint64(0))) }},
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
