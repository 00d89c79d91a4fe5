package store

import "bytes"

// Sides calls each with the side records that were kept by name beside the leaves of the places from from up to, and without,
// until, in order of place, until it returns false. The bytes are its own for the time of the call only.
func (r *Reader) Sides(from, until int64, each func(index int64, name string, record []byte) bool) {
	bucket, end := r.b.Bucket(bucketSides), u64(until)
	c := bucket.Cursor()
	for k, v := c.Seek(u64(from)); k != nil && bytes.Compare(k, end) < 0; k, v = c.Next() {
		if k[8] < 0x21 {
			continue // a message, a statement or a signature
		}
		if last := len(k) - 2; last > 8 && k[last] < 0x21 { // a piece: no name has such a byte
			if k[last] != 0 || k[last+1] != 0 {
				continue
			}
			k = bytes.Clone(k[:last])
			v = readPieces(bucket, k)
		}
		if !each(int64(number(k)), string(k[8:]), v) {
			return
		}
	}
}

// EachDirectory calls each with the signed directories, by version, until it returns false.
func (r *Reader) EachDirectory(each func(version uint64, signed []byte) bool) {
	c := r.b.Bucket(bucketDirectories).Cursor()
	for k, v := c.First(); k != nil && each(number(k), bytes.Clone(v)); k, v = c.Next() {
	}
}

// EachManifest calls each with all signed manifests that were ever kept, by the digests of the manifests, until it returns
// false.
func (r *Reader) EachManifest(each func(digest [32]byte, signed []byte) bool) {
	c := r.b.Bucket(bucketManifests).Cursor()
	for k, v := c.First(); k != nil && each([32]byte(k), bytes.Clone(v)); k, v = c.Next() {
	}
}
