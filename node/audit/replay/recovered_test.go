package replay_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/audit/forge"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/exchange"
)

// A recovered is RS in its second log. It had erased a message of each kind in the time that was lost: one that the backup brought back, one that came back
// from its recipient.
type recovered struct {
	desk
	old  *forge.Message // stood in the backup
	back *forge.Message // sent in the lost time, given back by its recipient
	late *forge.Message // sent in the second log
}

func recovery(t *testing.T) *recovered {
	t.Helper()
	w := forge.New(t, "BG", "GR", "RS")
	d := &recovered{desk: desk{t: t, w: w, c: w.Country("RS")}}
	d.old = w.Ask("RS", "BG")
	w.Reply(d.old)
	size, cases := d.c.Log.Size(), maps.Clone(d.c.Cases)
	w.Sleep(time.Hour)
	d.back = w.Ask("RS", "GR")
	w.Sleep(time.Hour)
	d.c.Cases = cases // what came since is lost
	w.Recover("RS", size)
	w.Restart("RS")
	w.EraseAgain("RS", d.old)
	w.Sleep(10 * time.Minute)
	w.GiveBack(d.back)
	w.EraseAgain("RS", d.back)
	w.Sleep(time.Hour)
	d.late = w.Ask("RS", "BG")
	w.Sleep(time.Hour)
	w.Consult("RS", d.old.Docket.GetCaseToken(), forge.Clerk, "investigation")
	w.Sleep(time.Hour)
	w.EraseItem("RS", d.late)
	w.State("RS")
	w.Round()
	return d
}

// TestWhatARecoveryBroughtBackIsErasedAtOnceOrFound has a history after a recovery in which nothing is found, and in each case an erasure that the recovery
// does not answer for, or an opening that does not say how the cases stood.
func TestWhatARecoveryBroughtBackIsErasedAtOnceOrFound(t *testing.T) {
	base := recovery(t)
	in := t.TempDir()
	closed := base.w.ArchiveOf(base.c, base.c.Closed[0], filepath.Join(in, "1"))
	path := base.w.Archive("RS", filepath.Join(in, "2"))
	before := run(t, base.w, closed, replay.Options{Size: base.c.Log.Entries[0].Body.(*translog.Genesis).PrevSize}).Saved()
	for _, o := range []replay.Options{{Verify: true}, {From: before}} {
		if res := run(t, base.w, path, o); len(res.Findings) != 0 {
			t.Fatalf("found in the lawful history: %v", res.Findings)
		}
	}
	mark := func(d *recovered, m *forge.Message) *forge.Entry {
		name := translog.Hash(m.Name)
		return &forge.Entry{Body: &translog.Erase{Basis: "restore", By: "restore", What: []string{"content"}, Of: []translog.Hash{name}, OfCount: 1}}
	}
	lies := []struct {
		name, finds string
		tell        func(d *recovered)
	}{
		{"a message of after the recovery erased under its mark", "E-RIGHT", func(d *recovered) {
			i := d.at(d.late, "received")
			e := mark(d, d.late)
			e.At = d.h.Entries[i].At
			d.insert(i+1, e)
		}},
		{"a message of the log before erased under its mark hours later", "E-RIGHT", func(d *recovered) {
			i := d.h.Find("state")[1]
			e := mark(d, d.old)
			e.At = d.h.Entries[i].At
			d.insert(i+1, e)
		}},
		{"a message that came back erased under its mark hours later", "E-RIGHT", func(d *recovered) {
			i := d.h.Find("state")[1]
			e := mark(d, d.back)
			e.At = d.h.Entries[i].At
			d.insert(i+1, e)
		}},
		{"dockets destroyed under its mark", "E-RIGHT", func(d *recovered) {
			d.h.Alter(d.tomb("content"), func(e *forge.Entry) { e.Body.(*translog.Erase).What = []string{"docket"} })
		}},
		{"erased again in the name of nobody", "E-RIGHT", func(d *recovered) {
			d.h.Alter(d.tomb("content"), func(e *forge.Entry) { e.Body.(*translog.Erase).By = "node" })
		}},
		{"a message that came back, hidden from its case", "E-STATE", func(d *recovered) {
			i := d.at(d.back, "sent.request")
			d.blank(i, i+1, i+2)
		}},
		{"an opening of another size", "E-STATE", func(d *recovered) {
			d.h.Alter(d.h.Find("state")[0], func(e *forge.Entry) { e.Body.(*translog.State).Size++ })
		}},
		{"an opening whose state is another one", "E-STATE", func(d *recovered) {
			d.h.Alter(d.h.Find("state")[0], func(e *forge.Entry) { e.Body.(*translog.State).State[0] ^= 1 })
		}},
		{"an opening without a case of the log before", "E-STATE", func(d *recovered) { d.open(func(list []exchange.Changed) []exchange.Changed { return list[:0] }) }},
		{"an opening in which a case stands otherwise", "E-STATE", func(d *recovered) {
			d.open(func(list []exchange.Changed) []exchange.Changed {
				k, err := exchange.Decode(list[0].Body)
				if err != nil {
					t.Fatal(err)
				}
				k.LegalHold = true
				list[0].Body, list[0].Hash = k.Encode(), k.Hash()
				return list
			})
		}},
		{"an opening in which a clock was moved", "E-STATE, E-DEADLINE E-STATE", func(d *recovered) {
			d.open(func(list []exchange.Changed) []exchange.Changed {
				k, err := exchange.Decode(list[0].Body)
				if err != nil {
					t.Fatal(err)
				}
				k.Clock.Start += 60_000
				list[0].Body, list[0].Hash = k.Encode(), k.Hash()
				return list
			})
		}},
		// Verify says so.
		{"an opening without snapshot", "", func(d *recovered) {
			d.h.Alter(d.h.Find("state")[0], func(e *forge.Entry) { delete(e.Sides, "snapshot") })
		}},
		{"an opening without the enrolments of the log before", "E-STATE W-UNKNOWN", func(d *recovered) { d.blank(d.h.Find("actor")...) }},
		{"an enrolment of the log before that nobody signed", "W-UNKNOWN", func(d *recovered) {
			d.h.Alter(d.h.Find("actor")[0], func(e *forge.Entry) { e.Sides["enrolment"] = e.Sides["enrolment"][:40] })
		}},
	}
	for _, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			d := *base
			d.t, d.h = t, base.c.Log.Copy()
			l.tell(&d)
			path := filepath.Join(t.TempDir(), "RS")
			got, res := d.audited(path)
			// Beside the log before, as it was when it was closed, more is seen.
			o := replay.Options{From: before}
			again := run(t, d.w, path, o)
			if more := codes(again.Findings); more != got {
				got += ", " + more
			}
			if got != l.finds {
				for _, f := range append(res.Findings, again.Findings...) {
					t.Log(f)
				}
				t.Errorf("wanted %s, found %s", l.finds, got)
			}
		})
	}
}

// open writes the opening of the log anew, with a leaf that fits.
func (d *recovered) open(change func([]exchange.Changed) []exchange.Changed) {
	d.t.Helper()
	d.h.Alter(d.h.Find("state")[0], func(e *forge.Entry) {
		list, err := exchange.ParseSnapshot(bytes.Clone(e.Sides["snapshot"]))
		if err != nil {
			d.t.Fatal(err)
		}
		list = change(list)
		s := e.Body.(*translog.State)
		s.State, s.Snapshot = exchange.FoldState([32]byte{}, list), exchange.SnapshotDigest(list)
		e.Sides["snapshot"] = exchange.EncodeSnapshot(list)
	})
}
