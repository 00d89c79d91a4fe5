package main

import (
	"errors"
	"os"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// cosigned counts the others whose cosignatures the kept round head of a stopped node carries: each checked by the keys of that member's manifest.
// It is 0 when something else than cosignatures, and the stop of the node, was logged behind that head.
func cosigned(r *store.Reader, m *member) (int, error) {
	size, note, err := r.CosignedHead()
	if err != nil || note == nil {
		return 0, err
	}
	signed, err := os.ReadFile(m.cfg.Directory)
	if err != nil {
		return 0, err
	}
	_, digest, err := federation.ReadDirectory(signed)
	if err != nil {
		return 0, err
	}
	dir, err := federation.ParseDirectory(signed, digest)
	if err != nil {
		return 0, err
	}
	var witnesses []*translog.WitnessVerifier
	var log *translog.LogVerifier
	if err := r.EachLatestManifest(func(peer string, latest *storev1.LatestManifest, signed []byte) bool {
		var known *federation.Manifest
		if known, err = federation.KnownManifest(signed, dir, [32]byte(latest.GetDigest())); err != nil {
			return false
		}
		if peer == m.country {
			log = known.Log()
		} else {
			witnesses = append(witnesses, known.Witness())
		}
		return true
	}); err != nil || log == nil {
		return 0, err
	}
	_, by, perr := translog.ParseExport(note, log, witnesses)
	if err != nil || perr != nil {
		return 0, errors.Join(err, perr)
	}
	logs, err := r.Logs()
	if err != nil {
		return 0, err
	}
	covered := true
	r.Leaves(logs[len(logs)-1].Base+size, func(_ int64, raw []byte) bool {
		var leaf translog.Leaf
		if leaf, err = translog.ParseLeaf(raw); err != nil {
			return false
		}
		switch e := leaf.Entry.(type) {
		case *translog.Wit, *translog.Cos:
		case *translog.Node:
			covered = e.Event == translog.NodeStop
		default:
			covered = false
		}
		return covered
	})
	if err != nil || !covered {
		return 0, err
	}
	return len(by), nil
}
