package store

import "bytes"

// Sides calls each with the side records that were kept by name beside the leaves from index from up to, and without,
// until, in order of index and name, until it returns false. The bytes are its own for the time of the call only.
func (r *Reader) Sides(from, until int64, each func(index int64, name string, record []byte) bool) {
	b := r.b.Bucket(bucketSides)
	c := b.Cursor()
	end := u64(until)
	for k, v := c.Seek(u64(from)); k != nil && bytes.Compare(k, end) < 0; k, v = c.Next() {
		if k[8] < 0x21 {
			continue // a message, a statement or a signature
		}
		name := k[8:]
		if i := bytes.IndexByte(name, 0); i >= 0 { // a piece of a long one, which are together in its place
			if !bytes.Equal(name[i:], []byte{0, 0}) {
				continue
			}
			name, v = name[:i], readPieces(b, k[:8+i])
		}
		if !each(int64(number(k)), string(name), v) {
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
