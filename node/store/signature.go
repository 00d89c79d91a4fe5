package store

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Up to 256 statements are signed together, and the root's signature is most of what a BatchSignature holds. It is kept
// once, with the first leaf that brought it; the others keep what is their own and refer to it. What is read is byte for
// byte what was written.

// minShared is the length from which the first field of a signature is worth a row of its own.
const minShared = 512

// maxShared is how many signatures are remembered from batches that are committed.
const maxShared = 64

// splitSignature returns the first field of a BatchSignature, its root signature, and the rest; nil when there is no such
// field.
func splitSignature(signature []byte) (shared, own []byte) {
	n, kind, size := protowire.ConsumeTag(signature)
	if size < 0 || n != 1 || kind != protowire.BytesType {
		return nil, signature
	}
	end := protowire.ConsumeFieldValue(n, kind, signature[size:])
	if end < 0 || size+end < minShared {
		return nil, signature
	}
	return signature[:size+end], signature[size+end:]
}

// shareSignature returns what the row of the leaf at index keeps of a signature, and where the rest is, plus one.
func (t *Tx) shareSignature(index int64, signature []byte) (own []byte, at uint64, err error) {
	shared, own := splitSignature(signature)
	if shared == nil {
		return signature, 0, nil
	}
	for _, known := range []map[string]uint64{t.signatures, t.s.signatures} {
		if at, ok := known[string(shared)]; ok {
			return own, at, nil
		}
	}
	if err := t.put(bucketSides, indexed(index, endSignature), bytes.Clone(shared)); err != nil {
		return nil, 0, fmt.Errorf("keeping signature of leaf %d: %w", index, err)
	}
	t.signatures[string(shared)] = uint64(index) + 1
	return own, uint64(index) + 1, nil
}

// putSigned lets put write a row in whose signature its share is left out. The caller's row is whole again afterwards.
func (t *Tx) putSigned(index int64, signature *[]byte, at *uint64, put func() error) error {
	own, shared, err := t.shareSignature(index, *signature)
	if err != nil {
		return err
	}
	whole, was := *signature, *at
	*signature, *at = own, shared
	err = put()
	*signature, *at = whole, was
	return err
}

// joinSignature is the inverse of shareSignature.
func (r *Reader) joinSignature(signature *[]byte, at *uint64) error {
	if *at == 0 {
		return nil
	}
	shared := r.b.Bucket(bucketSides).Get(indexed(*at-1, endSignature))
	if shared == nil {
		return fmt.Errorf("reading signature kept with leaf %d: %w", *at-1, ErrNotFound)
	}
	*signature, *at = append(bytes.Clone(shared), *signature...), 0
	return nil
}

// settleSignatures remembers what a committed batch has kept.
func (s *Store) settleSignatures(kept map[string]uint64) {
	if len(s.signatures)+len(kept) > maxShared {
		clear(s.signatures)
	}
	for shared, at := range kept {
		if len(s.signatures) < maxShared {
			s.signatures[shared] = at
		}
	}
}
