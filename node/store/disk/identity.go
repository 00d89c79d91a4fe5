package disk

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Identity is the bucket that says whose a file is, in a row of the same name. It is made in one transaction with all other buckets.
var Identity = []byte("identity")

// ReadIdentity returns whose a file is. It returns nil for a file without any bucket, and [ErrForeign] for one with other buckets only.
func ReadIdentity(db *bbolt.DB) (id *storev1.Identity, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(Identity)
		if b == nil {
			if !empty(tx) {
				return ErrForeign
			}
			return nil
		}
		row := b.Get(Identity)
		if row == nil {
			return ErrForeign
		}
		id = new(storev1.Identity)
		if err := rows.Parse(row, id); err != nil {
			return fmt.Errorf("%w: %w", err, ErrForeign)
		}
		return nil
	})
	return id, err
}

// WriteIdentity says whose a file is and makes those of its buckets that are missing. It does nothing when none is.
func WriteIdentity(db *bbolt.DB, id *storev1.Identity, buckets [][]byte) error {
	complete := true
	err := db.View(func(tx *bbolt.Tx) error {
		complete = tx.Bucket(Identity) != nil
		for _, name := range buckets {
			complete = complete && tx.Bucket(name) != nil
		}
		return nil
	})
	if err != nil || complete {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(Identity)
		if err != nil {
			return err
		}
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		row, err := rows.Marshal(id)
		if err != nil {
			return err
		}
		return b.Put(Identity, row)
	})
}

// Empty reports whether a file has no bucket.
func Empty(db *bbolt.DB) (none bool, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		none = empty(tx)
		return nil
	})
	return none, err
}

func empty(tx *bbolt.Tx) bool {
	k, _ := tx.Cursor().First()
	return k == nil
}

// IsMade reports whether the file at path has got as far as its identity, by whoever has it open.
func IsMade(path string) (made bool, err error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return false, err
	}
	db, err := Open(path, 0)
	if err != nil {
		return false, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		made = tx.Bucket(Identity) != nil
		return nil
	})
	return made, errors.Join(err, db.Close())
}
