package reconcile_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/reconcile"
)

func world(t *testing.T) *forge.World {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	w.Round()
	a := w.Ask("RS", "BG")
	w.Ask("RS", "GR")
	b := w.Ask("BG", "RS")
	w.Round()
	w.Reply(a)
	w.Sleep(25 * time.Hour)
	w.Reply(b)
	w.Ask("BG", "RS")
	w.Round()
	return w
}

func run(t *testing.T, w *forge.World) *reconcile.Result {
	t.Helper()
	a, err := audit.NewAnchor([][]byte{w.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	var readers []*archive.Reader
	for _, code := range []string{"RS", "BG"} {
		r, err := archive.Open(w.Archive(code, filepath.Join(t.TempDir(), code)))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers = append(readers, r)
	}
	res, err := reconcile.Run(context.Background(), readers[0], readers[1], reconcile.Options{Anchor: a})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestTwoHonestLogsAgree(t *testing.T) {
	res := run(t, world(t))
	for _, f := range res.Findings {
		t.Error(f)
	}
	if res.Status != audit.OK || res.Messages != 5 || res.Cases != 3 || res.Heads < 5 || res.First != nil {
		t.Errorf("%s", res.Line())
	}
}

// TestLogsThatEndInDifferentRoundsAgree: a head that a peer has cosigned at the very end stands in its log behind the end of its export.
func TestLogsThatEndInDifferentRoundsAgree(t *testing.T) {
	w := world(t)
	w.Sleep(time.Hour)
	w.Restart("RS")
	w.Round()
	rs, bg := w.Country("RS").Log, w.Country("BG").Log
	last := bg.Find("wit", func(e translog.Entry) bool { return e.(*translog.Wit).Log == w.Country("RS").Origin() })
	of := bg.Entries[last[len(last)-1]].Body.(*translog.Wit)
	if len(rs.Find("cos", func(e translog.Entry) bool { return e.(*translog.Cos).Size == of.Size })) == 0 {
		t.Fatal("nobody has cosigned the last head")
	}
	bg.Truncate(slices.IndexFunc(bg.Entries, func(e *forge.Entry) bool { return e.At >= of.Time*1000 }))
	bg.Resign()
	res := run(t, w)
	for _, f := range res.Findings {
		t.Error(f)
	}
	if res.Status != audit.OK {
		t.Errorf("%s", res.Line())
	}
}

func TestWhatTwoLogsDoNotShareIsFound(t *testing.T) {
	dir := func(dir, peer string) func(translog.Entry) bool {
		return func(e translog.Entry) bool {
			m := e.(*translog.Msg)
			return m.Dir == dir && (m.From == peer || m.To == peer)
		}
	}
	for _, l := range []struct {
		name string
		code audit.Code
		tell func(w *forge.World, rs, bg *forge.History)
	}{
		{"the peer removes what it has receipted", audit.CodeAbsentPeer, func(w *forge.World, _, bg *forge.History) {
			bg.Delete(bg.Find("msg", dir(translog.In, "RS"))[0])
		}},
		{"the sender removes what it has sent", audit.CodeAbsentOwn, func(w *forge.World, rs, _ *forge.History) {
			rs.Delete(rs.Find("msg", dir(translog.Out, "BG"))[0])
		}},
		{"one log says something else of a message", audit.CodeDiff, func(w *forge.World, _, bg *forge.History) {
			bg.Alter(bg.Find("msg", dir(translog.In, "RS"))[0], func(e *forge.Entry) { e.Body.(*translog.Msg).ContentCommit[0] ^= 1 })
		}},
		{"the peer writes a receipt anew", audit.CodeRcptOther, func(w *forge.World, _, bg *forge.History) {
			i := bg.Find("msg", dir(translog.In, "RS"))[0]
			for ; i < len(bg.Entries); i++ {
				bg.Alter(i, func(e *forge.Entry) { e.At += 30_000 })
			}
		}},
		{"the peer writes its history anew", audit.CodeFork, func(w *forge.World, _, bg *forge.History) {
			bg.Alter(3, func(e *forge.Entry) { e.At -= 1 })
		}},
		{"we claim a head that the peer never had", audit.CodeHead, func(w *forge.World, rs, _ *forge.History) {
			rs.Alter(rs.Find("wit", func(e translog.Entry) bool { return e.(*translog.Wit).Log == w.Country("BG").Origin() })[0], func(e *forge.Entry) {
				e.Body.(*translog.Wit).Root[7] ^= 1
			})
		}},
		{"the peer goes on from an older state", audit.CodeRollback, func(w *forge.World, _, bg *forge.History) {
			bg.Truncate(bg.Find("wit")[0] + 2)
			bg.Resign()
			bg.Append(w.Now+3_600_000, &translog.Node{Event: translog.NodeStart, Program: "x"})
		}},
		{"the peer says that it has not answered", audit.CodeState, func(w *forge.World, _, bg *forge.History) {
			for _, i := range bg.Find("case", func(e translog.Entry) bool { return e.(*translog.Case).Event == "sent.reply.final" }) {
				bg.Delete(i)
				break
			}
		}},
	} {
		t.Run(l.name, func(t *testing.T) {
			w := world(t)
			rs, bg := w.Country("RS").Log, w.Country("BG").Log
			l.tell(w, rs, bg)
			rs.Resign()
			bg.Resign()
			res := run(t, w)
			if res.Status != audit.Findings || !slices.ContainsFunc(res.Findings, func(f audit.Finding) bool { return f.Code == l.code }) {
				t.Errorf("wanted %s: %s %v", l.code, res.Line(), res.Findings)
			}
			if res.First == nil || res.First.A == "" && res.First.B == "" {
				t.Errorf("nothing is shown side by side: %+v", res.First)
			}
		})
	}
}
