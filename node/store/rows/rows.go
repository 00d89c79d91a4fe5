// Package rows is how rows stand in bbolt's buckets: keys that sort as numbers and names do, values that are messages, and long values in pieces.
package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("not found")

// U64 is a number as a key: big-endian, so that keys sort as numbers do.
func U64[N int64 | uint64](n N) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// Number is the number that a key begins with.
func Number(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// Named is a name that ends, so that none is the beginning of another, followed by what sorts within it. The name has no zero byte.
func Named(name string, rest ...[]byte) []byte {
	k := append(make([]byte, 0, len(name)+1+16), name...)
	k = append(k, 0)
	for _, r := range rest {
		k = append(k, r...)
	}
	return k
}

// Of is a message that is kept as a row.
type Of[T any] interface {
	*T
	proto.Message
}

// Read unmarshals the row at key into m and reports whether there is one.
func Read(b *bbolt.Bucket, key []byte, m proto.Message) (bool, error) {
	v := b.Get(key)
	if v == nil {
		return false, nil
	}
	return true, Parse(v, m)
}

// Get returns the row at key; ok is false, and the row empty, when there is none.
func Get[T any, M Of[T]](b *bbolt.Bucket, key []byte) (row M, ok bool, err error) {
	row = M(new(T))
	ok, err = Read(b, key, row)
	return row, ok, err
}

// Find returns the row at key, or [ErrNotFound].
func Find[T any, M Of[T]](b *bbolt.Bucket, key []byte) (M, error) {
	m, ok, err := Get[T, M](b, key)
	if err == nil && !ok {
		err = ErrNotFound
	}
	return m, err
}

// Each calls each with the rows of b whose keys begin with prefix, from a key on, in order, until it returns false.
func Each[T any, M Of[T]](b *bbolt.Bucket, prefix, from []byte, each func(key []byte, row M) bool) error {
	c := b.Cursor()
	for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		m := M(new(T))
		if err := Parse(v, m); err != nil {
			return err
		}
		if !each(k, m) {
			break
		}
	}
	return nil
}

// Parse is the inverse of [Marshal].
func Parse(v []byte, m proto.Message) error {
	if err := proto.Unmarshal(v, m); err != nil {
		return fmt.Errorf("reading %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}

// Marshal returns the value of a row.
func Marshal(row proto.Message) ([]byte, error) {
	v, err := proto.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", row.ProtoReflect().Descriptor().Name(), err)
	}
	return v, nil
}

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
