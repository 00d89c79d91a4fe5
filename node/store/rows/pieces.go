package rows

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

const (
	// maxPiece is the largest value of a bucket; longer ones are kept in pieces.
	maxPiece = 60 << 10
	// smallPiece is the piece of a value of a few KiB. bbolt puts at least two rows into a page, and two of these fill one.
	smallPiece = 2000
	// fewPieces is up to how many small pieces a value has; a longer one has large pieces, which waste less of its size.
	fewPieces = 8
)

func pieceSize(length int) int {
	if length <= fewPieces*smallPiece {
		return smallPiece
	}
	return maxPiece
}

// PieceKey is the key of one piece of a value. No other keys of its bucket are as long.
func PieceKey(key []byte, piece int) []byte {
	return binary.BigEndian.AppendUint16(append(make([]byte, 0, len(key)+2), key...), uint16(piece))
}

// IsPiece reports whether key is that of a piece of a numbered value, and of which.
func IsPiece(key []byte) (piece int, ok bool) {
	if len(key) != 10 {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(key[8:])), true
}

// PutPieces keeps a long value in pieces, in place of any that were there, and returns how many they are.
func PutPieces(b *bbolt.Bucket, key, value []byte) (int, error) {
	n, size := 0, pieceSize(len(value))
	for first := true; first || len(value) > 0; first = false {
		cut := min(len(value), size)
		if err := b.Put(PieceKey(key, n), value[:cut]); err != nil {
			return 0, err
		}
		value = value[cut:]
		n++
	}
	return n, DeletePieces(b, key, n)
}

// ReadPieces joins the pieces of the value at key; nil when there is none.
func ReadPieces(b *bbolt.Bucket, key []byte) []byte {
	var v []byte
	for i := 0; ; i++ {
		p := b.Get(PieceKey(key, i))
		if p == nil {
			return v
		}
		v = append(v, p...)
	}
}

// DeletePieces deletes the pieces of a value from one on.
func DeletePieces(b *bbolt.Bucket, key []byte, from int) error {
	for ; b.Get(PieceKey(key, from)) != nil; from++ {
		if err := b.Delete(PieceKey(key, from)); err != nil {
			return err
		}
	}
	return nil
}
