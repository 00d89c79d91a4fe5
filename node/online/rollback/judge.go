// Package rollback finds out whether our store is older than what others have of this node: a data folder that was restored, or another node
// with our keys.
//
// Each of these proves it, for our store has all four before anybody else learns of them, and all four bear our signature:
//
//	a checkpoint of ours that our log does not contain
//	a number of a message of ours that our store has not given out, with the statement that carried it
//	a cosignature of ours over a head of a peer's log that our store does not know to be cosigned
//	a published manifest of ours, newer than what our store had at the start, that it never had
//
// The first two are judged here; package witness finds the third, package manifests the fourth. A number that a peer only claims proves nothing:
// ErrUnproven. An older copy of data folder and guard of which nobody outside has anything newer cannot be noticed.
package rollback

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rogatory/rogatory/crypto/envelope"
	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
)

// MaxNote bounds a checkpoint as it comes: two signatures of the log, and cosignatures.
const MaxNote = 64 << 10

// Config is what a Judge works with. All fields are needed.
type Config struct {
	Country, Federation string

	Store *store.Store
	Peers *peers.Book
	Ring  *keyring.Ring
	Log   *translog.LogVerifier
}

// Judge judges what peers show of ours. Its methods may be called by several goroutines.
type Judge struct {
	cfg      Config
	verifier envelope.Verifier // of our own signatures

	mu   sync.Mutex
	good map[string]string // by peer, the last checkpoint that our log contains: it only grows while we run
}

// New returns a Judge.
func New(cfg Config) *Judge { return &Judge{cfg: cfg, good: map[string]string{}} }

// Number is the largest number of ours that a peer says it has seen, zeros for none, with the statement of the message and our signature.
type Number struct {
	Epoch                uint32
	Seq                  uint64
	Statement, Signature []byte
}

// Shown judges what a peer shows of ours: the largest checkpoint that it holds, empty for none, and the largest number that it has seen. An [Error]
// ends the node. An error that wraps ErrHead or ErrUnproven is the peer's: what it shows is not ours, or it shows nothing.
func (j *Judge) Shown(peer string, held []byte, seen Number) error {
	if err := j.held(peer, held); err != nil {
		return err
	}
	return j.seen(peer, seen)
}

// seen looks at the largest number of ours that a peer says it has seen. Numbers are in our store before they are on their way, so one that is not
// there now, and that we have signed, was given out by a newer store.
func (j *Judge) seen(peer string, n Number) error {
	if n.Epoch == 0 && n.Seq == 0 {
		return nil
	}
	if n.Epoch == 0 || n.Seq == 0 {
		return fmt.Errorf("%s shows our message %d.%d: %w", peer, n.Epoch, n.Seq, ErrHead)
	}
	var given, next uint64
	var at uint32
	err := j.cfg.Store.View(func(r *store.Reader) (err error) {
		at, next, _, err = r.NextOutgoing(peer)
		return err
	})
	if err != nil {
		return fmt.Errorf("comparing numbers with %s: %w", peer, err)
	}
	if given = next - 1; n.Epoch < at || n.Epoch == at && n.Seq <= given {
		return nil
	}
	if err := j.Proven(peer, n); err != nil {
		return fmt.Errorf("%s says that it has seen our message %d.%d, the last for it is %d.%d: %w: %w", peer, n.Epoch, n.Seq, at, given, err, ErrUnproven)
	}
	return &Error{
		Peer: peer, Epoch: n.Epoch, Seq: n.Seq, GivenEpoch: at, Given: given,
		Statement: slices.Clone(n.Statement), Signature: slices.Clone(n.Signature),
	}
}

// held looks at the largest checkpoint of ours that a peer says it holds.
func (j *Judge) held(peer string, note []byte) error {
	if len(note) == 0 || j.known(peer, note) {
		return nil
	}
	if len(note) > MaxNote {
		return fmt.Errorf("%s shows %d bytes: %w", peer, len(note), ErrHead)
	}
	cp, err := translog.ParseCheckpoint(note, j.cfg.Log)
	if err != nil {
		if old, err := j.Checkpoint(note); err == nil && old.Origin != j.cfg.Log.Origin() {
			n, err := federation.LogNumber(j.cfg.Federation, j.cfg.Country, old.Origin)
			if err == nil && n < j.cfg.Store.Log().Number {
				return fmt.Errorf("%s shows %d leaves of %s: %w", peer, old.Size, old.Origin, ErrClosed)
			}
		}
		return fmt.Errorf("%s shows: %w: %w", peer, err, ErrHead)
	}
	var head store.Head
	var size int64
	err = j.cfg.Store.View(func(r *store.Reader) (err error) {
		if size = r.LogSize(); cp.Size <= size {
			head, err = r.HeadAt(cp.Size)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("comparing heads with %s: %w", peer, err)
	}
	if cp.Size > size || head.Root != cp.Root {
		return &Error{Peer: peer, Held: cp, Note: slices.Clone(note), Size: size}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.good[peer] = string(note)
	return nil
}

func (j *Judge) known(peer string, note []byte) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.good[peer] == string(note)
}

// Checkpoint returns what a checkpoint of one of our logs says, whichever that is.
func (j *Judge) Checkpoint(note []byte) (translog.Checkpoint, error) {
	if len(note) > MaxNote {
		return translog.Checkpoint{}, fmt.Errorf("checkpoint of %d bytes: %w", len(note), ErrHead)
	}
	origin, _, _ := strings.Cut(string(note), "\n")
	if _, err := federation.LogNumber(j.cfg.Federation, j.cfg.Country, origin); err != nil {
		return translog.Checkpoint{}, fmt.Errorf("checkpoint of %q: %w", origin, ErrHead)
	}
	seeds := j.cfg.Ring.Log()
	signer, err := translog.NewLogSigner(origin, seeds.Ed25519.Bytes(), seeds.MLDSA44.Bytes())
	if err != nil {
		return translog.Checkpoint{}, err
	}
	return translog.ParseCheckpoint(note, signer.Verifier())
}
