package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/store/leaves"
)

// reopening opens the next log of a store of the tests.
func reopening(number uint64) Recovery {
	return Recovery{
		Number: number, Peers: []string{"BG"},
		Close: func(origin string, head Head) ([]byte, error) { return []byte(origin + " is closed"), nil },
		Genesis: func(closed string, head Head) (*translog.Genesis, error) {
			stem, _ := leaves.SplitOrigin(closed)
			return &translog.Genesis{
				Log: stem + "2", Country: "RS", Directory: translog.Hash{1}, Epoch: int64(number), Spec: "rogatory-log-1",
				PrevLog: closed, PrevSize: head.Size, PrevRoot: head.Root,
			}, nil
		},
		Endorse: func([]byte) ([]byte, error) { return []byte("endorsed"), nil },
		Note: func(*Recovered) (*translog.Node, []byte, error) {
			return &translog.Node{Event: translog.NodeRecover, Program: "test"}, []byte("{}"), nil
		},
		Opening: func(_ *Reader, _ translog.Hash, put func(translog.Entry, string, []byte) error) error {
			return put(&translog.State{State: translog.Hash{3}}, SideSnapshot, []byte("snapshot"))
		},
	}
}

// What was logged behind the last confirmed start moves into the next log and keeps its place; heads and proofs of both logs go on to hold.
func TestRecoveryKeepsPlacesAndBothLogs(t *testing.T) {
	ctx := context.Background()
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	node := func(event string) translog.Entry { return &translog.Node{Event: event, Program: "test"} }
	update(t, s, genesis)
	update(t, s, func(tx *Tx) error {
		if err := tx.NoteStart(); err != nil {
			return err
		}
		_, err := tx.Append(node(translog.NodeStart))
		return err
	})
	update(t, s, (*Tx).NoteCleared)
	update(t, s, func(tx *Tx) error { _, err := tx.Append(node(translog.NodeStop)); return err })
	confirmed := s.Head()
	var place int64
	update(t, s, func(tx *Tx) error {
		if err := tx.NoteStart(); err != nil {
			return err
		}
		if _, err := tx.Append(node(translog.NodeStart)); err != nil {
			return err
		}
		var err error
		if place, err = tx.Append(node(translog.NodeUpgrade)); err != nil {
			return err
		}
		return tx.PutSide(place, "list", []byte("beside"))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(ctx, opts, reopening(1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("opening log 1 behind log 1: %v", err)
	}
	done, err := Recover(ctx, opts, reopening(2))
	if err != nil {
		t.Fatal(err)
	}
	if done.Closed != confirmed || done.Moved != 2 || done.Log.Base != confirmed.Size {
		t.Errorf("closed at %v with %d moved, confirmed was %v", done.Closed, done.Moved, confirmed)
	}

	s = openStore(t, opts)
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	update(t, s, func(tx *Tx) error { _, err := tx.Append(node(translog.NodeStart)); return err })
	if err := s.View(func(r *Reader) error {
		logs, err := r.Logs()
		if err != nil || len(logs) != 2 || logs[0].Size != confirmed.Size || logs[1].Number != 2 || logs[1].Size != 5 {
			t.Errorf("logs are %+v: %v", logs, err)
		}
		if from, to, err := r.Opening(logs[1]); err != nil || from != place+2 || to != place+3 {
			t.Errorf("the opening stands at %d to %d: %v", from, to, err)
		}
		if head, err := r.In(logs[0]).HeadAt(confirmed.Size); err != nil || head != confirmed {
			t.Errorf("the closed log has %v: %v", head, err)
		}
		leaf, err := r.leafAt(place)
		if e, ok := leaf.Entry.(*translog.Node); err != nil || !ok || e.Event != translog.NodeUpgrade || leaf.Index != place-confirmed.Size {
			t.Errorf("at place %d stands %+v: %v", place, leaf, err)
		}
		if side, err := r.Side(place, "list"); err != nil || string(side) != "beside" {
			t.Errorf("beside it stands %q: %v", side, err)
		}
		proof, err := r.Inclusion(leaf.Index, logs[1].Size)
		if err != nil {
			return err
		}
		raw, err := r.Leaf(place)
		if err != nil {
			return err
		}
		head, err := r.HeadAt(logs[1].Size)
		if err != nil {
			return err
		}
		return translog.CheckInclusion(proof, head.Size, head.Root, leaf.Index, translog.LeafHash(raw))
	}); err != nil {
		t.Error(err)
	}
	year := uint64(0)
	update(t, s, func(tx *Tx) (err error) { year, err = tx.CaseNumber(2026); return err })
	if year != numbersOfLog+1 {
		t.Errorf("the first case of the second log has number %d", year)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A store of the log before is older than a guard of the next one, however few leaves that has.
func TestStoreOfTheClosedLogIsRefusedByTheGuardOfTheNext(t *testing.T) {
	ctx := context.Background()
	opts := testOptions(t.TempDir())
	s := openStore(t, opts)
	update(t, s, genesis)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(opts.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(ctx, opts, reopening(2)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(opts.Dir), os.CopyFS(opts.Dir, os.DirFS(old))); err != nil {
		t.Fatal(err)
	}
	_, err := Open(opts)
	var lost *RollbackError
	if !errors.As(err, &lost) || lost.GuardLog == lost.DatabaseLog {
		t.Errorf("opening the store of the closed log: %v", err)
	}
	if _, err := Recover(ctx, opts, reopening(2)); !errors.Is(err, ErrInvalid) {
		t.Errorf("opening the same log once more: %v", err)
	}
	found, err := Look(opts, func(*Reader, Log) error { return nil })
	if err != nil || found == nil || found.Guard != lost.Guard {
		t.Errorf("looking finds %v: %v", found, err)
	}
}
