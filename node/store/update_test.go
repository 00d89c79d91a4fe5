package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rogatory/rogatory/crypto/translog"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func TestThoseWhoWaitTogetherAreCommittedTogether(t *testing.T) {
	opts := testOptions(t.TempDir())
	var commits atomic.Int64
	opts.Step = func(point string) {
		if point == StepCommitted {
			commits.Add(1)
		}
	}
	s := openStore(t, opts)
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := range 10 {
				if _, err := s.Update(t.Context(), func(tx *Tx) error { _, err := tx.Append(opEntry(w*10 + i)); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := commits.Load(); n > 160 {
		t.Errorf("640 updates took %d commits", n)
	}
	before := commits.Load()
	for i := range 5 {
		update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(i)); return err })
	}
	if n := commits.Load() - before; n != 5 {
		t.Errorf("5 updates of one caller took %d commits", n)
	}
}

func TestNobodyWaitsForCompanyWhenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(testOptions(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		// Time passes in here only while everybody waits for it.
		begin := time.Now()
		for i := range 10 {
			update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(i)); return err })
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("ten updates of one caller waited %v", waited)
		}
		closeStore(t, s)
	})
}

func TestACallThatHasNotBegunEndsWithItsContext(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	began, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Update(context.Background(), func(*Tx) error {
			close(began)
			<-release
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := s.Update(ctx, func(*Tx) error {
			t.Error("it ran")
			return nil
		}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(release)
	})
	cancel()
	wg.Wait()
}

func TestAClosedStoreRefuses(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	closeStore(t, s)
	if _, err := s.Update(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("update: %v", err)
	}
	if err := s.View(func(*Reader) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("check: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestProofsLeadToTheHeadsThatTheyAreFor(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	var heads []Head
	for i := range 40 {
		update(t, s, func(tx *Tx) error {
			for j := range i % 4 {
				if _, err := tx.Append(opEntry(10*i + j)); err != nil {
					return err
				}
			}
			return nil
		})
		heads = append(heads, s.Head())
	}
	view(t, s, func(r *Reader) error {
		for _, newer := range heads {
			if at, err := r.HeadAt(newer.Size); err != nil || at != newer {
				t.Errorf("head at %d is %+v, %v", newer.Size, at, err)
			}
			for _, older := range heads {
				if older.Size > newer.Size {
					continue
				}
				proof, err := r.Consistency(older.Size, newer.Size)
				if err == nil {
					err = translog.CheckConsistency(proof, older.Size, older.Root, newer.Size, newer.Root)
				}
				if err != nil {
					t.Errorf("%d in %d: %v", older.Size, newer.Size, err)
				}
			}
			for index := range newer.Size {
				leaf, err := r.Leaf(index)
				if err != nil {
					return err
				}
				proof, err := r.Inclusion(index, newer.Size)
				if err == nil {
					err = translog.CheckInclusion(proof, newer.Size, newer.Root, index, translog.LeafHash(leaf))
				}
				if err != nil {
					t.Errorf("leaf %d in %d: %v", index, newer.Size, err)
				}
			}
		}
		return nil
	})
}

func TestTimeInTheLogNeverGoesBack(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	ahead := time.Now().Add(time.Hour).UnixMilli()
	update(t, s, func(tx *Tx) error {
		tx.now = ahead // a clock that is set back afterwards
		_, err := tx.Append(opEntry(1))
		return err
	})
	update(t, s, func(tx *Tx) error {
		if tx.At() != ahead {
			t.Errorf("time is %d, want %d", tx.At(), ahead)
		}
		_, err := tx.Append(opEntry(2))
		return err
	})
}

func TestHandingOverLeavesTheFormerUnitWithoutKey(t *testing.T) {
	opts := testOptions(t.TempDir())
	var without atomic.Value
	without.Store("")
	opts.UnitKeys = func(unit string) (UnitKey, error) {
		if unit == without.Load() {
			return UnitKey{}, errors.New("this unit has no key here")
		}
		return unitKeys(unit)
	}
	s := openStore(t, opts)
	var id uint64
	update(t, s, func(tx *Tx) (err error) { id, err = tx.PutContent("police", []byte("handed over")); return err })
	update(t, s, func(tx *Tx) error { return tx.TransferContent(id, "fiu") })
	without.Store("police")
	if b, err := s.Content(id); err != nil || string(b) != "handed over" {
		t.Errorf("with the new unit's key: %q, %v", b, err)
	}
	without.Store("fiu")
	if b, err := s.Content(id); err == nil {
		t.Errorf("without it: %q", b)
	}
	without.Store("")
}

func TestCaseNumbersNeverComeTwice(t *testing.T) {
	opts := testOptions(t.TempDir())
	last := uint64(0)
	for range 3 {
		s := openStore(t, opts)
		for range 1100 / 100 {
			update(t, s, func(tx *Tx) error {
				for range 100 {
					n, err := tx.CaseNumber(2026)
					if err != nil || n <= last {
						return fmt.Errorf("number %d after %d: %w", n, last, err)
					}
					last = n
				}
				return nil
			})
		}
		closeStore(t, s)
	}
}

func TestNumbersThatNobodyTookAreGivenBack(t *testing.T) {
	opts := testOptions(t.TempDir())
	take := func(s *Store, want uint64) {
		t.Helper()
		n := uint64(0)
		update(t, s, func(tx *Tx) (err error) { n, err = tx.CaseNumber(2026); return err })
		if n != want {
			t.Errorf("number %d, want %d", n, want)
		}
	}
	back := func(tx *Tx) error { return tx.ReturnNumbers() }
	s := openStore(t, opts)
	update(t, s, back) // nothing is reserved
	take(s, 1)
	take(s, 2)
	update(t, s, back)
	update(t, s, back)
	closeStore(t, s)
	s = openStore(t, opts)
	take(s, 3)
	update(t, s, back)
	take(s, 4) // after all
	closeStore(t, s)
	s = openStore(t, opts)
	take(s, numbersAhead+4) // as after a crash
	closeStore(t, s)
}

func TestARowThatBreaksARuleIsRefused(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	msg := make([]byte, 32)
	for what, test := range map[string]struct {
		change func(*Tx) error
		want   error
	}{
		"a gap in the outbox":   {func(tx *Tx) error { return tx.PutOutbox(&storev1.OutboxEntry{To: "BG", Epoch: 1, Seq: 2, Msg: msg}) }, ErrInvalid},
		"a name with a zero":    {func(tx *Tx) error { _, err := tx.PutContent("a\x00b", nil); return err }, ErrInvalid},
		"no unit":               {func(tx *Tx) error { _, err := tx.PutContent("", nil); return err }, ErrInvalid},
		"a large content":       {func(tx *Tx) error { _, err := tx.PutContent("police", make([]byte, MaxContent+1)); return err }, ErrTooLarge},
		"a large side record":   {func(tx *Tx) error { return tx.PutSide(0, "list", make([]byte, MaxSide+1)) }, ErrTooLarge},
		"a message of no case":  {func(tx *Tx) error { return tx.PutMessage(0, &storev1.LoggedMessage{CaseToken: "none"}) }, ErrNotFound},
		"seen without sequence": {func(tx *Tx) error { return tx.PutSeen("BG", 1, 0, &storev1.Seen{Msg: msg}) }, ErrInvalid},
		"a receipt of nothing":  {func(tx *Tx) error { return tx.Receipted("BG", 1, 1, 0, nil) }, ErrNotFound},
		"a retry of nothing":    {func(tx *Tx) error { return tx.UpdateOutbox(&storev1.OutboxEntry{To: "BG", Epoch: 1, Seq: 1}) }, ErrNotFound},
		"erasing nothing":       {func(tx *Tx) error { return tx.EraseContent(1 << 40) }, ErrNotFound},
		"a short nonce":         {func(tx *Tx) error { return tx.UseNonce(make([]byte, 8), 1) }, ErrInvalid},
		"two manifests of one version": {func(tx *Tx) error {
			if err := tx.PutManifest("BG", &storev1.LatestManifest{Version: 3, Digest: msg}, []byte("one")); err != nil {
				return err
			}
			other := name("other")
			return tx.PutManifest("BG", &storev1.LatestManifest{Version: 3, Digest: other[:]}, []byte("two"))
		}, ErrExists},
		"two heads of one size": {func(tx *Tx) error {
			if err := tx.PutPeerHead("log", &storev1.PeerHead{Size: 5, Root: msg}); err != nil {
				return err
			}
			other := name("other")
			return tx.PutPeerHead("log", &storev1.PeerHead{Size: 5, Root: other[:]})
		}, ErrExists},
		"two directories of one version": {func(tx *Tx) error {
			if err := tx.PutDirectory(1, []byte("one")); err != nil {
				return err
			}
			return tx.PutDirectory(1, []byte("two"))
		}, ErrExists},
		"a submission twice": {func(tx *Tx) error {
			if err := tx.PutSubmission("police", "key", &storev1.Submission{}); err != nil {
				return err
			}
			return tx.PutSubmission("police", "key", &storev1.Submission{})
		}, ErrExists},
	} {
		if _, err := s.Update(t.Context(), test.change); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}

func TestSmallNounsAreReadAsTheyWereWritten(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	envelope := make([]byte, 3*maxPiece)
	envelope[2*maxPiece] = 7
	digest := name("manifest")
	var parked uint64
	update(t, s, func(tx *Tx) (err error) {
		index, err := tx.Append(opEntry(0))
		if err != nil {
			return err
		}
		if parked, err = tx.Park(&storev1.Parked{Peer: "BG", Envelope: envelope}); err != nil {
			return err
		}
		return errors.Join(
			tx.PutSide(index, "assertion", []byte("side")),
			tx.PutCheckpoint(1, []byte("note")),
			tx.PutOfficer("officer-1", &storev1.OfficerRow{Enrolment: []byte("enrolment")}),
			tx.PutManifest("BG", &storev1.LatestManifest{Version: 2, Digest: digest[:]}, []byte("manifest")),
			tx.PutDirectory(1, []byte("first")), tx.PutDirectory(2, []byte("second")),
			tx.PutPeerHead("rogatory.example/BG/log/1", &storev1.PeerHead{Size: 9, Root: digest[:]}),
			tx.PutForkProof(&storev1.ForkProof{Peer: "BG", Kind: "seq"}),
			tx.PutSubmission("police", "key", &storev1.Submission{CaseTokens: []string{"case-1"}, AtMs: 5}))
	})
	closeStore(t, s)
	s = openStore(t, opts)
	view(t, s, func(r *Reader) error {
		if p, err := r.ParkedEnvelope(parked); err != nil || string(p.Envelope) != string(envelope) || p.Peer != "BG" {
			t.Errorf("parked: %v", err)
		}
		if b, err := r.Side(0, "assertion"); err != nil || string(b) != "side" {
			t.Errorf("side record: %q, %v", b, err)
		}
		if size, note, err := r.Checkpoint(); err != nil || size != 1 || string(note) != "note" {
			t.Errorf("checkpoint: %d %q, %v", size, note, err)
		}
		if err := r.EachOfficer(func(who string, o *storev1.OfficerRow) bool {
			if who != "officer-1" || string(o.Enrolment) != "enrolment" {
				t.Errorf("officer %s: %v", who, o)
			}
			return true
		}); err != nil {
			t.Error(err)
		}
		if l, b, err := r.LatestManifest("BG"); err != nil || l.Version != 2 || string(b) != "manifest" {
			t.Errorf("manifest: %v %q, %v", l, b, err)
		}
		if v, b, err := r.Directory(0); err != nil || v != 2 || string(b) != "second" {
			t.Errorf("directory: %d %q, %v", v, b, err)
		}
		if v, b, err := r.Directory(1); err != nil || v != 1 || string(b) != "first" {
			t.Errorf("directory: %d %q, %v", v, b, err)
		}
		if h, ok, err := r.PeerHead("rogatory.example/BG/log/1"); err != nil || !ok || h.Size != 9 {
			t.Errorf("peer head: %v, %v", h, err)
		}
		if sub, ok, err := r.Submission("police", "key"); err != nil || !ok || sub.CaseTokens[0] != "case-1" {
			t.Errorf("submission: %v, %v", sub, err)
		}
		if _, ok, _ := r.Submission("fiu", "key"); ok {
			t.Error("another unit sees the submission")
		}
		return nil
	})
	update(t, s, func(tx *Tx) error {
		if n, err := tx.ForgetSubmissions(6, 10); err != nil || n != 1 {
			t.Errorf("forgot %d submissions, %v", n, err)
		}
		return tx.Unpark(parked)
	})
	view(t, s, func(r *Reader) error {
		if _, err := r.ParkedEnvelope(parked); !errors.Is(err, ErrNotFound) {
			t.Errorf("released envelope: %v", err)
		}
		return nil
	})
}

func TestACommitOfWhichNobodyKnowsStopsTheStore(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(0)); return err })
	// A transaction that shows although its commit has returned an error.
	shows := 0
	if err := s.main.View(func(b *bbolt.Tx) error { shows = b.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.judge(shows+1, syscall.EIO); !errors.Is(err, ErrDisk) || errors.Is(err, ErrBroken) {
		t.Errorf("one that does not show: %v", err)
	}
	if err := s.judge(shows, syscall.EIO); !errors.Is(err, ErrBroken) || !errors.Is(err, ErrDisk) {
		t.Errorf("one that shows: %v", err)
	}
	if _, err := s.Update(t.Context(), func(tx *Tx) error { _, err := tx.Append(opEntry(1)); return err }); !errors.Is(err, ErrBroken) || Hint(err) != "restart the node" {
		t.Errorf("the next update: %v", err)
	}
	closeStore(t, s)
	s = openStore(t, opts)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(opEntry(1)); return err })
}

// testSignature is a BatchSignature as far as the store looks into it: a root signature and what is the statement's own.
func testSignature(root, own byte) []byte {
	b := append([]byte{0x0a, 0xad, 0x1a}, bytes.Repeat([]byte{root}, 3373)...)
	return append(b, 0x10, 0x08, 0x18, own)
}

func TestASignatureOfManyIsKeptOnceAndReadWhole(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	signature := func(i int) []byte {
		if i == 17 {
			return []byte("something else")
		}
		return testSignature(byte(i/8), byte(i%8))
	}
	var indices []int64
	for i := range 24 {
		update(t, s, func(tx *Tx) error {
			e, err := submit(tx, "BG", "case-1", "police", []byte("content"))
			if err != nil {
				return err
			}
			m, err := tx.Message(int64(e.LeafIndex))
			if err != nil {
				return err
			}
			m.Signature = signature(i)
			reseal, err := tx.Append(resealOf(e))
			if err != nil {
				return err
			}
			if err := errors.Join(
				tx.PutStatement(reseal, &storev1.LoggedStatement{Msg: e.Msg, Signature: signature(i)}),
				tx.PutMessage(int64(e.LeafIndex), m)); err != nil {
				return err
			}
			if i%2 == 0 {
				if err := receipt(tx, e); err != nil {
					return err
				}
			}
			if i == 4 {
				if err := tx.ExpireDocket(int64(e.LeafIndex)); err != nil {
					return err
				}
			}
			indices = append(indices, int64(e.LeafIndex))
			return nil
		})
		if i == 11 { // what a restart forgets is kept once more
			closeStore(t, s)
			s = openStore(t, opts)
		}
	}
	view(t, s, func(r *Reader) error {
		for i, index := range indices {
			m, err := r.Message(index)
			if err != nil || !bytes.Equal(m.Signature, signature(i)) || m.SignatureAt != 0 {
				t.Errorf("signature %d is %x, %v", i, m.GetSignature(), err)
			}
			st, err := r.Statement(index + 1)
			if err != nil || !bytes.Equal(st.Signature, signature(i)) || st.SignatureAt != 0 {
				t.Errorf("signature of statement %d is %x, %v", i, st.GetSignature(), err)
			}
		}
		rows := 0
		if err := r.b.Bucket(bucketSides).ForEach(func(k, _ []byte) error {
			if isIndexed(k, endSignature) {
				rows++
			}
			return nil
		}); err != nil || rows != 4 {
			t.Errorf("%d signatures are kept, %v", rows, err)
		}
		return r.EachMessage(0, func(index int64, m *storev1.LoggedMessage) bool {
			if i := slices.Index(indices, index); !bytes.Equal(m.Signature, signature(i)) {
				t.Errorf("listed signature %d is %x", i, m.Signature)
			}
			return true
		})
	})
}

func FuzzSplitSignature(f *testing.F) {
	f.Add(testSignature(1, 2))
	f.Add([]byte{0x0a, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		shared, own := splitSignature(b)
		if !bytes.Equal(append(bytes.Clone(shared), own...), b) {
			t.Errorf("%x and %x are not %x", shared, own, b)
		}
	})
}
