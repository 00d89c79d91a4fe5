package node_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogatory/rogatory/crypto/translog"
	"github.com/rogatory/rogatory/node/archive"
	"github.com/rogatory/rogatory/node/audit"
	"github.com/rogatory/rogatory/node/audit/reconcile"
	"github.com/rogatory/rogatory/node/audit/replay"
	"github.com/rogatory/rogatory/node/export"
)

// exported returns the archive of a node that does not run.
func (c *country) exported() *archive.Reader {
	c.f.t.Helper()
	m, err := c.f.directory.Member(c.code)
	if err != nil {
		c.f.t.Fatal(err)
	}
	o := export.Options{Country: c.code, Keys: m.Log()}
	path := filepath.Join(c.f.t.TempDir(), c.code)
	w, err := archive.Create(path, o.Info())
	if err != nil {
		c.f.t.Fatal(err)
	}
	s := c.open()
	_, err = export.Run(context.Background(), s, w, o)
	if err := errors.Join(err, w.Close(), s.Close()); err != nil {
		c.f.t.Fatal(err)
	}
	r, err := archive.Open(path)
	if err != nil {
		c.f.t.Fatal(err)
	}
	c.f.t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestAuditorMakesEveryStepOfTwoNodesAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, rs, bg := pair(t)
		token := rs.mustAsk("BG")
		within(t, time.Minute, "the receipt", func() bool { return rs.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
		time.Sleep(40 * 24 * time.Hour)
		rs, bg = f.node["RS"].run(), f.node["BG"].run()
		rs.clearedIn(time.Minute)
		bg.clearedIn(time.Minute)
		other := bg.mustAsk("RS")
		within(t, time.Minute, "the receipt", func() bool { return bg.state().GetOutbox() == 0 })
		rs.halt()
		bg.halt()
		a, err := audit.NewAnchor([][]byte{f.directory.Signed()})
		if err != nil {
			t.Fatal(err)
		}
		var readers []*archive.Reader
		for _, code := range []string{"RS", "BG"} {
			c := f.node[code]
			if c.leaves(ofKind((*translog.State)(nil).Kind())) == 0 {
				t.Errorf("%s has noted no state of its cases in 40 days", code)
			}
			r := c.exported()
			readers = append(readers, r)
			one, err := replay.Run(t.Context(), r, replay.Options{Anchor: a, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			two, err := replay.Run(t.Context(), r, replay.Options{Anchor: a, Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			if one.State != two.State || one.Status != audit.OK || one.Cases != 2 {
				t.Errorf("%s: %s, %s; %v", code, one.Line(), two.Line(), one.Findings)
			}
			for _, want := range []string{token, other} {
				kept := c.kept(want)
				if got, ok := one.Saved().Case(want); !ok || got.Hash() != kept.Hash() {
					t.Errorf("%s: case %s comes out as %s, and the node has it as %s", code, want, got.State, kept.State)
				}
			}
		}
		res, err := reconcile.Run(t.Context(), readers[0], readers[1], reconcile.Options{Anchor: a})
		if err != nil {
			t.Fatal(err)
		}
		if res.Status != audit.OK || res.Messages != 2 || res.Cases != 2 {
			t.Errorf("%s %v", res.Line(), res.Findings)
		}
	})
}
