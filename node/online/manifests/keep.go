package manifests

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// Steps in the life of a sealing key, in `key` leaves.
const (
	useSealing = "sealing"
	keyCreate  = "create"
	keyDestroy = "destroy"
)

// keepManifest writes a manifest with its `dir` leaf and, for our own, a `key` leaf for each sealing key that it is the first to publish or the first
// to lack: so a crash after the keys were made or destroyed loses no leaf. One that the store has already changes nothing.
func (b *Board) keepManifest(ctx context.Context, m, before *federation.Manifest) error {
	digest, root := m.Digest(), m.Root()
	_, err := b.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		latest, _, err := tx.LatestManifest(m.Country())
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case err == nil && [32]byte(latest.GetDigest()) == digest:
			return nil
		}
		if err := tx.PutManifest(m.Country(), &storev1.LatestManifest{
			Digest: digest[:], Version: m.Version(), ReceivedMs: uint64(tx.At()), RootKid: root[:],
		}, m.Signed()); err != nil {
			return err
		}
		leaf := &translog.Dir{
			What: translog.DirManifest, Member: m.Country(), Version: int64(m.Version()), Digest: translog.Hash(digest),
		}
		if latest != nil {
			leaf.Prev = translog.Hash(latest.GetDigest())
		}
		if _, err := tx.Append(leaf); err != nil {
			return err
		}
		if m.Country() != b.cfg.Node.Country {
			return keepKeys(tx, m, before)
		}
		for _, k := range keyLeaves(before, m) {
			if _, err := tx.Append(k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping manifest %d of %s: %w", m.Version(), m.Country(), err)
	}
	return nil
}

// keepKeys keeps the keys of a log that a peer's manifest names no more: receipts from it may still come.
func keepKeys(tx *store.Tx, m, before *federation.Manifest) error {
	if before == nil || before.Log().Origin() == m.Log().Origin() {
		return nil
	}
	_, known, err := tx.PeerLog(before.Log().Origin())
	if err != nil || known {
		return err
	}
	ed, pq := before.Log().VKeys()
	return tx.PutPeerLog(before.Log().Origin(), &storev1.PeerLog{Peer: m.Country(), Keys: []string{ed, pq}})
}

// keyLeaves returns what two manifests of ours in turn tell of our sealing keys: those destroyed first, each by its day.
func keyLeaves(before, m *federation.Manifest) []*translog.Key {
	var was []*rogatoryv1.SealingKey
	if before != nil {
		was = before.Proto().GetSealings()
	}
	is := m.Proto().GetSealings()
	in := func(list []*rogatoryv1.SealingKey) map[string]bool {
		set := map[string]bool{}
		for _, k := range list {
			set[string(k.GetPublicKey())] = true
		}
		return set
	}
	old, now := in(was), in(is)
	var leaves []*translog.Key
	for _, k := range was {
		if !now[string(k.GetPublicKey())] {
			leaves = append(leaves, &translog.Key{Event: keyDestroy, Use: useSealing, Key: keyHash(k)})
		}
	}
	for _, k := range is {
		if !old[string(k.GetPublicKey())] {
			day := keyring.Day(k.GetDay())
			leaves = append(leaves, &translog.Key{
				Event: keyCreate, Use: useSealing, Key: keyHash(k),
				NotBefore: day.Start().UnixMilli(), NotAfter: day.End().Add(keyring.KeepAfter).UnixMilli(),
			})
		}
	}
	return leaves
}

// keyHash returns the digest by which leaves name a sealing key.
func keyHash(k *rogatoryv1.SealingKey) translog.Hash {
	return sha256.Sum256(k.GetPublicKey())
}
