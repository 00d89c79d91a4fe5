package store

import (
	"bytes"
	"fmt"

	"github.com/rogatory/rogatory/node/store/rows"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// PutManifest keeps a peer's signed manifest under the SHA-256 of the manifest's bytes, for ever, and makes it the peer's
// latest when its version is larger than that of the one before. Another manifest of the same version is [ErrExists]: the
// peer has said two things.
func (t *Tx) PutManifest(peer string, latest *storev1.LatestManifest, signed []byte) error {
	if err := checkName("peer", peer); err != nil {
		return err
	}
	if len(latest.Digest) != 32 {
		return fmt.Errorf("keeping manifest of %s: %w", peer, ErrInvalid)
	}
	old, _, err := t.latestManifest(peer)
	if err != nil {
		return err
	}
	if old.Version == latest.Version && old.Digest != nil && !bytes.Equal(old.Digest, latest.Digest) {
		return fmt.Errorf("keeping manifest %d of %s: %w", latest.Version, peer, ErrExists)
	}
	if err := t.put(bucketManifests, latest.Digest, bytes.Clone(signed)); err != nil {
		return fmt.Errorf("keeping manifest of %s: %w", peer, err)
	}
	if latest.Version < old.Version {
		return nil
	}
	return t.putRow(bucketLatest, []byte(peer), latest)
}

func (r *Reader) latestManifest(peer string) (*storev1.LatestManifest, bool, error) {
	return rows.Get[storev1.LatestManifest](r.b.Bucket(bucketLatest), []byte(peer))
}

// LatestManifest returns the newest signed manifest of a peer and what is known of it, or [ErrNotFound].
func (r *Reader) LatestManifest(peer string) (latest *storev1.LatestManifest, signed []byte, err error) {
	latest, ok, err := r.latestManifest(peer)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading manifest of %s: %w", peer, err)
	}
	signed, err = r.Manifest(latest.Digest)
	return latest, signed, err
}

// Manifest returns a signed manifest by the SHA-256 of its manifest's bytes, or [ErrNotFound].
func (r *Reader) Manifest(digest []byte) ([]byte, error) {
	v := r.b.Bucket(bucketManifests).Get(digest)
	if v == nil {
		return nil, fmt.Errorf("reading manifest %x: %w", digest, ErrNotFound)
	}
	return bytes.Clone(v), nil
}

// EachLatestManifest calls each with the newest manifest of every peer, by country, until it returns false.
func (r *Reader) EachLatestManifest(each func(peer string, latest *storev1.LatestManifest, signed []byte) bool) error {
	c := r.b.Bucket(bucketLatest).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		latest, signed, err := r.LatestManifest(string(k))
		if err != nil {
			return err
		}
		if !each(string(k), latest, signed) {
			break
		}
	}
	return nil
}

// PutDirectory keeps a signed directory by its version, for ever. Another one of the same version is [ErrExists].
func (t *Tx) PutDirectory(version uint64, signed []byte) error {
	if old := t.b.Bucket(bucketDirectories).Get(rows.U64(version)); old != nil && !bytes.Equal(old, signed) {
		return fmt.Errorf("keeping directory %d: %w", version, ErrExists)
	}
	t.call.wrote = true
	if len(signed) > MaxContent {
		return fmt.Errorf("keeping directory of %d bytes: %w", len(signed), ErrTooLarge)
	}
	return t.b.Bucket(bucketDirectories).Put(rows.U64(version), bytes.Clone(signed))
}

// Directory returns a signed directory by its version, the newest for version 0, or [ErrNotFound].
func (r *Reader) Directory(version uint64) (at uint64, signed []byte, err error) {
	b := r.b.Bucket(bucketDirectories)
	k, v := rows.U64(version), b.Get(rows.U64(version))
	if version == 0 {
		k, v = b.Cursor().Last()
	}
	if v == nil {
		return 0, nil, fmt.Errorf("reading directory %d: %w", version, ErrNotFound)
	}
	return rows.Number(k), bytes.Clone(v), nil
}

// PutPeerHead keeps a checkpoint of a peer's log if it is the largest so far. The caller has checked that it is consistent
// with the one kept; one of the same size and another root is [ErrExists].
func (t *Tx) PutPeerHead(origin string, h *storev1.PeerHead) error {
	if err := checkName("origin", origin); err != nil {
		return err
	}
	old, ok, err := t.PeerHead(origin)
	if err != nil {
		return err
	}
	switch {
	case ok && old.Size > h.Size:
		return nil
	case ok && old.Size == h.Size && !bytes.Equal(old.Root, h.Root):
		return fmt.Errorf("keeping head of %s at %d: %w", origin, h.Size, ErrExists)
	}
	return t.putRow(bucketHeads, []byte(origin), h)
}

// PeerHead returns the largest checkpoint held of a log; ok is false when there is none.
func (r *Reader) PeerHead(origin string) (h *storev1.PeerHead, ok bool, err error) {
	return rows.Get[storev1.PeerHead](r.b.Bucket(bucketHeads), []byte(origin))
}

// EachPeerHead calls each with the largest checkpoint held of every log until it returns false.
func (r *Reader) EachPeerHead(each func(origin string, h *storev1.PeerHead) bool) error {
	return rows.Each(r.b.Bucket(bucketHeads), nil, nil, func(k []byte, h *storev1.PeerHead) bool { return each(string(k), h) })
}

// PutForkProof keeps the proof that a peer shows two histories.
func (t *Tx) PutForkProof(p *storev1.ForkProof) error {
	n, err := t.sequence(bucketForks)
	if err != nil {
		return err
	}
	return t.putRow(bucketForks, rows.U64(n), p)
}

// EachForkProof calls each with the fork proofs in order of arrival until it returns false.
func (r *Reader) EachForkProof(each func(*storev1.ForkProof) bool) error {
	return rows.Each(r.b.Bucket(bucketForks), nil, nil, func(_ []byte, p *storev1.ForkProof) bool { return each(p) })
}

// EachDirectory calls each with the signed directories, by version, until it returns false.
func (r *Reader) EachDirectory(each func(version uint64, signed []byte) bool) {
	c := r.b.Bucket(bucketDirectories).Cursor()
	for k, v := c.First(); k != nil && each(rows.Number(k), bytes.Clone(v)); k, v = c.Next() {
	}
}

// EachManifest calls each with all signed manifests that were ever kept, by the digests of the manifests, until it returns
// false.
func (r *Reader) EachManifest(each func(digest [32]byte, signed []byte) bool) {
	c := r.b.Bucket(bucketManifests).Cursor()
	for k, v := c.First(); k != nil && each([32]byte(k), bytes.Clone(v)); k, v = c.Next() {
	}
}
