package online

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rogatory/rogatory/crypto/keyring"
	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store"
	"github.com/rogatory/rogatory/node/witness"
	peerv1 "github.com/rogatory/rogatory/proto/rogatory/peer/v1"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A history is a tree that a country could show as its log: it has the country's keys. Its node knows nothing of it.
type history struct {
	n      *node
	edge   translog.Edge
	stored []translog.Hash
	heads  map[int64][]byte
}

func (h *history) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = tlog.Hash(h.stored[index])
	}
	return out, nil
}

// history makes a tree of leaves that no log holds; those made with the same seed are the same tree.
func (n *node) history(seed byte) *history {
	return (&history{n: n, heads: map[int64][]byte{}}).grow(seed, 1)
}

// grow appends leaves.
func (h *history) grow(seed byte, leaves int) *history {
	h.n.r.t.Helper()
	for range leaves {
		var err error
		if h.stored, err = h.edge.Append(h.stored, translog.LeafHash([]byte{seed, byte(h.edge.Size())})); err != nil {
			h.n.r.t.Fatal(err)
		}
	}
	return h
}

// request asks for a cosignature of the tree as it is, behind one of size old.
func (h *history) request(old int64) *peerv1.CosignRequest {
	t := h.n.r.t
	t.Helper()
	cp := translog.Checkpoint{Origin: h.n.log.Verifier().Origin(), Size: h.edge.Size(), Root: h.edge.Root()}
	if h.heads[cp.Size] == nil {
		h.heads[cp.Size] = must(translog.SignCheckpoint(cp, h.n.log))(t)
	}
	r := &peerv1.CosignRequest{OldSize: uint64(old), Checkpoint: h.heads[cp.Size]}
	for _, hash := range must(translog.ProveConsistency(old, cp.Size, h))(t) {
		r.Proof = append(r.Proof, bytes.Clone(hash[:]))
	}
	return r
}

// witnessed returns what a node knows of its cosigning of another's log.
func (n *node) witnessed(of *node) *storev1.Witnessed {
	n.r.t.Helper()
	var w *storev1.Witnessed
	if err := n.store.View(func(r *store.Reader) (err error) {
		w, _, err = r.Witnessed(of.log.Verifier().Origin())
		return err
	}); err != nil {
		n.r.t.Fatal(err)
	}
	return w
}

// forks returns the proofs that a node keeps.
func (n *node) forks() (list []*storev1.ForkProof) {
	n.r.t.Helper()
	if err := n.store.View(func(r *store.Reader) error {
		list = nil
		return r.EachForkProof(func(p *storev1.ForkProof) bool {
			list = append(list, p)
			return true
		})
	}); err != nil {
		n.r.t.Fatal(err)
	}
	return list
}

// quiet starts the countries with a round so long that none is made.
func quiet(t *testing.T, countries ...string) *rig {
	t.Helper()
	r := newRig(t, countries...)
	r.round = 1000 * time.Hour
	r.start(countries...)
	for _, c := range countries {
		r.nodes[c].cleared()
	}
	time.Sleep(time.Second)
	return r
}

func cosign(t *testing.T, of, by *node, r *peerv1.CosignRequest) *peerv1.CosignResponse {
	t.Helper()
	answer, err := by.lane.watch.Cosign(t.Context(), of.country, r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// asks is the request for a cosignature of the log that a node truly keeps, as it is.
func (n *node) asks(old int64) (*peerv1.CosignRequest, translog.Checkpoint) {
	t := n.r.t
	t.Helper()
	head := must(n.store.Guard(t.Context()))(t)
	cp := translog.Checkpoint{Origin: n.log.Verifier().Origin(), Size: head.Size, Root: head.Root}
	r := &peerv1.CosignRequest{OldSize: uint64(old), Checkpoint: must(translog.SignCheckpoint(cp, n.log))(t)}
	for _, hash := range must(n.store.Consistency(old, cp.Size))(t) {
		r.Proof = append(r.Proof, bytes.Clone(hash[:]))
	}
	return r, cp
}

func TestAWitnessLogsWhatItCosignsAndSaysTheSameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		request, cp := bg.asks(0)
		one := cosign(t, bg, rs, request)
		at, err := translog.VerifyCosignature(cp, one.GetCosignature(), rs.witness.Verifier())
		if err != nil || at != time.Now().Unix() {
			t.Fatalf("cosigned at %d: %v", at, err)
		}
		for range 3 {
			if again := cosign(t, bg, rs, request); !bytes.Equal(again.GetCosignature(), one.GetCosignature()) {
				t.Errorf("asked again: %v", again)
			}
		}
		if wits := leaves[*translog.Wit](rs); len(wits) != 1 || wits[0].Size != cp.Size || wits[0].Root != cp.Root || wits[0].Time != at || wits[0].Log != cp.Origin {
			t.Errorf("logged are %+v", wits)
		}
		if head := rs.store.Head(); head.Size != rs.store.Size() {
			t.Errorf("the guard knows %d of %d leaves", head.Size, rs.store.Size())
		}
		rs.restart()
		if _, err := rs.lane.watch.Cosign(t.Context(), "BG", request); status.Code(err) != codes.Unavailable {
			t.Errorf("uncleared: %v", err)
		}
		rs.cleared()
		if again := cosign(t, bg, rs, request); !bytes.Equal(again.GetCosignature(), one.GetCosignature()) {
			t.Errorf("after a restart: %v", again)
		}
		bg.append()
		next, cp := bg.asks(cp.Size)
		if _, err := translog.VerifyCosignature(cp, cosign(t, bg, rs, next).GetCosignature(), rs.witness.Verifier()); err != nil {
			t.Errorf("the next head after a restart: %v", err)
		}
	})
}

func TestACrashWhileCosigningLeavesNoSecondCosignature(t *testing.T) {
	for _, point := range []string{store.StepCommitted, store.StepGuardTorn, store.StepGuarded} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "BG", "RS")
				r.round = 1000 * time.Hour
				defer r.stop()
				bg, rs := r.nodes["BG"], r.nodes["RS"]
				// What a crash at this point would leave is put aside.
				folder, left := rs.folder, t.TempDir()
				var armed atomic.Bool
				rs.step = func(at string) {
					if at == point && armed.CompareAndSwap(true, false) {
						if err := os.CopyFS(left, os.DirFS(folder)); err != nil {
							t.Error(err)
						}
					}
				}
				r.start("BG", "RS")
				bg.cleared()
				rs.cleared()
				time.Sleep(time.Minute)
				request, cp := bg.asks(0)
				armed.Store(true)
				one := cosign(t, bg, rs, request)
				if armed.Load() {
					t.Fatal("the point was not passed")
				}
				rs.stop()
				rs.folder = left
				if err := os.Chmod(filepath.Join(left, keyring.SealingFile), 0o600); err != nil {
					t.Fatal(err)
				}
				rs.start()
				rs.cleared()
				if again := cosign(t, bg, rs, request); !bytes.Equal(again.GetCosignature(), one.GetCosignature()) {
					t.Error("another cosignature of the same head")
				}
				if wits := leaves[*translog.Wit](rs); len(wits) != 1 || wits[0].Size != cp.Size {
					t.Errorf("logged are %+v", wits)
				}
			})
		})
	}
}

func TestAStaleBaseIsAnsweredWithTheHeldSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		h := bg.history(1).grow(1, 6)
		small := h.request(0)
		cosign(t, bg, rs, h.grow(1, 3).request(0))
		h.grow(1, 5)
		for _, old := range []int64{0, 7, 15} {
			if answer := cosign(t, bg, rs, h.request(old)); len(answer.GetCosignature()) > 0 || answer.GetHeldSize() != 10 {
				t.Errorf("from %d: %v", old, answer)
			}
		}
		if answer := cosign(t, bg, rs, small); len(answer.GetCosignature()) > 0 || answer.GetHeldSize() != 10 {
			t.Errorf("a smaller head: %v", answer)
		}
		if answer := cosign(t, bg, rs, h.request(10)); len(answer.GetCosignature()) == 0 {
			t.Error("the true base gets no cosignature")
		}
	})
}

func TestTimesOfCosignaturesDoNotGoBackWithTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		h := bg.history(1)
		cosign(t, bg, rs, h.request(0))
		w := rs.witnessed(bg)
		w.Time += 3600 // the clock was ahead then
		must(rs.store.Update(t.Context(), func(tx *store.Tx) error { return tx.PutWitnessed(bg.log.Verifier().Origin(), w) }))(t)
		cosign(t, bg, rs, h.grow(1, 1).request(1))
		if now := rs.witnessed(bg); now.GetTime() < w.GetTime() || now.GetSize() != 2 {
			t.Errorf("%d after %d", now.GetTime(), w.GetTime())
		}
	})
}

func TestASplitViewToTwoPeersIsFoundByBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "HU", "RS")
		defer r.stop()
		bg, hu, rs := r.nodes["BG"], r.nodes["HU"], r.nodes["RS"]
		cosign(t, bg, rs, bg.history(1).grow(1, 6).request(0))
		cosign(t, bg, hu, bg.history(2).grow(2, 6).request(0))
		if err := rs.lane.exchange(t.Context(), "HU"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, n := range []*node{hu, rs} {
			forks := n.forks()
			if len(forks) != 1 || forks[0].GetKind() != store.ForkLog || forks[0].GetPeer() != "BG" || n.witnessed(bg).GetStopped() != store.ForkLog {
				t.Fatalf("%s keeps %v", n.country, forks)
			}
			a, b, _, err := translog.ParseHeads(forks[0].GetProof())
			if err == nil {
				err = translog.CheckForkedHeads(a, b, bg.log.Verifier())
			}
			if err != nil {
				t.Errorf("the proof of %s: %v", n.country, err)
			}
			_, err = n.lane.watch.Cosign(t.Context(), "BG", bg.history(1).grow(1, 9).request(7))
			if status.Code(err) != codes.FailedPrecondition {
				t.Errorf("%s cosigns on: %v", n.country, err)
			}
		}
	})
}

func TestOneHeadBesideALogIsFoundByTheProofThatTheLogGives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		for bg.store.Head().Size < 12 {
			bg.append()
		}
		// A receipt stood on this one.
		side := bg.history(1).grow(1, 6)
		note := side.request(0).GetCheckpoint()
		rs.lane.watch.See("BG", must(translog.ParseCheckpoint(note, bg.log.Verifier()))(t), note)
		// What the log shows otherwise.
		if err := rs.lane.exchange(t.Context(), "BG"); err != nil {
			t.Fatal(err)
		}
		pass(t, rs)
		forks := rs.forks()
		if len(forks) != 1 || forks[0].GetKind() != store.ForkTree {
			t.Fatalf("RS keeps %v", forks)
		}
		a, b, proof, err := translog.ParseHeads(forks[0].GetProof())
		if err == nil {
			err = translog.CheckForkedTree(a, b, proof, bg.log.Verifier())
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// pass has a node make a round now.
func pass(t *testing.T, n *node) {
	t.Helper()
	if err := n.lane.watch.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestALogThatProvesNothingIsCosignedNoMoreAfterSomeRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		// Two heads of a tree that BG's node does not have: it cannot prove them.
		h := bg.history(1)
		for range 2 {
			note := h.grow(1, 1000).request(0).GetCheckpoint()
			rs.lane.watch.See("BG", must(translog.ParseCheckpoint(note, bg.log.Verifier()))(t), note)
		}
		for range 2 {
			pass(t, rs)
			if len(rs.forks()) > 0 {
				t.Fatal("one wrong answer is enough")
			}
		}
		pass(t, rs)
		if forks := rs.forks(); len(forks) != 1 || forks[0].GetKind() != store.ForkUnproven {
			t.Fatalf("RS keeps %v", forks)
		}
		if kind, err := rs.lane.watch.Resume(t.Context(), "BG"); err != nil || kind != store.ForkUnproven {
			t.Errorf("resumed %q: %v", kind, err)
		}
		if alarms := leaves[*translog.Alarm](rs); len(alarms) != 1 || alarms[0].Peer != "BG" || alarms[0].Digest != sha256.Sum256(rs.forks()[0].GetProof()) {
			t.Errorf("the log says of it %+v", alarms)
		}
		cosign(t, bg, rs, bg.history(3).request(0))
	})
}

func TestALogThatDoesNotAnswerIsNotCosignedUntilItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		h := bg.history(1)
		cosign(t, bg, rs, h.grow(1, 4).request(0))
		note := h.grow(1, 4).request(0).GetCheckpoint()
		rs.lane.watch.See("BG", must(translog.ParseCheckpoint(note, bg.log.Verifier()))(t), note)
		r.net.Cut("BG", "RS")
		for range 5 {
			pass(t, rs)
		}
		if _, err := rs.lane.watch.Cosign(t.Context(), "BG", h.grow(1, 4).request(5)); status.Code(err) != codes.Unavailable {
			t.Errorf("cosigned while it owes a proof: %v", err)
		}
		if len(rs.forks()) > 0 {
			t.Error("silence is held for a fork")
		}
	})
}

func TestTwoRootsOfOneSizeAskedToBeCosignedStopIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		cosign(t, bg, rs, bg.history(1).grow(1, 6).request(0))
		for range 2 {
			if _, err := rs.lane.watch.Cosign(t.Context(), "BG", bg.history(2).grow(2, 6).request(0)); status.Code(err) != codes.FailedPrecondition {
				t.Errorf("the other root: %v", err)
			}
		}
		if forks := rs.forks(); len(forks) != 1 || forks[0].GetKind() != store.ForkLog {
			t.Errorf("RS keeps %v", forks)
		}
		if w := leaves[*translog.Wit](rs); len(w) != 1 {
			t.Errorf("logged are %d cosignatures", len(w))
		}
	})
}

func TestAProofOfAnotherPastStopsCosigningAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		cosign(t, bg, rs, bg.history(1).grow(1, 6).request(0))
		if _, err := rs.lane.watch.Cosign(t.Context(), "BG", bg.history(2).grow(2, 9).request(7)); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("another past: %v", err)
		}
		if forks := rs.forks(); len(forks) != 1 || forks[0].GetKind() != store.ForkTree || rs.witnessed(bg).GetStopped() != store.ForkTree {
			t.Errorf("RS keeps %v", forks)
		}
	})
}

func TestMalformedRequestsAreRefusedAndLogNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "HU", "RS")
		defer r.stop()
		bg, hu, rs := r.nodes["BG"], r.nodes["HU"], r.nodes["RS"]
		cosign(t, bg, rs, bg.history(1).grow(1, 4).request(0))
		good := func() *peerv1.CosignRequest { return bg.history(1).grow(1, 6).request(5) }
		for what, change := range map[string]func(*peerv1.CosignRequest){
			"no checkpoint":        func(r *peerv1.CosignRequest) { r.Checkpoint = nil },
			"another's checkpoint": func(r *peerv1.CosignRequest) { r.Checkpoint = hu.history(1).request(0).Checkpoint },
			"a long checkpoint":    func(r *peerv1.CosignRequest) { r.Checkpoint = make([]byte, 1<<20) },
			"a broken signature": func(r *peerv1.CosignRequest) {
				r.Checkpoint = append(bytes.Clone(r.Checkpoint[:len(r.Checkpoint)-6]), []byte("AAAA=\n")...)
			},
			"a long proof":   func(r *peerv1.CosignRequest) { r.Proof = make([][]byte, 1000) },
			"a short hash":   func(r *peerv1.CosignRequest) { r.Proof[0] = r.Proof[0][:31] },
			"a hash too few": func(r *peerv1.CosignRequest) { r.Proof = r.Proof[1:] },
			"a huge size":    func(r *peerv1.CosignRequest) { r.OldSize = 1 << 63 },
			"no cosignature": func(r *peerv1.CosignRequest) { r.Cosigned = r.Checkpoint },
		} {
			request := good()
			change(request)
			if _, err := rs.lane.watch.Cosign(t.Context(), "BG", request); status.Code(err) != codes.InvalidArgument {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := rs.lane.watch.Cosign(t.Context(), "XX", good()); status.Code(err) != codes.PermissionDenied {
			t.Errorf("a stranger: %v", err)
		}
		for what, sizes := range map[string][]uint64{"none": nil, "one": {1}, "zero": {0, 1}, "equal": {1, 1}, "falling": {2, 1}, "many": make([]uint64, 65)} {
			if _, err := rs.lane.watch.Consistency(&peerv1.ConsistencyRequest{Sizes: sizes}); status.Code(err) != codes.InvalidArgument {
				t.Errorf("proofs of %s: %v", what, err)
			}
		}
		if _, err := rs.lane.watch.Consistency(&peerv1.ConsistencyRequest{Sizes: []uint64{1, 1 << 60}}); status.Code(err) != codes.OutOfRange {
			t.Errorf("proofs of what is not there: %v", err)
		}
		if w := leaves[*translog.Wit](rs); len(w) != 1 {
			t.Errorf("logged are %d cosignatures", len(w))
		}
		cosign(t, bg, rs, good())
	})
}

func TestAFloodOfHeadsGrowsTheLogByFewLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		h := bg.history(1).grow(1, 1000)
		refused := 0
		for range 50 {
			_, err := rs.lane.watch.Cosign(t.Context(), "BG", h.request(int64(rs.witnessed(bg).GetSize())))
			if status.Code(err) == codes.ResourceExhausted {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			h.grow(1, 1)
		}
		if w := leaves[*translog.Wit](rs); len(w) != 8 || refused != 42 {
			t.Errorf("%d leaves, %d refused", len(w), refused)
		}
	})
}

func TestAWitnessThatIsShownACosignatureThatItDoesNotKnowIsRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		h := bg.history(1)
		cosign(t, bg, rs, h.request(0))
		// Signed by a newer store of RS, which is lost.
		lost := h.grow(1, 6).request(0).GetCheckpoint()
		cp := must(translog.ParseCheckpoint(lost, bg.log.Verifier()))(t)
		lost = append(bytes.Clone(lost), must(translog.Cosign(cp, time.Now().Unix(), rs.witness))(t)...)
		request := h.grow(1, 1).request(1)
		request.Cosigned = lost
		_, err := rs.lane.watch.Cosign(t.Context(), "BG", request)
		var found *witness.RollbackError
		if !errors.As(err, &found) || found.Head.Size != 7 || found.Size != 1 || found.Peer != "BG" {
			t.Fatalf("shown what it does not know: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := bg.lane.client("RS").Cosign(ctx, request); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("told the peer: %v", err)
		}
		if e := rs.rolledBack(); e.Held.Size != 7 || !bytes.Equal(e.Cosigned, lost) || e.Hint() == "" {
			t.Errorf("ended with %v", e)
		}
	})
}

func TestAfterARecoveryLostCosignaturesCountAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := quiet(t, "BG", "RS")
		defer r.stop()
		bg, rs := r.nodes["BG"], r.nodes["RS"]
		// RS goes on in its second log; what it has cosigned in the hour before that began is lost.
		w := witness.New(witness.Config{
			Country: "RS", Epoch: 2, Round: time.Minute, Store: rs.store, Peers: rs.book, Log: rs.log.Verifier(), Signer: rs.witness, Office: rs.office,
			Client: rs.lane.client, Ready: rs.lane.ready, Room: func(string) error { return nil }, Logger: slog.New(slog.DiscardHandler),
		})
		h := bg.history(1).grow(1, 1000)
		note := h.request(0).GetCheckpoint()
		cp := must(translog.ParseCheckpoint(note, bg.log.Verifier()))(t)
		old := h.edge.Size()
		request := h.grow(1, 5).request(0)
		request.Cosigned = append(bytes.Clone(note), must(translog.Cosign(cp, time.Now().Unix()-3600, rs.witness))(t)...)
		if answer, err := w.Cosign(t.Context(), "BG", request); err != nil || answer.GetHeldSize() != uint64(old) || len(answer.GetCosignature()) > 0 {
			t.Fatalf("shown what was lost: %v, %v", answer, err)
		}
		if known := rs.witnessed(bg); known.GetSize() != uint64(old) || known.GetLeafIndex() != 0 {
			t.Errorf("cosigned is %d at leaf %d", known.GetSize(), known.GetLeafIndex())
		}
		if answer, err := w.Cosign(t.Context(), "BG", h.request(old)); err != nil || len(answer.GetCosignature()) == 0 {
			t.Errorf("the next head: %v, %v", answer, err)
		}
		// What is younger than the second log is no part of what was lost.
		cp = must(translog.ParseCheckpoint(h.grow(1, 1).request(0).GetCheckpoint(), bg.log.Verifier()))(t)
		request = h.grow(1, 1).request(0)
		request.Cosigned = append(bytes.Clone(h.heads[cp.Size]), must(translog.Cosign(cp, time.Now().Unix()+1, rs.witness))(t)...)
		if _, err := w.Cosign(t.Context(), "BG", request); !errors.Is(err, witness.ErrRollback) {
			t.Errorf("shown what is younger: %v", err)
		}
	})
}

func TestARoundHeadCollectsItsQuorumAndLaterOnesAddNoLeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "BG", "HU", "IT", "RO", "RS")
		r.round = 10 * time.Second
		defer r.stop()
		r.start("BG", "HU", "IT", "RO", "RS")
		rs := r.nodes["RS"]
		for _, n := range r.nodes {
			n.cleared()
		}
		time.Sleep(2 * time.Minute)
		r.net.Cut("RS", "IT")
		rs.append()
		size := rs.store.Size()
		time.Sleep(time.Minute)
		now := must(rs.lane.watch.Status())(t)
		if now.Due || now.Size < size || len(now.Cosigned) != 3 || now.Quorum != 3 || len(now.Lagging) != 1 || now.Lagging[0] != "IT" || now.QuorumSize != now.Size {
			t.Fatalf("%+v", now)
		}
		coss := leaves[*translog.Cos](rs)
		r.net.Heal("RS", "IT")
		time.Sleep(time.Minute)
		now = must(rs.lane.watch.Status())(t)
		if now.Due || len(now.Cosigned) != 4 {
			t.Fatalf("%+v", now)
		}
		if after := leaves[*translog.Cos](rs); len(after) != len(coss) {
			t.Errorf("%d `cos` leaves after %d", len(after), len(coss))
		}
		last := coss[len(coss)-1]
		if last.Count != 3 || len(last.By) != 3 || last.Size != now.Size {
			t.Errorf("logged is %+v", last)
		}
		var witnesses []*translog.WitnessVerifier
		for _, n := range r.nodes {
			witnesses = append(witnesses, n.witness.Verifier())
		}
		var note []byte
		if err := rs.store.View(func(r *store.Reader) (err error) {
			_, note, err = r.CosignedHead()
			return err
		}); err != nil {
			t.Fatal(err)
		}
		cp, by, err := translog.ParseExport(note, rs.log.Verifier(), witnesses)
		if err != nil || len(by) != 4 || cp.Size != last.Size {
			t.Errorf("kept is %d with %d cosignatures: %v", cp.Size, len(by), err)
		}
		// The process after this one goes on from what is kept.
		rs.restart()
		rs.cleared()
		if now := must(rs.lane.watch.Status())(t); now.QuorumSize != last.Size {
			t.Errorf("after a restart: %+v", now)
		}
		time.Sleep(time.Minute)
		if now := must(rs.lane.watch.Status())(t); now.Due || len(now.Cosigned) != 4 || now.Size <= last.Size {
			t.Errorf("a minute after a restart: %+v", now)
		}
	})
}
