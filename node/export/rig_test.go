package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const (
	testLog = "rogatory.example/RS/log/1"
	nextLog = "rogatory.example/RS/log/2"
	peerLog = "rogatory.example/BG/log/1"
)

// A rig is a store with a log that a node might have written: messages of two units, receipts in bundles, rounds.
type rig struct {
	t      testing.TB
	s      *store.Store
	opts   store.Options
	signer *translog.LogSigner
	bundle int
}

func newRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	opts := store.Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard"), Country: "RS", Origin: testLog, Epoch: 1,
		UnitKeys: func(unit string) (store.UnitKey, error) { return sha256.Sum256([]byte(unit)), nil },
	}
	s, err := store.Open(opts)
	must(t, err)
	g := &rig{t: t, s: s, opts: opts, signer: signerOf(t, testLog)}
	t.Cleanup(func() { must(t, g.s.Close()) })
	g.update(func(tx *store.Tx) error {
		if _, err := tx.Append(&translog.Genesis{Log: testLog, Country: "RS", Directory: digest("directory"), Epoch: 1, Spec: "rogatory-log-1"}); err != nil {
			return err
		}
		manifest := sha256.Sum256([]byte("manifest"))
		return errors.Join(
			tx.PutDirectory(1, []byte("directory")),
			tx.PutManifest("BG", &storev1.LatestManifest{Digest: manifest[:], Version: 1}, []byte("signed manifest")),
			tx.PutForkProof(&storev1.ForkProof{Peer: "BG", Kind: "log", Proof: []byte("proof")}),
		)
	})
	return g
}

func signerOf(t testing.TB, origin string) *translog.LogSigner {
	t.Helper()
	ed, pq := sha256.Sum256([]byte("export ed25519")), sha256.Sum256([]byte("export ml-dsa"))
	s, err := translog.NewLogSigner(origin, ed[:], pq[:])
	must(t, err)
	return s
}

// recover closes the log as after a rollback, and opens the next one.
func (g *rig) recover() {
	g.t.Helper()
	must(g.t, g.s.Close())
	_, err := store.Recover(context.Background(), g.opts, store.Recovery{
		Number: 2,
		Close:  func(_ string, head store.Head) ([]byte, error) { return g.checkpoint(head), nil },
		Genesis: func(closed string, head store.Head) (*translog.Genesis, error) {
			return &translog.Genesis{
				Log: nextLog, Country: "RS", Directory: digest("directory"), Epoch: 2, Spec: "rogatory-log-1",
				PrevLog: closed, PrevSize: head.Size, PrevRoot: head.Root,
			}, nil
		},
		Endorse: func([]byte) ([]byte, error) { return []byte("endorsement"), nil },
		Opening: func(*store.Reader, translog.Hash, func(translog.Entry, string, []byte) error) error { return nil },
		Note: func(*store.Recovered) (*translog.Node, []byte, error) {
			return &translog.Node{Event: "recover", Program: "test", Digest: digest("report")}, []byte("report"), nil
		},
	})
	must(g.t, err)
	g.s, err = store.Open(g.opts)
	must(g.t, err)
	g.signer = signerOf(g.t, nextLog)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func digest(parts ...any) translog.Hash { return sha256.Sum256([]byte(fmt.Sprintln(parts...))) }

func (g *rig) update(change func(*store.Tx) error) {
	g.t.Helper()
	_, err := g.s.Update(context.Background(), change)
	must(g.t, err)
}

// signature is a BatchSignature of a batch: its root signature, and what is the message's own.
func signature(batch, n int) []byte {
	b := protowire.AppendTag(nil, 1, protowire.BytesType)
	b = protowire.AppendBytes(b, bytes.Repeat([]byte{byte(batch)}, 3373))
	b = protowire.AppendTag(b, 3, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(n)+1)
}

// send logs messages of one batch, n for each unit, and their receipts behind one checkpoint of the peer.
func (g *rig) send(n int) {
	g.t.Helper()
	g.bundle++
	// A test that fails in the writer's goroutine would end that.
	g.update(func(tx *store.Tx) error {
		var refs []int64
		var names []translog.Hash
		epoch, first, _, err := tx.NextOutgoing("BG")
		if err != nil {
			return err
		}
		for i := range 2 * n {
			index, msg, err := g.message(tx, i)
			if err != nil {
				return err
			}
			refs, names = append(refs, index), append(names, msg)
		}
		for i, ref := range refs {
			index, err := tx.Append(&translog.Rcpt{Index: ref, Log: peerLog, Of: names[i], Ref: tx.Ref(ref), Root: digest("root"), Size: int64(g.bundle * 100000)})
			if err != nil {
				return err
			}
			if err := errors.Join(
				tx.Receipted("BG", epoch, first+uint64(i), index, fmt.Append(nil, "leaf ", ref)),
				tx.PutSide(index, "path", bytes.Repeat([]byte{7}, 64)),
			); err != nil {
				return err
			}
			if i == 0 {
				if err := tx.PutSide(index, "checkpoint", g.peerCheckpoint()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (g *rig) message(tx *store.Tx, i int) (index int64, msg translog.Hash, err error) {
	unit := []string{"police", "fiu"}[i%2]
	token := fmt.Sprintf("RS-%s-%d", unit, g.bundle)
	msg = digest("message", g.bundle, i)
	epoch, seq, prev, err := tx.NextOutgoing("BG")
	if err != nil {
		return 0, msg, err
	}
	if index, err = tx.Append(&translog.Msg{
		Dir: translog.Out, From: "RS", To: "BG", Epoch: int64(epoch), Seq: int64(seq), Msg: msg, Prev: translog.Hash(prev),
		DocketCommit: digest("d"), ContentCommit: digest("c"), DirectoryVersion: 1, ManifestVersion: 1, Size: 4096,
		Stmt: digest("stmt"), Sig: digest("sig"),
	}); err != nil {
		return 0, msg, err
	}
	if err := tx.PutCase(&storev1.CaseSummary{Token: token, Unit: unit, State: "sent"}, []byte("case")); err != nil {
		return 0, msg, err
	}
	return index, msg, errors.Join(
		tx.PutMessage(index, &storev1.LoggedMessage{
			Outgoing: true, Peer: "BG", Msg: msg[:], Message: []byte("message"), Docket: []byte("docket"), DocketSalt: make([]byte, 32),
			CaseToken: token, Statement: []byte("statement"), Signature: signature(g.bundle, i),
		}),
		tx.PutSide(index, "whole", []byte("own business")),
		tx.PutOutbox(&storev1.OutboxEntry{
			To: "BG", Epoch: epoch, Seq: seq, Msg: msg[:], Message: []byte("message"), LeafIndex: uint64(index), CaseToken: token,
		}),
	)
}

func (g *rig) peerCheckpoint() []byte { return fmt.Append(nil, "checkpoint ", g.bundle) }

// sign keeps a checkpoint of all leaves, as a node does.
func (g *rig) sign() store.Head {
	g.t.Helper()
	head, err := g.s.Guard(context.Background())
	must(g.t, err)
	note := g.checkpoint(head)
	g.update(func(tx *store.Tx) error { return tx.PutCheckpoint(head.Size, note) })
	return head
}

func (g *rig) checkpoint(head store.Head) []byte {
	g.t.Helper()
	note, err := translog.SignCheckpoint(translog.Checkpoint{Origin: g.signer.Verifier().Origin(), Size: head.Size, Root: head.Root}, g.signer)
	must(g.t, err)
	return note
}

func (g *rig) options() Options { return Options{Country: "RS", Keys: g.signer.Verifier()} }

// export makes or continues an archive, and opens it.
func (g *rig) export(path string, o Options) *archive.Reader {
	g.t.Helper()
	w, err := archive.Create(path, o.Info())
	must(g.t, err)
	defer func() { must(g.t, w.Close()) }()
	_, err = Run(context.Background(), g.s, w, o)
	must(g.t, err)
	r, err := archive.Open(path)
	must(g.t, err)
	g.t.Cleanup(func() { must(g.t, r.Close()) })
	for _, e := range slices.Concat(r.Extra(), r.Missing()) {
		g.t.Error(e)
	}
	return r
}

// entries reads all entries of an archive.
func entries(t testing.TB, r *archive.Reader) []archive.Entry {
	t.Helper()
	var all []archive.Entry
	for n := range r.Tiles() {
		tile, err := r.Tile(n, nil)
		must(t, err)
		all = append(all, tile...)
	}
	return all
}

// names lists the names of an entry's side records.
func names(e archive.Entry) string {
	var list []string
	for _, r := range e.Sides {
		list = append(list, r.Name)
	}
	return fmt.Sprint(list)
}

// files returns all files below a folder.
func files(t testing.TB, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		out[p[len(path):]] = string(b)
		return err
	}))
	return out
}
