package store

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

const peerLog = "rogatory.example/BG/log/1"

func cosign(tx *Tx, size int64, root translog.Hash) error {
	index, err := tx.Append(&translog.Wit{Log: peerLog, Size: size, Root: root, Time: 1})
	if err != nil {
		return err
	}
	return tx.PutWitnessed(peerLog, &storev1.Witnessed{Peer: "BG", Size: uint64(size), Root: root[:], LeafIndex: uint64(index), Time: 1})
}

func TestAWitnessNeverSignsTwoRootsOfOneSizeNorASmallerSize(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	a, b := translog.Hash{1}, translog.Hash{2}
	update(t, s, func(tx *Tx) error { return errors.Join(genesis(tx), cosign(tx, 5, a)) })
	for what, change := range map[string]func(*Tx) error{
		"another root": func(tx *Tx) error { return cosign(tx, 5, b) },
		"a smaller":    func(tx *Tx) error { return cosign(tx, 4, a) },
	} {
		if _, err := s.Update(t.Context(), change); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", what, err)
		}
	}
	update(t, s, func(tx *Tx) error { return cosign(tx, 6, b) })
}

func genesis(tx *Tx) error {
	_, err := tx.Append(opEntry(0))
	return err
}

func TestTheGuardKnowsACosignatureBeforeAnybodyElse(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	c, err := s.Update(t.Context(), func(tx *Tx) error { return errors.Join(genesis(tx), cosign(tx, 5, translog.Hash{1})) })
	if err != nil || s.Head().Size != c.Size {
		t.Errorf("guarded are %d of %d leaves: %v", s.Head().Size, c.Size, err)
	}
	c, err = s.Update(t.Context(), func(tx *Tx) error { return cosign(tx, 6, translog.Hash{1}) })
	if err != nil || s.Head().Size != c.Size {
		t.Errorf("guarded are %d of %d leaves: %v", s.Head().Size, c.Size, err)
	}
}

func TestCosigningStopsOnceAndGoesOnByAWord(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	update(t, s, func(tx *Tx) error { return errors.Join(genesis(tx), cosign(tx, 5, translog.Hash{1})) })
	for round := range maxForks + 2 {
		for i, kind := range []string{ForkLog, ForkLog, ForkTree} {
			update(t, s, func(tx *Tx) error {
				stopped, err := tx.StopCosigning(peerLog, "BG", kind, []byte{byte(round), byte(i)})
				if stopped != (i == 0) {
					t.Errorf("proof %d of round %d has stopped it: %t", i, round, stopped)
				}
				return err
			})
		}
		if err := s.View(func(r *Reader) error {
			w, ok, err := r.Witnessed(peerLog)
			if !ok || w.Stopped != ForkLog || w.Size != 5 {
				t.Errorf("round %d leaves %v", round, w)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{ForkLog, ""} {
			update(t, s, func(tx *Tx) error {
				if kind, err := tx.ResumeCosigning(peerLog); err != nil || kind != want {
					t.Errorf("resumed %q: %v", kind, err)
				}
				return nil
			})
		}
	}
	proofs := map[string]int{}
	if err := s.View(func(r *Reader) error {
		return r.EachForkProof(func(p *storev1.ForkProof) bool { proofs[p.Kind]++; return true })
	}); err != nil || proofs[ForkLog] != maxForks || proofs[ForkTree] != 1 {
		t.Errorf("kept are %v: %v", proofs, err)
	}
	update(t, s, func(tx *Tx) error { return cosign(tx, 7, translog.Hash{1}) })
}

func TestACosignedHeadOfManyWitnessesIsKeptWhole(t *testing.T) {
	s := openStore(t, testOptions(t.TempDir()))
	short := []byte(s.Log().Origin + "\n9\n")
	long := append(bytes.Clone(short), bytes.Repeat([]byte("cosignature"), 20_000)...)
	update(t, s, func(tx *Tx) error {
		return errors.Join(genesis(tx), tx.PutSide(0, "checkpoint", long), tx.PutSide(0, "b", short), tx.PutCosignedHead(9, long), tx.PutCosignedHead(8, short))
	})
	if err := s.View(func(r *Reader) error {
		if side, err := r.Side(0, "checkpoint"); err != nil || !bytes.Equal(side, long) {
			t.Errorf("side record of %d bytes: %v", len(side), err)
		}
		if size, note, err := r.CosignedHead(); err != nil || size != 9 || !bytes.Equal(note, long) {
			t.Errorf("cosigned head %d of %d bytes: %v", size, len(note), err)
		}
		var names []string
		r.Sides(0, 1, func(_ int64, name string, record []byte) bool {
			names = append(names, name)
			if name == "checkpoint" && !bytes.Equal(record, long) {
				t.Errorf("listed with %d bytes", len(record))
			}
			return true
		})
		if strings.Join(names, " ") != "b checkpoint" {
			t.Errorf("listed are %v", names)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutSide(0, "checkpoint", short), tx.PutCosignedHead(9, short))
	})
	if err := s.View(func(r *Reader) error {
		side, err := r.Side(0, "checkpoint")
		size, note, err2 := r.CosignedHead()
		if string(side) != string(short) || string(note) != string(short) || size != 9 {
			t.Errorf("the shorter ones did not take their place: %d and %d bytes", len(side), len(note))
		}
		return errors.Join(err, err2)
	}); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.DeleteSide(0, "checkpoint") })
	if err := s.View(func(r *Reader) error {
		_, err := r.Side(0, "checkpoint")
		return err
	}); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}
