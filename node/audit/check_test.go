package audit_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
)

func TestProofsOfLeavesAndReceiptsHold(t *testing.T) {
	w := honest(t)
	rs := w.Country("RS")
	r, a := open(t, w.Archive("RS", t.TempDir()+"/RS.zip")), anchor(t, w)
	for i := range rs.Log.Size() {
		b, err := audit.Prove(r, i)
		if err != nil {
			t.Fatal(err)
		}
		c, err := a.Check(b)
		if err != nil || !c.Holds || c.Index != i || c.Leaf != string(rs.Log.Leaf(i)) {
			t.Fatalf("leaf %d: %+v, %v", i, c, err)
		}
	}
	for _, i := range rs.Log.Find("rcpt") {
		l := rs.Log.Entries[i].Body.(*translog.Rcpt)
		b, err := audit.ProveReceipt(r, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := a.Check(b); err != nil || !c.Holds || c.What != audit.IsReceipt || c.Log != l.Log || c.Msg != l.Of.String() {
			t.Errorf("receipt at %d: %+v, %v", i, c, err)
		}
	}
	if _, err := audit.ProveReceipt(r, 0); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("a genesis is no receipt: %v", err)
	}
}

// Two heads of different sizes prove nothing, as long as nobody shows that one is not in the other.
func TestTwoHeadsOfDifferentSizesProveNothing(t *testing.T) {
	w := forge.New(t, "BG", "RS")
	first := bytes.Clone(w.Country("RS").Log.Note())
	w.Ask("RS", "BG")
	c, err := anchor(t, w).Check(first, w.Country("RS").Log.Note())
	if err != nil || c.Holds {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLogThatTheDirectoryDoesNotNameCannotBeChecked(t *testing.T) {
	w, other := forge.New(t, "BG", "RS"), forge.New(t, "GR", "HU")
	if _, err := anchor(t, other).Check(w.Country("RS").Log.Note()); !errors.Is(err, audit.ErrUnknownLog) {
		t.Error(err)
	}
}

func FuzzCheck(f *testing.F) {
	w := forge.New(f, "BG", "RS")
	rs := w.Country("RS")
	p := translog.Proof{Extra: rs.Log.Leaf(1), Index: 1, Hashes: rs.Log.Inclusion(1), Checkpoint: rs.Log.Note()}
	proof, err := p.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	known := [][]byte{proof, rs.Log.Note()}
	lie := rs.Log.Copy()
	lie.Alter(3, func(e *forge.Entry) { e.At++ })
	lie.Rebuild()
	known = append(known, translog.FormatHeads(rs.Log.Note(), lie.Note(), nil))
	for i, b := range known {
		f.Add(b[:40], uint8(i), uint(len(b)/2), byte(1))
		f.Add([]byte{}, uint8(i), uint(len(b)-1), byte(0x80))
	}
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		f.Fatal(err)
	}
	// Other processes of a fuzzing run have the same log keys and sign other things with them: what holds may come from them. So what is made
	// here is changed in one byte, and whatever else comes only has to be answered.
	f.Fuzz(func(t *testing.T, b []byte, which uint8, at uint, x byte) {
		if c, err := a.Check(b); (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if x == 0 {
			return
		}
		changed := bytes.Clone(known[int(which)%len(known)])
		changed[at%uint(len(changed))] ^= x
		if c, err := a.Check(changed); err == nil && c.Holds {
			t.Fatalf("byte %d of %d changed by %#x still holds", at%uint(len(changed)), which, x)
		}
	})
}
