package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/transport"
	"github.com/rogatory/rogatory/node/transport/backbone"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
	"github.com/rogatory/rogatory/scripts/rig"
)

// floorTime is how long each part of the floor is measured.
const floorTime = time.Second

// What a message is besides its content, in bytes, as measured in a store: leaf, side records, case, outbox entry; and a receipt.
const (
	besides = 3 << 10
	receipt = 1536
)

// floor fills in what a delivery costs at least: the work that the design cannot do without, alone, without anything around it. Batches are as
// large as the row's concurrency allows.
func floor(ctx context.Context, cluster *rig.Cluster, dir string, row *Row) error {
	batch := min(row.Concurrency, envelope.MaxBatch)
	var errs [3]error
	row.Crypto, errs[0] = floorCrypto(row.Size, batch)
	row.Commits, errs[1] = floorCommits(dir, row.Size, batch)
	row.Backbone, errs[2] = floorBackbone(ctx, cluster, row.Size, batch)
	row.Floor = row.Crypto + row.Commits + row.Backbone
	return errors.Join(errs[:]...)
}

// spend repeats a batch for floorTime and returns the CPU, in ms, for one of its parts; other processes' besides.
func spend(batch int, pids []int, once func() error) (float64, error) {
	if err := once(); err != nil { // tables are made, caches filled
		return 0, err
	}
	others, err := cpuOf(pids...)
	if err != nil {
		return 0, err
	}
	began, own, n := time.Now(), ownCPU(), 0
	for time.Since(began) < floorTime {
		if err := once(); err != nil {
			return 0, err
		}
		n += batch
	}
	after, err := cpuOf(pids...)
	return ms(ownCPU()-own+after-others) / float64(n), err
}

// floorCrypto seals and signs a batch, opens and verifies it, signs a checkpoint behind it and verifies that.
func floorCrypto(size, batch int) (float64, error) {
	now := time.Now()
	identity := keyring.GenerateIdentity()
	public, err := keyring.ParsePublicKey(identity.Public().Bytes())
	if err != nil {
		return 0, err
	}
	day, err := keyring.NewSealingKey(keyring.DayOf(now), keyring.GenerateSecret())
	if err != nil {
		return 0, err
	}
	log, err := translog.NewLogSigner("rig.example/BG/log/1", keyring.GenerateSecret().Bytes(), keyring.GenerateSecret().Bytes())
	if err != nil {
		return 0, err
	}
	docket, content, prev := make([]byte, 150), make([]byte, size), bytes.Repeat([]byte{1}, 32)
	var at int64
	return spend(batch, nil, func() error {
		var verifier envelope.Verifier
		sealed := make([]*envelope.Sealed, batch)
		for i := range sealed {
			a := envelope.Attempt{
				Docket:  envelope.Part{Bytes: docket, Salt: envelope.NewSalt()},
				Content: envelope.Part{Bytes: content, Salt: envelope.NewSalt()},
				Key:     day.Public(), From: identity.KID(), ManifestVersion: 1, Now: now, Life: 24 * time.Hour,
			}
			dc, cc := envelope.Commit(a.Docket.Salt, envelope.Docket, docket), envelope.Commit(a.Content.Salt, envelope.Content, content)
			m := &rogatoryv1.Message{
				From: sender, To: recipient, Epoch: 1, Seq: uint64(i + 2), Prev: prev,
				DocketCommit: dc[:], ContentCommit: cc[:], SubmittedMs: uint64(now.UnixMilli()),
			}
			var err error
			if a.Message, err = envelope.Marshal(m); err != nil {
				return err
			}
			if sealed[i], err = envelope.Seal(a); err != nil {
				return err
			}
		}
		signed, err := envelope.SignBatch(identity, sealed)
		if err != nil {
			return err
		}
		for _, s := range signed {
			o, err := envelope.Parse(s.Envelope, envelope.MaxEnvelope)
			if err == nil {
				err = o.VerifySignature(&verifier, sender, public)
			}
			if err == nil {
				err = o.Check(envelope.Recipient{Country: recipient, Lane: envelope.Durable, Now: now})
			}
			if err == nil {
				_, err = o.Decrypt(day)
			}
			if err != nil {
				return err
			}
		}
		at++
		note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: "rig.example/BG/log/1", Size: at}, log)
		if err == nil {
			_, err = translog.ParseCheckpoint(note, log.Verifier())
		}
		return err
	})
}

// floorCommits writes the same bytes as both nodes do: a batch of messages in each of two files, a batch of receipts in the first, each a
// commit that is flushed.
func floorCommits(dir string, size, batch int) (_ float64, err error) {
	var files [2]*bbolt.DB
	for i, name := range []string{"floor-a.db", "floor-b.db"} {
		if files[i], err = bbolt.Open(filepath.Join(dir, name), 0o600, &bbolt.Options{
			FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30, NoStatistics: true,
		}); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, files[i].Close()) }()
	}
	message, small := make([]byte, size+besides), make([]byte, receipt)
	_, _ = rand.Read(message)
	write := func(db *bbolt.DB, value []byte) error {
		return db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("messages"))
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
					return err
				}
			}
			return nil
		})
	}
	return spend(batch, nil, func() error {
		return errors.Join(write(files[0], message), write(files[1], message), write(files[0], small))
	})
}

// floorBackbone carries the same frames through the broker, there and back, each published, received and acked.
func floorBackbone(ctx context.Context, cluster *rig.Cluster, size, batch int) (float64, error) {
	var nets [2]*backbone.Conn
	for i, country := range []string{sender, recipient} {
		cfg := cluster.Member(country).Config
		tls, err := backbone.LoadTLS(cfg.NATS.Cert, cfg.NATS.Key, cfg.NATS.CA)
		if err != nil {
			return 0, err
		}
		if nets[i], err = backbone.Open(backbone.Options{Country: country, Servers: cfg.NATS.URLs, TLS: tls}); err != nil {
			return 0, err
		}
		defer nets[i].Close()
		for changed := nets[i].Changed(); !nets[i].Connected(); changed = nets[i].Changed() {
			select {
			case <-changed:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
	}
	carry := func(from, to int, country [2]string, total int) error {
		sent := 0
		for left := total; left > 0; left -= transport.MaxFrame {
			if err := nets[from].Publish(ctx, country[to], make([]byte, min(left, transport.MaxFrame))); err != nil {
				return err
			}
			sent++
		}
		for sent > 0 {
			frames, err := nets[to].Receive(ctx, country[from], 4<<20)
			if err != nil {
				return err
			}
			for _, f := range frames {
				if err := f.Ack(); err != nil {
					return err
				}
				sent--
			}
		}
		return nil
	}
	country := [2]string{sender, recipient}
	return spend(batch, []int{cluster.Broker.PID()}, func() error {
		return errors.Join(carry(0, 1, country, batch*(size+2048)), carry(1, 0, country, batch*receipt))
	})
}
