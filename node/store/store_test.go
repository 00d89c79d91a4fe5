package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

func unitKeys(unit string) (UnitKey, error) {
	return UnitKey(sha256.Sum256([]byte("key of " + unit))), nil
}

func testOptions(dir string) Options {
	return Options{
		Dir: filepath.Join(dir, "data"), GuardPath: filepath.Join(dir, "guard", "head"),
		Country: "RS", Origin: "rogatory.example/RS/log/1", Epoch: 1, UnitKeys: unitKeys,
	}
}

// openStore opens a store that is checked and closed when the test ends.
func openStore(t testing.TB, opts Options) *Store {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if s.queue.Closed() {
		return
	}
	if err := s.Check(context.Background()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// testContext is for helpers that have no test.
func testContext() context.Context { return context.Background() }

func update(t testing.TB, s *Store, change func(*Tx) error) Commit {
	t.Helper()
	c, err := s.Update(context.Background(), change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func view(t testing.TB, s *Store, read func(*Reader) error) {
	t.Helper()
	if err := s.View(read); err != nil {
		t.Fatal(err)
	}
}

func name(parts ...any) translog.Hash { return sha256.Sum256([]byte(fmt.Sprintln(parts...))) }

// opEntry is a leaf that touches nothing else.
func opEntry(n int) *translog.Op {
	return &translog.Op{Basis: "test", Of: []translog.Hash{name("op", n)}, OfCount: 1, Verb: translog.Consult, Who: "officer-1", Why: "test"}
}

// submit does in one transaction what a node does to send a message: content, leaf, side record, outbox, case.
func submit(tx *Tx, to, token, unit string, content []byte) (*storev1.OutboxEntry, error) {
	epoch, seq, prev, err := tx.NextOutgoing(to)
	if err != nil {
		return nil, err
	}
	id, err := tx.PutContent(unit, content)
	if err != nil {
		return nil, err
	}
	msg := name("msg", to, epoch, seq)
	entry := &translog.Msg{
		ContentCommit: sha256.Sum256(content), Dir: translog.Out, DirectoryVersion: 1, DocketCommit: name("docket", msg),
		Epoch: int64(epoch), From: "RS", To: to, ManifestVersion: 1, Msg: msg, Prev: translog.Hash(prev), Seq: int64(seq), Size: 4096,
	}
	index, err := tx.Append(entry)
	if err != nil {
		return nil, err
	}
	if err := tx.PutCase(&storev1.CaseSummary{
		Token: token, Unit: unit, State: "sent", Peer: to, Side: "asking", UpdatedMs: uint64(index), WakeMs: uint64(1000 + index),
	}, []byte("case of "+token)); err != nil {
		return nil, err
	}
	e := &storev1.OutboxEntry{
		To: to, Epoch: epoch, Seq: seq, Msg: msg[:], Message: []byte("message"), Docket: []byte("docket"), DocketSalt: msg[:],
		ContentId: id, LeafIndex: uint64(index), CaseToken: token,
	}
	return e, errors.Join(
		tx.PutOutbox(e),
		tx.PutMessage(index, &storev1.LoggedMessage{
			Outgoing: true, Peer: to, Msg: msg[:], Message: e.Message, Docket: e.Docket, DocketSalt: msg[:], ContentId: id, CaseToken: token,
		}))
}

func resealOf(e *storev1.OutboxEntry) *translog.Reseal {
	return &translog.Reseal{Of: translog.Hash(e.Msg), Sig: name("sig", e.Seq), Stmt: name("stmt", e.Seq)}
}

// receive does in one transaction what a node does with a message that has arrived.
func receive(tx *Tx, from string, epoch uint32, seq uint64, token, unit string, content []byte) error {
	id, err := tx.PutContent(unit, content)
	if err != nil {
		return err
	}
	msg := name("from", from, epoch, seq)
	index, err := tx.Append(&translog.Msg{
		ContentCommit: sha256.Sum256(content), Dir: translog.In, DirectoryVersion: 1, DocketCommit: name("docket", msg),
		Epoch: int64(epoch), From: from, To: "RS", ManifestVersion: 1, Msg: msg, Prev: name("prev"), Seq: int64(seq), Size: 4096,
		Stmt: name("stmt", msg), Sig: name("sig", msg),
	})
	if err != nil {
		return err
	}
	return errors.Join(
		tx.PutCase(&storev1.CaseSummary{Token: token, Unit: unit, State: "received", Peer: from, Side: "answering", UpdatedMs: uint64(index)}, []byte(token)),
		tx.PutSeen(from, epoch, seq, &storev1.Seen{Msg: msg[:], LeafIndex: uint64(index), CaseToken: token}),
		tx.PutMessage(index, &storev1.LoggedMessage{Peer: from, Msg: msg[:], ContentId: id, CaseToken: token}))
}

// receipt does in one transaction what a node does with a receipt.
func receipt(tx *Tx, e *storev1.OutboxEntry) error {
	index, err := tx.Append(&translog.Rcpt{
		Index: 7, Log: "rogatory.example/BG/log/1", Of: translog.Hash(e.Msg), Ref: int64(e.LeafIndex), Root: name("root"), Size: 8,
	})
	if err != nil {
		return err
	}
	return tx.Receipted(e.To, e.Epoch, e.Seq, index, []byte("leaf"))
}

func TestOneMessageGoesThroughTheStoreAndSurvivesReopening(t *testing.T) {
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	var e *storev1.OutboxEntry
	commit := update(t, s, func(tx *Tx) (err error) {
		e, err = submit(tx, "BG", "case-1", "police", []byte("a question"))
		return err
	})
	if commit.First != 0 || commit.Size != 1 {
		t.Errorf("commit is %+v", commit)
	}
	if head := s.Head(); head.Size != 1 || head.Root != commit.Root {
		t.Errorf("head is %+v, commit %+v", head, commit)
	}
	update(t, s, func(tx *Tx) error { return receive(tx, "BG", 1, 1, "case-2", "fiu", []byte("another")) })
	closeStore(t, s)

	s = openStore(t, opts)
	content, err := s.Content(e.ContentId)
	if err != nil || string(content) != "a question" {
		t.Errorf("content is %q, %v", content, err)
	}
	view(t, s, func(r *Reader) error {
		waiting, err := r.Outbox("BG", 0, 0, 10)
		if err != nil || len(waiting) != 1 || string(waiting[0].Msg) != string(e.Msg) {
			t.Errorf("outbox is %v, %v", waiting, err)
		}
		if _, ok, err := r.Seen("BG", 1, 1); !ok || err != nil {
			t.Errorf("seen: %t, %v", ok, err)
		}
		page, err := r.Cases("police", CaseFilter{})
		if err != nil || len(page.Cases) != 1 || page.Cases[0].Token != "case-1" || page.Next != nil {
			t.Errorf("cases are %v, %v", page, err)
		}
		return nil
	})
	update(t, s, func(tx *Tx) error { return receipt(tx, e) })
	if s.Head().Size != 2 {
		t.Errorf("a receipt alone moved the guard to %d", s.Head().Size)
	}
	if head, err := s.Guard(t.Context()); err != nil || head.Size != 3 {
		t.Errorf("guard is at %d, %v", head.Size, err)
	}
	view(t, s, func(r *Reader) error {
		if peers, waiting := r.OutboxPeers(); len(peers) != 0 || len(waiting) != 0 {
			t.Errorf("%v wait", waiting)
		}
		return nil
	})
}

func TestAGuardThatMayComeLaterComesWithinAMoment(t *testing.T) {
	opts := testOptions(t.TempDir())
	written := make(chan struct{}, 16)
	opts.Step = func(point string) {
		if point == StepGuarded {
			written <- struct{}{}
		}
	}
	s := openStore(t, opts)
	leaf := func(tx *Tx) error {
		_, err := tx.Append(&translog.Rej{Code: "test", From: "BG", Msg: name("rejected")})
		return err
	}
	later := func(tx *Tx) error {
		tx.GuardLater()
		return leaf(tx)
	}
	for len(written) > 0 {
		<-written
	}
	was := s.Head().Size
	if c := update(t, s, later); c.Size != was+1 {
		t.Fatalf("the log has %d leaves", c.Size)
	}
	<-written
	if size := s.Head().Size; size != was+1 {
		t.Errorf("guard is at %d", size)
	}
	update(t, s, later)
	if update(t, s, leaf); s.Head().Size != was+3 {
		t.Errorf("a guard that is needed left out the leaf before: %d", s.Head().Size)
	}
	update(t, s, later)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, opts)
	if size := s.Head().Size; size != was+4 {
		t.Errorf("after closing the guard is at %d", size)
	}
}

func TestAFailingCallLeavesNothingAndItsCompanyEverything(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	var wg sync.WaitGroup
	failed := errors.New("failed on purpose")
	for i := range 200 {
		wg.Go(func() {
			_, err := s.Update(t.Context(), func(tx *Tx) error {
				if _, err := submit(tx, "BG", fmt.Sprint("case-", i), "police", []byte{byte(i)}); err != nil {
					return err
				}
				if i%7 == 0 {
					return failed
				}
				return nil
			})
			if (i%7 == 0) != errors.Is(err, failed) {
				t.Errorf("call %d returned %v", i, err)
			}
		})
	}
	wg.Wait()
	view(t, s, func(r *Reader) error {
		for i := range 200 {
			_, _, err := r.Case(fmt.Sprint("case-", i))
			if (i%7 == 0) != errors.Is(err, ErrNotFound) {
				t.Errorf("case %d: %v", i, err)
			}
		}
		return nil
	})
}
