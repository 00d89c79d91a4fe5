package online

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

const (
	// statementKind is the statement that holds a member's manifest.
	statementKind = "manifest"
	// renewEvery is how old our manifest becomes: peers hold it for stale after a day.
	renewEvery = 6 * time.Hour
	// lookFirst is how long our own statement is looked for before the first one is put in its place, and lookKept is that of a node that has
	// published before: a statement that is newer than the store proves a rollback, and is not to be lost.
	lookFirst = time.Second
	lookKept  = 3 * time.Second
	// spread is how far nodes' renewals lie apart, for all are due at midnight.
	spread = 30 * time.Second
	// versionRoom is how far behind the clock the version of the first manifest after a rollback is, for those that follow.
	versionRoom = time.Hour
	// retryPublish is the pause after the statement store refused.
	retryPublish = 2 * time.Second
)

// Steps in the life of a sealing key, in `key` leaves.
const (
	useSealing = "sealing"
	keyCreate  = "create"
	keyDestroy = "destroy"
)

// ownManifest is our manifest and what is known of the one in the statement store.
type ownManifest struct {
	bell bell // rings when a new one is to be made

	kept uint64 // the version that the store had at the start; 0 for none

	mu     sync.Mutex
	now    *federation.Manifest
	put    bool // the statement store has now
	looked bool // seen is closed
	seen   chan struct{}
}

func (o *ownManifest) init() {
	o.bell = newBell()
	o.seen = make(chan struct{})
}

func (o *ownManifest) get() *federation.Manifest {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// unseen returns a channel that is closed when our statement has been looked at; nil when it has been.
func (o *ownManifest) unseen() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.looked {
		return nil
	}
	return o.seen
}

func (o *ownManifest) set(m *federation.Manifest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now, o.put = m, false
}

// Renew makes and publishes a new manifest soon: something that it says has changed.
func (l *Lane) Renew() { l.own.bell.ring() }

// renew makes the sealing keys that are missing, destroys those whose time is over, and makes a manifest that says so.
func (l *Lane) renew(ctx context.Context) error {
	if _, _, err := l.cfg.Sealing.EnsureDays(time.Now()); err != nil {
		return fmt.Errorf("rotating sealing keys: %w", err)
	}
	now := time.Now()
	have, dir := l.own.get(), l.cfg.Peers.Directory()
	draft := l.draft(now)
	if have != nil && have.Epoch() < l.cfg.Epoch {
		// The log was opened after a rollback: nobody remembers which versions were published. They count from 1, or from such a moment,
		// and a manifest lasts for longer than a second; peers take none that is larger than the seconds since 1970.
		draft.Version = uint64(max(now.Add(-versionRoom).Unix(), 1))
	}
	b, err := federation.MakeManifest(dir, have, draft, now)
	if err != nil {
		return err
	}
	signed, err := federation.SignManifest(b, l.cfg.Ring.Identity())
	if err != nil {
		return err
	}
	// What peers would refuse is refused here first.
	m, err := federation.ParseManifest(signed, dir, now, have)
	if err != nil {
		return err
	}
	if err := l.keepManifest(ctx, m, have); err != nil {
		return err
	}
	l.own.set(m)
	if _, err := l.cfg.Peers.Learn(signed, l.country, now); err != nil {
		return err
	}
	return nil
}

// draft returns what our manifest says now.
func (l *Lane) draft(now time.Time) *rogatoryv1.Manifest {
	logEd, logPQ := l.cfg.Log.Verifier().VKeys()
	witnessEd, witnessPQ := l.cfg.Witness.Verifier().VKeys()
	m := &rogatoryv1.Manifest{
		Country:         l.country,
		Identities:      federation.IdentityKeys(l.cfg.Ring.Identities(now)),
		Sealings:        federation.SealingKeys(l.cfg.Sealing.All()),
		Log:             &rogatoryv1.LogInfo{Origin: l.cfg.Log.Verifier().Origin(), Keys: []string{logEd, logPQ}},
		WitnessKeys:     []string{witnessEd, witnessPQ},
		Head:            l.checkpoint(),
		Languages:       l.cfg.Node.Languages,
		CapacityPerHour: uint32(l.cfg.Node.CapacityPerHour),
		Epoch:           l.cfg.Epoch,
	}
	for _, u := range l.cfg.Node.Units {
		m.Units = append(m.Units, unitInfo(u))
	}
	for _, r := range l.cfg.Node.Regimes {
		m.Regimes = append(m.Regimes, rogatoryv1.Regime(rogatoryv1.Regime_value[string(r)]))
	}
	return m
}

func unitInfo(u configs.Unit) *rogatoryv1.UnitInfo {
	return &rogatoryv1.UnitInfo{
		Name: u.Name, Authority: rogatoryv1.Authority(rogatoryv1.Authority_value[string(u.Authority)]), Services: u.Services,
	}
}

// keepManifest writes a manifest with its `dir` leaf and, for our own, a `key` leaf for each sealing key that it is the first to publish or the first
// to lack: so a crash after the keys were made or destroyed loses no leaf. One that the store has already changes nothing.
func (l *Lane) keepManifest(ctx context.Context, m, before *federation.Manifest) error {
	digest, root := m.Digest(), m.Root()
	_, err := l.cfg.Store.Update(ctx, func(tx *store.Tx) error {
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
		if m.Country() != l.country {
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

// publishLoop renews our manifest when it must and keeps it in the statement store.
func (l *Lane) publishLoop(ctx context.Context) error {
	for look := true; ctx.Err() == nil; {
		net := l.cfg.Net.Changed()
		l.own.mu.Lock()
		m, put := l.own.now, l.own.put
		l.own.mu.Unlock()
		wait := max(untilRenewal(m, time.Now()), 0) + rand.N(spread)
		if !put && l.cfg.Net.Connected() {
			if look {
				look = false
				wait := lookFirst
				if l.own.kept > 0 {
					wait = lookKept
				}
				if !pause(ctx, wait, l.own.seen) {
					return nil
				}
				continue
			}
			if err := l.publish(ctx, m); err != nil {
				l.log.Debug("publishing our manifest failed", "err", err)
				wait = retryPublish
			}
		}
		timer := time.NewTimer(wait)
		renew := false
		select {
		case <-l.own.bell:
			renew = true
		case <-timer.C:
			renew = untilRenewal(m, time.Now()) <= 0
		case <-net:
			// Who knows what the statement store is when it comes back.
			l.own.mu.Lock()
			l.own.put = false
			l.own.mu.Unlock()
		case <-ctx.Done():
		}
		timer.Stop()
		if !renew || ctx.Err() != nil {
			continue
		}
		if err := l.renew(ctx); err != nil {
			if ends(err) {
				return err
			}
			l.log.Error("renewing our manifest failed", "err", err)
			pause(ctx, time.Minute)
		}
	}
	return nil
}

func (l *Lane) publish(ctx context.Context, m *federation.Manifest) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := l.cfg.Net.PutStatement(ctx, statementKind, m.Signed()); err != nil {
		return err
	}
	l.own.mu.Lock()
	defer l.own.mu.Unlock()
	l.own.put = l.own.put || l.own.now == m
	return nil
}

// untilRenewal returns how long a manifest of ours lasts: some hours, and never over midnight, when a sealing key comes and another goes.
func untilRenewal(m *federation.Manifest, now time.Time) time.Duration {
	if m == nil {
		return 0
	}
	made := m.Made()
	if made.After(now.Add(federation.ClockSkew)) {
		return 0 // our clock was ahead: peers take no manifest from the future
	}
	until := made.Add(renewEvery)
	if midnight := keyring.DayOf(made).End(); midnight.Before(until) {
		until = midnight
	}
	return until.Sub(now)
}

// sawOwn looks at our statement as the statement store has it. A [RollbackError] ends the node.
func (l *Lane) sawOwn(signed []byte) {
	err := l.judgeOwn(signed)
	switch {
	case ends(err):
		l.stop(err)
		return // nothing may be put in its place
	case err != nil:
		l.log.Warn("the statement store has a manifest of ours that is not: ours takes its place", "err", err)
	}
	l.own.mu.Lock()
	defer l.own.mu.Unlock()
	if !l.own.looked {
		l.own.looked = true
		close(l.own.seen)
	}
}

// judgeOwn looks at what is published as our manifest. Ours are in our store before they are published, so one of our keys that is not there and
// is newer than what was there at the start was made by a newer store, or by another node with our keys. One that is older proves
// nothing: an old copy may have run before the newest was put back.
func (l *Lane) judgeOwn(signed []byte) error {
	if now := l.own.get(); len(signed) > maxOffer || now != nil && string(now.Signed()) == string(signed) {
		return nil
	}
	m, err := l.ours(signed)
	if err != nil || m.Version() <= l.own.kept || m.Epoch() < l.cfg.Epoch {
		return err
	}
	digest := m.Digest()
	err = l.cfg.Store.View(func(r *store.Reader) error {
		_, err := r.Manifest(digest[:])
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &RollbackError{Peer: l.country, Manifest: slices.Clone(signed), Version: m.Version(), Kept: l.own.kept}
	}
	return err
}

// ours returns a manifest that one of our identity keys has signed: one in the ring, whatever the time is, or one that leads back to those of our
// manifest, for the ring may be as old as the store.
func (l *Lane) ours(signed []byte) (*federation.Manifest, error) {
	dir := l.cfg.Peers.Directory()
	s := new(rogatoryv1.SignedManifest)
	if err := proto.Unmarshal(signed, s); err != nil {
		return nil, err
	}
	m, err := federation.KnownManifest(signed, dir, sha256.Sum256(s.GetManifest()))
	if err != nil {
		return nil, err
	}
	if m.Country() != l.country {
		return nil, fmt.Errorf("manifest of %s: %w", m.Country(), federation.ErrStranger)
	}
	signer := m.Proto().GetIdentities()[0].GetPublicKey()
	for _, id := range l.cfg.Ring.Identities(time.Now()) {
		if bytes.Equal(id.Key.Public().Bytes(), signer) {
			return m, nil
		}
	}
	_, err = federation.ParseManifest(signed, dir, time.Now(), l.own.get())
	if errors.Is(err, federation.ErrSame) || errors.Is(err, federation.ErrOlder) || errors.Is(err, federation.ErrFork) {
		// Not judged further than its version. With no manifest before it, the chain leads back to the directory.
		_, err = federation.ParseManifest(signed, dir, time.Now(), nil)
	}
	return m, err
}

// watchLoop looks at the statements.
func (l *Lane) watchLoop(ctx context.Context) error {
	for ctx.Err() == nil {
		err := l.cfg.Net.WatchStatements(ctx, statementKind, func(from string, b []byte) {
			if from == l.country {
				l.sawOwn(b)
				return
			}
			l.offer(from, b)
		})
		switch {
		case ctx.Err() != nil, errors.Is(err, transport.ErrClosed):
			return nil
		}
		l.log.Warn("watching statements failed", "err", err)
		pause(ctx, retryPublish)
	}
	return nil
}
