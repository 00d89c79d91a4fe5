package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/node/cmd/rogatory-node/setup"
	"github.com/rogatory/rogatory/node/exchange/calendar"
	"github.com/rogatory/rogatory/node/federation"
	rogatoryv1 "github.com/rogatory/rogatory/proto/rogatory/v1"
)

// foundDirectory composes the first directory, has every member sign it, joins the signatures and puts the result in place with its
// digest, as `rogatory-node directory propose`, `sign`, `join` and `take` do.
func (c *cluster) foundDirectory(made []*setup.Made) error {
	now := time.Now()
	d := &rogatoryv1.Directory{
		Federation: federationName, Threshold: uint32(len(made)/2 + 1), Tzdata: calendar.TZData,
		ValidFromMs: uint64(now.Add(-time.Minute).UnixMilli()), ValidUntilMs: uint64(now.AddDate(1, 0, 0).UnixMilli()),
	}
	for _, m := range made {
		d.Members = append(d.Members, m.Member)
	}
	proposal, err := federation.Propose(nil, d)
	if err != nil {
		return err
	}
	joined := proposal
	for _, m := range c.members {
		ring, err := keyring.OpenRing(filepath.Join(m.dir, setup.RingFolder, keyring.RingFile), keyring.Plain())
		if err != nil {
			return err
		}
		signed, err := federation.SignDirectory(nil, proposal, m.country, ring.Identity())
		if err != nil {
			return err
		}
		if joined, err = federation.JoinDirectories(joined, signed); err != nil {
			return err
		}
	}
	_, digest, err := federation.ReadDirectory(joined)
	if err != nil {
		return err
	}
	if _, err := federation.ParseDirectory(joined, digest); err != nil {
		return err
	}
	for _, m := range c.members {
		cfg, err := configs.Load(filepath.Join(m.dir, setup.ConfigFile))
		if err != nil {
			return err
		}
		if err := os.WriteFile(cfg.Directory, joined, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(cfg.Pin, []byte(hex.EncodeToString(digest[:])+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}
