// Package manifests makes, publishes and learns manifests: what the members say of themselves on the statement store, a board on which each has
// one place.
//
// Our own is made anew when something that it says has changed, at midnight when a sealing key comes and another goes, and every some hours. It is
// a `dir` leaf, committed before it is published, with a `key` leaf for each sealing key that it is the first to publish or the first to lack. One
// of ours that the board shows and our store never had proves a rollback: see package rollback.
//
// A member's new manifest is one `dir` leaf, committed before the manifest is used, a few at once and then one a minute, the newest, and 4 MiB of
// them a day. A stranger's statement is none.
package manifests

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/wait"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Config is what a Board works with. All fields are needed.
type Config struct {
	Node  *configs.Node
	Epoch uint32
	Store *store.Store
	Net   transport.Net
	// Peers holds the manifests that the store has kept.
	Peers   *peers.Book
	Ring    *keyring.Ring
	Sealing *keyring.SealingKeys
	Log     *translog.LogVerifier
	Witness *translog.WitnessVerifier
	// Checkpoint returns our newest checkpoint; nil while we are uncleared.
	Checkpoint func() []byte
	// See is told of the heads of peers' logs that their manifests show.
	See func(peer string, cp translog.Checkpoint, note []byte)
	// Complain says in the process's log what a peer does wrong.
	Complain func(what, peer string, err error)
	// Stop ends the node: the board shows that our store was rolled back, or the store is broken.
	Stop   func(error)
	Logger *slog.Logger
}

// Board holds what is known of the statement store. Its methods may be called by several goroutines.
type Board struct {
	cfg     Config
	log     *slog.Logger
	own     ownManifest
	learner learner
}

// New returns a Board. It does nothing until Run.
func New(cfg Config) *Board {
	b := &Board{cfg: cfg, log: cfg.Logger}
	b.own.init()
	b.learner.init()
	return b
}

// Load takes up our manifest as the store kept it. It comes before everything else.
func (b *Board) Load() error {
	var latest *storev1.LatestManifest
	var signed []byte
	err := b.cfg.Store.View(func(r *store.Reader) (err error) {
		latest, signed, err = r.LatestManifest(b.cfg.Node.Country)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := federation.KnownManifest(signed, b.cfg.Peers.Directory(), [32]byte(latest.GetDigest()))
	if err != nil {
		return fmt.Errorf("reading our manifest: %w", err)
	}
	b.own.kept = m.Version()
	b.own.set(m)
	return nil
}

// Run publishes our manifest, which Make has made, and learns those of the others until ctx ends. An error means that the store can no longer be
// trusted.
func (b *Board) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.watchLoop(ctx) })
	g.Go(func() error { return b.learnLoop(ctx) })
	g.Go(func() error { return b.publishLoop(ctx) })
	return g.Wait()
}

// watchLoop looks at the statements.
func (b *Board) watchLoop(ctx context.Context) error {
	for ctx.Err() == nil {
		err := b.cfg.Net.WatchStatements(ctx, statementKind, func(from string, signed []byte) {
			if from == b.cfg.Node.Country {
				b.sawOwn(signed)
				return
			}
			b.Offer(from, signed)
		})
		switch {
		case ctx.Err() != nil, errors.Is(err, transport.ErrClosed):
			return nil
		}
		b.log.Warn("watching statements failed", "err", err)
		wait.For(ctx, retryPublish)
	}
	return nil
}
