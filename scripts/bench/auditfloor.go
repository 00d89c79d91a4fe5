package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// floors are what an audit cannot do without, in entries a second, and its CPU for an entry in microseconds.
type floors struct{ hashing, signatures, cpu float64 }

// sampleTiles is how many tiles the floor is measured with.
const sampleTiles = 48

// A sample is a part of a log, with all signatures in it as something to do.
type sample struct {
	tiles  [][]archive.Entry
	size   int
	checks []func() error
}

// takeSample reads tiles from the middle of a log.
func takeSample(r *archive.Reader, h history) (*sample, error) {
	world, err := newWorld() // its keys of members follow from their names; those of officers stand in the directory
	if err != nil {
		return nil, err
	}
	signed, err := os.ReadFile(h.directory())
	if err != nil {
		return nil, err
	}
	_, digest, err := federation.ReadDirectory(signed)
	if err != nil {
		return nil, err
	}
	dir, err := federation.ParseDirectory(signed, digest)
	if err != nil {
		return nil, err
	}
	var witnesses []*translog.WitnessVerifier
	for _, c := range world.Countries() {
		witnesses = append(witnesses, c.Witness.Verifier())
	}
	member, err := dir.Member(auditee)
	if err != nil {
		return nil, err
	}
	s := &sample{}
	batches := map[string]bool{}
	first := r.Tiles() / 2
	for n := first; n < min(first+sampleTiles, r.Info().Size/archive.TileWidth); n++ {
		tile, err := r.Tile(n, nil)
		if err != nil {
			return nil, err
		}
		s.tiles, s.size = append(s.tiles, tile), s.size+len(tile)
		for i := range tile {
			e := &tile[i]
			leaf, err := translog.ParseLeaf(e.Leaf)
			if err != nil {
				return nil, err
			}
			from := auditee
			if m, ok := leaf.Entry.(*translog.Msg); ok {
				from = m.From
			}
			if sig := e.Side("signature"); sig != nil {
				if at := e.Side("root-at"); at != nil {
					_, root := splitRoot(tile[at[0]].Side("signature"))
					sig = slices.Concat(root, sig)
				}
				_, root := splitRoot(sig)
				if batches[string(root)] {
					continue
				}
				batches[string(root)] = true
				key, statement := world.Country(from).Identities[0].Key.Public(), e.Side("statement")
				s.checks = append(s.checks, func() error { return new(envelope.Verifier).VerifyStatement(key, statement, sig) })
			}
			if b := e.Side("assertion"); b != nil {
				check, err := assertionCheck(member, b)
				if err != nil {
					return nil, err
				}
				s.checks = append(s.checks, check)
			}
			if note := e.Side("checkpoint"); note != nil {
				own, peer := world.Country(auditee).Log.Signer.Verifier(), world.Country(sender).Log.Signer.Verifier()
				if leaf.Kind == "cos" {
					s.checks = append(s.checks, func() error { _, _, err := translog.ParseExport(note, own, witnesses); return err })
				} else {
					s.checks = append(s.checks, func() error { _, err := translog.ParseCheckpoint(note, peer); return err })
				}
			}
		}
	}
	return s, nil
}

// assertionCheck returns the check of an officer's signature, which a founder has made.
func assertionCheck(member *federation.Member, b []byte) (func() error, error) {
	a := new(rogatoryv1.Assertion)
	if err := envelope.StrictUnmarshal(b, a, archive.MaxRecord); err != nil {
		return nil, err
	}
	act, err := federation.ParseAct(a.GetAct())
	if err != nil {
		return nil, err
	}
	for _, o := range member.Founders() {
		if o.GetPseudonym() == act.GetActor() {
			key, err := keyring.NewOfficerPublicKey(o.GetPublicKey())
			if err != nil {
				return nil, err
			}
			digest := federation.ActDigest(a.GetAct())
			return func() error { return key.Verify(digest, a.GetSignature()) }, nil
		}
	}
	return nil, errors.New("the officer is no founder")
}

// measure does the sample's work on as many cores as workers, each part for floorTime.
func (s *sample) measure(ctx context.Context, workers int, signatures bool) (f floors, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	var cpu float64
	if f.hashing, cpu, err = parallel(ctx, workers, len(s.tiles), func(i int) error {
		var hash [sha256.Size]byte
		for k := range s.tiles[i] {
			e := &s.tiles[i][k]
			h := translog.LeafHash(e.Leaf)
			hash = sha256.Sum256(append(h[:], hash[:]...)) // and the tree above it
			for j := range e.Sides {
				hash = sha256.Sum256(e.Sides[j].Bytes)
			}
		}
		_ = hash
		return nil
	}); err != nil {
		return f, err
	}
	perTile := float64(s.size) / float64(len(s.tiles))
	f.hashing *= perTile
	f.cpu = cpu / perTile
	if !signatures {
		return f, nil
	}
	perCheck := float64(s.size) / float64(len(s.checks))
	if f.signatures, cpu, err = parallel(ctx, workers, len(s.checks), func(i int) error { return s.checks[i]() }); err != nil {
		return f, err
	}
	f.signatures *= perCheck
	f.cpu += cpu / perCheck
	return f, nil
}

// parallel does all of n things again and again for floorTime, and returns how many a second and CPU in microseconds for one.
func parallel(ctx context.Context, workers, n int, do func(i int) error) (perSecond, cpu float64, err error) {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	began, own := time.Now(), ownCPU()
	for range workers {
		g.Go(func() error {
			for time.Since(began) < floorTime && ctx.Err() == nil {
				if err := do(int(next.Add(1)) % n); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	done := float64(next.Load())
	return done / time.Since(began).Seconds(), float64((ownCPU() - own).Microseconds()) / done, nil
}

// measureAppend appends leaves to a store, as many in one transaction as batch says, with flush and guard; the floor is a file that takes the same
// bytes with one flush a batch.
func measureAppend(ctx context.Context, dir string, batch int) (_ *AuditRow, err error) {
	folder, err := os.MkdirTemp(dir, "append-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s, err := store.Open(store.Options{
		Dir: filepath.Join(folder, "data"), GuardPath: filepath.Join(folder, "guard", "head"), Country: auditee,
		Origin: "rogatory.example/" + auditee + "/log/1", Epoch: 1,
		UnitKeys: func(string) (store.UnitKey, error) { return store.UnitKey{}, errors.New("no unit") },
	})
	if err != nil {
		return nil, err
	}
	row := &AuditRow{Bench: "append", Workers: 1, Batch: batch}
	body := func(n int64) *translog.Op {
		return &translog.Op{
			Basis: "eu-2023-977", Of: []translog.Hash{sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))}, OfCount: 1,
			Verb: translog.Consult, Who: "officer-1", Why: "investigation",
		}
	}
	var n int64
	leaf := 0
	once := func() error {
		_, err := s.Update(ctx, func(tx *store.Tx) error {
			for k := range batch {
				if _, err := tx.Append(body(n + int64(k))); err != nil {
					return err
				}
			}
			return nil
		})
		n += int64(batch)
		return err
	}
	row.Entries, row.PerSecond, row.CPU, err = repeat(batch, once)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.View(func(r *store.Reader) error {
		r.Leaves(0, func(_ int64, line []byte) bool { leaf = max(leaf, len(line)); return leaf == 0 || len(line) == 0 })
		return nil
	}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if row.RSS, err = rss(os.Getpid()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	row.Floor, row.FloorCPU, err = floorAppend(filepath.Join(folder, "floor.db"), batch, max(leaf, 350))
	return row, err
}

// repeat does something for two floorTimes.
func repeat(batch int, once func() error) (done int64, perSecond, cpu float64, err error) {
	if err := once(); err != nil {
		return 0, 0, 0, err
	}
	began, own := time.Now(), ownCPU()
	for time.Since(began) < 2*floorTime {
		if err := once(); err != nil {
			return 0, 0, 0, err
		}
		done += int64(batch)
	}
	return done, float64(done) / time.Since(began).Seconds(), float64((ownCPU() - own).Microseconds()) / float64(done), nil
}

func floorAppend(path string, batch, leaf int) (perSecond, cpu float64, err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30, NoStatistics: true})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	value := []byte(strings.Repeat("x", leaf))
	_, perSecond, cpu, err = repeat(batch, func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("leaves"))
			if err != nil {
				return err
			}
			b.FillPercent = 1
			for range batch {
				n, err := b.NextSequence()
				if err != nil {
					return err
				}
				if err := b.Put(binary.BigEndian.AppendUint64(nil, n), value); err != nil {
					return fmt.Errorf("writing: %w", err)
				}
			}
			return nil
		})
	})
	return perSecond, cpu, err
}
