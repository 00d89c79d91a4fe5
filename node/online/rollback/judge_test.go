package rollback

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/federation/founding"
	"github.com/rogatory/rogatory/node/peers"
	"github.com/rogatory/rogatory/node/store"
	storev1 "github.com/rogatory/rogatory/proto/rogatory/store/v1"
)

// A node is RS, whose store is judged by what others show.
type node struct {
	*founding.Member
	others map[string]*founding.Member
	store  *store.Store
}

// judgeOf returns RS, which has given out so many numbers to BG, and its Judge.
func judgeOf(t *testing.T, numbers uint64) (*node, *Judge) {
	t.Helper()
	dir, members := founding.New(t, "BG", "HU", "RS")
	rs, folder := members["RS"], t.TempDir()
	st, err := store.Open(store.Options{
		Dir: filepath.Join(folder, "data"), GuardPath: filepath.Join(folder, "guard"), Country: "RS", Origin: rs.Log.Verifier().Origin(), Epoch: 1,
		UnitKeys: func(unit string) (store.UnitKey, error) { return store.UnitKey(sha256.Sum256([]byte(unit))), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	for seq := range numbers {
		if _, err := st.Update(context.Background(), func(tx *store.Tx) error {
			msg := translog.Hash{byte(seq + 1)}
			index, err := tx.Append(&translog.Rej{Code: "test", From: "BG", Msg: msg})
			if err != nil {
				return err
			}
			return tx.PutOutbox(&storev1.OutboxEntry{To: "BG", Epoch: 1, Seq: seq + 1, Msg: msg[:], LeafIndex: uint64(index)})
		}); err != nil {
			t.Fatal(err)
		}
	}
	return &node{rs, members, st}, New(Config{
		Country: "RS", Federation: founding.Federation, Store: st, Peers: peers.New("RS", dir), Ring: rs.Ring, Log: rs.Log.Verifier(),
	})
}

func TestNumbersShownByAPeerAreJudged(t *testing.T) {
	rs, judge := judgeOf(t, 2)
	for _, c := range []struct {
		epoch          uint32
		seq            uint64
		proven, lonely error // with our signature, and without
	}{
		{0, 0, nil, nil}, {1, 1, nil, nil}, {1, 2, nil, nil},
		{1, 3, Err, ErrUnproven}, {2, 1, Err, ErrUnproven}, {1, 1<<64 - 1, Err, ErrUnproven},
		{0, 1, ErrHead, ErrHead}, {1, 0, ErrHead, ErrHead},
	} {
		claim := Number{Epoch: c.epoch, Seq: c.seq}
		if err := judge.Shown("BG", nil, claim); !errors.Is(err, c.lonely) {
			t.Errorf("%d.%d without proof: %v, not %v", c.epoch, c.seq, err, c.lonely)
		}
		claim.Statement, claim.Signature = rs.Statement(t, "BG", c.epoch, c.seq)
		if err := judge.Shown("BG", nil, claim); !errors.Is(err, c.proven) {
			t.Errorf("%d.%d: %v, not %v", c.epoch, c.seq, err, c.proven)
		}
	}
	third, thirdSigned := rs.Statement(t, "BG", 1, 3)
	_, other := rs.Statement(t, "BG", 1, 3)
	foreign, foreignSigned := rs.others["BG"].Statement(t, "BG", 1, 3)
	back, backSigned := rs.Statement(t, "RS", 1, 3)
	for name, lie := range map[string]Number{
		"another number":           {Epoch: 1, Seq: 4, Statement: third, Signature: thirdSigned},
		"another epoch":            {Epoch: 2, Seq: 3, Statement: third, Signature: thirdSigned},
		"another signature":        {Epoch: 1, Seq: 3, Statement: third, Signature: other},
		"no signature":             {Epoch: 1, Seq: 3, Statement: third},
		"garbage":                  {Epoch: 1, Seq: 3, Statement: []byte("statement"), Signature: []byte("signature")},
		"signed by the peer":       {Epoch: 1, Seq: 3, Statement: foreign, Signature: foreignSigned},
		"a message to another one": {Epoch: 1, Seq: 3, Statement: back, Signature: backSigned},
	} {
		if err := judge.Shown("BG", nil, lie); !errors.Is(err, ErrUnproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := judge.Shown("HU", nil, Number{Epoch: 1, Seq: 3, Statement: third, Signature: thirdSigned}); !errors.Is(err, ErrUnproven) {
		t.Errorf("a number to one peer counts for another: %v", err)
	}
}

func TestCheckpointsShownByAPeerAreJudged(t *testing.T) {
	rs, judge := judgeOf(t, 5)
	head := rs.store.Head()
	note := func(m *founding.Member, cp translog.Checkpoint) []byte {
		t.Helper()
		b, err := translog.SignCheckpoint(cp, m.Log)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	origin := rs.Log.Verifier().Origin()
	foreign := translog.Checkpoint{Origin: rs.others["BG"].Log.Verifier().Origin(), Size: head.Size, Root: head.Root}
	for name, c := range map[string]struct {
		note []byte
		want error
	}{
		"none":            {nil, nil},
		"ours":            {note(rs.Member, translog.Checkpoint{Origin: origin, Size: head.Size, Root: head.Root}), nil},
		"a larger one":    {note(rs.Member, translog.Checkpoint{Origin: origin, Size: head.Size + 1, Root: head.Root}), Err},
		"another history": {note(rs.Member, translog.Checkpoint{Origin: origin, Size: head.Size, Root: translog.Hash{1}}), Err},
		"another's":       {note(rs.others["BG"], foreign), ErrHead},
		"garbage":         {[]byte("checkpoint"), ErrHead},
		"endless":         {make([]byte, MaxNote+1), ErrHead},
	} {
		if err := judge.Shown("BG", c.note, Number{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", name, err, c.want)
		}
	}
}
