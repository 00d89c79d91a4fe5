package disk

import "go.etcd.io/bbolt"

// DeleteWhere deletes the rows of a bucket of which goes says so.
func DeleteWhere(b *bbolt.Bucket, goes func(k, v []byte) (bool, error)) error {
	var keys [][]byte
	if err := b.ForEach(func(k, v []byte) error {
		ok, err := goes(k, v)
		if ok {
			keys = append(keys, k)
		}
		return err
	}); err != nil {
		return err
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// All is said of every row.
func All(_, _ []byte) (bool, error) { return true, nil }
