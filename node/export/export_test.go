package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/store"
)

func TestAnArchiveHoldsEveryLeafWithWhatBelongsToIt(t *testing.T) {
	g := newRig(t)
	for range 4 {
		g.send(50)
	}
	head := g.sign()
	r := g.export(filepath.Join(t.TempDir(), "RS"), g.options())
	if r.Info().Size != head.Size || r.Info().Root != head.Root || r.Info().Country != "RS" {
		t.Errorf("archive says %+v", r.Info())
	}
	if n := len(r.Directories()) + len(r.Manifests()) + len(r.Forks()); n != 3 || r.Forks()[0] != "1-log" {
		t.Errorf("%d documents, forks %v", n, r.Forks())
	}
	roots := map[byte]bool{}
	var whole []byte // the signature that root-at leads to
	all := entries(t, r)
	must(t, g.s.View(func(read *store.Reader) error {
		for i, e := range all {
			leaf, err := read.Leaf(int64(i))
			must(t, err)
			if !bytes.Equal(leaf, e.Leaf) {
				t.Fatalf("leaf %d", i)
			}
			switch kindOf(leaf) {
			case "msg":
				m, err := read.Message(int64(i))
				must(t, err)
				sig := e.Side("signature")
				if at := e.Side("root-at"); at != nil {
					first := all[i/archive.TileWidth*archive.TileWidth+int(at[0])]
					whole = first.Side("signature")
					if first.Side("root-at") != nil || first.Index >= e.Index {
						t.Fatalf("root-at of %d leads to %d", i, first.Index)
					}
					root, _ := splitSignature(whole)
					sig = append(bytes.Clone(root), sig...)
				} else {
					roots[byte(i%archive.TileWidth)] = true
				}
				if !bytes.Equal(sig, m.GetSignature()) {
					t.Fatalf("signature of leaf %d is another one", i)
				}
				if got := e.Side("docket"); len(got) != 32+len("docket") || string(e.Side("message")) != "message" || string(e.Side("statement")) != "statement" || e.Side("whole") != nil {
					t.Fatalf("leaf %d has %s", i, names(e))
				}
			case "rcpt":
				if len(e.Side("path")) != 64 || !bytes.HasPrefix(e.Side("leaf"), []byte("leaf ")) {
					t.Fatalf("leaf %d has %s", i, names(e))
				}
			}
		}
		return nil
	}))
	if whole == nil || len(roots) == 0 {
		t.Error("no root signature is shared")
	}
}

func TestAnExportMadeTwiceIsTheSame(t *testing.T) {
	g := newRig(t)
	g.send(300)
	g.sign()
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	g.export(a, g.options())
	grown := filepath.Join(t.TempDir(), "grown")
	g.export(grown, g.options())
	g.send(70)
	g.sign()
	g.export(grown, g.options())
	g.export(grown, g.options()) // nothing new
	g.export(a, g.options())
	g.export(b, g.options())
	if !maps.Equal(files(t, a), files(t, b)) || !maps.Equal(files(t, grown), files(t, b)) {
		t.Error("the archives differ")
	}
}

func TestADocketThatIsErasedGoesFromTheArchive(t *testing.T) {
	g := newRig(t)
	g.send(200)
	g.sign()
	dir := filepath.Join(t.TempDir(), "RS")
	g.export(dir, g.options())
	before := files(t, dir)
	g.update(func(tx *store.Tx) error {
		if _, err := tx.Append(&translog.Erase{Of: []translog.Hash{digest("message", 1, 0)}, OfCount: 1, Basis: "term", By: "timer", What: []string{"docket"}}); err != nil {
			return err
		}
		return tx.ExpireDocket(1)
	})
	g.sign()
	r := g.export(dir, g.options())
	e, err := r.Entry(1)
	must(t, err)
	if e.Side("docket") != nil || e.Side("message") == nil {
		t.Errorf("leaf 1 has %s", names(e))
	}
	after := files(t, dir)
	for name, b := range before {
		if after[name] != b && name != "/sides/000" && name != "/archive.json" && name != "/checkpoint" && !bytes.Contains([]byte(name), []byte(".p/")) {
			t.Errorf("%s changed", name)
		}
	}
	once := filepath.Join(t.TempDir(), "once")
	g.export(once, g.options())
	if !maps.Equal(after, files(t, once)) {
		t.Error("the archive differs from one made at once")
	}
}

func TestAnArchiveOfACaseHoldsNothingOfOthers(t *testing.T) {
	g := newRig(t)
	for range 3 {
		g.send(40)
	}
	g.sign()
	for _, l := range []Limits{{Case: "RS-fiu-2"}, {Unit: "fiu"}, {Unit: "fiu", Case: "RS-fiu-2"}} {
		o := g.options()
		o.Limits = l
		r := g.export(filepath.Join(t.TempDir(), "case.zip"), o)
		if len(r.Forks()) != 0 {
			t.Errorf("%+v: fork proofs %v", l, r.Forks())
		}
		kinds := map[string]int{}
		notes := map[string]bool{}
		for _, e := range entries(t, r) {
			if e.Leaf == nil {
				continue
			}
			kinds[kindOf(e.Leaf)]++
			leaf, err := translog.ParseLeaf(e.Leaf)
			must(t, err)
			switch e := leaf.Entry.(type) {
			case *translog.Msg:
				if e.Seq%2 == 1 || l.Case != "" && (e.Seq-1)/80 != 1 {
					t.Errorf("%+v: message %d", l, e.Seq)
				}
			case *translog.Rcpt:
				if e.Size/100000 != 2 && l.Case != "" {
					t.Errorf("%+v: receipt in %d", l, e.Size)
				}
			}
			if rcpt, ok := leaf.Entry.(*translog.Rcpt); ok {
				if note := e.Side("checkpoint"); note != nil {
					notes[string(note)] = true
				}
				if want := fmt.Sprint("checkpoint ", rcpt.Size/100000); !notes[want] {
					t.Errorf("%+v: the receipt %d comes before its checkpoint", l, e.Index)
				}
			}
		}
		want := 40
		if l.Case == "" {
			want = 120
		}
		if kinds["msg"] != want || kinds["rcpt"] != want || kinds["genesis"] != 1 || len(kinds) != 3 {
			t.Errorf("%+v: %v", l, kinds)
		}
	}
	o := g.options()
	o.Case = "RS-fiu-9"
	none := filepath.Join(t.TempDir(), "none")
	w, err := archive.Create(none, o.Info())
	must(t, err)
	if _, err := Run(context.Background(), g.s, w, o); !errors.Is(err, ErrNoCase) {
		t.Errorf("a case that is not there: %v", err)
	}
	must(t, w.Close())
	if _, err := os.Stat(none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it leaves a folder: %v", err)
	}
}

func TestAnArchiveOfAPeriodHoldsItsLeavesAndWhatJudgesThem(t *testing.T) {
	g := newRig(t)
	g.send(10)
	g.sign()
	var last translog.Leaf
	must(t, g.s.View(func(r *store.Reader) error {
		b, err := r.Leaf(r.Size() - 1)
		must(t, err)
		last, err = translog.ParseLeaf(b)
		return err
	}))
	for _, c := range []struct {
		from, until int64
		want        int
	}{{last.At + 1, 0, 1}, {1, last.At + 1, 41}, {0, 1, 0}} {
		o := g.options()
		o.From, o.Until = c.from, c.until
		n := 0
		for _, e := range entries(t, g.export(filepath.Join(t.TempDir(), "period"), o)) {
			if e.Leaf != nil {
				n++
			}
		}
		if n != c.want {
			t.Errorf("from %d until %d: %d leaves, want %d", c.from, c.until, n, c.want)
		}
	}
}

func TestTheNewestCosignedHeadIsTakenIfOnlyRoundsStandBehindIt(t *testing.T) {
	g := newRig(t)
	o := g.options()
	newest := func(had int64) (size int64, err error) {
		t.Helper()
		err = g.s.View(func(r *store.Reader) error {
			h, err := Newest(r, o.Keys, had)
			size = h.Size
			return err
		})
		return size, err
	}
	if _, err := newest(0); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("without any checkpoint: %v", err)
	}
	g.send(5)
	cosigned := g.sign()
	note := g.checkpoint(cosigned)
	g.update(func(tx *store.Tx) error {
		if _, err := tx.Append(&translog.Wit{Log: peerLog, Root: digest("root"), Size: 3, Time: 1}); err != nil {
			return err
		}
		index, err := tx.Append(&translog.Cos{
			By: []string{"rogatory.example/BG/witness"}, Count: 1, Digest: sha256.Sum256(note), Log: testLog, Root: cosigned.Root, Size: cosigned.Size,
		})
		if err != nil {
			return err
		}
		return tx.PutSide(index, "checkpoint", note)
	})
	plain := g.sign()
	for had, want := range map[int64]int64{0: cosigned.Size, cosigned.Size: cosigned.Size, plain.Size: plain.Size} {
		if got, err := newest(had); err != nil || got != want {
			t.Errorf("with %d leaves there: %d, %v, want %d", had, got, err, want)
		}
	}
	g.send(1)
	if got, err := newest(0); err != nil || got != plain.Size {
		t.Errorf("with messages behind it: %d, %v, want %d", got, err, plain.Size)
	}
	if from, is, err := Unwitnessed(g.export(filepath.Join(t.TempDir(), "plain"), o)); err != nil || is || from != cosigned.Size {
		t.Errorf("with nothing but a round behind it not witnessed from %d, %t, %v", from, is, err)
	}
	if got, err := newest(g.sign().Size); err != nil || got != plain.Size+4 {
		t.Errorf("signed anew: %d, %v", got, err)
	}
	if from, is, err := Unwitnessed(g.export(filepath.Join(t.TempDir(), "messages"), o)); err != nil || !is || from != cosigned.Size {
		t.Errorf("not witnessed from %d, %t, %v, want %d", from, is, err, cosigned.Size)
	}
}

func TestACosignedHeadIsBetterThanAnOlderPlainOne(t *testing.T) {
	g := newRig(t)
	old := g.sign()
	g.send(5)
	head, err := g.s.Guard(context.Background())
	must(t, err)
	note := g.checkpoint(head)
	g.update(func(tx *store.Tx) error {
		index, err := tx.Append(&translog.Cos{Count: 70, Digest: sha256.Sum256(note), Log: testLog, Root: head.Root, Size: head.Size})
		if err != nil {
			return err
		}
		return tx.PutSide(index, "checkpoint", note)
	})
	g.send(1) // and here the node is killed
	r := g.export(filepath.Join(t.TempDir(), "RS"), g.options())
	if r.Info().Size != head.Size || old.Size >= head.Size {
		t.Errorf("archive of %d, want %d", r.Info().Size, head.Size)
	}
}

func TestAWriterIsNotHeldBackByAnExport(t *testing.T) {
	g := newRig(t)
	g.send(400)
	g.sign()
	dir := filepath.Join(t.TempDir(), "RS")
	o := g.options()
	o.Progress = func(done, size int64) {
		if done < size {
			g.send(1) // commits in the middle of it
		}
	}
	if r := g.export(dir, o); r.Info().Size != 1601 {
		t.Errorf("archive of %d", r.Info().Size)
	}
}

func TestAContinuationWithAnotherHistoryLeavesTheArchiveAsItWas(t *testing.T) {
	one, other := newRig(t), newRig(t)
	other.send(7)
	for _, n := range []int{20, 300} {
		one.send(n)
		one.sign()
		dir := filepath.Join(t.TempDir(), "archive")
		one.export(dir, one.options())
		before := files(t, dir)
		other.send(n)
		other.sign()
		w, err := archive.Create(dir, other.options().Info())
		must(t, err)
		if _, err := Run(context.Background(), other.s, w, other.options()); !errors.Is(err, archive.ErrHistory) {
			t.Errorf("another history: %v", err)
		}
		must(t, w.Close())
		if !maps.Equal(files(t, dir), before) {
			t.Error("the archive changed")
		}
	}
}

func TestBothLogsOfACountryThatRecoveredAreExported(t *testing.T) {
	g := newRig(t)
	g.send(200)
	old := g.sign()
	o := g.options()
	before := filepath.Join(t.TempDir(), "1")
	g.export(before, o)
	g.recover()
	g.send(150)
	next := g.sign()
	closed := g.export(before, o)
	if closed.Info().Log != testLog || closed.Info().Root != old.Root {
		t.Errorf("the closed log is %+v", closed.Info())
	}
	r := g.export(filepath.Join(t.TempDir(), "2"), g.options())
	if r.Info().Log != nextLog || r.Info().Root != next.Root || r.Info().Size != next.Size {
		t.Errorf("the next log is %+v, its head %+v", r.Info(), next)
	}
	for i, e := range entries(t, r) {
		leaf, err := translog.ParseLeaf(e.Leaf)
		if err != nil || leaf.Index != int64(i) {
			t.Fatalf("leaf %d says %d, %v", i, leaf.Index, err)
		}
		want := map[string]string{
			"genesis": "[endorsement]", "node": "[report]", "msg": "[docket message signature statement]", "rcpt": "[leaf path]",
		}[kindOf(e.Leaf)]
		if got := names(e); got != want && got != "[docket message root-at signature statement]" && got != "[checkpoint leaf path]" {
			t.Errorf("leaf %d, a %s, has %s", i, kindOf(e.Leaf), got)
		}
	}
	g.signer = signerOf(t, "rogatory.example/RS/log/3")
	if err := g.s.View(func(r *store.Reader) error { _, err := Newest(r, g.signer.Verifier(), 0); return err }); !errors.Is(err, ErrNoLog) {
		t.Errorf("a log that is not there: %v", err)
	}
}
