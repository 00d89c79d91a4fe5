package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rogatory/rogatory/configs"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/desk/officers"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// Errors of the start.
var (
	// ErrNotMember means that the directory in force does not name this node as it is.
	ErrNotMember = errors.New("directory does not name this node with these keys")
	// ErrPin means that the digest of the directory could not be read.
	ErrPin = errors.New("digest of the directory is not 64 hexadecimal digits")
)

// logSpec names the specification that the log follows.
const logSpec = "rogatory-log-1"

// readDirectory reads the directory in force: the one whose digest a person has pinned.
func readDirectory(cfg *configs.Node) (*federation.Directory, error) {
	signed, err := os.ReadFile(cfg.Directory)
	if err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	text, err := os.ReadFile(cfg.Pin)
	if err != nil {
		return nil, fmt.Errorf("reading the directory's digest: %w", err)
	}
	sum, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("reading %s: %w", cfg.Pin, ErrPin)
	}
	return federation.ParseDirectory(signed, [32]byte(sum))
}

// checkMember checks that the directory knows a log of this node by the keys that sign them all, and that zone and name are the directory's.
func (n *node) checkMember(dir *federation.Directory) error {
	m, err := dir.Member(n.cfg.Country)
	if err != nil {
		return err
	}
	if _, err := federation.LogNumber(n.cfg.Federation, n.cfg.Country, m.Log().Origin()); err != nil {
		return fmt.Errorf("log of %s: %w", n.cfg.Country, ErrNotMember)
	}
	signer, err := n.signerOf(m.Log().Origin())
	if err != nil {
		return err
	}
	ed, pq := signer.Verifier().VKeys()
	knownEd, knownPQ := m.Log().VKeys()
	if ed != knownEd || pq != knownPQ {
		return fmt.Errorf("log of %s: %w", n.cfg.Country, ErrNotMember)
	}
	if m.Zone() != n.cfg.Zone {
		return fmt.Errorf("zone of %s is %s in the directory and %s in the configuration: %w", n.cfg.Country, m.Zone(), n.cfg.Zone, ErrNotMember)
	}
	return nil
}

// signerOf returns what signs the checkpoints of one of our logs: the keys stay, their names are each log's own.
func (n *node) signerOf(origin string) (*translog.LogSigner, error) {
	seeds := n.ring.Log()
	return translog.NewLogSigner(origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
}

// checkLog checks that the log of the store is not one that the directory knows to be closed.
func (n *node) checkLog(dir *federation.Directory) error {
	m, err := dir.Member(n.cfg.Country)
	if err != nil {
		return err
	}
	known, err := federation.LogNumber(n.cfg.Federation, n.cfg.Country, m.Log().Origin())
	if err == nil && known > n.store.Log().Number {
		err = fmt.Errorf("store has %s, the directory names %s: %w", n.store.Log().Origin, m.Log().Origin(), store.ErrRollback)
	}
	return err
}

// programCode is the version as a leaf spells it.
func programCode() string { return "rogatory-node:" + Version }

// begin writes the first leaves of this start and fills the book with the manifests that were kept.
func (n *node) begin(ctx context.Context, dir *federation.Directory) error {
	if _, err := n.store.Update(ctx, func(tx *store.Tx) error {
		if tx.Size() == 0 {
			if err := n.genesis(tx, dir); err != nil {
				return err
			}
		}
		// What follows has never been signed until the peers have confirmed this start.
		if err := tx.NoteStart(); err != nil {
			return err
		}
		if _, err := tx.Append(&translog.Node{Event: translog.NodeStart, Program: programCode()}); err != nil {
			return err
		}
		return takeDirectory(tx, dir)
	}); err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	return n.store.View(func(r *store.Reader) error {
		return r.EachLatestManifest(func(peer string, latest *storev1.LatestManifest, signed []byte) bool {
			var root keyring.KID
			copy(root[:], latest.GetRootKid())
			m, err := federation.KeptManifest(signed, dir, [32]byte(latest.GetDigest()), root, time.Now())
			if err != nil {
				n.log.Warn("kept manifest is of no use", "peer", peer, "err", err)
				return true
			}
			n.book.Restore(m)
			return true
		})
	})
}

func (n *node) genesis(tx *store.Tx, dir *federation.Directory) error {
	leaf, err := genesisOf(n.cfg.Country, dir)
	if err != nil {
		return err
	}
	leaf.Log, leaf.Epoch = n.signer.Verifier().Origin(), 1
	_, err = tx.Append(leaf)
	return err
}

// genesisOf returns leaf 0 of any log of a country, as far as the directory says it.
func genesisOf(country string, dir *federation.Directory) (*translog.Genesis, error) {
	m, err := dir.Member(country)
	if err != nil {
		return nil, err
	}
	leaf := &translog.Genesis{Country: country, Directory: dir.Digest(), Spec: logSpec}
	for _, f := range m.Founders() {
		leaf.Founders = append(leaf.Founders, sha256.Sum256(f.GetPublicKey()))
	}
	slices.SortFunc(leaf.Founders, func(a, b translog.Hash) int { return bytes.Compare(a[:], b[:]) })
	return leaf, nil
}

// takeDirectory keeps a directory and logs it, once.
func takeDirectory(tx *store.Tx, dir *federation.Directory) error {
	at, kept, err := tx.Directory(0)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case at == dir.Version():
		return nil
	case at > dir.Version():
		return fmt.Errorf("directory %d after %d: %w", dir.Version(), at, federation.ErrOlder)
	}
	leaf := &translog.Dir{What: translog.DirDirectory, Digest: dir.Digest(), Version: int64(dir.Version())}
	if kept != nil {
		if _, digest, err := federation.ReadDirectory(kept); err == nil {
			leaf.Prev = digest
		}
	}
	if err := tx.PutDirectory(dir.Version(), dir.Signed()); err != nil {
		return err
	}
	index, err := tx.Append(leaf)
	if err != nil {
		return err
	}
	return officers.NoteDirectory(tx, index)
}

// watchDirectory takes the next version of the directory when an operator has put it in place. A version with other members takes a restart.
func (n *node) watchDirectory(ctx context.Context) error {
	ticker := time.NewTicker(n.cfg.Round)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if err := n.nextDirectory(ctx); err != nil && err.Error() != said {
			said = err.Error()
			n.log.Warn("directory not taken", "err", err)
		}
	}
}

func (n *node) nextDirectory(ctx context.Context) error {
	current := n.book.Directory()
	signed, err := os.ReadFile(n.cfg.Directory)
	if err != nil || bytes.Equal(signed, current.Signed()) {
		return err
	}
	next, err := federation.Advance(current, signed, time.Now())
	if err != nil {
		return err
	}
	if err := n.desk.Follow(next, func() error {
		_, err := n.store.Update(ctx, func(tx *store.Tx) error { return takeDirectory(tx, next) })
		return err
	}); err != nil {
		return err
	}
	n.book.SetDirectory(next)
	n.log.Info("directory taken", "version", next.Version())
	return nil
}
