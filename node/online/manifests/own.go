package manifests

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
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/online/rollback"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/wait"
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
	// publishTimeout bounds one attempt.
	publishTimeout = 4 * time.Second
)

// ownManifest is our manifest and what is known of the one in the statement store.
type ownManifest struct {
	bell wait.Bell // rings when a new one is to be made

	kept uint64 // the version that the store had at the start; 0 for none

	mu     sync.Mutex
	now    *federation.Manifest
	put    bool // the statement store has now
	looked bool // seen is closed
	seen   chan struct{}
}

func (o *ownManifest) init() {
	o.bell = wait.NewBell()
	o.seen = make(chan struct{})
}

func (o *ownManifest) get() *federation.Manifest {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *ownManifest) set(m *federation.Manifest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now, o.put = m, false
}

// Unseen returns a channel that is closed when our statement in the statement store has been looked at; nil when it has been.
func (b *Board) Unseen() <-chan struct{} {
	b.own.mu.Lock()
	defer b.own.mu.Unlock()
	if b.own.looked {
		return nil
	}
	return b.own.seen
}

// Renew makes and publishes a new manifest soon: something that it says has changed.
func (b *Board) Renew() { b.own.bell.Ring() }

// Make makes the sealing keys that are missing, destroys those whose time is over, and makes a manifest that says so.
func (b *Board) Make(ctx context.Context) error {
	if _, _, err := b.cfg.Sealing.EnsureDays(time.Now()); err != nil {
		return fmt.Errorf("rotating sealing keys: %w", err)
	}
	now := time.Now()
	have, dir := b.own.get(), b.cfg.Peers.Directory()
	draft := b.draft(now)
	if have != nil && have.Epoch() < b.cfg.Epoch {
		// The log was opened after a rollback: nobody remembers which versions were published. They count from 1, or from such a moment,
		// and a manifest lasts for longer than a second; peers take none that is larger than the seconds since 1970.
		draft.Version = uint64(max(now.Add(-versionRoom).Unix(), 1))
	}
	made, err := federation.MakeManifest(dir, have, draft, now)
	if err != nil {
		return err
	}
	signed, err := federation.SignManifest(made, b.cfg.Ring.Identity())
	if err != nil {
		return err
	}
	// What peers would refuse is refused here first.
	m, err := federation.ParseManifest(signed, dir, now, have)
	if err != nil {
		return err
	}
	if err := b.keepManifest(ctx, m, have); err != nil {
		return err
	}
	b.own.set(m)
	if _, err := b.cfg.Peers.Learn(signed, b.cfg.Node.Country, now); err != nil {
		return err
	}
	return nil
}

// draft returns what our manifest says now.
func (b *Board) draft(now time.Time) *rogatoryv1.Manifest {
	logEd, logPQ := b.cfg.Log.VKeys()
	witnessEd, witnessPQ := b.cfg.Witness.VKeys()
	m := &rogatoryv1.Manifest{
		Country:         b.cfg.Node.Country,
		Identities:      federation.IdentityKeys(b.cfg.Ring.Identities(now)),
		Sealings:        federation.SealingKeys(b.cfg.Sealing.All()),
		Log:             &rogatoryv1.LogInfo{Origin: b.cfg.Log.Origin(), Keys: []string{logEd, logPQ}},
		WitnessKeys:     []string{witnessEd, witnessPQ},
		Head:            b.cfg.Checkpoint(),
		Languages:       b.cfg.Node.Languages,
		CapacityPerHour: uint32(b.cfg.Node.CapacityPerHour),
		Epoch:           b.cfg.Epoch,
	}
	for _, u := range b.cfg.Node.Units {
		m.Units = append(m.Units, unitInfo(u))
	}
	for _, r := range b.cfg.Node.Regimes {
		m.Regimes = append(m.Regimes, rogatoryv1.Regime(rogatoryv1.Regime_value[string(r)]))
	}
	return m
}

func unitInfo(u configs.Unit) *rogatoryv1.UnitInfo {
	return &rogatoryv1.UnitInfo{
		Name: u.Name, Authority: rogatoryv1.Authority(rogatoryv1.Authority_value[string(u.Authority)]), Services: u.Services,
	}
}

// publishLoop renews our manifest when it must and keeps it in the statement store.
func (b *Board) publishLoop(ctx context.Context) error {
	for look := true; ctx.Err() == nil; {
		net := b.cfg.Net.Changed()
		b.own.mu.Lock()
		m, put := b.own.now, b.own.put
		b.own.mu.Unlock()
		until := max(untilRenewal(m.Made(), time.Now()), 0) + rand.N(spread)
		if !put && b.cfg.Net.Connected() {
			if look {
				look = false
				most := lookFirst
				if b.own.kept > 0 {
					most = lookKept
				}
				if !wait.For(ctx, most, b.own.seen) {
					return nil
				}
				continue
			}
			if err := b.publish(ctx, m); err != nil {
				b.log.Debug("publishing our manifest failed", "err", err)
				until = retryPublish
			}
		}
		timer := time.NewTimer(until)
		renew := false
		select {
		case <-b.own.bell:
			renew = true
		case <-timer.C:
			renew = untilRenewal(m.Made(), time.Now()) <= 0
		case <-net:
			// Who knows what the statement store is when it comes back.
			b.own.mu.Lock()
			b.own.put = false
			b.own.mu.Unlock()
		case <-ctx.Done():
		}
		timer.Stop()
		if !renew || ctx.Err() != nil {
			continue
		}
		if err := b.Make(ctx); err != nil {
			if store.Fatal(err) {
				return err
			}
			b.log.Error("renewing our manifest failed", "err", err)
			wait.For(ctx, time.Minute)
		}
	}
	return nil
}

func (b *Board) publish(ctx context.Context, m *federation.Manifest) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := b.cfg.Net.PutStatement(ctx, statementKind, m.Signed()); err != nil {
		return err
	}
	b.own.mu.Lock()
	defer b.own.mu.Unlock()
	b.own.put = b.own.put || b.own.now == m
	return nil
}

// untilRenewal returns how long a manifest of ours lasts: some hours, and never over midnight, when a sealing key comes and another goes.
func untilRenewal(made, now time.Time) time.Duration {
	if made.After(now.Add(federation.ClockSkew)) {
		return 0 // our clock was ahead: peers take no manifest from the future
	}
	until := made.Add(renewEvery)
	if midnight := keyring.DayOf(made).End(); midnight.Before(until) {
		until = midnight
	}
	return until.Sub(now)
}

// sawOwn looks at our statement as the statement store has it. A [rollback.Error] ends the node.
func (b *Board) sawOwn(signed []byte) {
	err := b.judgeOwn(signed)
	switch {
	case errors.Is(err, rollback.Err), store.Fatal(err):
		b.cfg.Stop(err)
		return // nothing may be put in its place
	case err != nil:
		b.log.Warn("the statement store has a manifest of ours that is not: ours takes its place", "err", err)
	}
	b.own.mu.Lock()
	defer b.own.mu.Unlock()
	if !b.own.looked {
		b.own.looked = true
		close(b.own.seen)
	}
}

// judgeOwn looks at what is published as our manifest. Ours are in our store before they are published, so one of our keys that is not there and
// is newer than what was there at the start was made by a newer store, or by another node with our keys. One that is older proves
// nothing: an old copy may have run before the newest was put back.
func (b *Board) judgeOwn(signed []byte) error {
	if now := b.own.get(); len(signed) > maxOffer || now != nil && string(now.Signed()) == string(signed) {
		return nil
	}
	m, err := b.ours(signed)
	if err != nil || m.Version() <= b.own.kept || m.Epoch() < b.cfg.Epoch {
		return err
	}
	digest := m.Digest()
	err = b.cfg.Store.View(func(r *store.Reader) error {
		_, err := r.Manifest(digest[:])
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &rollback.Error{Peer: b.cfg.Node.Country, Manifest: slices.Clone(signed), Version: m.Version(), Kept: b.own.kept}
	}
	return err
}

// ours returns a manifest that one of our identity keys has signed: one in the ring, whatever the time is, or one that leads back to those of our
// manifest, for the ring may be as old as the store.
func (b *Board) ours(signed []byte) (*federation.Manifest, error) {
	dir := b.cfg.Peers.Directory()
	s := new(rogatoryv1.SignedManifest)
	if err := proto.Unmarshal(signed, s); err != nil {
		return nil, err
	}
	m, err := federation.KnownManifest(signed, dir, sha256.Sum256(s.GetManifest()))
	if err != nil {
		return nil, err
	}
	if m.Country() != b.cfg.Node.Country {
		return nil, fmt.Errorf("manifest of %s: %w", m.Country(), federation.ErrStranger)
	}
	signer := m.Proto().GetIdentities()[0].GetPublicKey()
	for _, id := range b.cfg.Ring.Identities(time.Now()) {
		if bytes.Equal(id.Key.Public().Bytes(), signer) {
			return m, nil
		}
	}
	_, err = federation.ParseManifest(signed, dir, time.Now(), b.own.get())
	if errors.Is(err, federation.ErrSame) || errors.Is(err, federation.ErrOlder) || errors.Is(err, federation.ErrFork) {
		// Not judged further than its version. With no manifest before it, the chain leads back to the directory.
		_, err = federation.ParseManifest(signed, dir, time.Now(), nil)
	}
	return m, err
}
